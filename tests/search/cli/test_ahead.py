"""How long the stages after the search take, by what is measured."""

from dataclasses import replace

import pytest

from search.cli.ahead import ENDING_SECONDS, ENSEMBLE_SECONDS, ahead, by_space
from search.refit.finalists import measured_costs, wished_shape
from search.refit.plan import Costs
from spaces import load
from spaces.scale import choose_scale
from tests.search.builders.made import made_record
from tests.search.builders.prepared_run import prepared_run
from trainables.data.layouts import flat

ENDING = ENSEMBLE_SECONDS + ENDING_SECONDS
SPACES = ("gender", "mask", "joint", "multihead")
SCALE = choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=3)
EACH = 0.01
"""Device seconds of a photo and epoch."""


@pytest.fixture
def prepared(tmp_path):
    run = prepared_run(tmp_path, (), SCALE)
    return replace(run, spaces=tuple(load(space, run.schema) for space in SPACES))


def trials_of(run, spaces=SPACES):
    seconds = EACH * len(run.dataset.split.search_train) * 2
    return [
        made_record(0, space=space, config=run.default_config(space), device_seconds=seconds)
        for space in spaces
    ]


def seed_seconds(run):
    """Of one seed of the default configs on five folds."""
    results = by_space(run, trials_of(run))
    costs = measured_costs(run, results, run.dataset.table.num_samples)
    return costs.seconds(replace(wished_shape(run), seeds=1))


def test_before_the_first_trial_ends_the_probe_tells(prepared):
    assert ahead(prepared, by_space(prepared, ()), None) is None
    photos = prepared.dataset.table.num_samples
    names = [space.name for space in prepared.spaces]
    probed = Costs(
        photo_seconds=dict.fromkeys(names, (EACH,)),
        epochs=prepared.epochs,
        num_photos=photos,
        num_devices=2.0,
    )
    found = ahead(prepared, by_space(prepared, ()), None, probed)
    measured = ahead(prepared, by_space(prepared, trials_of(prepared)), None)
    assert found.after_search == pytest.approx(measured.after_search)


def test_without_a_budget_a_refit_ends_half_way_between_its_first_look_and_its_last(prepared):
    found = ahead(prepared, by_space(prepared, trials_of(prepared)), None)
    assert found.refit == pytest.approx(4 * seed_seconds(prepared))
    assert found.after_search == pytest.approx(found.refit + ENDING)


def test_a_budget_that_holds_more_than_the_whole_refit_is_not_used_up(prepared):
    results = by_space(prepared, trials_of(prepared))
    whole = ahead(prepared, results, None)
    assert ahead(prepared, results, 100 * whole.refit) == whole


def test_a_budget_that_holds_no_further_seed_is_not_used_up(prepared):
    results = by_space(prepared, trials_of(prepared))
    seed_s = seed_seconds(prepared)
    found = ahead(prepared, results, 2.9 * seed_s)
    assert found.refit == pytest.approx(2 * seed_s)


def test_a_refit_that_does_not_fit_takes_the_time_there_is(prepared):
    found = ahead(prepared, by_space(prepared, trials_of(prepared)), 0.001)
    assert found.refit == 0.001


def test_a_space_without_a_trial_takes_as_long_as_the_others(prepared):
    some = ahead(prepared, by_space(prepared, trials_of(prepared, ("gender", "joint"))), None)
    every = ahead(prepared, by_space(prepared, trials_of(prepared)), None)
    assert some.refit == pytest.approx(every.refit)


def test_controlled_trainings_are_planned_by_what_the_configs_take_and_fit_the_budget(prepared):
    run = replace(prepared, config=prepared.config.changed(why="full"))
    results = by_space(run, trials_of(run))
    whole = ahead(run, results, None)
    assert whole.why > whole.refit > 0
    assert whole.after_refit == pytest.approx(whole.why + ENDING)
    seconds = whole.refit + 0.5 * whole.why
    short = ahead(run, results, seconds)
    assert 0 < short.why <= seconds - short.refit


def test_pseudo_labels_train_the_chosen_configs_with_the_photos_of_both(prepared, tmp_path):
    folder = tmp_path / "more"
    folder.mkdir()
    labelled = prepared.dataset.table.num_samples
    for number in range(labelled):
        (folder / f"{number}.jpg").touch()
    config = prepared.config.changed(pseudo_labels=str(folder))
    run = replace(prepared, config=config, unlabelled=flat.read(folder))
    found = ahead(run, by_space(run, trials_of(run)), None)
    # Twice the photos; the default is all that was searched.
    assert found.pseudo == pytest.approx(2 * found.refit)
    assert found.after_refit == pytest.approx(found.pseudo + ENDING)

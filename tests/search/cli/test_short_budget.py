"""A schedule that a short budget affords."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from search.cli import run as run_module
from search.cli.forecast import Past, print_forecast
from search.cli.short_budget import (
    FEW_TRAININGS,
    LEAST_EPOCHS,
    START_SECONDS,
    affordable_epochs,
    fit_schedule,
    may_be_shortened,
)
from search.errors import BrokenDefaultError
from search.prepare.config import format_duration
from search.prepare.dataset import Dataset
from search.prepare.prepared import Prepared
from search.prepare.resources import Node, plan_resources
from search.refit.finalists import probed_costs
from search.refit.plan import VERDICT_SECONDS
from search.store.run_store import RunStore
from tests.search.builders.made import made_config
from tests.search.builders.people import trial_setting
from tests.search.builders.scripted import SCALE, tiny_space

USUAL = 9
PER_PHOTO = 0.01


@pytest.fixture
def run(people, cache, tmp_path):
    setting = trial_setting(people, cache, tmp_path)
    return Prepared(
        config=made_config(str(people)),
        dataset=Dataset(root=people, table=setting.table, split=setting.split, is_demo=False),
        spaces=(tiny_space("gender"),),
        scale=replace(SCALE, max_epochs=USUAL),
        backbones=("test_resnet",),
        resources=plan_resources([Node(cpus=2)], "auto"),
        store=RunStore(tmp_path / "results" / "mine"),
        stored_size=setting.stored_size,
        cache_dir=cache,
        photo_seconds={"gender": PER_PHOTO},
    )


@pytest.mark.parametrize(
    ("seconds", "epochs"), [(1000.0, 9), (90.0, 9), (89.0, 8), (60.0, 6), (1.0, 5)]
)
def test_the_schedule_leaves_time_for_three_trainings(seconds, epochs):
    assert affordable_epochs({"age": 30.0}, seconds, {"age": ("age",)}, USUAL) == epochs


def test_a_short_schedule_is_no_shorter_than_three_epochs():
    assert affordable_epochs({"age": 30.0}, 1.0, {"age": ("age",)}, 4) == LEAST_EPOCHS
    assert affordable_epochs({"age": 30.0}, 1.0, {"age": ("age",)}, 2) == 2


def test_the_neediest_approach_decides():
    full = {"mask": 10.0, "age": 20.0, "joint": 12.0}
    shares = {"separate": ("mask", "age"), "joint": ("joint",)}
    # Half of the time is for two spaces that need 30 s together.
    assert affordable_epochs(full, 120.0, shares, USUAL) == 6
    assert affordable_epochs(full, 180.0, shares, USUAL) == USUAL


def test_fewer_trials_than_that_need_less():
    assert affordable_epochs({"age": 30.0}, 30.0, {"age": ("age",)}, USUAL, 1) == USUAL


def full_s(run):
    """Seconds of a training of the default config on one device, as it was timed."""
    return PER_PHOTO * len(run.dataset.split.search_train) * USUAL


def test_a_short_budget_shortens_the_schedule_and_says_so(run):
    twice = 2.01 * full_s(run) / run.resources.num_devices
    shorter, note = fit_schedule(run, lambda _: START_SECONDS + twice)
    assert shorter.epochs == {"gender": 2 * USUAL // FEW_TRAININGS}
    assert note.startswith(f"6 epochs a trial instead of {USUAL}: one of {USUAL} takes about ")
    assert note.endswith(f"; --max-epochs {USUAL} keeps them")
    # A resumed run, and the command that repeats this one, take the same schedule.
    assert shorter.config.max_epochs == 6
    assert probed_costs(shorter).epochs == {"gender": 6}


def test_what_a_shorter_schedule_leaves_the_search_counts(run):
    """The refit may need more than half of a budget, and less of it with fewer epochs."""
    once = full_s(run) / run.resources.num_devices
    seconds = {9: 1.0, 8: 1.0, 7: 2.7, 6: 2.7, 5: 2.7}

    def of_search(shorter):
        return START_SECONDS + once * seconds[shorter.epochs["gender"]]

    shorter, note = fit_schedule(run, of_search)
    assert shorter.epochs == {"gender": 7}
    assert f"has {format_duration(of_search(shorter))};" in note


def test_the_schedule_of_all_spaces_is_by_the_time_that_their_search_gets(run, monkeypatch):
    seconds = 8 * full_s(run) / run.resources.num_devices + VERDICT_SECONDS + START_SECONDS
    config = replace(run.config, spaces=("all",), budget_seconds=seconds)
    monkeypatch.setattr(run_module, "share_of_search", lambda _: 0.5)
    begun = replace(run, config=config)
    console = Console(quiet=True)
    monkeypatch.setattr(run_module, "probe_costs", lambda _: run.photo_seconds)
    half = run_module._with_schedule(begun, console, is_cluster=False)[0].scale.max_epochs
    monkeypatch.setattr(run_module, "share_of_search", lambda _: 0.9)
    assert (
        half
        < run_module._with_schedule(begun, console, is_cluster=False)[0].scale.max_epochs
        == USUAL
    )


def test_what_is_timed_before_a_run_begins_leaves_nothing_in_its_folder(run, monkeypatch):
    gpu = plan_resources([Node(cpus=2, gpus=1)], "auto")
    begun = replace(run, config=replace(run.config, budget_seconds=600.0), resources=gpu)

    def timed(seen):
        seen.store.root.mkdir()
        return run.photo_seconds

    monkeypatch.setattr(run_module, "probe_costs", timed)
    found, _ = run_module._with_schedule(begun, Console(quiet=True), is_cluster=False)
    assert found.photo_seconds == run.photo_seconds
    assert found.store is begun.store
    assert not begun.store.root.exists()
    # Workers elsewhere do not reach the driver yet.
    assert run_module._with_schedule(begun, Console(), is_cluster=True) == (begun, ())


def test_enough_time_changes_nothing(run):
    assert fit_schedule(run, lambda _: 1e6) == (run, "")


def test_a_schedule_that_somebody_chose_is_kept(run):
    assert may_be_shortened(run)
    assert not may_be_shortened(replace(run, config=run.config.changed(max_epochs=USUAL)))
    own = replace(run, spaces=(with_own_epochs(run.spaces[0]),))
    assert not may_be_shortened(own)


def with_own_epochs(space):
    """The space with a schedule of its own in its file."""

    def default(schema, scale):
        return {**space.default(schema, scale), "schedule.epochs": USUAL + 1}

    return replace(space, default=default)


@pytest.mark.parametrize("spaces", [("gender",), ("all",)])
def test_a_default_config_that_breaks_leaves_a_search_its_schedule(run, monkeypatch, spaces):
    def breaks(_):
        raise BrokenDefaultError("the loss must stay finite")

    monkeypatch.setattr(run_module, "probe_costs", breaks)
    monkeypatch.setattr("search.refit.finalists.probe_costs", breaks)
    config = replace(run.config, spaces=spaces, budget_seconds=600.0)
    begun = replace(run, config=config, photo_seconds=None)
    console = Console(file=io.StringIO())
    if spaces == ("all",):  # nothing says what share its refit needs
        with pytest.raises(BrokenDefaultError, match="must stay finite"):
            run_module._with_schedule(begun, console, is_cluster=False)
    else:
        after, (note,) = run_module._with_schedule(begun, console, is_cluster=False)
        assert after is begun
        assert note.endswith("the default config breaks in training")
        print_forecast(console, after, Past())
        told = " ".join(console.file.getvalue().split())
        assert "nothing says how long it would take: the loss must stay finite" in told


def test_on_many_devices_one_training_has_still_to_end_in_time():
    full, shares = {"age": 900.0}, {"age": ("age",)}
    # Ten minutes on eight devices are more than five trainings of a quarter of an hour.
    assert affordable_epochs(full, 8 * 600.0, shares, USUAL) == USUAL
    assert affordable_epochs(full, 8 * 600.0, shares, USUAL, at_once=8) == 6
    assert affordable_epochs(full, 8 * 900.0, shares, USUAL, at_once=8) == USUAL

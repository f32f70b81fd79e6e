import numpy as np
import pytest

from search.analysis.metrics import macro_f1
from tests.search.builders.logged_run import DEFAULT, built_of, made_run, with_configs, write_part

PAIR = "gender|mask"


@pytest.mark.parametrize("name", ["separate", "joint", "multihead"])
def test_an_approach_is_flattered_where_its_refit_scores_less_on_the_same_photos(tmp_path, name):
    logged = made_run(tmp_path, searched=1.0, fresh=0.6)
    reason = logged.overtuning(built_of(logged)[name])
    assert reason.about == (name,)
    assert reason.figures.search == 1.0
    assert reason.figures.fresh < 0.75
    assert reason.figures.interval[0] > 0


def test_the_refit_is_scored_on_the_photos_of_the_search(tmp_path):
    logged = made_run(tmp_path)
    with np.load(logged.refitted.store.validation_path("joint", 1)) as saved:
        photos = saved["indices"]
    rows = logged.refitted.predictions["joint"]["1"]["joint"][:, photos].argmax(axis=-1)
    expected = np.mean([macro_f1(logged.refitted.truth.label[photos], row, 4) for row in rows])
    figures = logged.overtuning(built_of(logged)["joint"]).figures
    assert figures.fresh == pytest.approx(expected)


def test_a_best_config_that_is_the_default_is_found_under_that_rank(tmp_path):
    # Trial 1 has the default's config too, so the refit has it once, as "default": all right.
    for configs in (True, False):
        logged = made_run(tmp_path / str(configs), best=DEFAULT, configs=configs)
        noted = logged.refitted.note.configs
        kept = {name: config for name, config in noted.items() if name.endswith("default")}
        logged = with_configs(logged, kept)
        figures = logged.overtuning(built_of(logged)["joint"]).figures
        assert figures.fresh == 1.0


def test_a_run_that_wrote_no_configs_takes_the_first_rank(tmp_path):
    logged = made_run(tmp_path, configs=False)
    assert logged.overtuning(built_of(logged)["joint"]).figures.fresh < 0.75


def test_a_shortened_schedule_is_the_same_config_and_is_said(tmp_path):
    logged = made_run(tmp_path)
    noted = logged.refitted.note.configs
    short = {name: {**config, "schedule.epochs": 1} for name, config in noted.items()}
    logged = with_configs(logged, short, epochs_share=1 / 3)
    reason = logged.overtuning(built_of(logged)["joint"])
    assert "with 33% of the epochs" in reason.sentence


def test_a_best_config_that_was_not_refitted_gives_no_reason(tmp_path):
    logged = made_run(tmp_path)
    noted = logged.refitted.note.configs
    other = {name: {**config, "optim.lr": 0.7} for name, config in noted.items()}
    assert with_configs(logged, other).overtuning(built_of(logged)["joint"]) is None
    logged.refitted.store.validation_path("gender", 1).unlink()
    assert logged.overtuning(built_of(logged)["separate"]) is None
    assert logged.overtuning(built_of(logged)["joint"]) is not None


def test_the_conflict_is_that_of_the_chosen_config_over_folds_and_seeds(tmp_path):
    logged = made_run(tmp_path)
    built = built_of(logged)["multihead"]
    assert set(built.choices["multihead"].by_round) == {"default"}  # it is always right
    for number, (seed, fold) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        epochs = [{PAIR: -0.1 * number}, {PAIR: -0.1 * number - 0.2}]
        write_part(logged, "multihead", "default", seed, fold, gradient_cosine=epochs)
        write_part(logged, "multihead", "1", seed, fold, gradient_cosine=[{PAIR: 0.9}])
    write_part(logged, "multihead", "default", 7, 0, gradient_cosine=[{PAIR: 0.9}])  # not of it
    found = logged.gradient_conflict(built).figures
    assert found.trainings == 4
    assert found.cosine[PAIR].value == pytest.approx(-0.25)
    assert found.cosine[PAIR].range == pytest.approx([-0.4, -0.1])


def test_one_head_has_no_conflict_and_an_older_run_noted_nothing(tmp_path):
    logged = made_run(tmp_path)
    built = built_of(logged)
    write_part(logged, "joint", "default", 0, 0, gradient_cosine=[{}, {}])
    write_part(logged, "multihead", "default", 0, 0)
    assert logged.gradient_conflict(built["joint"]) is None
    assert logged.gradient_conflict(built["multihead"]) is None
    assert [reason.key for reason in logged.reasons(built["multihead"])] == ["overtuning"]


def test_of_a_single_person_nobody_knows_how_far_a_search_flatters(tmp_path):
    logged = made_run(tmp_path)
    for space in ("gender", "mask", "joint", "multihead"):
        path = logged.refitted.store.validation_path(space, 1)
        with np.load(path) as saved:
            arrays = {name: saved[name][:2] for name in saved.files}  # two photos of one person
        np.savez(path, **arrays)
    assert len(set(logged.refitted.truth.group[arrays["indices"]])) == 1
    assert logged.overtuning(built_of(logged)["joint"]) is None

"""A search on the virtual clock is the search that Ray runs: same suggestions, rungs and order."""

from pathlib import Path

import pytest

from search.prepare.config import Budget
from search.store.records import Cause, State
from tests.search.builders.recorded_curves import read_corpus, write_corpus
from tests.search.builders.search_policies import Policy
from tests.search.builders.simulated_search import demo_scale, simulate
from tests.search.builders.virtual_run import Training

RECORDED = Path(__file__).parents[2] / "assets" / "recorded_search.jsonl"
"""`headrace run --space mask gender joint --people 40 --trials 10 --max-epochs 4` on two cores."""


@pytest.fixture(scope="module")
def recorded():
    return read_corpus(RECORDED)


@pytest.fixture(scope="module")
def replayed(recorded):
    curves = {(trial.space, trial.number): trial.training() for trial in recorded}
    return simulate(
        ("mask", "gender", "joint"),
        lambda asked: curves[asked["space"], asked["number"]],
        Budget(trials=10),
        devices=2,
        scale=demo_scale(epochs=4),
    )


def test_it_asks_for_the_trials_of_the_recorded_run_in_its_order(recorded, replayed):
    assert replayed.run.trials == [(trial.space, trial.number) for trial in recorded]


def test_it_suggests_the_configs_of_the_recorded_run(recorded, replayed):
    found = {(r.space, r.number): r for rs in replayed.records.values() for r in rs}
    for trial in recorded:
        record = found[trial.space, trial.number]
        assert record.config == trial.config
        assert record.seed == trial.seed


def test_it_stops_at_the_rungs_of_the_recorded_run(recorded, replayed):
    found = {(r.space, r.number): r for rs in replayed.records.values() for r in rs}
    for trial in recorded:
        record = found[trial.space, trial.number]
        assert (record.state.value, record.epochs) == (trial.state, len(trial.values))


def flat(seconds, epochs=9, value=0.5, start_s=0.0):
    ends = tuple(seconds * (epoch + 1) for epoch in range(epochs))
    return Training(start_s=start_s, seconds=ends, values=(value,) * epochs)


def test_a_time_ends_the_search_and_what_runs_is_cut_off():
    done = simulate(("mask",), lambda asked: flat(10.0), Budget(seconds=100.0), devices=1)
    assert done.seconds == pytest.approx(100.0)
    states = [(record.state, record.cause) for record in done.records["mask"]]
    assert states == [(State.COMPLETE, Cause.NONE), (State.FAIL, Cause.BUDGET)]
    assert done.run.idle == pytest.approx(0.0)


def test_what_a_start_takes_is_idle_time():
    done = simulate(
        ("mask",), lambda asked: flat(1.0, start_s=1.0), Budget(trials=1), devices=1, driver_s=1.0
    )
    assert done.seconds == pytest.approx(11.0)
    assert done.run.idle == pytest.approx(2 / 11)


def test_the_driver_hands_out_one_trial_after_another():
    done = simulate(("mask",), lambda asked: flat(1.0), Budget(trials=4), devices=4, driver_s=2.0)
    assert done.seconds == pytest.approx(8.0 + 9.0)


def test_a_training_without_a_value_for_an_epoch_is_refused():
    with pytest.raises(ValueError, match="a value for each of its increasing seconds"):
        Training(start_s=0.0, seconds=(1.0, 2.0), values=(0.5,))


def test_a_corpus_is_read_as_it_was_written(recorded, tmp_path):
    write_corpus(tmp_path / "corpus.jsonl", recorded)
    assert read_corpus(tmp_path / "corpus.jsonl") == recorded


def test_a_policy_of_means_tells_that_of_the_last_epochs():
    training = Training(start_s=1.0, seconds=(1.0, 2.0, 3.0), values=(0.25, 0.75, 0.5))
    assert Policy().told(lambda _: training)({}) is training
    told = Policy(last=2).told(lambda _: training)({})
    assert (told.values, told.seconds) == ((0.25, 0.5, 0.625), training.seconds)

"""Racing: who leaves, when, what the others get, and what is written down."""

import dataclasses

import numpy as np
import pytest

from search.analysis.people import People
from search.errors import ResultsError
from search.prepare.config import Budget
from search.refit.approaches import Lineup
from search.store.files import write_arrays
from search.store.race_file import Left, read_race, write_race
from search.store.records import Cause, State, TrialRecord
from search.store.run_store import RunStore, trial_file
from search.tuning.fair_share import SOLVED_FROM, Usage, share_of_each
from search.tuning.race import LEAST_TRIALS, Race
from tests.search.builders.scripted import Script
from tests.trainables.data.folders import MASK_SCHEMA
from trainables.blocks import Block, Form

JOINT, HEADS = "joint", "multihead"


@pytest.fixture
def lineup():
    names = MASK_SCHEMA.names
    blocks = {JOINT: Block(names, Form.SOFTMAX), HEADS: Block(names, Form.HEADS)}
    return Lineup(schema=MASK_SCHEMA, blocks=blocks)


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    label = rng.integers(0, MASK_SCHEMA.num_joint, 400)
    return People(
        label=label, person=np.repeat(np.arange(80), 5), num_classes=MASK_SCHEMA.num_joint
    )


@pytest.fixture
def store(tmp_path):
    made = RunStore(tmp_path)
    made.checkpoints.mkdir()
    return made


class Told:
    """A race, and what it said; its trials predict with an accuracy of their own."""

    def __init__(self, store, lineup, people, past=None):
        self.said = []
        self._people = people
        self._store = store
        self.race = Race(store, lineup, people, past or {}, self.said.append, seed=0)

    def ends(self, space, number, accuracy, state=State.COMPLETE):
        rng = np.random.default_rng(number)
        label, num = self._people.label, self._people.num_classes
        right = rng.random(len(label)) < accuracy
        codes = np.where(right, label, (label + 1) % num)
        path = self._store.checkpoints / f"{trial_file(space, number)}.npz"
        arrays = {"indices": np.arange(len(label)), "probabilities": np.eye(num)[codes]}
        write_arrays(path, arrays)
        self.race.trial_ended(record(space, number, accuracy, state))


def record(space, number, value, state=State.COMPLETE):
    return TrialRecord(
        space=space,
        number=number,
        state=state,
        cause=Cause.NONE,
        objective=value,
        values={3: value},
        params={},
        config={},
        seed=0,
        seconds=10.0,
        device_seconds=10.0,
        started=0.0,
        gap=None,
        error="",
    )


@pytest.fixture
def told(store, lineup, people):
    return Told(store, lineup, people)


def test_one_far_behind_leaves_with_a_sentence_and_a_file(told, store):
    for number in range(LEAST_TRIALS):
        told.ends(JOINT, number, 0.9)
        assert told.race.left == {}
        told.ends(HEADS, number, 0.4)
    assert set(told.race.left) == {HEADS}
    (left,) = read_race(store)
    assert left == told.race.left[HEADS]
    assert left.device_seconds == 10.0 * LEAST_TRIALS
    assert told.said == [left.sentence]
    assert left.sentence.startswith(
        "the search of multihead was ended after 100 device seconds (--race): its chance"
    )


def test_nobody_leaves_before_every_space_has_its_trials(told):
    for number in range(LEAST_TRIALS):
        told.ends(JOINT, number, 0.9)
    for number in range(LEAST_TRIALS - 1):
        told.ends(HEADS, number, 0.4)
    assert told.race.left == {}


def test_a_solved_space_needs_no_more_trials(told):
    # It gives its time to others of its approach, so that it may never have as many.
    told.ends(JOINT, 0, SOLVED_FROM)
    for number in range(LEAST_TRIALS):
        assert told.race.left == {}
        told.ends(HEADS, number, 0.4)
    assert set(told.race.left) == {HEADS}


def test_a_space_that_is_solved_last_lets_the_others_go(told):
    for number in range(LEAST_TRIALS):
        told.ends(HEADS, number, 0.4)
    told.ends(JOINT, 0, 0.9)
    assert told.race.left == {}
    told.ends(JOINT, 1, SOLVED_FROM)
    assert set(told.race.left) == {HEADS}


def test_nobody_leaves_without_a_best_config(told):
    for number in range(LEAST_TRIALS):
        told.ends(JOINT, number, 0.9)
        told.ends(HEADS, number, 0.4, state=State.PRUNED)
    assert told.race.left == {}


def test_the_last_one_never_leaves(told):
    for number in range(2 * LEAST_TRIALS):
        told.ends(JOINT, number, 0.9)
        told.ends(HEADS, number, 0.4)
    assert set(told.race.left) == {HEADS}


def test_where_little_lies_between_them_both_stay(told):
    for number in range(LEAST_TRIALS):
        told.ends(JOINT, number, 0.70)
        told.ends(HEADS, number, 0.69)
    assert told.race.left == {}


def test_predictions_that_are_gone_end_no_search(told, store):
    for number in range(LEAST_TRIALS - 1):
        told.ends(JOINT, number, 0.9)
        told.ends(HEADS, number, 0.4)
    for path in store.checkpoints.iterdir():
        path.unlink()
    told.race.trial_ended(record(JOINT, 50, 0.1))
    told.race.trial_ended(record(HEADS, 50, 0.1))
    assert told.race.left == {}


def test_a_resumed_race_counts_what_was_and_knows_who_left(store, lineup, people):
    past = {name: tuple(record(name, n, 0.1) for n in range(9)) for name in (JOINT, HEADS)}
    again = Told(store, lineup, people, past)
    again.ends(JOINT, 9, 0.9)
    again.ends(HEADS, 9, 0.4)
    assert set(again.race.left) == {HEADS}
    assert set(Told(store, lineup, people).race.left) == {HEADS}


def test_what_one_that_left_lacks_the_others_get(tmp_path):
    left = set()
    script = Script(
        tmp_path / "journal",
        (JOINT, HEADS),
        budget=Budget(seconds=100.0),
        slots=1,
        left=left,
    )
    script.finish(script.start(), 3, 0.9, seconds=10.0)
    script.finish(script.start(), 3, 0.4, seconds=10.0)
    left.add(HEADS)
    served = []
    while isinstance(script.suggest(), dict):
        trial = list(script.asked)[-1]
        served.append(script.asked[trial]["space"])
        script.clock.now += 10.0
        script.finish(trial, 3, 0.9, seconds=10.0)
    assert set(served) == {JOINT}
    assert len(served) == 8  # 90 device seconds of its own, with the 10 of before


def test_a_trial_of_one_that_left_is_cut_off_at_its_next_report(tmp_path):
    left = set()
    script = Script(tmp_path / "journal", (JOINT, HEADS), budget=Budget(seconds=100.0), left=left)
    first, second = script.start(), script.start()
    left.add(HEADS)
    for trial in (first, second):
        script.report(trial, 1, 0.5)
    assert script.scheduler.cut == {second}


def test_the_share_of_each_is_of_what_those_that_left_did_not_use():
    usage = {"a": Usage(finished=30.0), "b": Usage(finished=10.0), "c": Usage(finished=5.0)}
    shares = {name: (name,) for name in usage}
    assert share_of_each(100.0, usage, shares, shares) == pytest.approx(100 / 3)
    assert share_of_each(100.0, usage, shares, ("a", "b")) == pytest.approx(95 / 2)


def test_a_chance_that_is_none_is_refused(store):
    write_race(store, [Left(approach="joint", chance=0.01, device_seconds=1.0)])
    assert dataclasses.astuple(*read_race(store)) == ("joint", 0.01, 1.0)
    path = store.root / "race.json"
    path.write_text(path.read_text(encoding="utf-8").replace("0.01", "1.5"), encoding="utf-8")
    with pytest.raises(ResultsError, match=r"race\.json cannot be read: .*in \[0, 1\]"):
        read_race(store)


def test_of_a_single_person_nobody_leaves_and_nothing_breaks(store, lineup):
    label = np.arange(MASK_SCHEMA.num_joint)
    alone = People(label=label, person=np.zeros_like(label), num_classes=MASK_SCHEMA.num_joint)
    told = Told(store, lineup, alone)
    for number in range(LEAST_TRIALS):
        told.ends(JOINT, number, 0.9)
        told.ends(HEADS, number, 0.1)
    assert told.race.left == {}

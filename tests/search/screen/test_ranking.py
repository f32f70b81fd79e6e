"""The ranking: people of the search alone, scores with their intervals, the best first."""

import numpy as np
import pytest

from search.analysis.metrics import macro_f1
from search.screen.ranking import Panel, Ranking, Screened, score
from tests.trainables.data.folders import MASK_SCHEMA
from trainables.data.sample_table import SampleTable
from trainables.data.splits import make_split

PEOPLE, PHOTOS = 60, 3


def table(seed):
    rng = np.random.default_rng(seed)
    gender, age = rng.integers(0, 2, PEOPLE), rng.integers(0, 3, PEOPLE)
    person = np.repeat(np.arange(PEOPLE), PHOTOS)
    labels = np.stack([np.tile(np.arange(3), PEOPLE), gender[person], age[person]], axis=1)
    return SampleTable(
        schema=MASK_SCHEMA,
        root=None,
        paths=tuple(f"{row}.png" for row in range(len(person))),
        groups=tuple(f"p{each}" for each in person),
        labels=labels,
        raw={"age": np.array([20.0, 40.0, 70.0])[labels[:, 2]]},
        source_rows=tuple(f"row {row}" for row in range(len(person))),
    )


def features(data, seed, signal):
    """Returns features that tell every attribute as far as the signal goes."""
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((data.num_samples, 24))
    for axis, num in enumerate((3, 2, 3)):
        found[:, 4 * axis : 4 * axis + num] += signal * np.eye(num)[data.labels[:, axis]]
    return found.astype(np.float32)


def screened(panel, data, name, seed, signal):
    predicted, scores, seconds = score(panel, features(data, seed, signal)[panel.rows])
    return Screened(
        name=name,
        num_features=24,
        num_parameters=1,
        weights="",
        predicted=predicted,
        scores=scores,
        feature_seconds=1.0,
        probe_seconds=seconds,
        was_cached=False,
    )


def test_people_who_are_held_out_of_a_search_have_no_part(seed):
    data = table(seed)
    split = make_split(data, seed=0)
    panel = Panel.of(data, split)
    assert not set(data.group_index[panel.rows]) & set(data.group_index[split.held_out])
    assert len(panel.rows) + len(split.held_out) == data.num_samples
    assert list(panel.people) == ["mask", "gender", "age", "joint"]


def test_the_scores_are_the_macro_f1_of_the_predictions(seed):
    data = table(seed)
    panel = Panel.of(data, make_split(data, seed=0))
    found = screened(panel, data, "a", seed, 2.0)
    for name, people in panel.people.items():
        expected = macro_f1(people.label, found.predicted[name], people.num_classes)
        assert found.scores[name].value == pytest.approx(expected)
        assert found.scores[name].low < expected < found.scores[name].high
    assert found.scores["gender"].value > 0.8


def test_backbones_that_tell_more_stand_before_those_that_tell_less(seed):
    data = table(seed)
    panel = Panel.of(data, make_split(data, seed=0))
    signals = {"nothing": 0.0, "much": 3.0, "some": 1.2, "little": 0.6}
    found = [screened(panel, data, name, seed, signal) for name, signal in signals.items()]
    ranking = Ranking.of(panel, found)
    assert [each.name for each in ranking.ranked][:2] == ["much", "some"]
    assert ranking.offer == tuple(each.name for each in ranking.ranked[:3])
    assert ranking.behind[0].value == 0
    assert ranking.behind[-1].low > 0
    assert ranking.behind[-1].value == pytest.approx(
        ranking.ranked[0].scores["joint"].value - ranking.ranked[-1].scores["joint"].value
    )


def test_the_same_features_give_the_same_predictions(seed):
    data = table(seed)
    panel = Panel.of(data, make_split(data, seed=0))
    first, again = (panel.predicted(features(data, seed, 1.0)[panel.rows]) for _ in range(2))
    for name, predicted in first.items():
        np.testing.assert_array_equal(predicted, again[name])

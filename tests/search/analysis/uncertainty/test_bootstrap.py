import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from search.analysis.errors import AnalysisError
from search.analysis.people import resample_weights
from search.analysis.uncertainty.bootstrap import (
    influence,
    people_degrees,
    person_bootstrap_interval,
    resample_macro_f1,
)
from tests.search.builders.labelled_people import half_width, people_of


def _data(seed, num_people=30, photos=4, num_classes=5, accuracy=0.7):
    """People whose photos share one of three label vectors; errors are a photo's own."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, num_people)
    vectors = rng.integers(0, num_classes, (3, photos))
    y, g = vectors[kind].ravel(), np.repeat(np.arange(num_people), photos)
    wrong = rng.integers(0, num_classes, len(y))
    return y, np.where(rng.random(len(y)) < accuracy, y, wrong), g


def test_scores_of_resamples_equal_a_slow_weighted_loop():
    y, first, g = _data(0)
    second = _data(0, accuracy=0.5)[1]
    people = people_of(y, g, 5)
    counts = people.counts([first, second])
    fast = resample_macro_f1(people, counts, 20, np.random.default_rng(5))
    weights = np.concatenate(list(resample_weights(people.strata, 20, np.random.default_rng(5))))
    slow = [
        [
            f1_score(
                y,
                predicted,
                labels=range(5),
                average="macro",
                sample_weight=row[g],
                zero_division=0,
            )
            for predicted in (first, second)
        ]
        for row in weights
    ]
    assert fast == pytest.approx(np.array(slow), abs=1e-12)


def test_the_interval_equals_one_from_people_drawn_one_by_one():
    """The slow twin draws n - 1 of n people of each stratum in Python and copies their photos."""
    y, predicted, g = _data(1)
    people = people_of(y, g, 5)
    strata = people.strata
    rng = np.random.default_rng(9)
    scores = []
    for _ in range(3_000):
        weight = np.zeros(30)
        for stratum in np.unique(strata):
            members = np.flatnonzero(strata == stratum)
            for _ in range(len(members) - 1):
                weight[rng.choice(members)] += len(members) / (len(members) - 1)
        w = weight[g]
        hits = np.bincount(y, w * (y == predicted), 5)
        both = np.bincount(y, w, 5) + np.bincount(predicted, w, 5)
        scores.append(np.mean(np.where(both > 0, 2 * hits / np.where(both > 0, both, 1), 0)))
    counts = people.counts(predicted)[None]
    fast = resample_macro_f1(people, counts, 3_000, np.random.default_rng(2))[:, 0]
    assert fast.mean() == pytest.approx(np.mean(scores), abs=0.005)
    assert fast.std() == pytest.approx(np.std(scores), rel=0.07)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 30))
def test_an_interval_holds_its_point_estimate_and_stays_in_range(seed, num_people):
    y, predicted, g = _data(seed, num_people=num_people)
    interval = person_bootstrap_interval(
        people_of(y, g, 5), predicted, num_resamples=200, seed=seed
    )
    expected = f1_score(y, predicted, labels=range(5), average="macro", zero_division=0)
    assert interval.value == pytest.approx(expected, abs=1e-12)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_an_interval_depends_on_neither_order_nor_names_but_on_the_seed():
    y, predicted, g = _data(3)
    people, named = people_of(y, g, 5), people_of(y, [f"p{i:03d}" for i in g], 5)
    interval = person_bootstrap_interval(people, predicted, num_resamples=300, seed=1)
    assert person_bootstrap_interval(named, predicted, num_resamples=300, seed=1) == interval
    assert person_bootstrap_interval(people, predicted, num_resamples=300, seed=2) != interval


def test_people_who_err_on_all_photos_widen_the_interval():
    """The same wrong share, once a photo's own and once a person's: photos must not count."""
    rng = np.random.default_rng(0)
    y, g = np.tile([0, 1, 1, 2, 2, 2, 2], 80), np.repeat(np.arange(80), 7)
    by_photo = np.where(rng.random(560) < 0.3, (y + 1) % 3, y)
    by_person = np.where(np.repeat(rng.random(80) < 0.3, 7), (y + 1) % 3, y)
    people, photos = people_of(y, g, 3), people_of(y, np.arange(560), 3)
    narrow, wide, wrong = (
        half_width(person_bootstrap_interval(who, predicted, num_resamples=1_000))
        for who, predicted in ((people, by_photo), (people, by_person), (photos, by_person))
    )
    assert wide > 1.8 * narrow
    assert wide > 1.8 * wrong


def test_one_person_tells_nothing_about_others():
    interval = person_bootstrap_interval(people_of([0, 1], [7, 7], 2), [0, 1], num_resamples=100)
    assert (interval.low, interval.value, interval.high) == (0.0, 1.0, 1.0)


def test_influence_sums_to_zero_and_predicts_the_effect_of_a_person():
    y, predicted, g = _data(4, num_people=200)
    people = people_of(y, g, 5)
    counts = people.counts(predicted)
    effect = influence(counts)
    assert effect.sum() == pytest.approx(0, abs=1e-12)  # macro-F1 does not depend on the scale
    draws = resample_macro_f1(people, counts[None], 4_000, np.random.default_rng(0))
    strata = people.strata
    linear = sum((strata == s).sum() * effect[strata == s].var(ddof=1) for s in np.unique(strata))
    assert draws.var() == pytest.approx(linear, rel=0.08)


def test_degrees_of_freedom_are_those_of_the_stratum_that_varies():
    strata = np.repeat([0, 1], [10, 90])
    rng = np.random.default_rng(0)
    only_small = np.where(strata == 0, rng.normal(size=100), 0.0)
    assert people_degrees(only_small, strata) == pytest.approx(9)
    assert 9 < people_degrees(rng.normal(size=100), strata) <= 98
    assert people_degrees(np.zeros(100), strata) == 98


@pytest.mark.parametrize(
    ("y", "predicted", "g", "message"),
    [
        ([], [], [], r"one length >= 1, got shapes \(0,\)"),
        ([0, 1], [0, 1], [0], r"one length >= 1, got shapes \(2,\) and \(1,\)"),
        ([0, 1], [0], [0, 1], r"got shapes \(2,\) and \(1,\)"),
        ([0, 2], [0, 1], [0, 1], r"true classes must lie in \[0, 2\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(y, predicted, g, message):
    with pytest.raises(AnalysisError, match=message):
        person_bootstrap_interval(
            people_of(np.array(y, int), np.array(g), 2),
            np.array(predicted, int),
            num_resamples=100,
        )

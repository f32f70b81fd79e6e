import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from search.analysis.errors import AnalysisError
from search.analysis.metrics import person_counts
from search.analysis.uncertainty.bootstrap import (
    influence,
    people_degrees,
    person_bootstrap_interval,
    person_strata,
    resample_macro_f1,
    resample_weights,
)


def _data(seed, num_people=30, photos=4, num_classes=5, accuracy=0.7):
    """People whose photos share one of three label vectors; errors are a photo's own."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, num_people)
    vectors = rng.integers(0, num_classes, (3, photos))
    y, g = vectors[kind].ravel(), np.repeat(np.arange(num_people), photos)
    wrong = rng.integers(0, num_classes, len(y))
    return y, np.where(rng.random(len(y)) < accuracy, y, wrong), g


def test_people_with_the_same_labels_in_any_order_share_a_stratum():
    y = np.array([0, 1, 1, 0, 2, 2, 2, 2])
    person = np.repeat(np.arange(4), 2)
    strata = person_strata(y, person, 4)
    assert strata[0] == strata[1]
    assert strata[2] == strata[3] != strata[0]


def test_people_nobody_resembles_form_one_stratum():
    y = np.array([0, 0, 1, 2])  # person 2 and 3 are alone
    assert person_strata(y, np.arange(4), 4).tolist() == [0, 0, 1, 1]


def test_a_single_person_nobody_resembles_joins_the_smallest_stratum():
    y = np.array([0, 0, 0, 1, 1, 2])
    strata = person_strata(y, np.arange(6), 6)
    assert strata[5] == strata[4] == strata[3] != strata[0]


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 25))
def test_every_stratum_has_two_people_and_keeps_its_size_in_every_resample(seed, num_people):
    rng = np.random.default_rng(seed)
    person = np.concatenate([np.arange(num_people), rng.integers(0, num_people, 20)])
    y = rng.integers(0, 3, len(person))
    strata = person_strata(y, person, num_people)
    sizes = np.bincount(strata)
    assert sizes.min() >= 2
    weights = np.concatenate(list(resample_weights(strata, 7, rng)))
    assert weights.shape == (7, num_people)
    for stratum, size in enumerate(sizes):
        assert weights[:, strata == stratum].sum(axis=1) == pytest.approx(size)


def test_resampled_totals_vary_as_the_unbiased_variance_says():
    rng = np.random.default_rng(0)
    strata = np.repeat([0, 1, 2], [2, 5, 12])
    figure = rng.normal(size=19) * np.array([1.0, 3.0, 0.5])[strata]
    weights = np.concatenate(list(resample_weights(strata, 40_000, rng)))
    expected = sum(
        size * figure[strata == stratum].var(ddof=1) for stratum, size in enumerate((2, 5, 12))
    )
    assert (weights @ figure).var() == pytest.approx(expected, rel=0.03)


def test_chunks_add_up_to_the_resamples_asked_for(monkeypatch):
    monkeypatch.setattr("search.analysis.uncertainty.bootstrap._CHUNK_CELLS", 40)
    chunks = list(resample_weights(np.zeros(10, dtype=int), 11, np.random.default_rng(0)))
    assert [len(chunk) for chunk in chunks] == [4, 4, 3]


def test_scores_of_resamples_equal_a_slow_weighted_loop():
    y, first, g = _data(0)
    second = _data(0, accuracy=0.5)[1]
    strata = person_strata(y, g, 30)
    counts = np.stack([person_counts(y, predicted, g, 30, 5) for predicted in (first, second)])
    fast = resample_macro_f1(counts, strata, 20, np.random.default_rng(5))
    weights = np.concatenate(list(resample_weights(strata, 20, np.random.default_rng(5))))
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
    strata = person_strata(y, g, 30)
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
    counts = person_counts(y, predicted, g, 30, 5)
    fast = resample_macro_f1(counts[None], strata, 3_000, np.random.default_rng(2))[:, 0]
    assert fast.mean() == pytest.approx(np.mean(scores), abs=0.005)
    assert fast.std() == pytest.approx(np.std(scores), rel=0.07)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 30))
def test_an_interval_holds_its_point_estimate_and_stays_in_range(seed, num_people):
    y, predicted, g = _data(seed, num_people=num_people)
    interval = person_bootstrap_interval(y, predicted, g, 5, num_resamples=200, seed=seed)
    expected = f1_score(y, predicted, labels=range(5), average="macro", zero_division=0)
    assert interval.value == pytest.approx(expected, abs=1e-12)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_an_interval_depends_on_neither_order_nor_names_but_on_the_seed():
    y, predicted, g = _data(3)
    interval = person_bootstrap_interval(y, predicted, g, 5, 300, seed=1)
    names = np.array([f"p{i:03d}" for i in g])
    assert person_bootstrap_interval(y, predicted, names, 5, 300, seed=1) == interval
    assert person_bootstrap_interval(y, predicted, g, 5, 300, seed=2) != interval


def test_people_who_err_on_all_photos_widen_the_interval():
    """The same wrong share, once a photo's own and once a person's: photos must not count."""
    rng = np.random.default_rng(0)
    y, g = np.tile([0, 1, 1, 2, 2, 2, 2], 80), np.repeat(np.arange(80), 7)
    by_photo = np.where(rng.random(560) < 0.3, (y + 1) % 3, y)
    by_person = np.where(np.repeat(rng.random(80) < 0.3, 7), (y + 1) % 3, y)
    narrow = person_bootstrap_interval(y, by_photo, g, 3, 1_000)
    wide = person_bootstrap_interval(y, by_person, g, 3, 1_000)
    wrong = person_bootstrap_interval(y, by_person, np.arange(560), 3, 1_000)
    assert wide.half_width > 1.8 * narrow.half_width
    assert wide.half_width > 1.8 * wrong.half_width


def test_one_person_tells_nothing_about_others():
    interval = person_bootstrap_interval([0, 1], [0, 1], [7, 7], 2, 100)
    assert (interval.low, interval.value, interval.high) == (0.0, 1.0, 1.0)


def test_influence_sums_to_zero_and_predicts_the_effect_of_a_person():
    y, predicted, g = _data(4, num_people=200)
    counts = person_counts(y, predicted, g, 200, 5)
    effect = influence(counts)
    assert effect.sum() == pytest.approx(0, abs=1e-12)  # macro-F1 does not depend on the scale
    draws = resample_macro_f1(
        counts[None], person_strata(y, g, 200), 4_000, np.random.default_rng(0)
    )
    strata = person_strata(y, g, 200)
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
        person_bootstrap_interval(np.array(y, int), np.array(predicted, int), np.array(g), 2, 100)


def test_strata_of_one_person_and_no_resamples_are_refused():
    with pytest.raises(AnalysisError, match="smallest stratum 1"):
        next(resample_weights(np.array([0, 0, 1]), 5, np.random.default_rng(0)))
    with pytest.raises(AnalysisError, match="num_resamples=0"):
        next(resample_weights(np.array([0, 0]), 0, np.random.default_rng(0)))

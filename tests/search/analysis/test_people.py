"""Labelled people: what they are made of, how they are counted, and how they are resampled."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.errors import AnalysisError
from search.analysis.metrics import class_counts
from search.analysis.people import People, person_strata, resample_weights
from tests.search.builders.labelled_people import people_of


def made(seed, num_people=12, photos=3, num_classes=4):
    """People in no order, whose photos share one of three label vectors, and predictions."""
    rng = np.random.default_rng(seed)
    vectors = rng.integers(0, num_classes, (3, photos))
    y = vectors[rng.integers(0, 3, num_people)].ravel()
    order = rng.permutation(len(y))
    g = np.repeat(np.arange(num_people), photos)
    return people_of(y[order], g[order], num_classes), rng


def test_people_marked_in_any_way_are_numbered_in_the_order_of_their_marks():
    people = people_of([2, 0, 1], ["b", "a", "b"], 3)
    assert people.person.tolist() == [1, 0, 1]
    assert (len(people), people.num_people) == (3, 2)


@given(st.integers(0, 10**6), st.integers(1, 12))
def test_a_part_has_its_own_samples_people_and_strata(seed, num_people):
    people, rng = made(seed, num_people)
    mask = rng.random(len(people)) < 0.6
    mask[0] = True
    part, rows = people.part(mask), people.part(np.flatnonzero(mask))
    assert np.array_equal(part.label, people.label[mask])
    assert part.num_people == people.num_in(mask) == len(np.unique(people.person[mask]))
    together = people.person[mask][:, None] == people.person[mask]
    assert np.array_equal(part.person[:, None] == part.person, together)
    assert np.array_equal(part.strata, person_strata(part.label, part.person, part.num_people))
    assert np.array_equal(rows.person, part.person)


def _folded(fold, person=("b", "a", "b", "c"), label=(0, 1, 1, 0)):
    return People(label=label, person=person, num_classes=2, fold=fold)


def test_every_person_has_the_fold_of_the_own_samples():
    people = _folded([7, 0, 7, 2])
    assert people.fold_of_person.tolist() == [0, 7, 2]  # in the order of the marks
    assert _folded(np.array([7, 0, 7, 2])).fold_of_person.tolist() == [0, 7, 2]
    assert people_of([0, 1], [0, 1], 2).fold_of_person is None


@pytest.mark.parametrize(
    ("fold", "message"),
    [
        ([0, 0, 1, 0], "a person must be in one fold with all samples; split by person"),
        ([0, 0, 0], r"one number from 0 a sample, got shape \(3,\) for \(4,\) labels"),
        ([[0, 0, 0, 0]], r"got shape \(1, 4\) for \(4,\) labels"),
        ([0, -1, 0, 0], "folds must be one number from 0 a sample"),
    ],
)
def test_folds_that_do_not_fit_the_people_are_refused(fold, message):
    with pytest.raises(AnalysisError, match=message):
        _folded(fold)


@given(st.integers(0, 10**6), st.integers(1, 12))
def test_a_part_keeps_its_folds(seed, num_people):
    people, rng = made(seed, num_people)
    fold = rng.integers(0, 5, num_people)
    folded = replace(people, fold=fold[people.person])
    mask = rng.random(len(people)) < 0.6
    mask[0] = True
    for rows in (mask, np.flatnonzero(mask)):
        part = folded.part(rows)
        assert np.array_equal(part.fold, folded.fold[mask])
        assert part.fold_of_person.tolist() == fold[np.unique(people.person[mask])].tolist()
        assert people.part(rows).fold is None


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_counts_of_people_sum_to_the_counts_of_all(seed, num_people):
    people, rng = made(seed, num_people)
    predicted = rng.integers(0, 4, (2, 3, len(people)))
    counts = people.counts(predicted)
    assert counts.shape == (2, 3, num_people, 3, 4)
    for place in np.ndindex(2, 3):
        expected = class_counts(people.label, predicted[place], 4)
        assert np.array_equal(counts[place].sum(axis=0), expected)
        assert np.array_equal(people.counts(predicted[place]), counts[place])
    for person in range(num_people):
        own = people.person == person
        expected = class_counts(people.label[own], predicted[0, 0, own], 4)
        assert np.array_equal(counts[0, 0, person], expected)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(1, 9))
def test_resampled_statistics_are_those_of_a_slow_loop_over_the_same_people(
    seed, num_people, num_resamples
):
    """The slow twin adds up the figures person by person, as often as each was drawn."""
    people, rng = made(seed, num_people)
    columns = rng.integers(0, 5, (num_people, 6)).astype(float)
    columns[:, 4] = columns[:, 1]

    def statistic(sums):
        return np.stack([sums.max(axis=1), sums[:, 4] - sums[:, 1]], axis=1)

    found = people.resample(columns, statistic, num_resamples, np.random.default_rng(seed))
    sizes = np.bincount(people.strata)
    draws = np.random.default_rng(seed).random((num_resamples, num_people - len(sizes)))
    for row, resample in zip(draws.tolist(), found, strict=True):
        sums, given_draws = np.zeros(6), iter(row)
        for stratum, size in enumerate(sizes.tolist()):
            members = np.flatnonzero(people.strata == stratum)
            for _ in range(size - 1):
                sums += columns[members[int(next(given_draws) * size)]] * size / (size - 1)
        assert resample[0] == pytest.approx(sums.max(), abs=1e-9)
        assert resample[1] == 0


def test_a_resample_of_everybody_has_the_class_counts_of_the_data():
    people, _ = made(0, num_people=40)
    actual = people.counts(people.label)[:, 2]
    sums = people.resample(actual, lambda found: found, 50, np.random.default_rng(0))
    same = actual.sum(axis=0)
    assert sums == pytest.approx(np.tile(same, (50, 1)))


@pytest.mark.parametrize(
    ("y", "g", "message"),
    [
        ([], [], r"vectors of one length >= 1, got shapes \(0,\) and \(0,\)"),
        ([0, 1], [0], r"vectors of one length >= 1, got shapes \(2,\) and \(1,\)"),
        ([[0, 1]], [[0, 1]], r"vectors of one length >= 1, got shapes \(1, 2\)"),
        ([0, 2], [0, 1], r"true classes must lie in \[0, 2\), got values from 0 to 2"),
        ([0.0, 1.0], [0, 1], "true classes must be integers, got float64"),
    ],
)
def test_labels_and_people_that_do_not_fit_are_refused(y, g, message):
    with pytest.raises(AnalysisError, match=message):
        people_of(np.array(y, int if not y else None), np.array(g), 2)


@pytest.mark.parametrize(
    ("predicted", "message"),
    [
        ([0, 1, 0], r"one length, got shapes \(2,\) and \(3,\)"),
        ([[0], [1]], r"one length, got shapes \(2,\) and \(2, 1\)"),
        ([0, -1], r"predicted classes must lie in \[0, 2\), got values from -1 to 0"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(predicted, message):
    with pytest.raises(AnalysisError, match=message):
        people_of([0, 1], [0, 1], 2).counts(predicted)


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


@settings(max_examples=25, deadline=None)
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
    monkeypatch.setattr("search.analysis.people.CHUNK_CELLS", 40)
    chunks = list(resample_weights(np.zeros(10, dtype=int), 11, np.random.default_rng(0)))
    assert [len(chunk) for chunk in chunks] == [4, 4, 3]


def test_strata_of_one_person_and_no_resamples_are_refused():
    with pytest.raises(AnalysisError, match="smallest stratum 1"):
        next(resample_weights(np.array([0, 0, 1]), 5, np.random.default_rng(0)))
    with pytest.raises(AnalysisError, match="num_resamples=0"):
        next(resample_weights(np.array([0, 0]), 0, np.random.default_rng(0)))


@pytest.mark.parametrize("most", [1, 7, 40])
def test_the_draws_are_the_same_however_many_a_chunk_has(most):
    strata = np.array([0, 0, 1, 1, 1, 2, 2])
    whole = list(resample_weights(strata, 40, np.random.default_rng(3)))
    parts = list(resample_weights(strata, 40, np.random.default_rng(3), most))
    assert {len(part) for part in parts[:-1]} <= {most}
    assert np.array_equal(np.concatenate(whole), np.concatenate(parts))


def test_sums_that_are_many_are_held_in_chunks(monkeypatch):
    monkeypatch.setattr("search.analysis.people._SUMS", 30)
    people = people_of([0, 0, 1, 1], [0, 1, 2, 3], 2)
    seen = []

    def statistic(sums):
        seen.append(sums.shape)
        return sums.sum(axis=1)

    columns = np.arange(40.0).reshape(4, 10)
    draws = people.resample(columns, statistic, 8, np.random.default_rng(0))
    assert seen == [(3, 10), (3, 10), (2, 10)]
    monkeypatch.undo()
    assert np.array_equal(draws, people.resample(columns, statistic, 8, np.random.default_rng(0)))

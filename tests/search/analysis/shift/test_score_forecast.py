import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from search.analysis.errors import AnalysisError
from search.analysis.metrics import macro_f1, macro_f1_of_counts
from search.analysis.shift.labelled import Labelled, soft_counts, soft_macro_f1
from search.analysis.shift.score_forecast import (
    expected_change_unlabelled,
    expected_score_unlabelled,
    forecast_score,
)
from tests.search.builders.label_shift_cells import forecast_hits
from tests.search.builders.labelled_people import half_width, people_of
from tests.search.builders.simulated_evidence import NUM_CLASSES, PRIOR, photograph


def _people(seed=0, num_people=40, num_classes=4):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, num_classes, (num_people, 3)).ravel()
    predicted = np.where(rng.random(len(label)) < 0.7, label, rng.integers(0, 4, len(label)))
    return label, predicted, np.repeat(np.arange(num_people), 3)


def test_an_absent_class_counts_as_scikit_learn_counts_it():
    label, predicted = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    whole = f1_score(label, predicted, labels=range(3), average="macro", zero_division=0)
    assert macro_f1(label, predicted, 3) == pytest.approx(whole)
    assert whole < macro_f1(label, predicted, 2)  # class 2 scores 0


def test_a_promise_holds_the_score_of_new_folders_and_the_estimates_interval_does_not():
    found = np.array(forecast_hits(100, 30, 60, seed=1))
    promised, estimated = found[:, 0].mean(), found[:, 1].mean()
    assert promised >= 0.88
    assert estimated < 0.75  # it forgets that the folder is drawn too


def test_a_large_folder_leaves_the_error_of_the_estimate():
    label, predicted, person = _people()
    few, as_many, many = (
        half_width(forecast_score(people_of(label, person, 4), predicted, size, num_draws=1_000))
        for size in (10, 40, 800)
    )
    assert few > as_many > many
    assert as_many == pytest.approx(2**0.5 * many, rel=0.2)  # two equal draws of people, or one


def test_perfect_predictions_promise_a_lower_score_only_where_a_folder_may_lack_a_class():
    label, person = np.repeat([0, 1], [57, 3]), np.repeat(np.arange(20), 3)
    small = forecast_score(people_of(label, person, 2), label, 5)
    assert (small.low, small.high) == (0.5, 1.0)  # the one person of class 1 is easily missed
    many = np.tile([0, 0, 0, 1, 1, 1], 20)
    large = forecast_score(people_of(many, np.repeat(np.arange(40), 3), 2), many, 40)
    assert (large.low, large.value, large.high) == (1.0, 1.0, 1.0)


def test_a_class_nobody_has_may_turn_up_and_raise_the_upper_end():
    label, predicted, person = _people()
    all_known = forecast_score(people_of(label, person, 4), predicted, 20)
    one_unseen = forecast_score(people_of(label, person, 5), predicted, 20)
    assert one_unseen.low == pytest.approx(all_known.low * 4 / 5)
    assert one_unseen.high == pytest.approx(all_known.high)


def test_a_single_known_person_promises_nothing():
    found = forecast_score(people_of([0, 1, 1], ["a"] * 3, 2), [0, 1, 0], 7)
    assert (found.low, found.high) == (0.0, 1.0)


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(1, 60))
def test_a_promise_is_an_interval_of_scores_and_is_the_same_again(seed, num_people):
    label, predicted, person = _people(seed)
    first, again = (
        forecast_score(
            people_of(label, person, 4), predicted, num_people, num_draws=200, seed=seed
        )
        for _ in range(2)
    )
    assert first == again
    assert 0 <= first.low <= first.value <= first.high <= 1


def test_drawn_folders_are_those_of_a_slow_twin():
    label, predicted, person = _people(num_people=12)
    people = people_of(label, person, 4)
    fast = forecast_score(people, predicted, 6, num_draws=4_000)
    counts = people.counts(predicted)
    rng = np.random.default_rng(1)
    slow = [
        macro_f1(label, predicted, 4)
        + macro_f1_of_counts(counts[rng.integers(12, size=6)].sum(axis=0))
        - macro_f1_of_counts(counts[rng.integers(12, size=12)].sum(axis=0))
        for _ in range(1_500)
    ]
    assert fast.value == pytest.approx(np.median(slow), abs=0.015)
    low, high = np.quantile(slow, [0.025, 0.975])
    assert fast.low <= low + 0.02  # Student's reach is longer than these percentiles
    assert fast.high >= min(1.0, high) - 0.02


def test_soft_counts_of_certain_probabilities_are_the_counts():
    label, predicted, person = _people()
    expected = people_of(label, person, 4).counts(predicted)
    assert np.array_equal(soft_counts(np.eye(4)[label], predicted, person, 40), expected)
    assert soft_macro_f1(np.eye(4)[label], predicted) == macro_f1(label, predicted, 4)


def test_soft_counts_of_hand_computed_probabilities():
    probs = np.array([[0.75, 0.25], [0.5, 0.5]])
    hits, chosen, actual = soft_counts(probs, [0, 1], np.array([0, 0]), 1)[0]
    assert hits.tolist() == [0.75, 0.5]
    assert chosen.tolist() == [1, 1]
    assert actual.tolist() == [1.25, 0.75]


def test_a_folder_scored_by_its_probabilities_alone_scores_so():
    hits = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        known, folder = photograph(200, rng), photograph(60, rng)
        chosen = folder.probs.argmax(axis=1)
        expected = expected_score_unlabelled(
            known.labelled,
            known.probs.argmax(axis=1),
            soft_macro_f1(folder.probs, chosen),
            60,
            num_draws=500,
        )
        truth = macro_f1(folder.label, chosen, NUM_CLASSES)
        hits.append(expected.low <= truth <= expected.high)
        assert half_width(expected) < 0.2  # of [0, 1]: it says something
    assert sum(hits) >= 6


def test_overconfidence_known_out_of_fold_is_taken_off_the_expected_score():
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 600)
    predicted = np.where(rng.random(600) < 0.7, label, 1 - label)
    probs = np.where(np.eye(2)[predicted] == 1, 0.99, 0.01)  # claims 99 %, holds 70 %
    known = Labelled(people=people_of(label, np.repeat(np.arange(200), 3), 2), probs=probs)
    soft = soft_macro_f1(probs[:90], predicted[:90])
    expected = expected_score_unlabelled(known, predicted, soft, 30)
    assert soft == pytest.approx(0.99, abs=0.01)
    assert expected.value == pytest.approx(0.7, abs=0.05)
    assert expected.high < 0.9


def test_uncertain_soft_scores_widen_the_interval():
    photos = photograph(100, np.random.default_rng(0))
    known = photos.labelled
    chosen = photos.probs.argmax(axis=1)
    sure, unsure = (
        half_width(expected_score_unlabelled(known, chosen, scores, 50))
        for scores in (0.6, [0.5, 0.7])
    )
    assert unsure > sure + 0.03


def test_expectations_from_a_single_known_person_promise_nothing():
    known = Labelled(people=people_of([0, 1], [0, 0], 2), probs=[[0.9, 0.1], [0.2, 0.8]])
    found = expected_score_unlabelled(known, [0, 1], 0.8, 5)
    assert (found.low, found.value, found.high) == (0.0, 0.8, 1.0)


def test_a_change_to_the_same_classes_is_none_and_to_the_labels_is_what_was_missing():
    label, predicted, person = _people()
    probs = np.where(np.eye(4)[predicted] == 1, 0.7, 0.1)
    known = Labelled(people=people_of(label, person, 4), probs=probs)
    same = expected_change_unlabelled(known, predicted, predicted, 0.0, 40)
    assert (same.low, same.value, same.high) == (0.0, 0.0, 0.0)
    soft = soft_macro_f1(probs, label) - soft_macro_f1(probs, predicted)
    better = expected_change_unlabelled(known, predicted, label, soft, 40)
    truth = 1 - macro_f1(label, predicted, 4)
    assert soft < 0 < better.low < truth < better.high
    assert better.value == pytest.approx(truth, abs=0.02)


def test_a_change_known_by_a_single_person_may_be_any():
    known = Labelled(people=people_of([0, 1], [0, 0], 2), probs=[[0.9, 0.1], [0.2, 0.8]])
    found = expected_change_unlabelled(known, [0, 1], [1, 1], -0.2, 5)
    assert (found.low, found.value, found.high) == (-1.0, -0.2, 1.0)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"num_people": 0}, "needs `num_people >= 1` .* got num_people=0"),
        ({"num_draws": 0}, "`num_draws >= 1`, got num_people=5, num_draws=0"),
        ({"label": []}, r"vectors of one length >= 1, got shapes \(0,\) and \(4,\)"),
        ({"label": [0, 1, 0, 2]}, r"true classes must lie in \[0, 2\)"),
        ({"predicted": [0, 1]}, r"of one length, got shapes \(4,\) and \(2,\)"),
    ],
)
def test_a_forecast_that_cannot_be_made_is_refused(more, message):
    given_arrays = {
        "label": [0, 1, 0, 1],
        "predicted": [0, 1, 1, 1],
        "person": [0, 0, 1, 1],
        "num_classes": 2,
        "num_people": 5,
    }
    arrays = given_arrays | more
    with pytest.raises(AnalysisError, match=message):
        forecast_score(
            people_of(arrays.pop("label"), arrays.pop("person"), arrays.pop("num_classes")),
            **arrays,
        )


@pytest.mark.parametrize(
    ("probs", "predicted", "message"),
    [
        (np.zeros((0, 2)), [], r"with N >= 1, got shape \(0, 2\)"),
        (np.full((2, 2), 0.5), [0], r"one predicted class a sample is needed, got shape \(1,\)"),
        (np.full((2, 2), 0.5), [0, 2], r"predicted classes must lie in \[0, 2\)"),
    ],
)
def test_soft_scores_of_arrays_that_do_not_fit_are_refused(probs, predicted, message):
    with pytest.raises(AnalysisError, match=message):
        soft_macro_f1(probs, np.array(predicted, dtype=int))


def test_simulated_photos_have_the_classes_they_should():
    photos = photograph(2_000, np.random.default_rng(0))
    assert photos.probs.mean(axis=0) == pytest.approx(PRIOR, abs=0.015)  # calibrated


def test_a_score_by_another_rule_is_a_score_all_the_same():
    """By rules that choose alike it is that of the one rule; of one person nothing is known."""
    photos = photograph(40, np.random.default_rng(0))
    predicted = photos.probs.argmax(axis=1)
    given = (photos.labelled, predicted, 0.05, 3)
    plain = expected_score_unlabelled(*given)
    assert expected_score_unlabelled(*given, rules=(predicted, predicted)) == plain
    other = np.roll(predicted, 1)
    assert expected_score_unlabelled(*given, rules=(predicted, other)).low >= 0
    alone = photos.person == photos.person[0]
    one = Labelled(
        people=people_of(photos.label[alone], photos.person[alone] * 0, NUM_CLASSES),
        probs=photos.probs[alone],
    )
    rules = (predicted[alone], other[alone])
    found = expected_score_unlabelled(one, predicted[alone], 0.05, 3, rules=rules)
    assert (found.low, found.high) == (0.0, 1.0)

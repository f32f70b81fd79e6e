import numpy as np
import pytest

from search.analysis.approaches.build import Model, build
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.of_controls import (
    Luck,
    _averages,
    _luck_of_averages,
    contrast_with_luck,
    equal_parameters,
    joint_predictions,
    shared_config,
    training_luck,
    worded_effect,
)
from search.analysis.recombine import HeadLayout
from search.analysis.uncertainty.interval import Interval
from tests.search.builders.labelled_people import half_width, people_of
from tests.search.builders.one_model import build_one

PEOPLE, PHOTOS = 80, 3
ATTRIBUTES = {"gender": ("male", "female"), "mask": ("wear", "none")}
PERSON = np.repeat(np.arange(PEOPLE), PHOTOS)


def evidence_of(rng, num_resamples=300):
    y = rng.integers(0, 4, PEOPLE)[PERSON]
    return Evidence.of([], people_of(y, PERSON, 4), ATTRIBUTES, num_resamples=num_resamples)


def trained(evidence, rng, accuracy=0.8, seeds=2):
    """Predictions [S, N] that err on a person's photos together half of the time."""
    shape = (seeds, len(evidence.people.label))
    own, persons = rng.random(shape), rng.random((seeds, PEOPLE))[:, PERSON]
    luck = np.where(rng.random(shape) < 0.5, own, persons)
    other = (evidence.people.label + rng.integers(1, 4, shape)) % 4
    return np.where(luck < accuracy, evidence.people.label, other)


def test_a_contrast_without_luck_is_that_of_the_evidence():
    rng = np.random.default_rng(0)
    evidence = evidence_of(rng)
    one, two = trained(evidence, rng, seeds=1), trained(evidence, rng, seeds=1)
    found = contrast_with_luck(evidence, [(1.0, one), (-1.0, two)], [Luck()])
    known = evidence.contrast_by_seed([[(1.0, one[0]), (-1.0, two[0])]])
    assert found.to_dict()["value"] == pytest.approx(known.value)
    assert (found.low, found.high) == pytest.approx((known.low, known.high))


def test_a_mean_over_seeds_is_what_is_weighed():
    rng = np.random.default_rng(1)
    evidence = evidence_of(rng)
    rows = trained(evidence, rng, seeds=3)
    found = contrast_with_luck(evidence, [(2.0, rows)], [Luck()])
    assert found.value == pytest.approx(2 * evidence.score(rows))


def test_luck_widens_a_contrast_and_fewer_degrees_widen_it_more():
    rng = np.random.default_rng(2)
    evidence = evidence_of(rng)
    terms = [(1.0, trained(evidence, rng))]
    widths = [
        half_width(contrast_with_luck(evidence, terms, luck))
        for luck in (
            [Luck()],
            [Luck(variance=1e-3, degrees=50)],
            [Luck(variance=1e-3, degrees=2)],
            [Luck(variance=1e-3, degrees=2), Luck(variance=1e-3, degrees=2)],
        )
    ]
    assert widths == sorted(widths)
    assert len(set(widths)) == 4


def test_training_luck_is_pooled_over_trainings_but_not_over_their_means():
    rng = np.random.default_rng(3)
    evidence = evidence_of(rng)
    trainings = [trained(evidence, rng, accuracy) for accuracy in (0.9, 0.5)]
    found = training_luck(evidence, trainings)
    each = [[evidence.score(row) for row in rows] for rows in trainings]
    assert found.variance == pytest.approx(np.mean([np.var(scores, ddof=1) for scores in each]))
    assert found.degrees == 2
    assert training_luck(evidence, [rows[:1] for rows in trainings]) == Luck()


def test_predictions_of_separate_and_joint_models_are_those_of_the_verdict():
    rng = np.random.default_rng(4)
    evidence = evidence_of(rng)
    cross_fit = CrossFit.of_people(PERSON % 4, PERSON, PERSON % 5 == 0)
    heads = [rng.dirichlet([1, 1], (2, len(evidence.people.label))) for _ in ATTRIBUTES]
    models = [
        Model(key=name, heads={"1": [head]}, layout=HeadLayout((2, 2), ((axis,),)))
        for axis, (name, head) in enumerate(zip(ATTRIBUTES, heads, strict=True))
    ]
    built = build("separate", models, evidence.people, cross_fit)
    for order in ((0, 1), (1, 0)):
        layout = HeadLayout((2, 2), tuple((axis,) for axis in order))
        ordered = [heads[axis] for axis in order]
        found = joint_predictions(ordered, layout, evidence.people.label, cross_fit)
        np.testing.assert_array_equal(found, built.probs.argmax(axis=-1))
    joint = rng.dirichlet([1] * 4, (2, len(evidence.people.label)))
    alone = build_one("joint", {"1": joint}, evidence.people, cross_fit)
    found = joint_predictions(
        [joint], HeadLayout((2, 2), ((0, 1),)), evidence.people.label, cross_fit
    )
    np.testing.assert_array_equal(found, alone.probs.argmax(axis=-1))


def test_what_one_seed_says_is_never_an_effect():
    strong = Interval(value=0.3, low=0.2, high=0.4)
    effect, said = worded_effect(strong, 1, "yes", "it helps")
    assert effect is None
    assert said == (
        "that it helps is not supported by this data (+0.300 [+0.200, +0.400] over people, and "
        "one seed cannot tell the luck of training)"
    )
    assert worded_effect(strong, 2, "yes", "it helps") == (strong, "yes")


def test_a_shared_config_that_costs_separate_models_their_score_is_tuning():
    rng = np.random.default_rng(5)
    evidence = evidence_of(rng)
    own, shared, joint = (trained(evidence, rng, a) for a in (0.95, 0.6, 0.6))
    reason = shared_config(evidence, own, shared, joint)
    assert reason.supported
    assert reason.effect.value == pytest.approx(evidence.score(own) - evidence.score(shared))
    assert "tuning per attribute is worth +0." in reason.sentence
    decomposition = reason.figures.decomposition
    assert decomposition.low < 0 < decomposition.high


def test_averaging_that_heals_errors_is_found():
    rng = np.random.default_rng(6)
    evidence = evidence_of(rng)
    right = np.eye(4)[evidence.people.label]
    # Two thirds of the evidence is right, and every model adds noise of its own.
    joint = 0.5 * right + rng.dirichlet([0.5] * 4, (6, len(evidence.people.label)))
    reason = equal_parameters(evidence, trained(evidence, rng, 0.9), joint, 3)
    assert reason.supported
    assert reason.effect.low > 0.02
    assert "averaging gives +0." in reason.sentence


def test_averaging_copies_of_one_model_changes_nothing():
    rng = np.random.default_rng(7)
    evidence = evidence_of(rng)
    joint = np.repeat(rng.dirichlet([1] * 4, (1, len(evidence.people.label))), 6, axis=0)
    reason = equal_parameters(evidence, trained(evidence, rng), joint, 3)
    assert reason.effect.value == pytest.approx(0)
    assert not reason.supported
    assert "that averaging changes the score is not supported by this data" in reason.sentence


def test_a_single_average_cannot_tell_its_luck():
    rng = np.random.default_rng(8)
    evidence = evidence_of(rng)
    joint = 0.5 * np.eye(4)[evidence.people.label] + rng.dirichlet(
        [0.5] * 4, (3, len(evidence.people.label))
    )
    reason = equal_parameters(evidence, trained(evidence, rng), joint, 3)
    assert reason.effect is None
    assert "one seed cannot tell" in reason.sentence


@pytest.mark.parametrize("seeds", [2, 3])
def test_tuning_that_is_worth_nothing_is_rarely_called_something(seeds):
    rng = np.random.default_rng(seeds)
    false = 0
    for _ in range(120):
        evidence = evidence_of(rng)
        models = [trained(evidence, rng, seeds=seeds) for _ in range(3)]
        false += shared_config(evidence, *models).supported
    assert false <= 11  # 5 % of 120 are 6; more than 11 come by luck once in fifty times


def test_the_luck_of_averages_is_not_taken_for_smaller_than_it_is():
    rng = np.random.default_rng(9)
    evidence = evidence_of(rng)
    hard = rng.dirichlet([0.6] * 4, len(evidence.people.label))  # what all models share
    right = np.eye(4)[evidence.people.label]
    leads, widths = [], []
    for _ in range(60):
        skill = 0.45 + 0.05 * rng.standard_normal(6)
        own = rng.dirichlet([0.6] * 4, (6, len(evidence.people.label)))
        joint = skill[:, None, None] * right + 0.5 * hard + 0.7 * own
        single, averaged = joint.argmax(axis=-1), _averages(joint, 3)
        leads.append(evidence.score(averaged) - evidence.score(single))
        widths.append(_luck_of_averages(evidence, single, averaged, 3)["gain"].variance)
    assert np.mean(widths) >= np.var(leads, ddof=1)
    assert np.mean(widths) <= 20 * np.var(leads, ddof=1)

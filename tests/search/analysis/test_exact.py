"""What is equal in the data stays equal, whatever a processor's matrix product rounds.

Every test but the last few runs once with the product of this processor and once with one that
moves each sum by a few ulps, by row and column, as those of other processors do.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis import exact
from search.analysis.approaches.approach import Approach
from search.analysis.approaches.build import choose
from search.analysis.approaches.choice_luck import Target, choice_variance
from search.analysis.ensemble.gain import Baseline, PairedScores
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import f1_of_counts, macro_f1
from search.analysis.reasons.attribution import COUPLING, attribution
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.gather import reasons_of_pair
from search.analysis.reasons.of_controls import (
    contrast_with_luck,
    equal_parameters,
    training_luck,
)
from search.analysis.reasons.of_search import overtuning
from search.analysis.reasons.of_steps import Level, Treatment, responses
from search.analysis.recombine import joint_classes
from search.analysis.shift.labelled import Labelled
from search.analysis.shift.score_forecast import expected_change_unlabelled, forecast_score
from search.analysis.uncertainty.bootstrap import person_bootstrap_interval
from search.analysis.uncertainty.class_scores import class_scores
from search.analysis.uncertainty.interval import interval_of_draws
from search.analysis.uncertainty.score_sheet import score_sheet
from search.analysis.verdict.judging import judge
from search.analysis.verdict.rules import (
    Outcome,
    Rules,
)
from tests.search.builders.labelled_people import people_of
from tests.search.builders.simulated_errors import ATTRIBUTES, NUM_CLASSES
from tests.search.builders.simulated_people import World, simulate

BARELY = Rules(num_resamples=200, margin=0.1)  # 6 over sixty people
STRICT = Rules(num_resamples=200, margin=0.0999)
_EINSUM = np.einsum


def _moved(product):
    """Every cell by -4 to 4 ulps, by its place; what is 0 stays so, as the sum of zeros does."""
    place = np.arange(product.size).reshape(product.shape)
    return product * (1 + (place * 7 % 9 - 4) * np.finfo(float).eps)


@pytest.fixture(params=["this processor", "another"])
def processor(request, monkeypatch):
    """Makes all products over people those of another processor."""
    if request.param == "another":
        monkeypatch.setattr(exact, "_product", lambda weights, columns: _moved(weights @ columns))
        monkeypatch.setattr(np, "einsum", lambda *given: _moved(_EINSUM(*given)))


@pytest.fixture(scope="module")
def sample():
    world = World(num_people=60, shared=0.8, num_seeds=3, error_factors=(1.0, 0.7))
    return simulate(world, np.random.default_rng(0))


def _sheet(sample, *rows):
    rng = np.random.default_rng(1)
    return score_sheet(list(rows), sample.people, num_resamples=200, rng=rng)


def _evidence(sample, first, second, rules=(None, None)):
    parts = [
        Approach(name=name, predicted=rows, with_rule=rule)
        for name, rows, rule in zip("ab", (first, second), rules, strict=True)
    ]
    return Evidence.of(parts, sample.people, ATTRIBUTES, num_resamples=100)


def _ends(interval):
    return interval.low, interval.value, interval.high


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 9))
def test_equal_columns_have_equal_sums_and_every_sum_is_right(seed, num_columns, num_distinct):
    rng = np.random.default_rng(seed)
    distinct = rng.integers(0, 4, (7, num_distinct)).astype(float)
    columns = distinct[:, rng.integers(0, num_distinct, num_columns)]
    chunks = [rng.random((rows, 7)) for rows in (3, 1)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "_product", lambda weights, found: _moved(weights @ found))
        found = np.concatenate(list(exact.weighted_sums(chunks, columns)))
    assert found == pytest.approx(np.concatenate(chunks) @ columns, rel=1e-14)
    for one, two in np.ndindex(num_columns, num_columns):
        if np.array_equal(columns[:, one], columns[:, two]):
            assert np.array_equal(found[:, one], found[:, two])


ORDERS = [[0, 1, 2], [2, 0, 1], [1, 0, 2], [0, 1, 2, 0, 1, 2]]


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize("order", ORDERS)
def test_the_same_predictions_differ_by_nothing_with_seeds_in_any_order(sample, order):
    rows = sample.predicted[0]
    sheet = _sheet(sample, rows, sample.predicted[1], rows[order])
    for fixed in (True, False):
        pair = sheet.pair(0, 2, fixed_models=fixed)
        assert (pair.difference, pair.variance, pair.num_differing) == (0.0, 0.0, 0)
        assert _ends(pair.interval) == (0.0, 0.0, 0.0)
        assert (pair.p_a_greater, pair.p_value) == (0.5, 1.0)
        assert sheet.pair(0, 1, fixed_models=fixed).people_variance > 0


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize("order", ORDERS)
def test_the_same_predictions_are_equivalent_by_what_their_people_allow(sample, order):
    parts = [
        Approach(name="a", predicted=sample.predicted[0]),
        Approach(name="b", predicted=sample.predicted[0][order]),
        Approach(name="c", predicted=sample.predicted[1]),
    ]
    verdict = judge(parts, sample.people, rules=BARELY)
    assert verdict.pair("a", "b").outcome is Outcome.EQUIVALENT
    assert verdict.pair("a", "b").headline.p_adjusted == 1
    assert verdict.pair("a", "c").outcome is not Outcome.EQUIVALENT
    assert judge(parts, sample.people, rules=STRICT).pairs[0].outcome is Outcome.UNDECIDED


@pytest.mark.usefixtures("processor")
def test_other_seeds_of_the_same_sums_are_not_the_same_predictions(sample):
    """Two seeds that err on each other's people: the counts of people agree, the scores do not.

    To first order, at the mean counts of the seeds, nobody differs: no spread, and no evidence.
    """
    rows = np.stack([sample.y, sample.y])
    apart, together = rows.copy(), rows.copy()
    half = sample.g < 30
    apart[0, half], apart[1, ~half] = 0, 0
    together[0] = 0
    sheet = _sheet(sample, apart, together)
    assert not sheet.same_predictions(0, 1)
    pair = sheet.pair(0, 1, fixed_models=True)
    assert pair.num_differing == 0
    assert pair.difference != 0
    assert pair.people_variance == 0
    assert pair.p_value == 1
    assert not pair.is_equivalent(60, 0.1)


@pytest.mark.usefixtures("processor")
def test_people_who_agree_cancel_where_few_differ(sample):
    """Two people differ, in their own class: all other classes are equal, to the last bit."""
    first = sample.predicted[0, :1]
    second = first.copy()
    two = np.isin(sample.g, [3, 8])
    second[0, two] = (sample.y[two] + 1) % NUM_CLASSES
    sheet = _sheet(sample, first, second)
    changed = np.unique([sample.y[two], first[0, two], second[0, two]])
    sums = sample.people.resample(
        sheet.counts.transpose(1, 0, 2, 3).reshape(60, -1),
        lambda found: f1_of_counts(found.reshape(-1, 2, 3, NUM_CLASSES)),
        200,
        np.random.default_rng(1),
    )
    gaps = sums[:, 0] - sums[:, 1]
    assert not np.delete(gaps, changed, axis=1).any()
    pair = sheet.pair(0, 1, fixed_models=True)
    assert pair.num_differing == 2
    assert pair.people_variance == pytest.approx(_slow_variance(sample, first, second), rel=1e-6)


def _slow_variance(sample, first, second):
    """The variance over people of a difference, from what a millionth more of a person changes."""
    strata = sample.people.strata

    def moved_by(person):
        weights = np.ones(60)
        weights[person] += 1e-6
        scores = []
        for row in (first, second):
            counts = np.tensordot(weights, sample.people.counts(row[0]), 1)
            scores.append(f1_of_counts(counts).mean())
        return scores[0] - scores[1]

    whole = np.mean([macro_f1(sample.y, first[0], 18)]) - macro_f1(sample.y, second[0], 18)
    effects = np.array([(moved_by(person) - whole) / 1e-6 for person in range(60)])
    parts = [effects[strata == stratum] for stratum in np.unique(strata)]
    return sum(len(part) * part.var(ddof=1) for part in parts)


@pytest.mark.usefixtures("processor")
def test_equal_scores_of_seeds_have_no_luck_and_draw_no_numbers(sample):
    row = sample.predicted[0, 0]
    sheet = _sheet(sample, np.stack([row] * 3), sample.predicted[1])
    assert sheet.seed_variance(0) == 0
    assert sheet.seed_variance(1) > 0
    rng, untouched = np.random.default_rng(0), np.random.default_rng(0)
    sheet.score(0, fixed_models=False, rng=rng)
    assert rng.bit_generator.state == untouched.bit_generator.state


def _targets(sample, order, num_configs=3):
    rows = sample.predicted[0]
    configs = np.stack([rows, *(rows[order] for _ in range(num_configs - 1))])
    return (Target(predicted=configs, people=sample.people),)


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize("order", ORDERS[:3])
def test_a_choice_among_configs_that_predict_alike_is_the_first_and_adds_no_luck(sample, order):
    cross_fit = CrossFit.of_people(sample.g % 5, sample.g)
    targets = _targets(sample, order)
    rng = np.random.default_rng(0)
    assert choice_variance(targets, cross_fit, num_resamples=200, rng=rng) == 0
    probs = {str(k): np.eye(NUM_CLASSES)[rows] for k, rows in enumerate(targets[0].predicted)}
    assert choose(probs, sample.y, cross_fit).by_round == ("0",) * 5


@pytest.mark.usefixtures("processor")
def test_a_choice_of_attributes_that_predict_alike_adds_no_luck():
    rng = np.random.default_rng(0)
    targets = []
    for size in (2, 3):
        y = rng.integers(0, size, 80)
        row = np.where(rng.random((2, 80)) < 0.7, y, (y + 1) % size)
        people = people_of(y, np.arange(80) // 2, size)
        targets.append(Target(predicted=np.stack([row, row[::-1], row]), people=people))
    cross_fit = CrossFit.of_people(np.arange(80) // 2 % 4, np.arange(80) // 2)
    assert choice_variance(targets, cross_fit, num_resamples=200, rng=rng) == 0


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1]])
def test_no_reason_is_found_between_the_same_predictions(sample, order):
    rows, rule = sample.predicted
    evidence = _evidence(sample, rows, rows, (rule, rule))
    for reason in reasons_of_pair(evidence, "a", "b"):
        assert not reason.supported
        assert reason.effect is None or _ends(reason.effect) == (0.0, 0.0, 0.0)
    luck = [training_luck(evidence, [rows[:1]])]
    terms = [(2.0, rows), (-1.0, rows[order]), (-1.0, rows[order[::-1]])]
    assert _ends(contrast_with_luck(evidence, terms, luck)) == (0.0, 0.0, 0.0)
    six = np.concatenate([rows, rows[order]])
    assert _ends(contrast_with_luck(evidence, [(1.0, six), (-1.0, rows)], luck)) == (0, 0, 0)


@pytest.mark.usefixtures("processor")
def test_seeds_in_another_order_support_no_reason(sample):
    rows, rule = sample.predicted
    order = [2, 0, 1]
    evidence = _evidence(sample, rows, rows[order], (rule, rule[order]))
    for reason in reasons_of_pair(evidence, "a", "b"):
        assert not reason.supported
        assert reason.effect is None or reason.effect.value == 0


@pytest.mark.usefixtures("processor")
def test_a_rule_that_changes_one_side_alone_is_all_of_the_contrast(sample):
    rows, rule = sample.predicted
    evidence = _evidence(sample, rows, rows)
    pairs = list(zip(rule, rows, strict=True))
    alone = evidence.contrast_by_seed([[(1.0, r), (-1.0, p)] for r, p in pairs])
    terms = [[(1.0, p), (-1.0, p), (-1.0, p), (1.0, r)] for r, p in pairs]
    beside = evidence.contrast_by_seed(terms)
    assert _ends(beside) == pytest.approx(_ends(alone), rel=1e-9)


@pytest.mark.usefixtures("processor")
def test_an_attribute_predicted_alike_has_no_part_in_a_difference():
    rng = np.random.default_rng(0)
    labels = np.stack([rng.integers(0, size, 120) for size in (2, 3)], axis=1)
    first, second = labels.copy(), labels.copy()
    for classes, rate in ((first, 0.1), (second, 0.4)):
        wrong = rng.random(120) < rate
        classes[wrong, 1] = (classes[wrong, 1] + 1) % 3
    parts = [
        Approach(name=name, predicted=joint_classes(classes, (2, 3))[None])
        for name, classes in (("a", first), ("b", second))
    ]
    people = people_of(joint_classes(labels, (2, 3)), np.arange(120) // 2, 6)
    names = {"gender": ("m", "f"), "age": ("x", "y", "z")}
    evidence = Evidence.of(parts, people, names, num_resamples=100)
    found = {reason.key: reason.effect for reason in attribution(evidence, "a", "b")}
    assert _ends(found["attribution.gender"]) == (0.0, 0.0, 0.0)
    assert _ends(found[f"attribution.{COUPLING}"]) == (0.0, 0.0, 0.0)  # gender is perfect in both
    assert found["attribution.age"].low > 0


@pytest.mark.usefixtures("processor")
def test_controls_that_change_nothing_support_nothing(sample):
    rows = sample.predicted[0]
    evidence = _evidence(sample, rows, rows)
    treatment = Treatment(
        key="k", mechanism="M6", x_name="x", strong="With", plain="without", doing="it favours"
    )
    levels = [Level(x=x, predicted={"a": rows, "b": rows[[1, 2, 0]]}) for x in (0, 1)]
    (reason,) = responses(evidence, levels, treatment)
    assert reason.effect.value == 0
    assert not reason.supported
    same = [Level(x=x, predicted={"a": rows[[0] * 3], "b": rows[[0] * 3]}) for x in (0, 1)]
    (reason,) = responses(evidence, same, treatment)
    assert _ends(reason.effect) == (0.0, 0.0, 0.0)
    alike = np.eye(NUM_CLASSES)[rows[[0] * 6]]
    assert _ends(equal_parameters(evidence, rows, alike, 3).effect) == (0.0, 0.0, 0.0)


@pytest.mark.usefixtures("processor")
def test_a_search_is_not_said_to_flatter_by_rounding(sample):
    row = sample.predicted[0, 0]
    reason = overtuning("a", row, np.stack([row] * 3), sample.people, ATTRIBUTES)
    assert "a difference of +0.000 [+0.000, +0.000]; that the search flattered" in reason.sentence


@pytest.mark.usefixtures("processor")
def test_a_class_predicted_rightly_scores_one_in_every_resample(sample):
    predicted = np.where(sample.y < 9, sample.y, sample.predicted[0, 0])
    predicted = np.where((sample.y >= 9) & (predicted < 9), 9, predicted)
    for score in class_scores(sample.people, predicted, num_resamples=100)[:9]:
        if score.photos:
            assert _ends(score.f1) == (1.0, 1.0, 1.0)
    everything = person_bootstrap_interval(people_of(sample.y % 3, sample.g, 3), sample.y % 3)
    assert _ends(everything) == (1.0, 1.0, 1.0)
    promised = forecast_score(people_of([0, 1] * 60, np.arange(120) // 2, 2), [0, 1] * 60, 9)
    assert _ends(promised) == (1.0, 1.0, 1.0)


@pytest.mark.usefixtures("processor")
def test_the_same_classes_change_no_expected_score(sample):
    rng = np.random.default_rng(0)
    known = Labelled(
        people=sample.people, probs=rng.dirichlet(np.ones(NUM_CLASSES), len(sample.y))
    )
    row = sample.predicted[0, 0]
    found = expected_change_unlabelled(known, row, row, 0.0, 30, num_draws=200)
    assert _ends(found) == (0.0, 0.0, 0.0)


@pytest.mark.usefixtures("processor")
def test_an_ensemble_that_predicts_as_its_baseline_gains_exactly_nothing(sample):
    one, two = sample.predicted[:, 0]
    scores = PairedScores(people=sample.people, num_resamples=100, seed=0)
    baselines = [
        Baseline(name=name, predicted=p, members=()) for name, p in (("b", two), ("a", one))
    ]
    other, same = scores.gains(one, baselines)
    assert _ends(same.difference) == (0.0, 0.0, 0.0)
    assert same.p_greater == 0.5
    assert other.difference.value != 0


def test_draws_that_equal_the_score_but_for_rounding_count_as_equal():
    rng = np.random.default_rng(0)
    draws = np.where(rng.random(500) < 0.5, 0.5, rng.uniform(0.3, 0.6, 500))
    plain = interval_of_draws(0.5, draws, 20)
    moved = interval_of_draws(0.5, _moved(draws), 20)
    assert _ends(moved) == pytest.approx(_ends(plain), abs=1e-12)

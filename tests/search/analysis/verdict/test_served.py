from dataclasses import replace

import numpy as np
import pytest

from search.analysis.metrics import macro_f1
from search.analysis.uncertainty.score_sheet import score_sheet
from search.analysis.verdict import served
from search.analysis.verdict.served import deployed, equal_networks
from tests.search.builders.fold_models import CLASSES, refit_of


def _refit(**changes):
    return refit_of(
        np.random.default_rng(0), **{"num_seeds": 6, "networks": (3, 1), "luck": 1.0, **changes}
    )


def _sheet(refit):
    return score_sheet([part.predicted for part in refit.approaches], refit.people)


def _deployed(refit, fixed_models=False):
    (found,) = deployed(refit.approaches, refit.people, _sheet(refit), fixed_models=fixed_models)
    return found


def _equal(refit, fixed_models=False):
    (found,) = equal_networks(
        refit.approaches, refit.people, _sheet(refit), fixed_models=fixed_models
    )
    return found


def test_deployed_is_the_difference_of_the_averaged_predictions():
    refit = _refit()
    score = [macro_f1(refit.people.label, part.ensemble, CLASSES) for part in refit.approaches]
    assert _deployed(refit).value == pytest.approx(score[0] - score[1])


def test_the_luck_of_training_widens_what_is_deployed():
    refit = _refit()
    single, fixed = _sheet(refit).pair(0, 1, fixed_models=False), _deployed(refit, True)
    free = _deployed(refit)
    assert single.training_excess > 0
    assert free.value == fixed.value
    assert free.high - free.low > fixed.high - fixed.low
    lucky = tuple(replace(part, choice_variance=0.001) for part in refit.approaches)
    chosen = _deployed(replace(refit, approaches=lucky))
    assert chosen.high - chosen.low > free.high - free.low


def test_nothing_is_deployed_on_average_with_one_seed_or_without_probabilities():
    refit = _refit(num_seeds=1)
    assert _deployed(refit) is None
    assert _deployed(refit, True) is None
    refit = _refit()
    bare = replace(refit.approaches[0], ensemble=None)
    assert _deployed(replace(refit, approaches=(bare, refit.approaches[1]))) is None


def test_of_an_approach_that_trained_on_no_more_seeds_are_averaged_than_of_the_other():
    refit = _refit()
    first, second = refit.approaches
    fewer = replace(first, predicted=first.predicted[:2], probs=first.probs[:2])
    fewer = replace(fewer, ensemble=fewer.probs.mean(axis=0).argmax(axis=-1))
    scores = [
        macro_f1(refit.people.label, part.probs[:2].mean(axis=0).argmax(axis=-1), CLASSES)
        for part in (first, second)
    ]
    mixed = replace(refit, approaches=(fewer, second))
    assert _deployed(mixed).value == pytest.approx(scores[0] - scores[1])
    one = replace(first, predicted=first.predicted[:1], probs=first.probs[:1], ensemble=None)
    alone = replace(refit, approaches=(one, second))
    assert (_deployed(alone), _deployed(alone, True)) == (None, None)  # nothing is averaged


def test_at_equal_networks_single_seeds_stand_against_averages_of_other_seeds():
    refit = _refit()
    many, few = refit.approaches
    label = refit.people.label
    single = np.mean([macro_f1(label, row, CLASSES) for row in many.predicted])
    groups = [few.probs[:3].mean(axis=0), few.probs[3:].mean(axis=0)]
    averaged = np.mean([macro_f1(label, group.argmax(axis=-1), CLASSES) for group in groups])
    found = _equal(refit)
    assert found.difference.value == pytest.approx(single - averaged)
    assert (found.averaged, found.seeds, found.averages) == ("1", 3, 2)
    turned = _equal(replace(refit, approaches=(few, many)))
    assert turned.difference.value == pytest.approx(averaged - single)
    assert turned.averaged == "1"
    assert found.negated().difference.value == pytest.approx(turned.difference.value)


def test_seeds_that_fill_no_average_are_left_out():
    refit = _refit(num_seeds=5)
    few = refit.approaches[1]
    cut = replace(refit, approaches=(refit.approaches[0], replace(few, probs=few.probs)))
    found = _equal(cut)
    assert found.averages == 1
    first = few.probs[:3].mean(axis=0).argmax(axis=-1)
    label = refit.people.label
    single = np.mean([macro_f1(label, row, CLASSES) for row in refit.approaches[0].predicted])
    assert found.difference.value == pytest.approx(single - macro_f1(label, first, CLASSES))


@pytest.mark.parametrize(
    "changes",
    [
        {"networks": (2, 2)},
        {"networks": (3, 2)},  # 3 // 2 seeds are one: nothing to average
        {"num_seeds": 2},
    ],
)
def test_there_is_no_statement_where_nothing_can_be_averaged(changes):
    assert _equal(_refit(**changes)) is None


def test_averages_need_probabilities_and_luck_needs_two_seeds():
    refit = _refit()
    bare = replace(refit.approaches[1], probs=None)
    assert _equal(replace(refit, approaches=(refit.approaches[0], bare))) is None
    one = replace(
        refit.approaches[0],
        predicted=refit.approaches[0].predicted[:1],
        probs=refit.approaches[0].probs[:1],
        ensemble=None,
    )
    mixed = replace(refit, approaches=(one, refit.approaches[1]))
    assert _equal(mixed) is None
    assert _equal(mixed, True) is not None


def test_the_luck_of_single_seeds_widens_equal_networks():
    refit = _refit()
    free, fixed = _equal(refit).difference, _equal(refit, True).difference
    assert free.high - free.low > fixed.high - fixed.low


def test_predictions_of_fewer_seeds_have_more_of_the_luck_of_training():
    """Six seeds say how far two trainings differ; a mean over two of them has three times that."""
    refit = _refit(luck=3.0)
    single = _sheet(refit).pair(0, 1, fixed_models=False)
    whole, few = single.training
    scaled = served._of_fewer(few, 2)
    assert scaled.variance == pytest.approx(3 * few.variance)
    assert scaled.interaction == pytest.approx(3 * few.interaction)
    assert scaled.degrees == few.degrees  # known as well as before
    assert served._of_fewer(whole, whole.num_seeds) == whole
    first, second = refit.approaches
    fewer = replace(first, predicted=first.predicted[:2], probs=first.probs[:2])
    fewer = replace(fewer, ensemble=fewer.probs.mean(axis=0).argmax(axis=-1))
    mixed = replace(refit, approaches=(fewer, second))
    fixed, free = _deployed(mixed, True), _deployed(mixed)
    assert free.high - free.low > 1.02 * (fixed.high - fixed.low)

from dataclasses import replace

import numpy as np
import pytest

from search.analysis.approaches.approach import Approach
from search.analysis.metrics import macro_f1
from search.analysis.people import People
from search.analysis.verdict.baselines import baselines_of
from search.analysis.verdict.judging import judge
from search.analysis.verdict.rules import (
    Rules,
)
from tests.search.builders.fold_models import refit_of

QUICK = Rules(num_resamples=400)


def _people(label, fold=None):
    label = np.asarray(label)
    fold = None if fold is None else np.asarray(fold)
    return People(label=label, person=np.arange(len(label)), num_classes=3, fold=fold)


def _values(people):
    return {baseline.name: baseline.value for baseline in baselines_of(people)}


def test_without_folds_the_majority_is_that_of_all():
    label = [0, 0, 0, 1, 1, 2]
    assert _values(_people(label))["majority"] == pytest.approx(macro_f1(label, [0] * 6, 3))


@pytest.mark.parametrize(
    ("fold", "guesses"),
    [
        ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]),
        ([0, 1, 1, 0, 2, 2], [0, 1, 1, 0, 0, 0]),
        ([0, 0, 1, 1, 1, 1], [1, 1, 0, 0, 0, 0]),
    ],
)
def test_the_majority_of_a_fold_is_that_of_the_other_folds(fold, guesses):
    label = [0, 0, 0, 1, 1, 2]
    assert _values(_people(label, fold))["majority"] == pytest.approx(macro_f1(label, guesses, 3))


def test_guessing_by_shares_scores_one_over_the_number_of_classes():
    assert _values(_people([0, 0, 0, 1, 1, 2]))["prior"] == pytest.approx(1 / 3)
    assert _values(_people([0, 0, 0, 1, 1, 1]))["prior"] == pytest.approx(2 / 3 / 2)


def test_guessing_by_shares_is_what_many_guesses_score_on_average():
    rng = np.random.default_rng(0)
    label, fold = rng.choice(3, 600, p=[0.6, 0.3, 0.1]), np.arange(600) % 3
    guesses = np.empty((400, 600), dtype=np.int64)
    for number in range(3):
        shares = np.bincount(label[fold != number], minlength=3) / (fold != number).sum()
        guesses[:, fold == number] = rng.choice(3, (400, int((fold == number).sum())), p=shares)
    mean = np.mean([macro_f1(label, row, 3) for row in guesses])
    assert _values(_people(label, fold))["prior"] == pytest.approx(mean, abs=0.003)


def test_approaches_that_guess_mean_nothing_and_give_no_reasons():
    rng = np.random.default_rng(0)
    refit = refit_of(rng, num_people=80)
    assert not judge(refit.approaches, refit.people, rules=QUICK).means_nothing
    guesses = [
        Approach(name=name, predicted=rng.integers(0, 4, (2, len(refit.people)))) for name in "ab"
    ]
    verdict = judge(guesses, refit.people, rules=QUICK)
    assert verdict.means_nothing
    # One that is better than guessing is enough.
    better = [guesses[0], replace(refit.approaches[0], probs=None, ensemble=None)]
    verdict = judge(better, refit.people, rules=QUICK, attributes={"first": 2, "second": 2})
    assert not verdict.means_nothing
    assert verdict.pairs[0].winner == "0"
    assert verdict.gives_reasons(verdict.pairs[0])
    assert verdict.pairs[0].statements.attributes


def test_a_pair_of_guesses_that_differ_gives_no_reasons():
    """A win between two approaches that are both below guessing explains nothing."""
    refit = refit_of(np.random.default_rng(0), num_people=80)
    label = refit.people.label
    wrong = (label + 1) % 4
    rng = np.random.default_rng(1)
    half = np.where(rng.random((2, len(label))) < 0.2, label, wrong)
    parts = [
        Approach(name="wrong", predicted=np.stack([wrong] * 2)),
        Approach(name="half", predicted=half),
    ]
    verdict = judge(parts, refit.people, rules=QUICK, attributes={"first": 2, "second": 2})
    assert verdict.pairs[0].winner == "half"
    assert verdict.means_nothing
    assert not verdict.gives_reasons(verdict.pairs[0])
    assert verdict.pairs[0].statements.attributes == ()

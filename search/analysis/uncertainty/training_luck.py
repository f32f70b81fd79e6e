"""The luck of training: how far the score of an approach depends on its seeds.

Notation:
    P people, S seeds of an approach, F folds, H strata of people.
    effects: float [S, P], x_si, what person i adds to the score of seed s to first order, with one
    gradient for all seeds (that at their mean counts).

The variance of the mean score over seeds has two parts that must not be added to that over people
as they stand, for the people's own share of it would count twice:

    interaction  I = sum_s W(x_s - mean_s x) / (S (S - 1)): what the seeds do to single people. It
                 is part of the variance of the mean over people already;
    variance     B, all of the luck of the mean over seeds. In a refit every fold has a model of
                 its own, so F x S trainings tell of it: T_fs = sum of x_si over the people of fold
                 f, B = sum_f var_s(T_fs) / S, with (S - 1) (sum_f v_f)^2 / sum_f v_f^2 degrees of
                 freedom. Without folds B = var_s(score) / S with S - 1.

What training adds to the people's luck is B - I. The folds' models must have been trained
independently: where one lucky draw moves all folds of a seed, B by folds is far too small.
`benchmarks/verdict_simulation.py` holds both rules against the truth.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from search.analysis.exact import ROUNDING, variance, variance_of_mean
from search.analysis.metrics import Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingLuck:
    """The luck of the mean score over S seeds, in squared units of the score.

    Attributes:
        variance: B.
        interaction: I.
        num_seeds: S; with a single one nothing is known, and both are 0. 0 where the models are
            taken as they are, and their training is no part of the question.
        folds: the number of folds that B rests on in effect, (sum_f v_f)^2 / sum_f v_f^2; None
            where it rests on the scores of whole seeds.
    """

    variance: float = 0.0
    interaction: float = 0.0
    num_seeds: int = 1
    folds: float | None = None

    @property
    def degrees(self) -> float:
        """Degrees of freedom of B.

        By whole seeds S - 1, but half a degree for two: with one, Satterthwaite's sum is too sure
        of itself where training luck outweighs the people.
        """
        if self.folds is not None:
            return max(1, self.num_seeds - 1) * self.folds
        return self.num_seeds - 1.0 if self.num_seeds > 2 else 0.5

    def planned(self, excess: float, *, people: float, seeds: int) -> Self:
        """Returns the luck to expect of more people and of more seeds.

        Args:
            excess: of B over I that is this side's.
            people: times as many.
            seeds: S then.
        """
        share = self.num_seeds / seeds if seeds else 1.0
        interaction = self.interaction * share / people
        return replace(
            self,
            interaction=interaction,
            variance=interaction + excess * share,
            num_seeds=seeds,
        )


def training_luck(
    effects: Floats, scores: Floats, strata: Ints, fold: Ints | None = None
) -> TrainingLuck:
    """Returns the luck of the mean of an approach's scores over its seeds.

    Args:
        effects: float [S, P].
        scores: float [S] of the seeds.
        strata: int [P] from `person_strata`.
        fold: int [P], of every person; None where the models of a seed were not trained one by
            one.
    """
    num_seeds = len(effects)
    if num_seeds < 2:
        return TrainingLuck(num_seeds=num_seeds)
    # The mean of equal effects may round: seeds that do not differ are no luck.
    differ = np.ptp(effects, axis=0) > ROUNDING * np.abs(effects).max(initial=0.0)
    apart = variance_over_people(np.where(differ, effects - effects.mean(axis=0), 0.0), strata)
    interaction = float(apart.sum()) / (num_seeds * (num_seeds - 1))
    if fold is None:
        found = variance_of_mean(scores)
        return TrainingLuck(variance=found, interaction=interaction, num_seeds=num_seeds)
    totals: Floats = np.stack([np.bincount(fold, effect) for effect in effects]).astype(float)
    return luck_of_folds(totals, interaction)


def luck_of_folds(totals: Floats, interaction: float) -> TrainingLuck:
    """Returns the luck of a mean over seeds whose folds were trained one by one.

    Args:
        totals: float [S, F], what every fold of every seed adds to the score, S >= 2.
        interaction: I.
    """
    num_seeds = len(totals)
    by_fold = variance(totals, axis=0)
    total, squares = float(by_fold.sum()), float((by_fold**2).sum())
    return TrainingLuck(
        variance=total / num_seeds,
        interaction=interaction,
        num_seeds=num_seeds,
        folds=total**2 / squares if squares > 0 else float(len(by_fold)),
    )


def apart_from_stratum(effect: Floats, strata: Ints) -> Floats:
    """Returns how far every person is from the mean of the own stratum, float [..., P]."""
    sizes = np.bincount(strata)
    sums = np.stack([np.bincount(strata, row) for row in np.atleast_2d(effect)])
    apart: Floats = effect - (sums / sizes)[:, strata].reshape(effect.shape)
    # The mean of equal effects may round: that is no spread.
    apart[np.abs(apart) <= ROUNDING * np.abs(effect).max(initial=0.0)] = 0.0
    return apart


def variance_over_people(effect: Floats, strata: Ints) -> Floats:
    """Returns the variance over people of a sum of effects, float [...].

    W(z) = sum_h n_h / (n_h - 1) sum_(i in h) (z_i - mean_h z)^2, which resampling the people of
    every stratum gives in the limit of many resamples.

    Args:
        effect: float [..., P].
        strata: int [P] from `person_strata`.
    """
    sizes = np.bincount(strata)
    spread: Floats = apart_from_stratum(effect, strata) ** 2 @ (sizes / (sizes - 1))[strata]
    return spread

"""Scores and differences of scores with their uncertainty over people and over training seeds.

Notation:
    N samples, C classes, P people, S seeds of an approach, K = all seeds of all approaches, B
    resamples. predicted: int [S, N]; counts: float [K, P, 3, C]; draws: float [B, K].

Sources of luck of a difference, each counted once:

    people    variance of the difference over people, the same people for both sides, from what
              every person adds to it to first order, with the degrees of freedom of the strata
              (`people_degrees`); at least what training does to single people, a part of it;
    choice    what the choice of configs adds to it (`search.analysis.approaches.choice_luck`);
    training  what the seeds add to both (`search.analysis.uncertainty.training_luck`);
    search    what the configs found add to both, added by whoever knows the finalists
              (`search.analysis.uncertainty.search_luck`).

Where both sides hold the same predictions, seeds in any order, all are 0 by the counts of people,
which are whole numbers: only what choices add is left.

The sum is judged by Student's t with the degrees of freedom of Satterthwaite (1946). A single
score is judged by resamples of the people, to whose variance that of the scores over seeds is
added.
`benchmarks/verdict_simulation.py` counts the false winners of this rule and of simpler ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from search.analysis.errors import AnalysisError
from search.analysis.exact import ROUNDING, first_equals, variance_of_mean
from search.analysis.metrics import Floats, Ints, macro_f1_gradient, macro_f1_of_counts
from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import (
    effects_of,
    people_degrees,
    resample_macro_f1,
)
from search.analysis.uncertainty.difference import NO_LUCK, PairEstimate
from search.analysis.uncertainty.interval import Interval, interval_of_draws
from search.analysis.uncertainty.training_luck import (
    TrainingLuck,
    training_luck,
    variance_over_people,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreSheet:
    """Scores of several approaches on the same people, and the same resamples of them.

    `scores` float [K], `draws` float [B, K] (B = 0 where only differences are asked for),
    `effects` float [K, P] (influence of each person, with one gradient for all seeds of an
    approach), `counts` float [K, P, 3, C], by which predictions are told apart (a score of another
    kind has other axes after P); `slices` say which of the K belong to each approach,
    `choice_variances` what choosing its configs adds to the variance of its mean score.
    """

    slices: tuple[slice, ...]
    scores: Floats
    draws: Floats
    effects: Floats
    counts: Floats
    strata: Ints
    fold: Ints | None
    choice_variances: tuple[float, ...]

    @property
    def num_people(self) -> int:
        """P."""
        return len(self.strata)

    def num_seeds(self, approach: int) -> int:
        """S of an approach."""
        cut = self.slices[approach]
        return len(self.scores[cut])

    def seed_variance(self, approach: int) -> float:
        """Variance of the approach's mean score over its seeds; 0 with a single seed."""
        return variance_of_mean(self.scores[self.slices[approach]])

    def same_predictions(self, a: int, b: int) -> bool:
        """Whether nobody tells `a` from `b`: the same counts of all people in as many seeds."""
        # Equal counts have equal scores: most pairs need no look at the counts of all people.
        best, other = (self.scores[self.slices[place]].max() for place in (a, b))
        if abs(best - other) > ROUNDING:
            return False
        one, two = self.counts[self.slices[a]], self.counts[self.slices[b]]
        which = first_equals([*one, *two])
        of_one, of_two = np.split(which, [len(one)])
        size = len(which)
        balance = np.bincount(of_one, minlength=size) * len(two)
        balance -= np.bincount(of_two, minlength=size) * len(one)
        return not balance.any()

    def seeds_are_paired(self, a: int, b: int) -> bool:
        """Whether seed s of `a` and seed s of `b` are the same models in the main.

        Approaches trained apart differ as much at equal seeds as at unequal ones. Where they share
        models (two choices of one attribute's config) they differ far less at equal seeds, and the
        luck they share must not count. Judged by the predictions, not by the scores.
        """
        one, two = self.counts[self.slices[a]], self.counts[self.slices[b]]
        if len(one) != len(two) or len(one) < 2:
            return False
        left, right = (rows.reshape(len(rows), -1) for rows in (one, two))
        sizes = [np.einsum("sm,sm->s", rows, rows) for rows in (left, right)]
        apart = sizes[0][:, None] + sizes[1] - 2 * left @ right.T  # squared distances
        equal = float(np.trace(apart))
        return equal < 0.5 * float(apart.sum() - equal) / (len(one) - 1)

    def score(self, approach: int, *, fixed_models: bool, rng: np.random.Generator) -> Interval:
        """Returns the mean score over seeds and its interval over people and seeds.

        Args:
            approach: its position.
            fixed_models: whether the training seeds are no part of the question.
            rng: source of the draws of training luck.
        """
        cut = self.slices[approach]
        value, draws = float(self.scores[cut].mean()), self.draws[:, cut].mean(axis=1)
        luck = self.choice_variances[approach]
        people = float(draws.var(ddof=1)) + luck
        degrees = people_degrees(self.effects[cut].mean(axis=0), self.strata)
        seeds = 0.0 if fixed_models else self.seed_variance(approach)
        if seeds > 0:
            luck_of_seeds = TrainingLuck(num_seeds=self.num_seeds(approach))
            spread = people**2 / degrees + seeds**2 / luck_of_seeds.degrees
            degrees = min(degrees, (people + seeds) ** 2 / spread)
        if luck + seeds > 0:
            draws = draws + rng.normal(0.0, (luck + seeds) ** 0.5, len(draws))
        found = interval_of_draws(value, draws, degrees)
        return Interval(value=value, low=max(0.0, found.low), high=min(1.0, found.high))

    def averaged_score(self, averaged: int, seeds: int, *, fixed_models: bool) -> Interval:
        """Returns the score of predictions averaged over seeds, as they would be deployed.

        Another training would move them about as it moves the mean of the single scores, so what
        training adds to that is added here.

        Args:
            averaged: position of the averaged predictions.
            seeds: position of the single ones.
            fixed_models: whether the training seeds are no part of the question.
        """
        effect = self.effects[self.slices[averaged]][0]
        luck = NO_LUCK if fixed_models else self.training_luck(seeds)
        found = PairEstimate(
            difference=float(self.scores[self.slices[averaged]][0]),
            people_variance=float(variance_over_people(effect, self.strata)),
            people_degrees=people_degrees(effect, self.strata),
            choice_variance=self.choice_variances[seeds],
            training=(luck, NO_LUCK),
            num_differing=self.num_people,
        ).interval
        return Interval(value=found.value, low=max(0.0, found.low), high=min(1.0, found.high))

    def gain_difference(
        self, before: tuple[int, int], after: tuple[int, int], *, fixed_models: bool
    ) -> PairEstimate:
        """Returns by how much more one approach gains than another, seed by seed.

        Args:
            before: positions of the two, with as many seeds as after.
            after: their positions with what they gain by.
            fixed_models: whether the training seeds are no part of the question.
        """
        gains = [
            (
                self.scores[self.slices[late]] - self.scores[self.slices[early]],
                self.effects[self.slices[late]] - self.effects[self.slices[early]],
            )
            for early, late in zip(before, after, strict=True)
        ]
        (one, effects_one), (two, effects_two) = gains
        effect = effects_one.mean(axis=0) - effects_two.mean(axis=0)
        training = (NO_LUCK, NO_LUCK)
        if not fixed_models:
            first, second = (training_luck(x, gain, self.strata) for gain, x in gains)
            training = (first, second)
        return PairEstimate(
            difference=float(one.mean() - two.mean()),
            people_variance=float(variance_over_people(effect, self.strata)),
            people_degrees=people_degrees(effect, self.strata),
            training=training,
            num_differing=self.num_people,
        )

    def training_luck(self, approach: int, *, by_fold: bool = True) -> TrainingLuck:
        """Returns the luck of the mean score of an approach over its seeds.

        Args:
            approach: its position.
            by_fold: whether every fold of a seed was trained on its own; known of plain
                predictions only, and only where the people have folds.
        """
        cut = self.slices[approach]
        fold = self.fold if by_fold else None
        return training_luck(self.effects[cut], self.scores[cut], self.strata, fold)

    def pair(self, a: int, b: int, *, fixed_models: bool, by_fold: bool = True) -> PairEstimate:
        """Returns the difference of the mean scores of the approaches at positions `a` and `b`.

        Args:
            a: position of the first.
            b: position of the second.
            fixed_models: whether the training seeds are no part of the question.
            by_fold: as in `training_luck`.
        """
        one, two = self.slices[a], self.slices[b]
        choice = self.choice_variances[a] + self.choice_variances[b]
        if self.same_predictions(a, b):
            nobody = np.zeros(self.num_people)
            nums = (0, 0) if fixed_models else (self.num_seeds(a), self.num_seeds(b))
            return PairEstimate(
                difference=0.0,
                people_variance=0.0,
                people_degrees=people_degrees(nobody, self.strata),
                choice_variance=choice,
                training=(TrainingLuck(num_seeds=nums[0]), TrainingLuck(num_seeds=nums[1])),
                num_differing=0,
            )
        if fixed_models:
            training = (NO_LUCK, NO_LUCK)
        elif self.seeds_are_paired(a, b):
            gap = self.effects[one] - self.effects[two]
            gaps = self.scores[one] - self.scores[two]
            paired = training_luck(gap, gaps, self.strata, self.fold if by_fold else None)
            training = (paired, TrainingLuck(num_seeds=paired.num_seeds))
        else:
            training = (
                self.training_luck(a, by_fold=by_fold),
                self.training_luck(b, by_fold=by_fold),
            )
        effect = self.effects[one].mean(axis=0) - self.effects[two].mean(axis=0)
        gap = self.counts[one].mean(axis=0) - self.counts[two].mean(axis=0)
        return PairEstimate(
            difference=float(self.scores[one].mean() - self.scores[two].mean()),
            people_variance=float(variance_over_people(effect, self.strata)),
            people_degrees=people_degrees(effect, self.strata),
            choice_variance=choice,
            training=training,
            num_differing=int(np.any(gap != 0, axis=(1, 2)).sum()),
        )


def score_sheet(
    predicted: Sequence[Ints],
    people: People,
    *,
    num_resamples: int = 0,
    rng: np.random.Generator | None = None,
    choice_variances: Sequence[float] | None = None,
) -> ScoreSheet:
    """Returns the scores of approaches on the same people, resampled together.

    Args:
        predicted: one int [S, N] per approach; S may differ between approaches.
        people: labels and people; at least two people.
        num_resamples: B; 0 where only differences are asked for, which need none.
        rng: source of the resamples.
        choice_variances: one per approach; 0 if None.

    Raises:
        AnalysisError: fewer than two people, or classes and lengths that do not fit.
    """
    if people.num_people < 2:
        raise AnalysisError(
            f"a comparison needs at least 2 people, got {people.num_people}; add data"
        )
    stops = np.cumsum([0, *(len(part) for part in predicted)]).tolist()
    counts = np.concatenate([people.counts(part) for part in predicted])
    slices = tuple(slice(low, high) for low, high in pairwise(stops))
    draws = np.empty((0, len(counts)))
    if num_resamples and rng is not None:
        draws = resample_macro_f1(people, counts, num_resamples, rng)
    return ScoreSheet(
        slices=slices,
        scores=macro_f1_of_counts(counts.sum(axis=1)),
        draws=draws,
        effects=np.concatenate([_effects(counts[cut]) for cut in slices]),
        counts=counts,
        strata=people.strata,
        fold=people.fold_of_person,
        choice_variances=tuple(choice_variances or [0.0] * len(predicted)),
    )


def _effects(counts: Floats) -> Floats:
    """Returns what every person adds to the score of every seed, float [S, P].

    All seeds are taken to first order at their mean counts, or their influences would differ by
    the place they are taken at.
    """
    gradient = macro_f1_gradient(counts.mean(axis=0).sum(axis=0))
    return effects_of(counts, gradient)

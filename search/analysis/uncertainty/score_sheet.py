"""Scores and differences of scores with their uncertainty over people and over training seeds.

Notation:
    N samples, C classes, P people, S seeds of an approach, K = all seeds of all approaches, B
    resamples. predicted: int [S, N]; counts: float [K, P, 3, C]; draws: float [B, K].

Sources of luck are added up, because drawing from the two or three seeds of a run would understate
their luck by (S - 1) / S and take so few values for a normal distribution:

    people   variance of the difference over resampled people, the same people for both sides,
             with the degrees of freedom of the strata (`people_degrees`);
    choice   what the choice of configs adds to it (`search.analysis.approaches.choice_luck`);
    seeds    sample variance of the scores of an approach over its seeds, divided by S, with the
             degrees of freedom of `seed_degrees`. It also holds the seeds' own share of the luck
             over people, which is thereby counted twice: intervals too wide where seeds hardly
             matter, never too narrow.

Where both sides hold the same predictions, seeds in any order, the three are 0 by the counts of
people, which are whole numbers: only what choices add is left.

The sum is judged by Student's t with the degrees of freedom of Satterthwaite (1946).
`benchmarks/verdict_simulation.py` counts the false winners of this rule and of simpler ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from search.analysis.errors import AnalysisError
from search.analysis.exact import first_equals, variance_of_mean
from search.analysis.metrics import Floats, Ints, macro_f1_of_counts
from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import influence, people_degrees, resample_macro_f1
from search.analysis.uncertainty.difference import PairEstimate, seed_degrees
from search.analysis.uncertainty.interval import Interval, interval_of_draws


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreSheet:
    """Scores of several approaches on the same people, and the same resamples of them.

    `scores` float [K], `draws` float [B, K], `effects` float [K, P] (influence of each person),
    `counts` float [K, P, 3, C]; `slices` say which of the K belong to each approach,
    `choice_variances` what choosing its configs adds to the variance of its mean score.
    """

    slices: tuple[slice, ...]
    scores: Floats
    draws: Floats
    effects: Floats
    counts: Floats
    strata: Ints
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
        apart = np.array([[np.abs(left - right).sum() for right in two] for left in one])
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
            spread = people**2 / degrees + seeds**2 / seed_degrees(self.num_seeds(approach))
            degrees = min(degrees, (people + seeds) ** 2 / spread)
        if luck + seeds > 0:
            draws = draws + rng.normal(0.0, (luck + seeds) ** 0.5, len(draws))
        found = interval_of_draws(value, draws, degrees)
        return Interval(value=value, low=max(0.0, found.low), high=min(1.0, found.high))

    def pair(self, a: int, b: int, *, fixed_models: bool) -> PairEstimate:
        """Returns the difference of the mean scores of the approaches at positions `a` and `b`."""
        one, two = self.slices[a], self.slices[b]
        sizes = (self.num_seeds(a), self.num_seeds(b))
        luck = self.choice_variances[a] + self.choice_variances[b]
        if self.same_predictions(a, b):
            nobody = people_degrees(np.zeros(self.num_people), self.strata)
            return PairEstimate(
                difference=0.0,
                people_variance=luck,
                people_degrees=nobody,
                num_seeds=sizes,
                num_differing=0,
            )
        if fixed_models:
            seeds = (0.0, 0.0)
        elif self.seeds_are_paired(a, b):
            seeds = (variance_of_mean(self.scores[one] - self.scores[two]), 0.0)
        else:
            seeds = (self.seed_variance(a), self.seed_variance(b))
        draws = self.draws[:, one].mean(axis=1) - self.draws[:, two].mean(axis=1)
        effect = self.effects[one].mean(axis=0) - self.effects[two].mean(axis=0)
        gap = self.counts[one].mean(axis=0) - self.counts[two].mean(axis=0)
        return PairEstimate(
            difference=float(self.scores[one].mean() - self.scores[two].mean()),
            people_variance=float(draws.var(ddof=1)) + luck,
            people_degrees=people_degrees(effect, self.strata),
            seed_variances=seeds,
            num_seeds=sizes,
            num_differing=int(np.any(gap != 0, axis=(1, 2)).sum()),
        )


def score_sheet(
    predicted: Sequence[Ints],
    people: People,
    *,
    num_resamples: int,
    rng: np.random.Generator,
    choice_variances: Sequence[float] | None = None,
) -> ScoreSheet:
    """Returns the scores of approaches on the same people, resampled together.

    Args:
        predicted: one int [S, N] per approach; S may differ between approaches.
        people: labels and people; at least two people.
        num_resamples: B >= 2.
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
    return ScoreSheet(
        slices=tuple(slice(low, high) for low, high in pairwise(stops)),
        scores=macro_f1_of_counts(counts.sum(axis=1)),
        draws=resample_macro_f1(people, counts, num_resamples, rng),
        effects=influence(counts),
        counts=counts,
        strata=people.strata,
        choice_variances=tuple(choice_variances or [0.0] * len(predicted)),
    )

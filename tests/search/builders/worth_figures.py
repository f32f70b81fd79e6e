"""What repeated searches of a method come to on people whom no search saw.

Notation:
    S searches of a method, R trainings of every choice with the same seeds for all, N photos and P
    people who test, C classes. predicted: int [S, R, N].
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from search.analysis.metrics import Floats, Ints, macro_f1_gradient, macro_f1_of_counts
from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import effects_of, people_degrees
from search.analysis.uncertainty.difference import NO_LUCK, PairEstimate
from search.analysis.uncertainty.training_luck import training_luck, variance_over_people


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """The choices of a method's searches on the people who test.

    Attributes:
        people: who test.
        scores: macro-F1, float [S, R].
        effects: what every person adds to it to first order, float [S, R, P].
        counts: of the mean over searches and trainings, float [P, 3, C].
    """

    people: People
    scores: Floats
    effects: Floats
    counts: Floats

    @classmethod
    def of(cls, people: People, predicted: Ints) -> "Judged":
        """Scores the predictions [S, R, N]."""
        counts = people.counts(predicted)
        mean = counts.mean(axis=(0, 1))
        effects = effects_of(counts, macro_f1_gradient(mean.sum(axis=0)))
        scores = macro_f1_of_counts(counts.sum(axis=-3))
        return cls(people=people, scores=scores, effects=effects, counts=mean)

    @property
    def of_searches(self) -> Floats:
        """The mean score over trainings of every search, float [S]."""
        return np.asarray(self.scores.mean(axis=1))

    def minus(self, other: "Judged") -> PairEstimate:
        """Returns the mean difference from another method's searches with the same seeds.

        Its luck is that of the people, who are the same for both, and that of searches and
        trainings together, as the differences of single searches show it; of one search nothing
        is known of the latter.
        """
        gaps = self.of_searches - other.of_searches
        apart = self.effects.mean(axis=1) - other.effects.mean(axis=1)
        strata = self.people.strata
        effect = apart.mean(axis=0)
        differing = np.any(self.counts != other.counts, axis=(1, 2))
        return PairEstimate(
            difference=float(gaps.mean()),
            people_variance=float(variance_over_people(effect, strata)),
            people_degrees=people_degrees(effect, strata),
            training=(training_luck(apart, gaps, strata), NO_LUCK),
            num_differing=int(differing.sum()),
        )

    def minus_default(self, default: "Judged", others: int) -> PairEstimate:
        """Returns the mean difference from the default config, trained once for all searches.

        Args:
            default: with S = 1.
            others: number of searches that chose another config: in the rest the luck of the
                default's training is on both sides.
        """
        repeated = len(self.scores)
        same = replace(
            default,
            scores=np.repeat(default.scores, repeated, axis=0),
            effects=np.repeat(default.effects, repeated, axis=0),
        )
        found = self.minus(same)
        luck = training_luck(default.effects[0], default.scores[0], self.people.strata)
        share = (others / repeated) ** 2
        side = replace(luck, variance=luck.variance * share, interaction=luck.interaction * share)
        return replace(found, training=(found.training[0], side if others else NO_LUCK))


def time_until(curve: Sequence[tuple[float, float]], score: float) -> float:
    """Returns when the choice of a search first had a validation score; infinite where never.

    Args:
        curve: steps (seconds, validation score of the choice from then on).
        score: that is wanted.
    """
    return next((moment for moment, value in curve if value >= score), math.inf)


def num_below(scores: Floats, default: float) -> int:
    """Returns how many searches [S] chose a config that scores less than the default's."""
    return int((np.asarray(scores) < default).sum())

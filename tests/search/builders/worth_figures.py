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

    def minus(
        self, other: "Judged", default: "Judged | None" = None, weight: float = 0.0
    ) -> PairEstimate:
        """Returns the mean difference from another method's searches with the same seeds.

        Its luck is that of the people, who are the same for both, and that of searches and
        trainings together, as the differences of single searches show it. Of one search nothing
        is known but the luck of its trainings. All searches that chose the default config share
        its trainings, whose luck no difference between searches shows.

        Args:
            other: with as many searches.
            default: the default config, with S = 1.
            weight: share of the own searches that chose it, minus that of the other's.
        """
        gaps = self.of_searches - other.of_searches
        apart = self.effects.mean(axis=1) - other.effects.mean(axis=1)
        strata = self.people.strata
        effect = apart.mean(axis=0)
        differing = np.any(self.counts != other.counts, axis=(1, 2))
        training = (training_luck(apart, gaps, strata), NO_LUCK)
        if len(gaps) == 1 and differing.any():
            first, second = (
                training_luck(side.effects[0], side.scores[0], strata) for side in (self, other)
            )
            training = (first, second)
        elif default is not None and weight and len(gaps) > 1:
            luck, share = training_luck(default.effects[0], default.scores[0], strata), weight**2
            shared = replace(
                luck, variance=luck.variance * share, interaction=luck.interaction * share
            )
            training = (training[0], shared)
        return PairEstimate(
            difference=float(gaps.mean()),
            people_variance=float(variance_over_people(effect, strata)),
            people_degrees=people_degrees(effect, strata),
            training=training,
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
        return self.minus(same, default, -others / repeated)


def time_until(curve: Sequence[tuple[float, float]], score: float) -> float:
    """Returns from when on the choice of a search has a validation score; infinite where never.

    Args:
        curve: steps (seconds, validation score of the choice from then on).
        score: that is wanted.
    """
    found = math.inf
    for moment, value in reversed(curve):
        if value < score:
            break
        found = moment
    return found


def num_below(scores: Floats, default: float) -> int:
    """Returns how many searches [S] chose a config that scores less than the default's."""
    return int((np.asarray(scores) < default).sum())

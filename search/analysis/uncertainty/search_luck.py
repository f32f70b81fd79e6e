"""The luck of the search: how far the score of an approach depends on the config it found.

Notation:
    n configs of one model, S seeds, N samples, P people; variants: int [n, S, N], the joint
    classes of an approach with each of the configs in the place of that model's chosen one.

Another search of the same space would have found another config. The finalists of a space are
what is known of that: config is a factor like seed, of which one draw is used and not the mean of
several. So what it adds to the variance of the score is the variance between the configs, less
what is counted already: the configs' interaction with people, and the luck of their trainings.

A few finalists of one space say little of its luck: two of them leave one degree of freedom. So
the luck of a config is taken to be of one size in all models of a comparison, and estimated from
the finalists of all of them.

What finalists of one search share is not seen: `benchmarks/search_luck.py` found the luck of small
searches (s.d. 0.025 of macro-F1) larger than their finalists differ by. It is a lower bound, and
0 where a space has a single finalist.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.analysis.exact import variance
from search.analysis.metrics import Ints, macro_f1_gradient, macro_f1_of_counts
from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import effects_of
from search.analysis.uncertainty.training_luck import training_luck, variance_over_people


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLuck:
    """The luck of the configs of one model or more, in squared units of the score.

    Attributes:
        variance: C, of the score between the configs; of several models the sum.
        counted: the part of C that is people's and training's, and counted there.
        degrees: of freedom of C: n - 1, of all models together.
    """

    variance: float
    counted: float
    degrees: float

    @property
    def excess(self) -> float:
        """What the search adds to the variance of a score."""
        return max(0.0, self.variance - self.counted)

    def planned(self, people: float) -> "SearchLuck":
        """Returns the luck to expect of `people` times the people: what is theirs shrinks."""
        counted = min(self.variance, self.counted) / people
        return SearchLuck(variance=self.excess + counted, counted=counted, degrees=self.degrees)


def pooled(lucks: Sequence[SearchLuck], num_models: int) -> SearchLuck:
    """Returns the luck of the configs of some models, from what is known of all of them.

    Args:
        lucks: of all models that have one; one or more.
        num_models: whose configs enter a difference, each with a luck of its own.
    """
    degrees = sum(luck.degrees for luck in lucks)
    share = num_models / degrees
    return SearchLuck(
        variance=share * sum(luck.degrees * luck.variance for luck in lucks),
        counted=share * sum(luck.degrees * luck.counted for luck in lucks),
        degrees=degrees,
    )


def search_luck(variants: Ints, people: People) -> SearchLuck:
    """Returns the luck of one model's config.

    Args:
        variants: int [n, S, N], n >= 2.
        people: with the joint classes.
    """
    counts = people.counts(variants)
    num = len(counts)
    scores = macro_f1_of_counts(counts.sum(axis=2))
    # One place for all configs, or their influences would differ by the place alone.
    gradient = macro_f1_gradient(counts.mean(axis=(0, 1)).sum(axis=0))
    effects = effects_of(counts, gradient)
    apart = effects.mean(axis=1) - effects.mean(axis=(0, 1))
    interaction = float(variance_over_people(apart, people.strata).sum()) / (num - 1)
    trainings = [
        training_luck(effect, score, people.strata, people.fold_of_person)
        for effect, score in zip(effects, scores, strict=True)
    ]
    training = float(np.mean([max(0.0, luck.variance - luck.interaction) for luck in trainings]))
    return SearchLuck(
        variance=float(variance(scores.mean(axis=1))),
        counted=interaction + training,
        degrees=num - 1.0,
    )

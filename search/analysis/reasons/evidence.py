"""Stored predictions with their labels, people and attributes: what every reason is drawn from.

Notation:
    N samples, C joint classes, A attributes with sizes K_1..K_A, P people, S seeds, B resamples.
    y: int [N] joint class; labels: int [N, A] attribute classes; predicted: int [S, N].
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.metrics import (
    Floats,
    Ints,
    as_classes,
    macro_f1_of_counts,
    person_counts,
    person_index,
)
from search.analysis.recombine import attribute_classes
from search.analysis.uncertainty.bootstrap import (
    influence,
    people_degrees,
    person_strata,
    resample_weights,
)
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import Interval

Figures = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """Predictions of several approaches on the same labelled samples.

    Attributes:
        approaches: name -> predictions.
        y: int [N] joint classes.
        person: int [N] in [0, P); `of` makes it from any marks.
        attributes: name -> names of its classes, in schema order.
        num_resamples: B of the intervals.
        seed: of the resamples, the same people for every reason.
    """

    approaches: Mapping[str, Approach]
    y: Ints
    person: Ints
    attributes: Mapping[str, tuple[str, ...]]
    num_resamples: int = 2_000
    seed: int = 0
    labels: Ints = field(init=False)
    strata: Ints = field(init=False)

    def __post_init__(self) -> None:
        as_classes(self.y, self.num_classes, "true classes")
        lengths = {name: part.predicted.shape[1] for name, part in self.approaches.items()}
        lengths["people"] = len(self.person)
        if set(lengths.values()) != {len(self.y)} or not len(self.y):
            raise AnalysisError(
                f"all arrays must cover the same samples, got {len(self.y)} labels and {lengths}"
            )
        if self.num_people < 2:
            raise AnalysisError("reasons need at least 2 people, got 1; add data")
        object.__setattr__(self, "labels", attribute_classes(self.y, self.sizes))
        object.__setattr__(self, "strata", person_strata(self.y, self.person, self.num_people))

    @classmethod
    def of(
        cls,
        approaches: Sequence[Approach],
        y: Ints,
        g: Ints,
        attributes: Mapping[str, Sequence[str]],
        *,
        num_resamples: int = 2_000,
        seed: int = 0,
    ) -> "Evidence":
        """Returns the evidence of approaches, people marked in any way and attributes in order."""
        return cls(
            approaches={part.name: part for part in approaches},
            y=np.asarray(y, dtype=np.int64),
            person=person_index(g)[0],
            attributes={name: tuple(classes) for name, classes in attributes.items()},
            num_resamples=num_resamples,
            seed=seed,
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """K_1..K_A."""
        return tuple(len(classes) for classes in self.attributes.values())

    @property
    def num_classes(self) -> int:
        """C."""
        return int(np.prod(self.sizes))

    @property
    def num_people(self) -> int:
        """P."""
        return int(self.person.max()) + 1

    def predicted(self, name: str) -> Ints:
        """Returns int [S, N] of an approach.

        Raises:
            AnalysisError: there is no such approach.
        """
        if name not in self.approaches:
            known = ", ".join(self.approaches)
            raise AnalysisError(f"unknown approach {name!r}; available: {known}")
        return self.approaches[name].predicted

    def seed_pairs(self, a: str, b: str) -> list[tuple[Ints, Ints]]:
        """Returns the predictions [N] of both approaches for each seed that both have."""
        return list(zip(self.predicted(a), self.predicted(b), strict=False))

    def counts(self, predicted: Ints) -> Floats:
        """Returns the counts of every person, float [P, 3, C], of predictions [N]."""
        return person_counts(self.y, predicted, self.person, self.num_people, self.num_classes)

    def score(self, predicted: Ints) -> float:
        """Returns the macro-F1 of joint predictions, the mean over seeds if [S, N]."""
        rows = np.atleast_2d(predicted)
        return float(np.mean([macro_f1_of_counts(self.counts(row).sum(axis=0)) for row in rows]))

    def resample(self, columns: Floats, statistic: Callable[[Floats], Floats]) -> Floats:
        """Returns a statistic of sums over people in every resample.

        Args:
            columns: float [P, M], additive figures of every person.
            statistic: float [b, M] sums -> float [b, ...].

        Returns:
            float [B, ...].
        """
        rng = np.random.default_rng(self.seed)
        chunks = resample_weights(self.strata, self.num_resamples, rng)
        return np.concatenate([statistic(weights @ columns) for weights in chunks])

    def contrast(self, terms: Sequence[Sequence[tuple[float, Ints]]]) -> Interval:
        """Returns a weighted sum of macro-F1 scores, the mean over seeds, with its interval.

        Args:
            terms: one list a seed of (weight, predictions [N]).
        """
        weights = np.array([[weight for weight, _ in seed] for seed in terms])
        counts = np.stack([self.counts(row) for seed in terms for _, row in seed])
        shape, num_sets = weights.shape, len(counts)
        columns = counts.transpose(1, 0, 2, 3).reshape(self.num_people, -1)

        def statistic(sums: Floats) -> Floats:
            scores = macro_f1_of_counts(sums.reshape(-1, num_sets, 3, self.num_classes))
            sums_of_terms: Floats = (scores.reshape(-1, *shape) * weights).sum(axis=2)
            return sums_of_terms

        effects = influence(counts).reshape(*shape, -1)
        effect = np.einsum("st,stp->p", weights, effects) / len(terms)
        values = statistic(columns.sum(axis=0)[None])[0]
        return self.interval(values, self.resample(columns, statistic), effect)

    def interval(self, values: Floats, draws: Floats, effect: Floats) -> Interval:
        """Returns the mean of a figure over seeds with its interval over people and seeds.

        Args:
            values: float [S].
            draws: float [B, S], the figure in every resample.
            effect: float [P], influence of a person, for the degrees of freedom.
        """
        num_seeds = len(values)
        return PairEstimate(
            difference=float(values.mean()),
            people_variance=float(draws.mean(axis=1).var(ddof=1)),
            people_degrees=people_degrees(effect, self.strata),
            seed_variances=(float(values.var(ddof=1)) / num_seeds if num_seeds > 1 else 0.0, 0.0),
            num_seeds=(num_seeds, 1),
            num_differing=self.num_people,
        ).interval

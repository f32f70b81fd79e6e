"""Stored predictions with their labels, people and attributes: what every reason is drawn from.

Notation:
    N samples, C joint classes, A attributes with sizes K_1..K_A, P people, S seeds, B resamples.
    labels: int [N, A] attribute classes; predicted: int [S, N] joint classes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.exact import first_equals, net_weights, variance_of_mean
from search.analysis.metrics import Floats, Ints, macro_f1_of_counts
from search.analysis.people import People
from search.analysis.recombine import attribute_classes
from search.analysis.uncertainty.bootstrap import influence, people_degrees, side_by_side
from search.analysis.uncertainty.difference import NO_LUCK, PairEstimate
from search.analysis.uncertainty.interval import Interval
from search.analysis.uncertainty.training_luck import TrainingLuck, luck_of_folds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """Predictions of several approaches on the same labelled samples.

    Attributes:
        approaches: name -> predictions.
        people: with their joint classes; two people or more.
        attributes: name -> names of its classes, in schema order.
        num_resamples: B of the intervals.
        seed: of the resamples, the same people for every reason.
    """

    approaches: Mapping[str, Approach]
    people: People
    attributes: Mapping[str, tuple[str, ...]]
    num_resamples: int = 2_000
    seed: int = 0
    labels: Ints = field(init=False)

    def __post_init__(self) -> None:
        people = self.people
        lengths = {name: part.predicted.shape[1] for name, part in self.approaches.items()}
        if any(length != len(people) for length in lengths.values()):
            raise AnalysisError(
                f"all arrays must cover the same samples, got {len(people)} labels and {lengths}"
            )
        if int(np.prod(self.sizes)) != people.num_classes:
            raise AnalysisError(
                f"the classes of the attributes must multiply to the {people.num_classes} joint "
                f"classes of the people, got {self.sizes}"
            )
        if people.num_people < 2:
            raise AnalysisError("reasons need at least 2 people, got 1; add data")
        object.__setattr__(self, "labels", attribute_classes(people.label, self.sizes))

    @classmethod
    def of(
        cls,
        approaches: Sequence[Approach],
        people: People,
        attributes: Mapping[str, Sequence[str]],
        *,
        num_resamples: int = 2_000,
        seed: int = 0,
    ) -> "Evidence":
        """Returns the evidence of approaches, labelled people and attributes in order."""
        return cls(
            approaches={part.name: part for part in approaches},
            people=people,
            attributes={name: tuple(classes) for name, classes in attributes.items()},
            num_resamples=num_resamples,
            seed=seed,
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """K_1..K_A."""
        return tuple(len(classes) for classes in self.attributes.values())

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
        """Returns the predictions [N] of both approaches for each seed that both have.

        The same seeds in another order are paired with themselves.
        """
        first, second = self.predicted(a), self.predicted(b)
        of_first, of_second = np.split(first_equals([*first, *second]), [len(first)])
        if np.array_equal(np.sort(of_first), np.sort(of_second)):
            second = first
        return list(zip(first, second, strict=False))

    def seeds_of_each(self, a: str, b: str) -> int | None:
        """Returns how many seeds `seed_pairs` has, where one has more; None where neither has."""
        first, second = len(self.predicted(a)), len(self.predicted(b))
        return None if first == second else min(first, second)

    def score(self, predicted: Ints) -> float:
        """Returns the macro-F1 of joint predictions, the mean over seeds if [S, N]."""
        counts = self.people.counts(np.atleast_2d(predicted))
        return float(macro_f1_of_counts(counts.sum(axis=1)).mean())

    def resample(self, columns: Floats, statistic: Callable[[Floats], Floats]) -> Floats:
        """Returns a statistic of sums over people in every resample.

        Args:
            columns: float [P, M], additive figures of every person.
            statistic: float [b, M] sums -> float [b, ...].

        Returns:
            float [B, ...].
        """
        rng = np.random.default_rng(self.seed)
        return self.people.resample(columns, statistic, self.num_resamples, rng)

    def contrast_by_seed(
        self, terms: Sequence[Sequence[tuple[float, Ints]]], *, against_one: bool = False
    ) -> Interval:
        """Returns a weighted sum of macro-F1 scores, the mean over seeds, with its interval.

        The luck of training is taken from the sum itself, one value per seed.

        Args:
            terms: one list per seed of (weight, predictions [N]).
            against_one: whether all seeds have a single further training in common, whose luck is
                taken to be that of one seed.
        """
        counts = np.stack([self.people.counts([row for _, row in seed]) for seed in terms])
        weights = np.stack(
            [
                net_weights([Fraction(weight) for weight, _ in seed], sets)
                for seed, sets in zip(terms, counts, strict=True)
            ]
        )
        columns = side_by_side(counts)

        def statistic(sums: Floats) -> Floats:
            """Returns the weighted score of every seed, [resamples, S]."""
            scores = macro_f1_of_counts(sums.reshape(-1, *weights.shape, *counts.shape[-2:]))
            sums_of_terms: Floats = (scores * weights).sum(axis=2)
            return sums_of_terms

        effect = np.einsum("st,stp->p", weights, influence(counts)) / len(terms)
        values = statistic(columns.sum(axis=0)[None])[0]
        # By whole seeds: where a term is a rule, its fit ties the folds of a seed.
        draws, times = self.resample(columns, statistic), 1 + len(values) * against_one
        luck = TrainingLuck(
            variance=times * variance_of_mean(values),
            interaction=times * float(interactions_of(draws)),
            num_seeds=len(values),
        )
        return self._interval(values, draws, effect, luck)

    def means_over_seeds(
        self, seeds: Iterable[Floats], statistic: Callable[[Floats], Floats], effect: Floats
    ) -> list[Interval]:
        """Returns the means of R figures over seeds with their intervals over people and seeds.

        The luck of training is counted by folds where every fold's models were trained by
        themselves: a figure is no sum over people, so what fold f of seed s adds to it is what it
        becomes with that fold from seed s, and all other folds as they are on average over seeds.

        Args:
            seeds: S arrays float [P, m], additive figures of every person; one is held at a time.
            statistic: float [b, m] sums -> float [b, R], the figures of a seed.
            effect: float [P], influence of a person, for the degrees of freedom.
        """
        fold, of_seeds, of_draws, of_folds = self.people.fold_of_person, [], [], []
        for columns in seeds:
            of_seeds.append(statistic(columns.sum(axis=0)[None])[0])
            of_draws.append(self.resample(columns, statistic))
            if fold is not None:
                is_of_fold = fold == np.arange(fold.max() + 1)[:, None]
                of_folds.append(is_of_fold.astype(float) @ columns)
            del columns  # or two seeds are held while the next is made
        values, draws, num_seeds = np.stack(of_seeds), np.stack(of_draws, axis=1), len(of_seeds)
        interactions = interactions_of(draws)
        if fold is None or num_seeds < 2:
            lucks = [
                TrainingLuck(
                    variance=variance_of_mean(figure),
                    interaction=float(interaction),
                    num_seeds=num_seeds,
                )
                for figure, interaction in zip(values.T, interactions, strict=True)
            ]
        else:
            ones = _one_fold_of_a_seed(np.stack(of_folds, axis=1))
            mixed = np.stack([statistic(ones[:, i]) for i in range(num_seeds)], axis=1)
            lucks = [
                luck_of_folds(totals, float(interaction))
                for totals, interaction in zip(mixed.T, interactions, strict=True)
            ]
        return [
            self._interval(values[:, i], draws[:, :, i], effect, luck)
            for i, luck in enumerate(lucks)
        ]

    def _interval(
        self, values: Floats, draws: Floats, effect: Floats, luck: TrainingLuck
    ) -> Interval:
        return PairEstimate(
            difference=float(values.mean()),
            people_variance=float(draws.mean(axis=1).var(ddof=1)),
            people_degrees=people_degrees(effect, self.people.strata),
            training=(luck, NO_LUCK),
            num_differing=self.people.num_people,
        ).tested


def interactions_of(draws: Floats) -> Floats:
    """Returns what training does to single people, I of figures over their seeds, float [...].

    It is part of their spread over people already (`search.analysis.uncertainty.training_luck`).

    Args:
        draws: float [B, S, ...], the figures of every seed in resamples of the people.
    """
    num_seeds = draws.shape[1]
    if num_seeds < 2:
        return np.zeros(draws.shape[2:])
    apart = (draws - draws.mean(axis=1, keepdims=True)).var(axis=0, ddof=1)
    found: Floats = apart.sum(axis=0) / (num_seeds * (num_seeds - 1))
    return found


def _one_fold_of_a_seed(parts: Floats) -> Floats:
    """Returns sums over people, float [F, S, m]: in row f, fold f is each seed's, the rest means.

    Args:
        parts: float [F, S, m], sums over the people of every fold.
    """
    means = parts.mean(axis=1, keepdims=True)
    mixed: Floats = means.sum(axis=0) - means + parts
    return mixed

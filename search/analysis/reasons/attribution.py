"""Which attribute a difference comes from: an exact split of macro-F1 between two approaches.

Notation:
    C joint classes, A attributes with sizes K_1..K_A, P people, S seeds, B resamples.
    T_k: float [..., C, K_k], how often samples of true joint class c got class j of attribute k.

If an approach made the errors of its attributes independently within each true class, its macro-F1
would follow from the A tables T_k alone: E(T_1..T_A). Its real macro-F1 is E plus the *coupling*:
what it gains because the errors fall on the same photos, as they do where attributes can only be
told jointly. The difference of two approaches is therefore exactly

    E(T^a) - E(T^b)  +  coupling^a - coupling^b,

and the first part is shared among the attributes by swapping the table of one approach for that of
the other, averaged over all orders (the Shapley value).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import factorial
from typing import Self

import numpy as np

from search.analysis.metrics import Floats, Ints, macro_f1_of_counts
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.reason import Figures, Reason, of_seeds
from search.analysis.recombine import attribute_classes, recombine
from search.analysis.uncertainty.bootstrap import influence
from search.analysis.uncertainty.interval import Interval

COUPLING = "coupling"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution(Figures):
    """The whole difference, and the part of every attribute and of the coupling.

    Attributes:
        difference: of the two approaches, mean over as many seeds of each.
        parts: of it, by attribute.
        seeds: how many those are, where one has more; None where both have as many.
    """

    difference: float
    parts: Mapping[str, float]
    seeds: int | None = None

    def heading(self, reasons: Sequence[Reason]) -> str:
        """Returns the largest part that is supported, and whom it favours."""
        supported = [each for each in reasons if each.supported]
        if not supported:
            a, b = reasons[0].about
            return f"{a} against {b}: no attribute stands out"
        largest = max(supported, key=lambda each: abs(each.effect.value) if each.effect else 0.0)
        ahead, behind = largest.winners
        how = f"through {largest.part}"
        if largest.part == COUPLING:
            how = "by getting attributes right together"
        return f"{ahead} gains on {behind} {how}"

    def turned(self) -> Self:
        """Returns the parts of the negative difference."""
        parts = {name: -part for name, part in self.parts.items()}
        return replace(self, difference=-self.difference, parts=parts)

    def sentence(self, reason: Reason) -> str:
        """Returns how much comes from an attribute; the coupling names whom it favours."""
        if reason.effect is None or reason.part == COUPLING:
            return reason.sentence
        return self.share_sentence(reason.about, reason.part, reason.effect)

    def share_sentence(self, about: tuple[str, ...], attribute: str, effect: Interval) -> str:
        """Returns how much of the difference of two comes from an attribute."""
        first, second = about
        text = (
            f"Of the difference of {self.difference:+.4f} between {first} and {second}"
            f"{of_seeds(self.seeds)}, {effect:+.4f} comes from {attribute}."
        )
        return _with_support(text, effect)


def attribute_tables(evidence: Evidence, predicted: Ints) -> Floats:
    """Returns the tables T_1..T_A of every person side by side, float [P, C, K_1 + .. + K_A]."""
    people, sizes = evidence.people, evidence.sizes
    num_people, num_classes = people.num_people, people.num_classes
    classes = attribute_classes(predicted, sizes)
    rows = people.person * num_classes + people.label
    tables = []
    for axis, size in enumerate(sizes):
        cells = np.bincount(
            rows * size + classes[:, axis], minlength=num_people * num_classes * size
        )
        tables.append(cells.reshape(num_people, num_classes, size))
    return np.concatenate(tables, axis=2).astype(float)


def independent_macro_f1(tables: Floats, sizes: tuple[int, ...]) -> Floats:
    """Returns E, float [...]: the macro-F1 were errors of attributes independent per true class.

    Args:
        tables: float [..., C, K_1 + .. + K_A].
        sizes: K_1..K_A.
    """
    parts = np.split(tables, np.cumsum(sizes)[:-1], axis=-1)
    actual = parts[0].sum(axis=-1)
    shares = [part / np.maximum(actual, 1e-300)[..., None] for part in parts]
    # The expected confusion matrix [..., C, C] is a product of two halves of the attributes: many
    # classes have no room for it in every resample, and only its diagonal and sums are asked for.
    half = _halves_at(sizes)
    left = recombine(shares[:half]) * actual[..., None]
    right = recombine(shares[half:]) if half < len(sizes) else np.ones((*actual.shape, 1))
    predicted = (np.swapaxes(left, -1, -2) @ right).reshape(actual.shape)
    of_class = np.arange(actual.shape[-1])
    own, other = np.divmod(of_class, right.shape[-1])
    hits = left[..., of_class, own] * right[..., of_class, other]
    return macro_f1_of_counts(np.stack([hits, predicted, actual], axis=-2))


def _halves_at(sizes: tuple[int, ...]) -> int:
    """Returns how many attributes the first half has, so that both have few classes."""
    places = range(1, max(2, len(sizes)))
    return min(places, key=lambda i: math.prod(sizes[:i]) + math.prod(sizes[i:]))


def attribution(evidence: Evidence, a: str, b: str) -> tuple[Reason, ...]:
    """Returns one reason per attribute and one for the coupling; their effects sum to a - b."""
    pairs = evidence.seed_pairs(a, b)

    def statistic(sums: Floats) -> Floats:
        """Returns the effects of people whose counts are summed."""
        return _split(sums.reshape(len(sums), 2, -1), evidence)

    # A pair of seeds at a time: the counts of many people and classes are large.
    effects = np.mean([influence(evidence.people.counts(pair)) for pair in pairs], axis=0)
    columns = (
        np.concatenate([_columns(evidence, row) for row in predicted], axis=1)
        for predicted in pairs
    )
    means = evidence.means_over_seeds(columns, statistic, effects[0] - effects[1])
    # An attribute may be called as the coupling is.
    names = [f"attribute:{name}" if name == COUPLING else name for name in evidence.attributes]
    found = dict(zip([*names, COUPLING], means, strict=True))
    figures = Attribution(
        difference=sum(part.value for part in means),
        parts={name: part.value for name, part in found.items()},
        seeds=evidence.seeds_of_each(a, b),
    )
    return tuple(_reason(a, b, name, effect, figures) for name, effect in found.items())


def _columns(evidence: Evidence, predicted: Ints) -> Floats:
    """Returns what `_split` needs of one set of predictions, float [P, 3 C + C sum(K)]."""
    num_people = evidence.people.num_people
    counts = evidence.people.counts(predicted).reshape(num_people, -1)
    tables = attribute_tables(evidence, predicted).reshape(num_people, -1)
    return np.concatenate([counts, tables], axis=1)


def _split(sums: Floats, evidence: Evidence) -> Floats:
    """Returns the parts of the difference, float [b, A + 1], from sums [b, 2, M]."""
    num_classes, sizes = evidence.people.num_classes, evidence.sizes
    counts = sums[..., : 3 * num_classes].reshape(*sums.shape[:-1], 3, num_classes)
    tables = sums[..., 3 * num_classes :].reshape(*sums.shape[:-1], num_classes, -1)
    actual = macro_f1_of_counts(counts)
    attributes = range(len(sizes))
    expected = {
        own: independent_macro_f1(_mixed(tables, own, sizes), sizes)
        for size in range(len(sizes) + 1)
        for own in combinations(attributes, size)
    }
    parts = []
    for axis in attributes:
        others = [other for other in attributes if other != axis]
        share = np.zeros(actual.shape[:-1])
        for size in range(len(sizes)):
            weight = factorial(size) * factorial(len(sizes) - 1 - size) / factorial(len(sizes))
            for own in combinations(others, size):
                with_axis = tuple(sorted((*own, axis)))
                share = share + weight * (expected[with_axis] - expected[own])
        parts.append(share)
    everything = expected[tuple(attributes)] - expected[()]
    parts.append(actual[..., 0] - actual[..., 1] - everything)
    return np.stack(parts, axis=-1)


def _mixed(tables: Floats, own: tuple[int, ...], sizes: tuple[int, ...]) -> Floats:
    """Returns tables of `a` for the attributes in `own` and of `b` for the others."""
    of_a = np.repeat([axis in own for axis in range(len(sizes))], sizes)
    return np.where(of_a, tables[..., 0, :, :], tables[..., 1, :, :])


def _reason(a: str, b: str, name: str, effect: Interval, figures: Attribution) -> Reason:
    if name == COUPLING:
        ahead, behind, gain = a, b, effect
        if effect.value < 0:  # told from the side of the one that gains
            ahead, behind, gain = b, a, effect.negated()
        text = (
            f"Getting attributes right or wrong together is worth {gain:+.4f} macro-F1 to {ahead} "
            f"against {behind}, beyond what its attributes achieve one by one."
        )
        sentence = _with_support(text, effect)
    else:
        sentence = figures.share_sentence((a, b), name, effect)
    return Reason(
        key=f"attribution.{name}",
        # Which attribute a difference comes from does not say by what mechanism.
        mechanism="M9" if name == COUPLING else "",
        about=(a, b),
        sentence=sentence,
        figures=figures,
        effect=effect,
    )


def _with_support(text: str, effect: Interval) -> str:
    return text if effect.excludes_zero else f"{text} Not supported by this data."

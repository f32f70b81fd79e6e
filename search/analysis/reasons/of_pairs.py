"""How two approaches differ: whose errors overlap, on which classes, and under which rule.

Notation:
    N samples, C joint classes, P people, S seeds. predicted: int [S, N] joint classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Self

import numpy as np

from search.analysis import wording
from search.analysis.exact import ROUNDING
from search.analysis.metrics import (
    Floats,
    Ints,
    f1_of_counts,
    macro_f1_gradient,
    mean_or_zero,
)
from search.analysis.plain import fields_of
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.plots import Bars, Plot, Scatter
from search.analysis.reasons.reason import Figures, Reason, of_seeds
from search.analysis.uncertainty.bootstrap import side_by_side
from search.analysis.uncertainty.interval import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap(Figures):
    """Of two predictions: how far they agree and whose errors they share, as shares of samples.

    `kappa` is their agreement beyond chance, `oracle` the macro-F1 of the right one wherever
    either is right, `shared_errors` of the samples that one of them gets wrong.
    """

    disagreement: float
    kappa: float
    shared_errors: float
    only_first_right: float
    only_second_right: float
    oracle: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorOverlap(Overlap):
    """Of two approaches; `two_seeds` of one approach, None with one seed."""

    two_seeds: Overlap | None = None

    def heading(self, reasons: Sequence[Reason]) -> str:
        """Returns the range of the disagreement."""
        size = wording.percents([found.disagreement for found in self.of(reasons)])
        who = "Two approaches" if len(reasons) > 1 else wording.listing(reasons[0].about)
        return f"{who} disagree on {size} of the photos"

    def plot(self, reason: Reason) -> Plot:
        """Returns what only one of the two gets right."""
        first, second = reason.about
        right = {first: 100 * self.only_first_right, second: 100 * self.only_second_right}
        return Bars(
            title="Where two approaches differ",
            rows={f"{first}, {second}": right},
            axis="photos that only this one of the two gets right (%)",
            form="{:.1f}",
        )


def error_overlap(evidence: Evidence, a: str, b: str) -> Reason:
    """Returns how far two approaches err on the same samples, and what both together could reach.

    The oracle takes the right answer where either has it. Beside it stands the oracle of two seeds
    of one approach: what exceeds that is due to the approach, not to training luck.
    """
    cross = [(one, two) for one in evidence.predicted(a) for two in evidence.predicted(b)]
    within = [pair for name in (a, b) for pair in combinations(list(evidence.predicted(name)), 2)]
    found = _overlap(evidence, cross)
    seeds = _overlap(evidence, within) if within else None
    text = (
        f"{a} and {b} disagree on {found.disagreement:.1%} of the samples; taking the right "
        f"one wherever either is right would score {found.oracle:.3f}"
    )
    if seeds is not None:
        text += f" (two seeds of one approach: {seeds.disagreement:.1%} and {seeds.oracle:.3f})"
    return Reason(
        key="error_overlap",
        mechanism="M7",
        about=(a, b),
        sentence=text + ".",
        figures=ErrorOverlap(**fields_of(found), two_seeds=seeds),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSize(Figures):
    """By joint class, C each: samples, people, and the F1 that `a` gains over `b`.

    `halves` are the mean gains on the rarer and on the commoner half of the classes,
    `rank_correlation` Spearman's of samples and gain, None where one of them is constant.
    """

    samples: tuple[int, ...]
    people: tuple[int, ...]
    gain: tuple[float, ...]
    halves: tuple[float, float]
    rank_correlation: float | None

    def heading(self, reasons: Sequence[Reason]) -> str:
        """Returns in which half of the classes who gains."""
        a, b = reasons[0].about
        if not reasons[0].supported:
            return f"{a} against {b}: no trend with class size"
        rare, common = self.halves
        gain, where = (common, "common") if abs(common) > abs(rare) else (rare, "rare")
        ahead, behind = (a, b) if gain > 0 else (b, a)
        return f"{ahead} gains on {behind} in the {where} classes"

    def plot(self, reason: Reason) -> Plot:
        """Returns the gain against the size of a class."""
        return Scatter(
            title=f"Gain of {reason.about[0]} over {reason.about[1]} against class size",
            photos=self.samples,
            values=self.gain,
            y_name="gain in F1 of the class",
        )

    def turned(self) -> Self:
        """Returns the gains of the other; the sentence names whom they favour."""
        rare, common = self.halves
        trend = self.rank_correlation
        return replace(
            self,
            gain=tuple(-gain for gain in self.gain),
            halves=(-rare, -common),
            rank_correlation=None if trend is None else -trend,
        )


def class_size(evidence: Evidence, a: str, b: str) -> Reason:
    """Returns whether the gain of `a` over `b` lies in the rare joint classes (M2, M4).

    The effect is half the difference of the mean F1 gain on the rarer and on the commoner half of
    the classes: all of the macro-F1 difference if it lies in the rarer half, 0 if it is even.
    """
    pairs, num_classes = evidence.seed_pairs(a, b), evidence.people.num_classes
    counts = np.ascontiguousarray(evidence.people.counts(pairs))
    totals = counts.sum(axis=2)
    sizes = totals[0, 0, 2].astype(int)
    people = (counts[0, 0, :, 2] > 0).sum(axis=0)
    order = [int(c) for c in np.argsort(sizes, kind="stable") if sizes[c] > 0]
    rare, common = order[: len(order) // 2], order[(len(order) + 1) // 2 :]
    weights = np.zeros(num_classes)
    weights[rare], weights[common] = 0.5 / max(1, len(rare)), -0.5 / max(1, len(common))
    gain = (f1_of_counts(totals[:, 0]) - f1_of_counts(totals[:, 1])).mean(axis=0)
    halves = (mean_or_zero(gain[rare]), mean_or_zero(gain[common]))
    effect = _weighted_gain(evidence, counts, weights)
    return Reason(
        key="class_size",
        mechanism="M4",
        about=(a, b),
        sentence=_class_size_sentence(
            a,
            b,
            halves,
            (people[rare], people[common]),
            evidence.seeds_of_each(a, b),
            supported=effect.excludes_zero,
        ),
        figures=ClassSize(
            samples=tuple(sizes.tolist()),
            people=tuple(people.tolist()),
            gain=tuple(gain.tolist()),
            halves=halves,
            rank_correlation=_rank_correlation(sizes[order], gain[order]),
        ),
        effect=effect,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleGain(Figures):
    """What class biases give, by approach."""

    gain: Mapping[str, float]

    def heading(self, reasons: Sequence[Reason]) -> str:
        """Returns whom they help more."""
        if not reasons[0].supported:
            return f"Class biases change {wording.listing(reasons[0].about)} alike"
        more = max(self.gain, key=lambda name: self.gain[name])
        return f"Class biases help {more} more: part of its gap is where thresholds lie"

    def plot(self, _reason: Reason) -> Plot:
        """Returns what they give each."""
        return Bars(
            title="What class biases change",
            rows={name: {"": gain} for name, gain in self.gain.items()},
            axis="macro-F1 gained by class biases",
            form="{:+.4f}",
        )

    def turned(self) -> Self:
        """Returns itself: gains stand by name."""
        return self


def decision_rule(evidence: Evidence, a: str, b: str) -> Reason | None:
    """Returns what post-hoc class biases give each approach (M5); None where there are none.

    The effect is positive where `a` stands better against `b` without biases: that much of its
    lead is a better placed threshold.
    """
    ruled = [evidence.approaches[name].with_rule for name in (a, b)]
    first, second = ruled
    if first is None or second is None:
        return None
    terms = [
        [(1.0, plain_a), (-1.0, rule_a), (-1.0, plain_b), (1.0, rule_b)]
        for plain_a, plain_b, rule_a, rule_b in zip(
            evidence.predicted(a), evidence.predicted(b), first, second, strict=False
        )
    ]
    effect = evidence.contrast_by_seed(terms)
    gains = {
        name: evidence.score(rule) - evidence.score(evidence.predicted(name))
        for name, rule in ((a, first), (b, second))
    }
    text = (
        f"Class biases chosen for macro-F1 on other people change {a} by {gains[a]:+.4f} and {b} "
        f"by {gains[b]:+.4f}"
    )
    support = (
        "so part of the difference is the place of the thresholds"
        if effect.excludes_zero
        else "no supported difference between the two"
    )
    return Reason(
        key="decision_rule",
        mechanism="M5",
        about=(a, b),
        sentence=f"{text}: {support}.",
        figures=RuleGain(gain=gains),
        effect=effect,
    )


def _overlap(evidence: Evidence, pairs: list[tuple[Ints, Ints]]) -> Overlap:
    """Returns figures of two predictions, the mean over the given pairs of them."""
    y, rows = evidence.people.label, []
    for one, two in pairs:
        right_one, right_two = one == y, two == y
        wrong_either = int((~right_one | ~right_two).sum())
        rows.append(
            {
                "disagreement": float((one != two).mean()),
                "kappa": cohen_kappa(one, two, evidence.people.num_classes),
                "shared_errors": int((~right_one & ~right_two).sum()) / max(1, wrong_either),
                "only_first_right": float((right_one & ~right_two).mean()),
                "only_second_right": float((right_two & ~right_one).mean()),
                "oracle": evidence.score(np.where(right_two, two, one)),
            }
        )
    return Overlap(**{key: float(np.mean([row[key] for row in rows])) for key in rows[0]})


def cohen_kappa(one: Ints, two: Ints, num_classes: int) -> float:
    """Returns the agreement of two predictions beyond chance; 1 where both are one constant."""
    if len(np.union1d(one, two)) == 1:
        return 1.0
    shares = [np.bincount(part, minlength=num_classes) / len(part) for part in (one, two)]
    chance = float(shares[0] @ shares[1])
    return (float((one == two).mean()) - chance) / (1 - chance)


def _rank_correlation(sizes: Ints, gain: Floats) -> float | None:
    """Returns Spearman's correlation; None where one of the two is constant."""
    if len(np.unique(sizes)) < 2 or np.ptp(gain) <= ROUNDING:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(sizes, gain).statistic)


def _weighted_gain(evidence: Evidence, counts: Floats, weights: Floats) -> Interval:
    """Returns the weighted sum of the F1 gains of all classes, the mean over seeds.

    Args:
        evidence: for the resamples.
        counts: float [S, 2, P, 3, C], of both approaches.
        weights: float [C].
    """
    num_seeds, num_classes = len(counts), len(weights)
    totals = counts.sum(axis=2)

    def statistic(sums: Floats) -> Floats:
        """Returns the weighted gain of a seed, [resamples, 1]."""
        f1 = f1_of_counts(sums.reshape(len(sums), 2, 3, num_classes))
        contrast: Floats = (f1[:, 0] - f1[:, 1]) @ weights
        return contrast[:, None]

    slopes = macro_f1_gradient(totals) * num_classes * weights
    influences = np.einsum("sapkc,sakc->ap", counts, slopes) / num_seeds
    seeds = map(side_by_side, counts)
    return evidence.means_over_seeds(seeds, statistic, influences[0] - influences[1])[0]


def _class_size_sentence(
    a: str,
    b: str,
    gains: tuple[float, float],
    people: tuple[Ints, Ints],
    seeds: int | None,
    *,
    supported: bool,
) -> str:
    sign = 1
    if max(gains, key=abs) < 0:  # told from the side of the one that gains most where it does
        a, b, sign = b, a, -1
    rare, common = map(_people_each, people)
    text = (
        f"Over {b}, {a} gains {sign * gains[0]:+.4f} F1 on the rarer half of the joint classes "
        f"({rare}) and {sign * gains[1]:+.4f} on the commoner half ({common})"
        f"{of_seeds(seeds)}."
    )
    return text if supported else f"{text} That they differ is not supported by this data."


def _people_each(people: Ints) -> str:
    """Returns how many people a class has: `1 person each`, `1 to 3 people each`."""
    low, high = (int(people.min()), int(people.max())) if people.size else (0, 0)
    if low == high == 1:
        return "1 person each"
    return f"{low} people each" if low == high else f"{low} to {high} people each"

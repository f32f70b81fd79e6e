"""What each attribute costs an approach, in which state of the others, and how near to an edge.

Notation:
    N samples, C joint classes, A attributes with sizes K_a, S seeds.
    predicted: int [S, N] joint classes; raw: float [N], the number behind a binned attribute.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.analysis import wording
from search.analysis.errors import AnalysisError
from search.analysis.metrics import Floats, Ints, class_counts, f1_of_counts, mean_or_zero
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.plots import Bars, Dots, Lines, Plot, Point
from search.analysis.reasons.reason import Figures, Reason
from search.analysis.recombine import attribute_classes, joint_classes

_NEAR = 3.0  # distance from an edge, in units of `_unit`, that counts as near
_REACH = 10  # bins shown on each side of an edge, a unit each
_MOST_UNITS = 150  # that most raw numbers span: a year for the ages of people


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget(Figures):
    """The score, and by attribute the score were it perfect and what that would gain."""

    score: float
    perfect: Mapping[str, float]
    cost: Mapping[str, float]

    def heading(self, reasons: Sequence[Reason]) -> str:
        """Returns the attribute that costs most."""
        worst = max(self.cost, key=lambda name: self.cost[name])
        return (
            f"{wording.capital(worst)} costs {reasons[0].about[0]} most: perfect it would be "
            f"worth {wording.score(self.cost[worst], 2)}"
        )

    def plot(self, reason: Reason) -> Plot:
        """Returns what every attribute costs."""
        return Bars(
            title="What a perfect attribute would give",
            rows={attribute: {reason.about[0]: cost} for attribute, cost in self.cost.items()},
            axis="macro-F1 gained if this attribute were perfect",
            form="{:+.3f}",
        )


def error_budget(evidence: Evidence, name: str) -> Reason:
    """Returns what a perfect model of each single attribute would give an approach."""
    predicted, sizes = evidence.predicted(name), evidence.sizes
    score = evidence.score(predicted)
    perfect: dict[str, float] = {}
    for axis, attribute in enumerate(evidence.attributes):
        classes = attribute_classes(predicted, sizes)
        classes[..., axis] = evidence.labels[:, axis]
        perfect[attribute] = evidence.score(joint_classes(classes, sizes))
    cost = {attribute: value - score for attribute, value in perfect.items()}
    ranked = sorted(cost, key=lambda attribute: -cost[attribute])
    listed = ", ".join(f"{attribute} {perfect[attribute]:.3f}" for attribute in ranked)
    return Reason(
        key="error_budget",
        mechanism="",
        about=(name,),
        sentence=(
            f"{name} scores {score:.3f}; with one attribute perfect it would score {listed}: "
            f"{ranked[0]} costs most."
        ),
        figures=ErrorBudget(score=score, perfect=perfect, cost=cost),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StateScore:
    """The macro-F1 of an attribute over the samples of one state."""

    macro_f1: float
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoresByState(Figures):
    """Of an attribute: other attribute -> state -> score."""

    attribute: str
    states: Mapping[str, Mapping[str, StateScore]]

    def heading(self, _reasons: Sequence[Reason]) -> str:
        """Returns where the attribute is hardest."""
        scores = self._scores("{} is {}")
        if not scores:
            return f"{wording.capital(self.attribute)} stands alone"
        worst = min(scores, key=lambda name: scores[name])
        return f"{wording.capital(self.attribute)} is hardest where {worst}"

    def plot(self, reason: Reason) -> Plot | None:
        """Returns the score in every state."""
        scores = self._scores("{}: {}")
        if not scores:
            return None
        return Dots(
            title=f"{self.attribute} by the state of the other attributes",
            rows={name: {reason.about[0]: score} for name, score in scores.items()},
            axis=f"macro-F1 of {self.attribute}",
        )

    def _scores(self, form: str) -> dict[str, float]:
        return {
            form.format(other, state): found.macro_f1
            for other, states in self.states.items()
            for state, found in states.items()
        }


def scores_by_state(evidence: Evidence, name: str, attribute: str) -> Reason:
    """Returns the macro-F1 of an attribute by the state of every other attribute (M9).

    Args:
        evidence: predictions and labels.
        name: the approach.
        attribute: the one scored, over those of its classes that occur in the state.
    """
    axis = _axis(evidence, attribute)
    predicted = attribute_classes(evidence.predicted(name), evidence.sizes)[..., axis]
    truth, size = evidence.labels[:, axis], evidence.sizes[axis]
    states: dict[str, dict[str, StateScore]] = {}
    flat: dict[str, float] = {}
    for other_axis, (other, classes) in enumerate(evidence.attributes.items()):
        if other == attribute:
            continue
        states[other] = {}
        for code, state in enumerate(classes):
            part = evidence.labels[:, other_axis] == code
            if part.any():
                rows = [_present_f1(truth[part], row[part], size) for row in predicted]
                score = float(np.mean(rows))
                states[other][state] = StateScore(macro_f1=score, samples=int(part.sum()))
                flat[f"{other} {state}"] = score
    text = f"{name} has no other attribute beside {attribute}."
    if flat:
        best, worst = max(flat, key=lambda s: flat[s]), min(flat, key=lambda s: flat[s])
        text = (
            f"{name} tells {attribute} best where {best} ({flat[best]:.3f}) and worst where "
            f"{worst} ({flat[worst]:.3f})."
        )
    return Reason(
        key=f"scores_by_state.{attribute}",
        mechanism="M9",
        about=(name,),
        sentence=text,
        figures=ScoresByState(attribute=attribute, states=states),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeBin:
    """Samples within one unit of the raw number: the shares put above the edge, and wrong."""

    raw: float
    above: float
    wrong: float
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeView:
    """Shares of samples on the wrong side of one edge; `bins` by whole units of distance.

    A share is None where there is no sample that it could be of: none near the edge, none far
    from it, or none above it that could be missed.
    """

    edge: float
    near_wrong: float | None
    far_wrong: float | None
    missed: float | None
    bins: tuple[EdgeBin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary(Figures):
    """The edges between the classes of a binned attribute."""

    attribute: str
    edges: tuple[EdgeView, ...]

    def heading(self, _reasons: Sequence[Reason]) -> str:
        """Returns the edge with most errors."""
        hardest = _hardest(self.edges)
        edge, attribute = _in_full(hardest.edge), wording.capital(self.attribute)
        if hardest.near_wrong is None:
            return f"{attribute}: no number near an edge"
        return (
            f"{attribute} errors pile up at {edge}: "
            f"{wording.percent(hardest.near_wrong)} wrong near it"
        )

    def plot(self, reason: Reason) -> Plot | None:
        """Returns the share on the wrong side of an edge by the raw number; None without one."""
        wrong: dict[float, float] = {}
        for view in self.edges:
            for cell in view.bins:
                # Near both edges a photo can be wrong about either; the curve shows the sum.
                wrong[cell.raw] = wrong.get(cell.raw, 0.0) + cell.wrong
        if not wrong:
            return None
        points = (Point(x=raw, value=100 * share) for raw, share in sorted(wrong.items()))
        age = f"true {self.attribute} of the person (years)"
        return Lines(
            title=f"Errors against raw {self.attribute}",
            lines={reason.about[0]: tuple(points)},
            x_name=age if self.attribute == "age" else self.attribute,
            y_name="photos put on the wrong side of an edge (%)",
            edges=tuple(view.edge for view in self.edges if view.bins),
        )


def boundary_view(
    evidence: Evidence, name: str, attribute: str, raw: Floats, edges: Sequence[float]
) -> Reason:
    """Returns how often an approach puts a sample on the wrong side of an edge, by raw number.

    Args:
        evidence: predictions and labels.
        name: the approach.
        attribute: a binned one: class i holds raw numbers in [edges[i - 1], edges[i]).
        raw: float [N], finite.
        edges: K - 1 increasing numbers.

    Raises:
        AnalysisError: unknown attribute, or `raw` and `edges` that do not fit its labels, or a
            number that is not finite.
    """
    axis = _axis(evidence, attribute)
    if raw.shape != evidence.people.label.shape or len(edges) != evidence.sizes[axis] - 1:
        raise AnalysisError(
            f"raw numbers must be one per sample and edges one less than classes, got {raw.shape} "
            f"numbers for {evidence.people.label.shape} samples and {len(edges)} edges for "
            f"{evidence.sizes[axis]} classes"
        )
    if not np.isfinite(raw).all():
        raise AnalysisError(f"raw numbers of {attribute!r} must be finite, got NaN or infinity")
    predicted = attribute_classes(evidence.predicted(name), evidence.sizes)[..., axis]
    unit = _unit(raw)
    views = [_edge_view(predicted > code, raw, edge, unit) for code, edge in enumerate(edges)]
    return Reason(
        key=f"boundary.{attribute}",
        mechanism="",
        about=(name,),
        sentence=_said(name, attribute, _hardest(views), _in_full(_NEAR * unit)),
        figures=Boundary(attribute=attribute, edges=tuple(views)),
    )


def _unit(raw: Floats) -> float:
    """Returns the power of ten in which distances from an edge are counted.

    It is the least in which nine tenths of the numbers span 150 or fewer, so that years, incomes
    and millimetres are looked at alike; not below 1 where all numbers are whole.
    """
    low, high = np.quantile(raw, (0.05, 0.95))
    if low == high:
        low, high = raw.min(), raw.max()
    span = float(high / _MOST_UNITS - low / _MOST_UNITS)  # the difference itself may overflow
    if span <= 0:
        return 1.0
    # Below 1e-300, a distance in such units would overflow.
    unit = float(10.0 ** max(math.ceil(math.log10(span)), -300))
    return max(unit, 1.0) if (raw == np.floor(raw)).all() else unit


def _edge_view(above: NDArray[np.bool_], raw: Floats, edge: float, unit: float) -> EdgeView:
    """Looks at one edge; `above` is bool [S, N], predicted at or above it."""
    wrong = (above != (raw >= edge)).mean(axis=0)
    share_above, distance = above.mean(axis=0), raw / unit - edge / unit
    near = np.abs(distance) <= _NEAR
    bins = []
    for step in range(-_REACH, _REACH + 1):
        part = np.floor(distance) == step
        if part.any():
            bins.append(
                EdgeBin(
                    raw=_rounded(edge + step * unit),
                    above=mean_or_zero(share_above[part]),
                    wrong=mean_or_zero(wrong[part]),
                    samples=int(part.sum()),
                )
            )
    return EdgeView(
        edge=float(edge),
        near_wrong=_mean(wrong[near]),
        far_wrong=_mean(wrong[~near]),
        missed=_mean(1 - share_above[raw >= edge]),
        bins=tuple(bins),
    )


def _hardest(views: Sequence[EdgeView]) -> EdgeView:
    """Returns the edge with most errors near it; by those far from it where none has any near."""
    known = [view for view in views if view.near_wrong is not None]
    if known:
        return max(known, key=lambda view: view.near_wrong or 0.0)
    return max(views, key=lambda view: view.far_wrong or 0.0)


def _said(name: str, attribute: str, view: EdgeView, near: str) -> str:
    edge = _in_full(view.edge)
    if view.near_wrong is None:
        text = (
            f"{name} puts {view.far_wrong or 0.0:.1%} of the samples on the wrong side of "
            f"{attribute} {edge}; none is within {near} of it"
        )
    else:
        text = (
            f"{name} puts {view.near_wrong:.0%} of the samples within {near} of {attribute} "
            f"{edge} on the wrong side"
        )
        if view.far_wrong is not None:
            text += f", {view.far_wrong:.1%} of the others"
    if view.missed is None:
        return f"{text}; none is from {edge} on."
    return f"{text}; {view.missed:.0%} from {edge} on are put below it."


def _mean(values: Floats) -> float | None:
    return float(values.mean()) if values.size else None


def _in_full(value: float) -> str:
    """Returns a number of the user without an exponent where it has few digits: 1250000."""
    return f"{value:.12g}"


def _rounded(value: float) -> float:
    """Returns a place beside an edge without the noise of adding up tenths."""
    return float(f"{value:.12g}")


def _present_f1(y: Ints, predicted: Ints, num_classes: int) -> float:
    """Returns the mean F1 of the classes that occur in `y`."""
    counts = class_counts(y, predicted, num_classes)
    return float(f1_of_counts(counts)[counts[2] > 0].mean())


def _axis(evidence: Evidence, attribute: str) -> int:
    if attribute not in evidence.attributes:
        known = ", ".join(evidence.attributes)
        raise AnalysisError(f"unknown attribute {attribute!r}; available: {known}")
    return list(evidence.attributes).index(attribute)

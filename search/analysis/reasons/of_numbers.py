"""Where along the number behind a binned attribute an approach errs.

Notation:
    N samples, S seeds, K classes of the attribute; raw: float [N], the number behind it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.analysis import wording
from search.analysis.errors import AnalysisError
from search.analysis.metrics import Floats, mean_or_zero
from search.analysis.plain import fields_of
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.of_attributes import axis_of
from search.analysis.reasons.piles import Pile, piles_of
from search.analysis.reasons.plots import Lines, Plot, Point
from search.analysis.reasons.reason import Figures, Reason
from search.analysis.recombine import attribute_classes

_NEAR = 3.0  # distance from an edge, in units of `_unit`, that counts as near
_REACH = 10  # bins on each side of an edge, a unit each
_MOST_UNITS = 150  # that most raw numbers span: a year for the ages of people
_FAR_OUT = 25  # bins beyond nine tenths of the numbers
_JOINED = 3  # bins: a line breaks where more of them are empty in a row
_ONE_WAY = 0.8  # of the errors of a range, from which on it is put too low, or too high


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
class NumberBin:
    """Samples from `raw` on: the shares put into a wrong class, and into one below their own."""

    raw: float
    wrong: float
    below: float
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary(Figures):
    """The edges between the classes of a binned attribute.

    `numbers` are bins of `width` over the whole range, `piles` where errors pile up. Older files
    have the bins near an edge alone.
    """

    attribute: str
    edges: tuple[EdgeView, ...]
    numbers: tuple[NumberBin, ...] = ()
    width: float | None = None
    piles: tuple[Pile, ...] | None = None

    @property
    def bins(self) -> tuple[NumberBin, ...]:
        """The bins over the whole range, or else those near the edges put together."""
        if self.numbers:
            return self.numbers
        found: dict[float, NumberBin] = {}
        for view in self.edges:
            for cell in view.bins:
                # Near two edges a sample can be wrong about either: the shares add up.
                known = found.get(cell.raw)
                wrong, below = cell.wrong, cell.wrong if cell.raw >= view.edge else 0.0
                found[cell.raw] = NumberBin(
                    raw=cell.raw,
                    wrong=min(1.0, wrong + (known.wrong if known else 0.0)),
                    below=min(1.0, below + (known.below if known else 0.0)),
                    samples=cell.samples,
                )
        return tuple(found[raw] for raw in sorted(found))

    def heading(self, reasons: Sequence[Reason]) -> str:
        """Returns where the errors lie."""
        name, attribute = reasons[0].about[0], self.attribute
        if not self.bins:
            return f"{wording.capital(attribute)}: no number near an edge"
        if self.piles is None:
            return f"Where {name} errs on {attribute}"
        if not any(cell.wrong for cell in self.bins):
            return f"{name} errs nowhere on {attribute}"
        if not self.piles:
            return f"No {attribute} stands out in the errors of {name}"
        where = wording.listing([_range(pile, self.width) for pile in self.piles])
        shares = wording.listing([wording.percent(pile.wrong) for pile in self.piles])
        said = f"{shares} wrong there, {wording.percent(self.piles[0].elsewhere)} elsewhere"
        for way, low, high in (("low", _ONE_WAY, 1.0), ("high", 0.0, 1 - _ONE_WAY)):
            if all(low <= pile.too_low <= high for pile in self.piles):
                return f"{name} puts {attribute} {where} too {way}: {said}"
        return f"{wording.capital(attribute)} errors of {name} pile up at {where}: {said}"

    def plot(self, reason: Reason) -> Plot | None:
        """Returns the share that is wrong by the raw number; None without one."""
        bins = self.bins
        if not bins:
            return None
        points = (Point(x=cell.raw, value=100 * cell.wrong, samples=cell.samples) for cell in bins)
        age = f"true {self.attribute} of the person (years)"
        return Lines(
            title=f"Errors against raw {self.attribute}",
            lines={reason.about[0]: tuple(points)},
            x_name=age if self.attribute == "age" else self.attribute,
            y_name="photos put into a wrong class (%)",
            edges=tuple(
                v.edge for v in self.edges if v.bins or bins[0].raw <= v.edge <= bins[-1].raw
            ),
            step=None if self.width is None else _JOINED * self.width,
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns `figures` of `verdict.json`; of an older file what it had."""
        found = fields_of(self)
        return found if self.numbers else {key: found[key] for key in ("attribute", "edges")}


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
    axis = axis_of(evidence, attribute)
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
    labels = evidence.labels[:, axis]
    wrong, too_low = (predicted != labels).mean(axis=0), (predicted < labels).mean(axis=0)
    places, bins = np.unique(_steps(raw, unit), return_inverse=True)
    views = [_edge_view(predicted > code, raw, edge, unit) for code, edge in enumerate(edges)]
    return Reason(
        key=f"boundary.{attribute}",
        mechanism="",
        about=(name,),
        sentence=_said(name, attribute, _hardest(views), _in_full(_NEAR * unit)),
        figures=Boundary(
            attribute=attribute,
            edges=tuple(views),
            numbers=tuple(
                NumberBin(
                    raw=_rounded(float(place) * unit),
                    wrong=float(wrong[bins == code].mean()),
                    below=float(too_low[bins == code].mean()),
                    samples=int((bins == code).sum()),
                )
                for code, place in enumerate(places)
            ),
            width=unit,
            piles=piles_of(wrong, too_low, raw, bins, evidence.people.person, evidence.seed),
        ),
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


def _steps(raw: Floats, width: float) -> Floats:
    """Returns the bin of every number, float [N]; what lies far out is in the outermost ones."""
    with np.errstate(over="ignore"):
        # A number on an edge of a bin begins it, whatever its last bit is.
        steps = np.floor(raw / width + 1e-9)
    low, high = np.quantile(raw, (0.05, 0.95)) / width
    found: Floats = np.clip(steps, np.floor(low) - _FAR_OUT, np.floor(high) + _FAR_OUT)
    return found


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


def _range(pile: Pile, width: float | None) -> str:
    """Returns the least and the largest number of a pile, to a tenth of a bin."""
    tenth = 10.0 ** (math.floor(math.log10(width)) - 1) if width else 1.0
    first, last = (
        _in_full(end if end == math.floor(end) else _rounded(way(round(end / tenth, 6)) * tenth))
        for end, way in ((pile.first, math.floor), (pile.last, math.ceil))
    )
    return first if first == last else f"{first} to {last}"


def _in_full(value: float) -> str:
    """Returns a number of the user without an exponent where it has few digits: 1250000."""
    return f"{value:.12g}"


def _rounded(value: float) -> float:
    """Returns a place beside an edge without the noise of adding up tenths."""
    return float(f"{value:.12g}")

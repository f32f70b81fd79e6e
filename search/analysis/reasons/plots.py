"""What a plot of a reason shows: six kinds, drawn by `search.report`, which knows no mechanism.

Plots of one kind that share a card become one by `beside`: the first names axes and title.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from search.analysis.uncertainty.interval import Interval

Rows = Mapping[str, Mapping[str, float]]
"""Row -> series -> value. A series is an approach, or "" where there is but one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """What every plot has: a title, for a screen reader."""

    title: str

    def beside(self, _other: Self) -> Self:
        """Returns this plot with what another shows; this one alone where they do not compare."""
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(Plot):
    """Horizontal bars from zero: `axis` names the values, `form` writes one, as "{:+.3f}"."""

    rows: Rows
    axis: str
    form: str = "{:.3f}"

    def beside(self, other: Self) -> Self:
        """Returns the plot with the rows and series of another too."""
        found = {row: dict(series) for row, series in self.rows.items()}
        for row, series in other.rows.items():
            found.setdefault(row, {}).update(series)
        return replace(self, rows=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dots(Bars):
    """One line per row with a mark per series, for scores far from zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A point of a line; `interval` and `samples` behind it are None where none are known."""

    x: float
    value: float
    interval: tuple[float, float] | None = None
    samples: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines(Plot):
    """Lines by name.

    `edges` are places on the x axis that the values gather round, from zero; `step` is the
    largest distance of points that are joined; None joins whatever follows.
    """

    lines: Mapping[str, tuple[Point, ...]]
    x_name: str
    y_name: str
    edges: tuple[float, ...] = ()
    step: float | None = None

    def beside(self, other: Self) -> Self:
        """Returns the plot with the lines and edges of another too."""
        return replace(
            self, lines={**self.lines, **other.lines}, edges=(*self.edges, *other.edges)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest(Plot):
    """Intervals around zero by name."""

    rows: Mapping[str, Interval]
    axis: str

    def beside(self, other: Self) -> Self:
        """Returns the plot with the rows of another too."""
        return replace(self, rows={**self.rows, **other.rows})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scatter(Plot):
    """One dot per joint class: its `photos` and its `values`, C each."""

    photos: tuple[int, ...]
    values: tuple[float, ...]
    y_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Predictions of like confidence: their mean confidence and the share that is right."""

    confidence: float
    accuracy: float
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability(Plot):
    """The share that is right against confidence, bins by approach; on the diagonal they agree."""

    curves: Mapping[str, tuple[Bin, ...]]

    def beside(self, other: Self) -> Self:
        """Returns the plot with the curves of another too."""
        return replace(self, curves={**self.curves, **other.curves})

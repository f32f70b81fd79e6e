"""The plot of each kind of reason, from the figures that the reason carries."""

from collections.abc import Callable, Mapping, Sequence

from search.report import wording
from search.report.document import Figure
from search.report.figures import svg
from search.report.figures.bars import bars, draw_bars, draw_dots
from search.report.figures.forest import ForestRow, draw_forest, forest
from search.report.figures.lines import boundary_plot, draw_lines, number_plot
from search.report.figures.scatter import draw_gain, draw_reliability, gain_plot, reliability
from search.report.verdict_rows import Estimate, ReasonRow

Rows = Sequence[ReasonRow]
Slots = Mapping[str, int]
_HEIGHT = 250.0
_ONLY = ""  # the series of a plot that has but one
_PLAIN = {_ONLY: svg.PLAIN}


def reason_figure(rows: Rows, slots: Slots, classes: tuple[str, ...] = ()) -> Figure | None:
    """Returns the plot of reasons of one kind, or None where their figures make none.

    Args:
        rows: one an approach, or all parts of one pair.
        slots: approach -> colour and mark.
        classes: names of the joint classes.
    """
    kind = rows[0].key.partition(".")[0]
    if kind == "class_size":
        return Figure(svg=_class_size(rows, classes))
    draw = _DRAWN.get(kind)
    if draw is None:
        draw = (
            _lines if "lines" in rows[0].figures else _bars if "bars" in rows[0].figures else None
        )
    drawn = draw(rows, slots) if draw else _effects(rows)
    return Figure(svg=drawn) if drawn else None


def effect_figure(rows: Rows, title: str) -> Figure | None:
    """Returns the effects of any reasons in one forest plot."""
    found = [
        ForestRow(_name(row), row.effect, wording.estimate(row.effect), main=False)
        for row in rows
        if row.effect
    ]
    if not found:
        return None
    plot = forest(found, axis="effect on macro-F1, for the first named")
    return Figure(
        svg=draw_forest(plot, svg.WIDE, title), narrow=draw_forest(plot, svg.NARROW, title)
    )


def _name(row: ReasonRow) -> str:
    said = row.key.replace("attribution.", "").replace("_", " ").replace(".", ", ")
    return f"{said}: {wording.minus(*row.about)}" if len(row.about) == 2 else said


def _effects(rows: Rows) -> str:
    found = [
        ForestRow(
            row.key.partition(".")[2] or row.key.replace("_", " "),
            row.effect,
            wording.estimate(row.effect),
        )
        for row in rows
        if row.effect
    ]
    if not found:
        return ""
    about = rows[0].about
    axis = f"macro-F1, {wording.minus(*about)}" if len(about) == 2 else "macro-F1"
    return draw_forest(forest(found, axis=axis), svg.NARROW, "Effects with 95 % intervals")


def _class_size(rows: Rows, classes: tuple[str, ...]) -> str:
    figures = rows[0].figures
    title = f"Gain of {rows[0].about[0]} over {rows[0].about[1]} against class size"
    plot = gain_plot(figures["samples"], figures["gain"], classes)
    return draw_gain(plot, svg.NARROW, _HEIGHT, title)


def _error_budget(rows: Rows, slots: Slots) -> str:
    values: dict[str, dict[str, float]] = {}
    for row in rows:
        for attribute, cost in row.figures["cost"].items():
            values.setdefault(attribute, {})[row.about[0]] = float(cost)
    plot = bars(
        values, slots, axis="macro-F1 gained if this attribute were perfect", form="{:+.3f}"
    )
    return draw_bars(plot, svg.NARROW, "What a perfect attribute would give")


def _scores_by_state(rows: Rows, slots: Slots) -> str:
    values: dict[str, dict[str, float]] = {}
    for row in rows:
        for other, states in row.figures["states"].items():
            for state, cell in states.items():
                values.setdefault(f"{other}: {state}", {})[row.about[0]] = float(cell["macro_f1"])
    if not values:
        return ""
    attribute = str(rows[0].figures["attribute"])
    plot = bars(values, slots, axis=f"macro-F1 of {attribute}", zero=False)
    return draw_dots(plot, svg.NARROW, f"{attribute} by the state of the other attributes")


def _boundary(rows: Rows, slots: Slots) -> str:
    attribute = str(rows[0].figures["attribute"])
    views = {row.about[0]: row.figures["edges"] for row in rows}
    plot = boundary_plot(views, slots, attribute)
    return draw_lines(plot, svg.NARROW, _HEIGHT, f"Errors against raw {attribute}")


def _decision_rule(rows: Rows, _slots: Slots) -> str:
    values = {name: {_ONLY: float(gain)} for name, gain in rows[0].figures["gain"].items()}
    plot = bars(values, _PLAIN, axis="macro-F1 gained by class biases", form="{:+.4f}")
    return draw_bars(plot, svg.NARROW, "What class biases change")


def _error_overlap(rows: Rows, slots: Slots) -> str:
    values: dict[str, dict[str, float]] = {}
    for row in rows:
        first, second = row.about
        values[f"{first}, {second}"] = {
            first: 100 * float(row.figures["only_first_right"]),
            second: 100 * float(row.figures["only_second_right"]),
        }
    plot = bars(
        values, slots, axis="photos that only this one of the two gets right (%)", form="{:.1f}"
    )
    return draw_bars(plot, svg.NARROW, "Where two approaches differ")


def _calibration(rows: Rows, slots: Slots) -> str:
    if all("bins" in row.figures for row in rows):
        curves = reliability({row.about[0]: row.figures["bins"] for row in rows}, slots)
        return draw_reliability(curves, svg.NARROW, _HEIGHT, "Reliability of the probabilities")
    values = {
        f"{row.about[0]}, {state}": {row.about[0]: 100 * float(row.figures[state]["ece"])}
        for row in rows
        for state in ("raw", "calibrated")
        if state in row.figures
    }
    plot = bars(values, slots, axis="expected calibration error (%)", form="{:.1f}")
    return draw_bars(plot, svg.NARROW, "Calibration")


def _overtuning(rows: Rows, _slots: Slots) -> str:
    gaps = [(row.about[0], Estimate.of(row.figures, "gap")) for row in rows]
    found = [ForestRow(name, gap, wording.estimate(gap)) for name, gap in gaps]
    plot = forest(found, axis="score in the search minus on fresh folds")
    return draw_forest(plot, svg.NARROW, "How much the search flattered")


def _lines(rows: Rows, slots: Slots) -> str:
    # Descriptions of several pairs share a card, and each pair brings its own two lines.
    found = {name: cells for row in rows for name, cells in row.figures["lines"].items()}
    known = {name: slots.get(name, index) for index, name in enumerate(found)}
    plot = number_plot({**rows[0].figures, "lines": found}, known)
    return draw_lines(plot, svg.NARROW, _HEIGHT, rows[0].sentence)


def _bars(rows: Rows, slots: Slots) -> str:
    figures = rows[0].figures
    names = {name: None for row in figures["bars"].values() for name in row}
    known = {name: slots.get(name, index) for index, name in enumerate(names)}
    plot = bars(figures["bars"], known, axis=str(figures["axis"]), form="{:.3f}")
    return draw_bars(plot, svg.NARROW, rows[0].sentence)


_DRAWN: dict[str, Callable[[Rows, Slots], str]] = {
    "error_budget": _error_budget,
    "scores_by_state": _scores_by_state,
    "boundary": _boundary,
    "decision_rule": _decision_rule,
    "error_overlap": _error_overlap,
    "calibration": _calibration,
    "overtuning": _overtuning,
    "gradient_conflict": _lines,
}

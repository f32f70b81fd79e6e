"""The plot of reasons: one of six kinds, whatever the mechanism."""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce

from search.analysis import wording
from search.analysis.reasons import plots
from search.analysis.reasons.reason import Reason
from search.report.document import Figure
from search.report.figures import svg
from search.report.figures.bars import bars, draw_bars, draw_dots
from search.report.figures.forest import ForestRow, draw_forest, forest, forest_figure
from search.report.figures.lines import draw_lines, number_plot
from search.report.figures.scatter import draw_gain, draw_reliability, gain_plot

Slots = Mapping[str, int]
_HEIGHT = 250.0


def reason_figure(
    reasons: Sequence[Reason], slots: Slots, classes: tuple[str, ...] = ()
) -> Figure | None:
    """Returns the plot of reasons on one card, or None where they make none.

    Args:
        reasons: one per approach, or all parts of one pair.
        slots: approach -> colour and mark.
        classes: names of the joint classes.
    """
    found = [plot for plot in (each.plot for each in reasons) if plot is not None]
    alike = [plot for plot in found if type(plot) is type(found[0])]
    drawn = (
        _drawn(reduce(lambda plot, other: plot.beside(other), alike), slots, classes)
        if alike
        else _effects(reasons)
    )
    return Figure(svg=drawn) if drawn else None


def effect_figure(reasons: Sequence[Reason], title: str) -> Figure | None:
    """Returns the effects of any reasons in one forest plot."""
    found = [ForestRow(_name(each), each.effect, main=False) for each in reasons if each.effect]
    if not found:
        return None
    plot = forest(found, axis="effect on macro-F1, for the first named")
    return forest_figure(plot, title)


def _name(reason: Reason) -> str:
    said = reason.key.replace("attribution.", "").replace("_", " ").replace(".", ", ")
    return f"{said}: {wording.minus(*reason.about)}" if len(reason.about) == 2 else said


def _effects(reasons: Sequence[Reason]) -> str:
    rows = [
        ForestRow(each.part or each.key.replace("_", " "), each.effect)
        for each in reasons
        if each.effect
    ]
    if not rows:
        return ""
    about = reasons[0].about
    axis = f"macro-F1, {wording.minus(*about)}" if len(about) == 2 else "macro-F1"
    return draw_forest(forest(rows, axis=axis), svg.NARROW, "Effects with 95 % intervals")


def _drawn(plot: plots.Plot, slots: Slots, classes: tuple[str, ...]) -> str:
    title = plot.title
    match plot:
        case plots.Dots():
            known = _colours(plot.rows.values(), slots)
            drawn = bars(plot.rows, known, axis=plot.axis, zero=False)
            return draw_dots(drawn, svg.NARROW, title)
        case plots.Bars():
            known = _colours(plot.rows.values(), slots)
            drawn = bars(plot.rows, known, axis=plot.axis, form=plot.form)
            return draw_bars(drawn, svg.NARROW, title)
        case plots.Lines():
            return draw_lines(number_plot(plot, slots), svg.NARROW, _HEIGHT, title)
        case plots.Forest():
            rows = [ForestRow(name, found) for name, found in plot.rows.items()]
            return draw_forest(forest(rows, axis=plot.axis), svg.NARROW, title)
        case plots.Scatter():
            return draw_gain(gain_plot(plot, classes), svg.NARROW, _HEIGHT, title)
        case plots.Reliability():
            return draw_reliability(plot, slots, svg.NARROW, _HEIGHT)
    return ""


def _colours(rows: Iterable[Mapping[str, float]], slots: Slots) -> Slots:
    """Returns the colours of series, approaches in the order of the page before any others."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    others = {
        name: svg.other(place) if name else svg.PLAIN
        for place, name in enumerate(n for n in names if n not in slots)
    }
    return {**slots, **others}

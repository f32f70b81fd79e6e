"""Sections on the searches: anytime curves, how every space went, and what mattered."""

from collections.abc import Mapping

from search.analysis import wording
from search.report.contents import ReportContents, SearchSummary
from search.report.document import Block, Card, Cell, Figure, Grid, Section, Text, table
from search.report.figures import svg
from search.report.figures.bars import bars, draw_bars
from search.report.figures.lines import anytime_plot, draw_lines

_MOST_PARAMETERS = 8
_NAMED = 8
_LUCKY = (
    "The highest of many trials is partly luck, so scores of a search are too high and name no "
    "winner. The chosen configs were trained again, on people that the models never saw: those "
    "scores, above, decide."
)


def search_section(contents: ReportContents, slots: Mapping[str, int]) -> Section | None:
    """Returns the anytime curves and a table of the spaces."""
    drawn = [curve for curve in contents.curves if curve.values]
    if not drawn and not contents.searches:
        return None
    blocks: list[Block] = []
    if drawn:
        plot = anytime_plot(drawn, slots)
        title = "Validation score in hand against device time"
        figure = Figure(
            svg=draw_lines(plot, svg.WIDE, 320, title),
            narrow=draw_lines(plot, svg.NARROW, 280, title),
            caption=(
                "Every mark is a new best trial of a space; of several networks it is the score "
                "of their best trials together, which may fall. Scores are on the search's own "
                "validation people, so they flatter; the scores above do not. Which config a "
                "search chose in the end is another question."
            ),
        )
        if contents.scores:
            blocks.append(Text(text=_LUCKY))
        blocks.append(figure)
    if contents.searches:
        blocks += [Text(text=_began(row), quiet=True) for row in contents.searches if row.origins]
        blocks.append(_summary_table(contents.searches, slots))
    return Section(kicker="Search", heading=_search_heading(contents), blocks=tuple(blocks))


def _search_heading(contents: ReportContents) -> str:
    drawn = [curve for curve in contents.curves if curve.values]
    if drawn:
        best = max(drawn, key=lambda curve: curve.values[-1])
        spent = wording.duration(best.spent)
        score = wording.score(best.values[-1])
        again = _trained_again(contents, best.name)
        if len(drawn) == 1:
            return f"{best.name} reached {score} in {spent} of device time{again}"
        if again:
            return f"{best.name} scored highest at the end of the search, {score}{again}"
        return (
            f"At the end of the search {best.name} had the highest score, {score}, after {spent} "
            "of device time"
        )
    trials = sum(row.trials for row in contents.searches)
    spaces = wording.plural(len(contents.searches), "space")
    return f"{wording.plural(trials, 'trial')} in {spaces}"


def _trained_again(contents: ReportContents, name: str) -> str:
    """Returns what the refit says of the one that was highest in the search, and who is now."""
    scores = {row.name: wording.score(row.interval.value) for row in contents.scores}
    if name not in scores:
        return ""
    first = next(iter(scores))
    if first == name:
        return f"; trained again it scores {scores[name]}"
    return f"; trained again it scores {scores[name]}, and {first} {scores[first]}"


def _began(row: SearchSummary) -> str:
    """Returns which configs of other runs a search tried, and whether it chose one of them."""
    tried = wording.plural(len(row.origins), "config")
    more = f" and {len(row.origins) - _NAMED} more" if len(row.origins) > _NAMED else ""
    named = f"{', '.join(row.origins[:_NAMED])}{more}"
    chose = f"It chose {row.chosen_origin}." if row.chosen_origin else "It chose none of them."
    return f"{row.space} began with its default config and {tried} of other runs: {named}. {chose}"


def _summary_table(rows: tuple[SearchSummary, ...], slots: Mapping[str, int]) -> Block:
    columns = (
        "space",
        "trials",
        "complete",
        "stopped early",
        "failed",
        "cut off",
        "chosen config",
        "95 % interval",
        "highest score",
        "default config",
        "device time",
    )
    cut, failed = any(row.cut_off for row in rows), any(row.failed for row in rows)
    cells = [
        (
            Cell(text=_space_name(row), slot=slots.get(row.approach)),
            f"{row.trials:,}",
            f"{row.complete:,}",
            f"{row.stopped:,}",
            f"{row.failed:,}" if failed else "",
            f"{row.cut_off:,}" if cut else "",
            "" if row.best is None else Cell(text=wording.score(row.best), strong=True),
            wording.interval(row.interval),
            "" if row.leader is None else wording.score(row.leader),
            _default_score(row),
            "" if row.device_seconds is None else wording.duration(row.device_seconds),
        )
        for row in rows
    ]
    return table("Searches", columns, cells)


def _default_score(row: SearchSummary) -> str:
    score = "" if row.default is None else wording.score(row.default)
    return score if row.default_stop is None else f"{score} (stopped at epoch {row.default_stop})"


def _space_name(row: SearchSummary) -> str:
    """Returns the space, with the approach it serves where that has another name."""
    return row.space if row.space == row.approach else f"{row.space} ({row.approach})"


def importance_section(contents: ReportContents) -> Section | None:
    """Returns what mattered in each space."""
    known = {space: found for space, found in contents.importances.items() if found}
    if not known:
        return None
    cards = tuple(_importance_card(space, found) for space, found in known.items())
    note = Text(
        text=(
            "Share of the variance of the validation score that a parameter explains alone over "
            "the trials of the search. With few trials it is a hint, not a measurement."
        ),
        quiet=True,
    )
    return Section(
        kicker="Parameters", heading=_importance_heading(known), blocks=(Grid(cards=cards), note)
    )


def _importance_card(space: str, found: Mapping[str, float]) -> Card:
    ranked = sorted(found.items(), key=lambda item: -item[1])[:_MOST_PARAMETERS]
    values = {name: {"": 100 * value} for name, value in ranked}
    plot = bars(values, {"": svg.PLAIN}, axis="importance (%)", form="{:.0f}")
    title = f"Importance of the parameters of {space}"
    rows = [(name, wording.percent(value)) for name, value in ranked]
    figure = Figure(
        svg=draw_bars(plot, svg.NARROW, title),
        told=table(title, ("parameter", "importance"), rows),
    )
    return Card(heading=f"{space}: {ranked[0][0]} mattered most", figure=figure)


def _importance_heading(known: Mapping[str, Mapping[str, float]]) -> str:
    firsts = [max(found, key=lambda name: found[name]) for found in known.values()]
    most = max(dict.fromkeys(firsts), key=firsts.count)
    if len(firsts) == 1:
        return f"{most} mattered most"
    if firsts.count(most) == 1:
        return "In every space another parameter mattered most"
    return f"{most} mattered most in {firsts.count(most)} of {len(firsts)} spaces"

"""The section of reasons: what the data support first, descriptions next, the rest folded."""

from collections.abc import Mapping, Sequence

from search.report import wording
from search.report.contents import ReportContents
from search.report.document import Block, Card, Folded, Grid, Items, Section, Text
from search.report.reason_figures import effect_figure, reason_figure
from search.report.reason_headings import MECHANISMS, heading
from search.report.verdict_rows import ReasonRow

Group = tuple[ReasonRow, ...]


def groups(reasons: Sequence[ReasonRow]) -> tuple[Group, ...]:
    """Returns reasons that share a plot, in the order of their first.

    The parts of one pair's difference belong together; so do descriptions of the same thing for
    several approaches.
    """
    found: dict[tuple[str, tuple[str, ...]], list[ReasonRow]] = {}
    for row in reasons:
        compares = row.effect is not None or len(row.about) > 1
        kind = row.key.partition(".")[0] if compares else row.key
        found.setdefault((kind, row.about if compares else ()), []).append(row)
    return tuple(tuple(rows) for rows in found.values())


def reason_section(contents: ReportContents, slots: Mapping[str, int]) -> Section | None:
    """Returns why: supported effects, descriptions, and what the data do not support."""
    if not contents.reasons:
        return None
    joint = [found.classes for found in contents.confusions if found.name == "joint"]
    classes = joint[0] if joint else ()
    found = groups(contents.reasons)
    supported = [rows for rows in found if any(row.supported for row in rows)]
    described = [rows for rows in found if all(row.effect is None for row in rows)]
    rest = [row for rows in found for row in rows if row.effect and not row.supported]
    blocks: list[Block] = []
    if supported:
        blocks.append(Grid(cards=tuple(_card(rows, slots, classes) for rows in supported)))
    if described:
        blocks.append(Text(text="What the errors look like, whether or not they tell a winner:"))
        blocks.append(Grid(cards=tuple(_card(rows, slots, classes) for rows in described)))
    if rest:
        blocks.append(_unsupported(rest))
    return Section(kicker="Reasons", heading=_section_heading(supported), blocks=tuple(blocks))


def _section_heading(supported: Sequence[Group]) -> str:
    if not supported:
        return "No mechanism that was tested explains a difference"
    return heading(supported[0])


def _card(rows: Group, slots: Mapping[str, int], classes: tuple[str, ...]) -> Card:
    # Parts without support stand in the plot; their sentences would only repeat it.
    said = [row for row in rows if row.supported or row.effect is None]
    tags = list(dict.fromkeys(MECHANISMS.get(row.mechanism, row.mechanism) for row in said))
    return Card(
        heading=heading(rows),
        sentences=tuple(row.sentence for row in said),
        figure=reason_figure(rows, slots, classes),
        tag=", ".join(tag for tag in tags if tag),
    )


def _unsupported(rows: Sequence[ReasonRow]) -> Folded:
    summary = (
        f"{wording.plural(len(rows), 'possible reason')} looked at, not supported by this data"
    )
    figure = effect_figure(rows, "Effects that this data do not support, with 95 % intervals")
    sentences = Items(items=tuple(row.sentence for row in rows))
    return Folded(summary=summary, blocks=(sentences,) if figure is None else (figure, sentences))

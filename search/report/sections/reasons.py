"""The section of reasons: what the data support first, descriptions next, the rest folded."""

from collections.abc import Mapping, Sequence

from search.analysis import wording
from search.analysis.reasons.reason import MEANINGS, MECHANISMS, Reason
from search.analysis.uncertainty.interval import ALPHA
from search.report.contents import ReportContents
from search.report.document import Block, Card, Folded, Grid, Items, Section, Text
from search.report.sections.reason_figures import effect_figure, reason_figure
from trainables.data.schema import JOINT

Group = tuple[Reason, ...]


def groups(reasons: Sequence[Reason]) -> tuple[Group, ...]:
    """Returns reasons that share a plot, in the order of their first.

    The parts of one pair's difference belong together; so do descriptions of the same thing for
    several approaches or pairs.
    """
    found: dict[tuple[str, tuple[str, ...]], list[Reason]] = {}
    for row in reasons:
        compares = row.effect is not None
        kind = row.kind if compares else row.key
        found.setdefault((kind, row.about if compares else ()), []).append(row)
    return tuple(tuple(rows) for rows in found.values())


def reason_section(contents: ReportContents, slots: Mapping[str, int]) -> Section | None:
    """Returns why: supported effects, descriptions, and what the data do not support."""
    if not contents.reasons:
        return None
    joint = [found.classes for found in contents.confusions if found.name == JOINT]
    classes = joint[0] if joint else ()
    found = groups(contents.reasons)
    supported = [rows for rows in found if any(row.supported for row in rows)]
    described = [_best_first(rows, contents) for rows in found if rows[0].effect is None]
    rest = [row for rows in found for row in rows if row.effect and not row.supported]
    blocks: list[Block] = []
    if supported:
        blocks.append(Grid(cards=tuple(_card(rows, slots, classes) for rows in supported)))
    num_effects = sum(row.effect is not None for row in contents.reasons)
    if num_effects:
        one_seed = any(pair.is_of_one_seed for pair in contents.pairs)
        together = any(row.doubt or row.p_adjusted is not None for row in contents.reasons)
        caution = _caution(num_effects, one_seed=one_seed, together=together)
        blocks.append(Text(text=caution, quiet=True))
    if described:
        blocks.append(Text(text="What the errors look like, whether or not they tell a winner:"))
        blocks.append(Grid(cards=tuple(_card(rows, slots, classes) for rows in described)))
    blocks += _meanings([row for rows in (*supported, *described) for row in _said(rows)])
    if rest:
        blocks.append(_unsupported(rest))
    heading_text = _section_heading(len(supported), len(described), num_effects)
    return Section(kicker="Reasons", heading=heading_text, blocks=tuple(blocks))


def _section_heading(num_supported: int, num_described: int, num_effects: int) -> str:
    if num_supported:
        return f"{wording.plural(num_supported, 'mechanism')} supported by this data"
    if num_effects:
        return "No mechanism that was tested explains a difference"
    return "What the errors look like" if num_described else "No reason was found"


def _caution(num_effects: int, *, one_seed: bool, together: bool) -> str:
    """Returns how effects were tested: all within 5 %, or each by itself in an older file."""
    effects = wording.plural(num_effects, "effect")
    if together:
        return (
            f"{effects} looked at; those of decided pairs were tested together within 5 % (Holm), "
            "those of other pairs were not tested."
        )
    lucky = max(1, round(num_effects * ALPHA))
    said = (
        f"{effects} tested, each at 95 % by itself: about {lucky} would stand out by luck alone, "
        "so a single weak one proves little."
    )
    if not one_seed:
        return said
    return f"{said} With one training seed they hold for these very models, not for the approach."


def _best_first(rows: Group, contents: ReportContents) -> Group:
    """Returns descriptions with the approach that scores highest first."""
    order = [score.name for score in contents.scores]
    place = {name: index for index, name in enumerate(order)}
    return tuple(
        sorted(rows, key=lambda row: sum(place.get(name, len(order)) for name in row.about))
    )


def _card(rows: Group, slots: Mapping[str, int], classes: tuple[str, ...]) -> Card:
    said = _said(rows)
    tags = list(dict.fromkeys(MECHANISMS.get(row.mechanism, row.mechanism) for row in said))
    sentences = [row.sentence for row in said]
    num_shown = 1 if rows[0].effect is None else len(said)
    return Card(
        heading=rows[0].figures.heading(rows),
        sentences=tuple(sentences[:num_shown]),
        more=tuple(sentences[num_shown:]),
        figure=reason_figure(rows, slots, classes),
        tag=", ".join(tag for tag in tags if tag),
    )


def _said(rows: Group) -> list[Reason]:
    """Returns those told in words; parts without support stand in the plot, which is enough."""
    return [row for row in rows if row.supported or row.effect is None]


def _meanings(rows: Sequence[Reason]) -> list[Block]:
    """Returns what the mechanisms named below reasons are, or nothing where none is named."""
    named = sorted({row.mechanism for row in rows} & set(MEANINGS), key=list(MEANINGS).index)
    if not named:
        return []
    told = "; ".join(f"{MECHANISMS[name]}: {MEANINGS[name]}" for name in named)
    lead = "The mechanism below a finding is the possible cause that it bears on."
    return [Text(text=f"{lead} {wording.sentence(told)}", quiet=True)]


def _unsupported(rows: Sequence[Reason]) -> Folded:
    summary = (
        f"{wording.plural(len(rows), 'possible reason')} looked at, not supported by this data"
    )
    figure = effect_figure(rows, "Effects that this data do not support, with 95 % intervals")
    sentences = Items(items=tuple(row.told for row in rows))
    return Folded(summary=summary, blocks=(sentences,) if figure is None else (figure, sentences))

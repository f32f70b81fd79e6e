"""A page as Markdown: everything but the plots, and in tables what plots alone would show."""

import re
from collections.abc import Iterable

from search.analysis.wording import typeset
from search.report.document import (
    Block,
    Card,
    Code,
    Figure,
    Folded,
    Grid,
    Items,
    Page,
    Table,
    Text,
)

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#&$~])")
_ENDS = re.compile(r"[\x00-\x1f\x7f-\x85\u2028\u2029]+")
"""Ends of lines and other characters that nobody sees: a cell or an item is one line."""


def escaped(text: str) -> str:
    """Returns a text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", _ENDS.sub(" ", text))


def said(text: str) -> str:
    """Returns a sentence as Markdown, in the page's own type."""
    return escaped(typeset(text))


def page_lines(page: Page) -> Iterable[str]:
    """Yields the lines of the page."""
    yield f"# {said(' '.join(part for part in (page.answer, page.advice) if part))}"
    if page.title != page.answer:
        yield from ("", escaped(page.title))
    if page.facts:
        yield from ("", said(" · ".join(page.facts)))
    if page.warning:
        yield from ("", f"**{said(page.warning)}**")
    if page.claims:
        yield ""
    for claim in page.claims:
        note = f" {claim.note}" if claim.note else ""
        yield said(f"{claim.text}.{note}").join(("- ", ""))
    for note in page.notes:
        yield from ("", said(note))
    for section in page.sections:
        lines = [line for block in section.blocks for line in block_lines(block)]
        heading = f"## {said(section.kicker)}: {said(section.heading)}"
        # A section of photos alone has nothing to say here.
        yield from ("", heading, *lines) if lines else ()


def block_lines(block: Block) -> Iterable[str]:
    """Yields the lines of a block, an empty one before it."""
    if isinstance(block, Table):
        yield from _table_lines(block)
    elif isinstance(block, Figure):
        yield from () if block.told is None else _table_lines(block.told)
    elif isinstance(block, Text):
        yield from ("", said(block.text))
    elif isinstance(block, Items):
        yield ""
        for item in block.items:
            yield f"- {said(item)}"
    elif isinstance(block, Code):
        fence = _fence(block.lines)
        yield from ("", fence, *block.lines, fence)
    elif isinstance(block, Grid):
        for card in block.cards:
            yield from _card_lines(card)
    elif isinstance(block, Folded):
        inner = [line for each in block.blocks for line in block_lines(each)]
        # What only folds plots away has nothing to say here.
        yield from ("", f"### {said(block.summary)}", *inner) if inner else ()


def _fence(lines: Iterable[str]) -> str:
    """Returns what no line can end the block by: more backticks than stand anywhere in it."""
    runs = (found for line in lines for found in re.findall("`{3,}", line))
    return "`" * (1 + max(map(len, runs), default=2))


def _card_lines(card: Card) -> Iterable[str]:
    if card.sentences:
        text = " ".join((*card.sentences, *card.more))
        tag = f" Mechanism: {card.tag}." if card.tag else ""
        yield from ("", f"**{said(card.heading)}.** {said(text + tag)}")
    if card.figure is not None and card.figure.told is not None:
        heading = () if card.sentences else ("", f"**{said(card.heading)}**")
        yield from (*heading, *_table_lines(card.figure.told))


def _table_lines(table: Table) -> Iterable[str]:
    if caption := escaped(table.caption).strip():
        yield from ("", f"**{caption}**")
    yield ""
    yield _row(escaped(name) for name in table.columns)
    yield _row("---:" if numeric else "---" for numeric in table.numeric)
    for row in table.rows:
        texts = (escaped(cell.text) for cell in row)
        cells = zip(texts, row, strict=True)
        yield _row(f"**{text}**" if cell.strong and text else text for text, cell in cells)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"

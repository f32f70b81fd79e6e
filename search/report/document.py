"""What a page is made of, before it is HTML or Markdown: sections of blocks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell of a table; `slot` puts an approach's mark before it, `strong` sets it bold."""

    text: str
    slot: int | None = None
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; `numeric[j]` sets column j to the right, `wraps` lets texts take more lines."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[Cell, ...], ...]
    wraps: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A plot, as SVG: `narrow` on a phone where it is not the same, `caption` below.

    `scrolls` keeps a plot that would be illegible on a phone at its size, in a box that scrolls.
    `told` says in Markdown, which has no plots, what no sentence beside the plot says.
    """

    kind: ClassVar[str] = "figure"
    svg: str
    narrow: str = ""
    caption: str = ""
    scrolls: bool = False
    told: Table | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A finding with its sentences and its plot, beside others in a grid; `more` is folded."""

    heading: str
    sentences: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    figure: Figure | None = None
    tag: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Cards side by side where there is room; `small` ones three in a row.

    On a phone small ones lie in a row that scrolls, `stacked` ones below each other.
    """

    kind: ClassVar[str] = "grid"
    cards: tuple[Card, ...]
    small: bool = False
    stacked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A paragraph; `quiet` ones are set small."""

    kind: ClassVar[str] = "text"
    text: str
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list of sentences."""

    kind: ClassVar[str] = "items"
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Shell commands."""

    kind: ClassVar[str] = "code"
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A small photo; `source` is a data URL, `caption` stands below it and is read aloud."""

    source: str
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Photos:
    """Photos in rows that show one thing, with a note below; Markdown has none."""

    kind: ClassVar[str] = "photos"
    title: str
    photos: tuple[Photo, ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """Blocks that are shown when asked for."""

    kind: ClassVar[str] = "folded"
    summary: str
    blocks: tuple["Block", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Photos that belong together, with what is said of them, or nothing, below."""

    photos: tuple[Photo, ...]
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """Frames of photos in rows."""

    kind: ClassVar[str] = "gallery"
    frames: tuple[Frame, ...]


Block = Table | Figure | Grid | Text | Items | Code | Photos | Folded | Gallery


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page: `kicker` says what it is about, `heading` what was found."""

    kicker: str
    heading: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        """Name of the section in links."""
        return self.kicker.lower().replace(" ", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One line under the answer: what is known of a pair, and what would settle it."""

    outcome: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole page: the answer on top with what to do now, then sections."""

    title: str
    answer: str
    advice: str
    warning: str
    facts: tuple[str, ...]
    claims: tuple[Claim, ...]
    notes: tuple[str, ...]
    sections: tuple[Section, ...]


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[Cell | str]], names: int = 1
) -> Table:
    """Returns a table without the columns that hold nothing.

    Args:
        caption: what it is, for a screen reader and above it in Markdown.
        columns: headers.
        rows: cells, or their texts.
        names: columns from the left that hold names, not numbers.
    """
    cells = [[Cell(text=c) if isinstance(c, str) else c for c in row] for row in rows]
    kept = [j for j in range(len(columns)) if any(row[j].text for row in cells)]
    return Table(
        caption=caption,
        columns=tuple(columns[j] for j in kept),
        numeric=tuple(j >= names for j in kept),
        rows=tuple(tuple(row[j] for j in kept) for row in cells),
    )

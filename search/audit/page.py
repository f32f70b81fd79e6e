"""The page of an audit, in the report's style: what was found with its photos, then the data."""

from collections.abc import Sequence

from search.analysis import wording
from search.audit.finding import Finding, Level
from search.audit.listing import Listing
from search.audit.overview import overview_sections
from search.audit.pictures import thumbnail
from search.report.document import Block, Folded, Frame, Gallery, Items, Page, Photo, Section, Text
from trainables.data.sketches import Sketches

_SHOWN_THINGS, _FOLDED_THINGS = 10, 2_000
_SHOWN_FRAMES, _IN_A_FRAME = 24, 4
_TITLES = {
    Level.UNUSABLE: "Unusable",
    Level.LOOK: "To look at",
    Level.NOTE: "Notes",
}


def audit_page(
    listing: Listing, sketches: Sketches, findings: Sequence[Finding], *, no_photos: bool = False
) -> Page:
    """Returns the page of what was found in a data folder."""
    sections = _sections(listing, findings, no_photos=no_photos)
    table = listing.table
    counts = [f"{len(listing.paths):,} photos"]
    if table is not None:
        counts.append(f"{table.num_samples:,} with labels")
        counts.append(f"{table.num_groups:,} people")
    if listing.unlabelled:
        counts.append(f"{len(listing.unlabelled):,} to predict")
    return Page(
        title=f"Audit of {listing.root.name or listing.root}",
        answer=_answer(findings),
        advice="",
        warning="",
        facts=tuple(counts),
        claims=(),
        notes=("Nothing in the data folder was changed.",),
        sections=(*sections, *overview_sections(listing, sketches, no_photos=no_photos)),
    )


def diff_page(
    listing: Listing, lines: Sequence[str], findings: Sequence[Finding], *, no_photos: bool = False
) -> Page:
    """Returns the page of what changed between two folders.

    Args:
        listing: of the second.
        lines: what each holds.
        findings: whose photos have whole paths.
        no_photos: whether the page shows none.
    """
    said = wording.plural(len(findings), "thing differs", "things differ")
    return Page(
        title=f"What changed to {listing.root.name or listing.root}",
        answer=f"{said} between the two folders." if findings else "Nothing changed.",
        advice="",
        warning="",
        facts=tuple(lines),
        claims=(),
        notes=("Nothing in either folder was changed.",),
        sections=_sections(listing, findings, no_photos=no_photos),
    )


def _answer(findings: Sequence[Finding]) -> str:
    refused = [each for each in findings if each.level is Level.UNUSABLE]
    look = [each for each in findings if each.level is Level.LOOK]
    if refused:
        kinds = wording.listing([each.kind for each in refused[:3]])
        return f"This data cannot be used as it is: {kinds}."
    if look:
        said = wording.plural(len(look), "thing needs", "things need")
        return f"{said} a person's eye before anything is trained."
    return "Nothing in this data needs a person's eye."


def _sections(
    listing: Listing, findings: Sequence[Finding], *, no_photos: bool
) -> tuple[Section, ...]:
    """Returns a section for each level that has findings."""
    sections = []
    for level, title in _TITLES.items():
        found = [each for each in findings if each.level is level]
        blocks = [b for each in found for b in _blocks(listing, each, no_photos=no_photos)]
        if blocks:
            kinds = wording.listing([each.kind for each in found])
            sections.append(Section(kicker=title, heading=kinds, blocks=tuple(blocks)))
    return tuple(sections)


def _blocks(listing: Listing, found: Finding, *, no_photos: bool) -> list[Block]:
    said = Text(text=wording.sentence(f"{found.kind}: {found.text}"))
    if len(found.photos) == len(found.named) and not no_photos:
        # Each thing stands below its photos; there is no second list of them.
        shown = list(zip(found.photos, found.named, strict=True))[:_SHOWN_FRAMES]
        frames = [Frame(photos=_photos(listing, paths), text=text) for paths, text in shown]
        first: Block = Gallery(frames=tuple(frames))
        more = found.named[_SHOWN_FRAMES:]
    else:
        first = Items(items=found.named[:_SHOWN_THINGS])
        more = found.named[_SHOWN_THINGS:]
    if not more:
        return [said, first]
    rest = Items(items=more[:_FOLDED_THINGS])
    return [said, first, Folded(summary=f"{len(more):,} more", blocks=(rest,))]


def _photos(listing: Listing, paths: Sequence[str]) -> tuple[Photo, ...]:
    found = (
        thumbnail(listing.root, path, path.rpartition("/")[2], listing.max_pixels)
        for path in paths[:_IN_A_FRAME]
    )
    return tuple(photo for photo in found if photo is not None)

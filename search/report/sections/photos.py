"""Photos of classes, confident errors, and where approaches part."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from search.analysis import wording
from search.analysis.examples import Group
from search.report.contents import ReportContents
from search.report.document import Block, Folded, Photo, Photos, Section

MOST_BYTES = 4_000_000
"""Of all photos of the page, so that it stays below 5 MB."""


def photo_section(contents: ReportContents) -> Section | None:
    """Returns the photos of the page, those that say most first; None where it shows none."""
    examples, there = contents.examples, contents.photos
    if examples is None or not there:
        return None
    there = _within(there, (*examples.parted, *examples.errors, *examples.classes))
    leader = contents.scores[0].name if contents.scores else ""
    # The heading of the section says what they are.
    blocks: list[Block] = [replace(each, title="") for each in _shown(examples.parted, there)]
    for summary, groups in (
        (f"The most confident errors of {leader}, by what is taken for what", examples.errors),
        ("Photos of every class", examples.classes),
    ):
        if found := _shown(groups, there):
            blocks.append(Folded(summary=summary, blocks=found))
    if not blocks:
        return None
    return Section(kicker="Photos", heading=_heading(examples.parted), blocks=tuple(blocks))


def _within(there: Mapping[int, str], groups: Sequence[Group]) -> dict[int, str]:
    """Returns the photos that the page has room for; one in two groups takes its room twice."""
    found: dict[int, str] = {}
    room = MOST_BYTES
    for group in groups:
        for each in group.examples:
            room -= len(there.get(each.sample, ""))
            if room >= 0 and each.sample in there:
                found[each.sample] = there[each.sample]
    return found


def _heading(parted: Sequence[Group]) -> str:
    return parted[0].title if parted else "What the photos look like"


def _shown(groups: Sequence[Group], there: Mapping[int, str]) -> tuple[Photos, ...]:
    found = []
    for group in groups:
        photos = tuple(
            Photo(source=f"data:image/jpeg;base64,{there[each.sample]}", caption=each.text)
            for each in group.examples
            if each.sample in there
        )
        if photos:
            found.append(Photos(title=wording.capital(group.title), photos=photos))
    return tuple(found)

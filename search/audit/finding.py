"""What an audit finds: a kind, how grave it is, a sentence, and the things that it is about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How grave a finding is."""

    UNUSABLE = "unusable"
    """A run on this data is refused."""
    LOOK = "look"
    """Somebody must look at it and decide."""
    NOTE = "note"
    """Good to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Things of a data folder that have one thing in common.

    Attributes:
        kind: a name that stays the same, such as "cut-short".
        level: how grave it is.
        text: what is found and what helps, a sentence without full stop.
        named: the things, a few words each.
        photos: paths from the data folder, photos that belong together in one tuple.
    """

    kind: str
    level: Level
    text: str
    named: tuple[str, ...] = ()
    photos: tuple[tuple[str, ...], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Returns the finding's entry in audit.json."""
        return {
            "kind": self.kind,
            "level": self.level.value,
            "text": self.text,
            "count": len(self.named),
            "named": list(self.named),
            "photos": [list(each) for each in self.photos],
        }


def about(
    kind: str,
    level: Level,
    text: str,
    named: Iterable[str],
    photos: Sequence[Sequence[str]] = (),
) -> list[Finding]:
    """Returns the finding about some things; none where there are no things.

    Args:
        kind: of the finding.
        level: how grave it is.
        text: "{n}" is the number of things, "{s}" the "s" of more than one.
        named: the things.
        photos: to be shown, those that belong together in one tuple.
    """
    things = tuple(named)
    if not things:
        return []
    said = text.replace("{n}", f"{len(things):,}").replace("{s}", "" if len(things) == 1 else "s")
    together = tuple(tuple(each) for each in photos)
    return [Finding(kind=kind, level=level, text=said, named=things, photos=together)]

"""Which space the next free device serves: the one whose approach has used least of its share."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a space has used so far.

    Attributes:
        finished: device seconds of its ended trials.
        live: device seconds of its running trials up to now.
        num_live: running trials.
        num_finished: ended trials.
    """

    finished: float = 0.0
    live: float = 0.0
    num_live: int = 0
    num_finished: int = 0

    @property
    def spent(self) -> float:
        """Device seconds used up to now."""
        return self.finished + self.live

    @property
    def committed(self) -> float:
        """Device seconds used, with every running trial counted as at least a typical one.

        Without it, all slots that come free together would go to the same space.
        """
        typical = self.finished / self.num_finished if self.num_finished else 1.0
        return self.finished + max(self.live, self.num_live * typical)


def next_space(
    usage: Mapping[str, Usage], approach_of: Mapping[str, str], eligible: Collection[str]
) -> str | None:
    """Returns the space that the next free slot should serve, or None where none is eligible.

    Every approach has an equal share; within an approach its spaces share equally. Ties go to the
    first in the order of `usage`.

    Args:
        usage: of every space.
        approach_of: approach of every space.
        eligible: spaces that may start a trial.
    """
    if not eligible:
        return None
    by_approach: dict[str, float] = {}
    for space, used in usage.items():
        approach = approach_of[space]
        by_approach[approach] = by_approach.get(approach, 0.0) + used.committed
    candidates = [space for space in usage if space in eligible]
    return min(candidates, key=lambda s: (by_approach[approach_of[s]], usage[s].committed))


def spent_by_approach(
    usage: Mapping[str, Usage], approach_of: Mapping[str, str]
) -> dict[str, float]:
    """Returns device seconds used up to now by approach."""
    spent: dict[str, float] = {}
    for space, used in usage.items():
        spent[approach_of[space]] = spent.get(approach_of[space], 0.0) + used.spent
    return spent

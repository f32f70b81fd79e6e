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
    usage: Mapping[str, Usage], shares: Mapping[str, Collection[str]], eligible: Collection[str]
) -> str | None:
    """Returns the space that the next free slot should serve, or None where none is eligible.

    Every approach has an equal share; within an approach its spaces share equally. Ties go to the
    first in the order of `usage`.

    Args:
        usage: of every space.
        shares: spaces of every approach; what one of them uses counts for all approaches it is in.
        eligible: spaces that may start a trial.
    """
    if not eligible:
        return None
    committed = {
        approach: sum(usage[space].committed for space in spaces)
        for approach, spaces in shares.items()
    }
    candidates = [space for space in usage if space in eligible]
    return min(
        candidates,
        key=lambda s: (
            min(committed[approach] for approach, spaces in shares.items() if s in spaces),
            usage[s].committed,
        ),
    )


def spent_by_approach(
    usage: Mapping[str, Usage], shares: Mapping[str, Collection[str]]
) -> dict[str, float]:
    """Returns device seconds used up to now by approach."""
    return {
        approach: sum(usage[space].spent for space in spaces)
        for approach, spaces in shares.items()
    }

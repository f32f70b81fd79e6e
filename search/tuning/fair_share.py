"""Which space the next free device serves: the one whose approach has used least of its share."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from search.store.records import TrialRecord, best_record

SOLVED_FROM = 0.98
"""Score of a fully trained config from which its space gives time to others of its approach."""


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


class Solved:
    """Which spaces have a fully trained config so good that next to nothing is left to find.

    Args:
        past: trials by space.
        least: score from which a space is solved.
    """

    def __init__(
        self, past: Mapping[str, tuple[TrialRecord, ...]], least: float = SOLVED_FROM
    ) -> None:
        self.least = least
        self._best: dict[str, float] = {}
        for space, records in past.items():
            if (best := best_record(records)) is not None:
                self.note(space, best.objective or 0.0)

    def note(self, space: str, score: float) -> None:
        """Takes over the score of a trial that reached its last epoch."""
        self._best[space] = max(score, self._best.get(space, 0.0))

    def __call__(self) -> set[str]:
        """Returns the spaces that are solved."""
        return {space for space, best in self._best.items() if best >= self.least}


def next_space(
    usage: Mapping[str, Usage],
    shares: Mapping[str, Collection[str]],
    eligible: Collection[str],
    solved: Collection[str] = (),
) -> str | None:
    """Returns the space that the next free slot should serve, or None where none is eligible.

    Every approach has an equal share; within an approach its spaces share equally, and one that is
    solved gives what is left of its part to those that are not. Ties go to the first in the order
    of `usage`.

    Args:
        usage: of every space.
        shares: spaces of every approach; what one of them uses counts for all approaches it is in.
        eligible: spaces that may start a trial.
        solved: spaces in which there is next to nothing left to find.
    """
    eligible = [space for space in eligible if not _gives_way(space, shares, eligible, solved)]
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


def _gives_way(
    space: str,
    shares: Mapping[str, Collection[str]],
    eligible: Collection[str],
    solved: Collection[str],
) -> bool:
    """Returns whether a space is solved, and all its approaches have one to serve that is not."""
    if space not in solved:
        return False
    open_spaces = [name for name in eligible if name not in solved]
    approaches = [spaces for spaces in shares.values() if space in spaces]
    return all(any(name in open_spaces for name in spaces) for spaces in approaches)


def spent_by_approach(
    usage: Mapping[str, Usage], shares: Mapping[str, Collection[str]]
) -> dict[str, float]:
    """Returns device seconds used up to now by approach."""
    return {
        approach: sum(usage[space].spent for space in spaces)
        for approach, spaces in shares.items()
    }


def share_of_each(
    seconds: float,
    usage: Mapping[str, Usage],
    shares: Mapping[str, Collection[str]],
    racing: Collection[str],
) -> float:
    """Returns the device seconds of every approach that still gets some.

    Args:
        seconds: of all devices, from the first start of the run to the end of its budget.
        usage: of every space.
        shares: spaces of every approach.
        racing: approaches that have not left; what the others used is theirs, and no more.
    """
    spent = spent_by_approach(usage, shares)
    return (seconds - sum(spent[name] for name in shares if name not in racing)) / len(racing)


def least_spent(
    space: str, usage: Mapping[str, Usage], shares: Mapping[str, Collection[str]]
) -> float:
    """Returns what the approach of a space that has used least has used; infinite without one."""
    spent = spent_by_approach(usage, shares)
    return min((spent[name] for name, its in shares.items() if space in its), default=math.inf)


def part_of(space: str, share: float, shares: Mapping[str, Collection[str]]) -> float:
    """Returns the equal part of a space in the share of its approach, the largest of several."""
    return max(share / len(spaces) for spaces in shares.values() if space in spaces)

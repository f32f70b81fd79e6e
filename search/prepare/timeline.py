"""How long a run takes, as the lines of all its stages say it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from search.prepare.config import format_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """When a run began, and what follows the stage that is at work.

    Attributes:
        began: `time.monotonic()` at the beginning of the run.
        later_s: seconds that the run takes after the stage; None where nobody knows.
    """

    began: float
    later_s: float | None = None

    def before(self, later_s: float | None) -> "Timeline":
        """Returns the timeline of a stage that so many seconds follow."""
        return replace(self, later_s=later_s)

    def left(self, stage_s: float | None) -> float | None:
        """Returns the seconds that the run still takes, given those of the stage."""
        return None if stage_s is None or self.later_s is None else stage_s + self.later_s

    def stamp(self, stage_s: float | None) -> str:
        """Returns `[elapsed of total]`, with which a line begins.

        Args:
            stage_s: seconds that the stage still takes; None where nobody knows.
        """
        elapsed, left = time.monotonic() - self.began, self.left(stage_s)
        of = "" if left is None else f" of {format_duration(elapsed + left)}"
        return f"[{format_duration(elapsed):>7}{of}]"


def within(began: float, seconds: float | None) -> Callable[[float], float]:
    """Returns what cuts an estimate down to what is left of the time of a stage.

    Args:
        began: `time.monotonic()` at its beginning.
        seconds: that it may take; None is no limit.
    """

    def cut(expected_s: float) -> float:
        """Returns the seconds that are left of the stage where more are expected."""
        if seconds is None:
            return expected_s
        return max(0.0, min(expected_s, began + seconds - time.monotonic()))

    return cut

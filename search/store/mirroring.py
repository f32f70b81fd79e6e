"""Keeps a store as a run's folder is while the run goes on, in a thread of its own.

A store that is away never disturbs the run: what did not get there goes up later.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

from search.store.claim import Claim, SupersededError
from search.store.mirror import Mirror
from trainables.errors import in_short

EVERY_S = 30.0
"""Between two looks at what has changed."""
_FIRST_S = 3.0
_LONGEST_S = 600.0
_TOLD_AFTER = 3
_AGAIN_S = 1.0
_RELEASE_S = 1.0


class Mirroring:
    """Brings a run to its store until it is told to end.

    Args:
        mirror: the run.
        claim: on the run, taken.
        tell: says a line to the user.
        clock: seconds, rising.
    """

    def __init__(
        self,
        mirror: Mirror,
        claim: Claim,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mirror, self._claim, self._tell, self._clock = mirror, claim, tell, clock
        self._failures = 0
        self._patience_s = 0.0
        self.missing = "the time was over"
        """Why not everything is in the store; empty where it is."""
        self.is_superseded = False
        """Whether another machine drives the run, so that the store is left to it."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="headrace-mirror", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def end(self, patience_s: float, at_most_s: float | None = None) -> str:
        """Brings the rest to the store; returns why it is not there, empty where all is.

        Args:
            patience_s: after which a store that does not answer is given up.
            at_most_s: after which one that answers is, too; None is no limit.
        """
        self._patience_s = patience_s
        self._over.set()
        self._thread.join(at_most_s)
        if self._thread.is_alive():  # or a job that is started again at once would be refused
            release = threading.Thread(target=self._release, daemon=True)
            release.start()
            release.join(_RELEASE_S)
        return self.missing

    def step(self) -> float:
        """Looks once at what has changed; returns the seconds until the next look."""
        try:
            self._sweep(whole=False)
        except (OSError, ValueError) as error:
            self._failures += 1
            if self._failures == _TOLD_AFTER:
                self._tell(
                    f"{self._mirror.address} cannot be written ({in_short(error)}); the run goes "
                    "on in its folder and tries again"
                )
            return min(_LONGEST_S, EVERY_S * 2.0 ** (self._failures - 1))
        if self._failures >= _TOLD_AFTER:
            self._tell(f"{self._mirror.address} is written again.")
        self._failures = 0
        return EVERY_S

    def finish(self, wait: Callable[[float], object] = time.sleep) -> None:
        """Brings all to the store, however often it takes within the patience."""
        until, pause = self._clock() + self._patience_s, _AGAIN_S
        while self._lacks_something() and self._clock() + pause <= until:
            wait(pause)
            pause = min(2 * pause, EVERY_S)
        self._release()

    def _lacks_something(self) -> bool:
        """Tries to bring all there, notes what is missing, and returns whether to try again."""
        try:
            self._sweep(whole=True)
        except (OSError, ValueError) as error:
            self.missing = in_short(error)
            return True
        self.missing = "another machine drives the run now" if self.is_superseded else ""
        return False

    def _release(self) -> None:
        with suppress(OSError):  # it is taken for dead soon anyway
            self._claim.release()

    def _go_on(self) -> None:
        wait = _FIRST_S
        while not self._over.wait(wait):
            wait = self.step()
        self.finish()

    def _sweep(self, *, whole: bool) -> None:
        has_begun = self._mirror.has_begun
        if self.is_superseded or (whole and not has_begun):
            return
        try:
            self._claim.keep()
            if not has_begun:
                return
            self._mirror.sweep(whole=whole, between=self._claim.keep)
        except SupersededError as error:
            self.is_superseded = True
            self._tell(
                f"{self._mirror.address} was taken over by {error}; this run goes on in its "
                "folder and is mirrored no more"
            )

"""Which machine drives a run that is mirrored to a store: a lock that two machines see.

A driver writes an object of its own and then looks for those of others. So of two that begin at
once at least one sees the other. Whoever drives looks before it writes again, and goes on whatever
others have begun to claim, unless its own claim was cleared away or has been stale beside another.
How old a claim is, the store's clock alone says: it dates all.
"""

import json
import math
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO

from search.errors import ResultsError
from search.store.remote import RemoteFile, RemoteFolder
from trainables.data.bounded_files import load_json

_DRIVERS = ".drivers"
_MOST_BYTES = 4096
_LONGEST_HOST = 100
RENEW_S = 15.0
"""After which a claim is renewed."""
FRESH_S = 180.0
"""A driver that has not renewed its claim for so long is taken for dead."""
_LOOK_S = 5.0
"""Between two looks at whether it is time to, where a thread keeps a claim."""
# Goes on while the machine is suspended, which Linux's monotonic clock does not.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class SupersededError(OSError):
    """Another machine has taken the run over."""


def awake_or_not() -> float:
    """Returns seconds, rising, also while the machine is suspended."""
    return time.clock_gettime(_CLOCK)


class Claim:
    """The claim of one folder on a run.

    Args:
        store: that holds all runs.
        run: its name.
        folder: id of the folder that the run is worked at in; a claim that an earlier process left
            for it is taken over, as the folder has a lock of its own.
        clock: seconds, rising, also while the machine is suspended.
    """

    def __init__(
        self,
        store: RemoteFolder,
        run: str,
        folder: str,
        clock: Callable[[], float] = awake_or_not,
    ) -> None:
        self._store, self._run, self._folder, self._clock = store, run, folder, clock
        self._place = f"{_DRIVERS}/{run}"
        self._renewed = -math.inf

    def take(self) -> None:
        """Claims the run, and clears away the claims of the dead.

        Raises:
            ResultsError: another machine drives it.
            OSError: the store does not answer, or cannot be written.
        """
        self._put()
        for _ in range(2):  # one that was taken for dead may wake up while it is cleared away
            own, others = self._claims()
            if own is None:
                raise OSError(f"{self._name} was written and is not there")
            for folder, other in others.items():
                age_s = max(0.0, _later_s(own, other))
                if age_s < FRESH_S:
                    with suppress(OSError):
                        self.release()
                    raise ResultsError(
                        f"a run is driven by one machine at a time, and {self._store.address}/"
                        f"{self._run} by {self._host(folder)}, last heard of {age_s:.0f} s "
                        "before; stop it there, or, where it is gone, give the command again in "
                        f"{FRESH_S / 60:.0f} minutes"
                    )
                self._store.remove(f"{self._place}/{folder}")

    def keep(self) -> None:
        """Says, where it is time, that this folder still drives the run.

        Raises:
            SupersededError: another took it over, or may have; nothing is written.
            OSError: the store does not answer.
        """
        if self._clock() - self._renewed < RENEW_S:
            return
        own, others = self._claims()
        newest = max(others, key=lambda folder: others[folder].changed_ns, default="")
        if own is None or (newest and _later_s(others[newest], own) >= FRESH_S):
            by = self._host(newest) if newest else "another machine, which has ended"
            raise SupersededError(by)
        self._put()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keeps the claim, in a thread of its own, while something else takes long.

        What is wrong with the claim or the store is left to the next `keep`, which says it.
        """
        over = threading.Event()
        thread = threading.Thread(target=self._keep_until, args=(over,), name="headrace-claim")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()  # or it might claim again what is given free next

    def _keep_until(self, over: threading.Event) -> None:
        while not over.wait(_LOOK_S):
            try:
                self.keep()
            except SupersededError:
                return
            except (OSError, ValueError):  # Arrow's for an answer that it cannot read
                continue

    def release(self) -> None:
        """Gives the run free.

        Raises:
            OSError: the store does not answer.
        """
        self._renewed = -math.inf  # who still keeps it sees that it is gone
        self._store.remove(self._name)

    def _put(self) -> None:
        said = {"host": platform.node(), "since": time.strftime("%Y-%m-%d %H:%M:%S%z")}
        content = json.dumps(said).encode()
        began = self._clock()
        self._store.put(self._name, BytesIO(content), len(content))
        self._renewed = began

    def _claims(self) -> tuple[RemoteFile | None, dict[str, RemoteFile]]:
        """Returns the claim of this folder, and those of others."""
        others = dict(self._store.files(self._place))
        own = others.pop(self._folder, None)
        return own, others

    @property
    def _name(self) -> str:
        return f"{self._place}/{self._folder}"

    def _host(self, folder: str) -> str:
        try:
            said = load_json(self._store.read(f"{self._place}/{folder}", most=_MOST_BYTES))
            return f"a process on {said['host'][:_LONGEST_HOST]}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another machine"


def _later_s(one: RemoteFile, other: RemoteFile) -> float:
    return (one.changed_ns - other.changed_ns) / 1e9

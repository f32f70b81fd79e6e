"""Which machine drives a run that is mirrored to a store: a lock that two machines see.

A driver writes an object of its own and then looks for those of others. So of two that begin at
once at least one sees the other. How old a claim is, the store's clock alone says: it dates all.
"""

import json
import platform
import time
from io import BytesIO

from search.errors import ResultsError
from search.store.remote import RemoteFolder
from trainables.data.bounded_files import load_json

_DRIVERS = ".drivers"
_MOST_BYTES = 4096
_LONGEST_HOST = 100
FRESH_S = 180.0
"""A driver that has not renewed its claim for so long is taken for dead."""


class Claim:
    """The claim of one folder on a run.

    Args:
        store: that holds all runs.
        run: its name.
        folder: id of the folder that the run is worked at in; a claim that an earlier process left
            for it is taken over, as the folder has a lock of its own.
    """

    def __init__(self, store: RemoteFolder, run: str, folder: str) -> None:
        self._store, self._run, self._folder = store, run, folder
        self._place = f"{_DRIVERS}/{run}"

    def take(self) -> None:
        """Claims the run, and clears away the claims of the dead.

        Raises:
            ResultsError: another machine drives it.
            OSError: the store does not answer, or cannot be written.
        """
        if other := self.renew():
            self.release()
            raise ResultsError(
                f"a run is driven by one machine at a time, and {self._store.address}/{self._run} "
                f"by {other}; stop it there, or, where it is gone, give the command again in "
                f"{FRESH_S / 60:.0f} minutes"
            )
        for folder in self._store.files(self._place):
            if folder != self._folder:
                self._store.remove(f"{self._place}/{folder}")

    def renew(self) -> str:
        """Says that this folder still drives the run; returns who else does, empty for nobody.

        Raises:
            OSError: the store does not answer.
        """
        said = {"host": platform.node(), "since": time.strftime("%Y-%m-%d %H:%M:%S%z")}
        content = json.dumps(said).encode()
        self._store.put(self._name, BytesIO(content), len(content))
        claims = self._store.files(self._place)
        if self._folder not in claims:
            raise OSError(f"{self._name} was written and is not there")
        now = claims[self._folder].changed_ns
        for folder, claim in claims.items():
            if folder != self._folder and (now - claim.changed_ns) / 1e9 < FRESH_S:
                age = max(0.0, (now - claim.changed_ns) / 1e9)
                return f"{self._host(folder)}, last heard of {age:.0f} s before"
        return ""

    def release(self) -> None:
        """Gives the run free.

        Raises:
            OSError: the store does not answer.
        """
        self._store.remove(self._name)

    @property
    def _name(self) -> str:
        return f"{self._place}/{self._folder}"

    def _host(self, folder: str) -> str:
        try:
            said = load_json(self._store.read(f"{self._place}/{folder}", most=_MOST_BYTES))
            return f"a process on {said['host'][:_LONGEST_HOST]}"
        except (OSError, ValueError, KeyError, TypeError):
            return "another machine"

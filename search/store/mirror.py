"""A run in a store: fetched into a folder of this machine, and what changes there put back.

The folder remembers, in `.mirror.json`, what was the same on both sides. So what changed since on
one side is taken over by the other; what changed on both is nobody's to choose, unless the store
was last written from this very folder.

Files go up in the order they depend on each other, each whole or not at all: what a store holds at
any moment is what a machine would have after a crash, and a run goes on from either.
"""

import os
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from search.errors import ResultsError
from search.store.files import write_json
from search.store.mirrored_files import (
    BEFORE_THE_JOURNAL,
    JOURNAL,
    STUDY,
    grows,
    is_events,
    is_own,
    listing,
    rank,
)
from search.store.reading import read_json, reading
from search.store.remote import RemoteFile, RemoteFolder

MARK = ".mirror.json"
"""What a mirrored folder remembers of its store."""
DRIVER = ".driver"
"""In a store: whose folder it was last written from."""
# A file that changes again and again goes up once in so long, longer where it is large. As no
# file may be newer than the journal that knows of its trial, a large journal slows all.
_GROWING_EVERY_S = 60.0
_GROWING_BYTES = 4 * 2**20
_FETCHES = 8
_FOLDER = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Same:
    """What a file was, here and there, when both were the same.

    Attributes:
        here: its bytes and the time it was written, in ns.
        there: as the store says; None where it has not been asked since.
    """

    here: tuple[int, int]
    there: RemoteFile | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What makes a folder as its store is.

    Attributes:
        fetch: files that are new or newer there.
        delete: those that another machine has deleted there.
        both: those that changed on both sides.
    """

    fetch: list[str] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    both: list[str] = field(default_factory=list)


class Mirror:
    """One run, in a folder of this machine and in a store.

    Args:
        root: the run's folder here; it need not exist.
        store: that holds all runs.
        clock: seconds, rising.
    """

    def __init__(
        self, root: Path, store: RemoteFolder, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.root, self.store, self.name = root, store, root.name
        self._clock = clock
        self._same: dict[str, Same] = {}
        self._fetching: set[str] = set()
        self._left: list[str] = []
        self._seen: set[str] = set()
        self._put_at: dict[str, float] = {}
        self._drives = False
        self.folder = uuid4().hex
        """By which a store knows this folder from those of other machines."""
        self._read()

    @property
    def address(self) -> str:
        """Of the run in the store."""
        return f"{self.store.address}/{self.name}"

    @property
    def has_begun(self) -> bool:
        """Whether there is something here to go on with."""
        return (self.root / STUDY).is_file()

    @property
    def is_only_here(self) -> bool:
        """Whether a run has begun here and nothing of it has got to the store yet."""
        return self.has_begun and not self._same

    def fetch(self, wanted: Callable[[str], bool] = lambda _: True) -> None:
        """Makes the folder here as the store has it; what changed here alone stays.

        What was deleted here by hand comes back.

        Args:
            wanted: which files, by their names; the others are left alone.

        Raises:
            ResultsError: a file changed on both sides.
            OSError: the store does not answer.
        """
        there = {n: f for n, f in self.store.files(self.name).items() if not is_own(n)}
        if STUDY not in there:
            there, self._same, self._fetching = {}, {}, set()  # nobody has finished putting it
        self._left = sorted(name for name in there if not wanted(name))
        is_ours = self._last_driver() == self.folder
        steps = self._steps(there, is_ours=is_ours, wanted=wanted)
        if differing := [n for n in steps.both if not self._is_equal(n, there[n])]:
            raise ResultsError(
                f"{self.root} and {self.address} must not both have gone on alone, and differ in "
                f"{len(differing)} files, such as {differing[0]}; move the folder away to go on "
                "from the store, and give the command again"
            )
        for name in steps.delete:
            (self.root / name).unlink(missing_ok=True)
            self._same.pop(name, None)
        if there:
            self._take_over(steps, there)
        self._seen = {name for name in listing(self.root) if wanted(name)}

    def drive(self) -> None:
        """Lets the next sweep note in the store that it is written from this folder now."""
        self._drives = True

    def sweep(self, *, whole: bool = False, between: Callable[[], object] = lambda: None) -> int:
        """Puts into the store what changed here, and deletes there what was deleted here since.

        Args:
            whole: whether files that still grow go up now, too, as nothing will change any more.
            between: called again and again meanwhile.

        Returns:
            How many files were written.

        Raises:
            OSError: the store does not answer; what is there is whole.
        """
        if not self.has_begun:
            return 0  # or the folder was deleted under the run
        if not whole and not self._is_due(JOURNAL, _size(self.root / JOURNAL)):
            return 0
        before = listing(self.root)
        journal = self._journal()
        after = listing(self.root)  # of what it knows, all is here; of what is made of it, not yet
        here = {n: known for n, known in before.items() if rank(n) != BEFORE_THE_JOURNAL}
        here |= {n: known for n, known in after.items() if rank(n) == BEFORE_THE_JOURNAL}
        changed = [n for n in self._changed(here) if whole or self._is_due(n, here[n][0])]
        deleted = self._seen - before.keys() - after.keys()
        try:
            if self._drives and changed:
                self._put(DRIVER, BytesIO(self.folder.encode()), len(self.folder))
                self._drives = False
            for name in sorted(changed, key=lambda n: (rank(n), here[n][1])):
                self._send(name, here[name], journal, between)
            self._delete(deleted, between)
            self._seen |= here.keys()
            if whole:
                self._ask_again()
        finally:
            if changed or deleted or whole:
                self._save()
        return len(changed)

    def _changed(self, here: Mapping[str, tuple[int, int]]) -> list[str]:
        known = {name: same.here for name, same in self._same.items()}
        return [n for n in here if n not in self._fetching and known.get(n) != here[n]]

    def _delete(self, names: set[str], between: Callable[[], object]) -> None:
        for name in names:
            if not (self.root / name).exists():  # its folder may have been on the move
                between()
                self.store.remove(f"{self.name}/{name}")
                self._same.pop(name, None)
                self._seen.discard(name)

    def _take_over(self, steps: Steps, there: Mapping[str, RemoteFile]) -> None:
        """Fetches files; of a process that is killed at it the next one knows which they are."""

        def get(name: str) -> None:
            """Fetches a file and notes that both sides have it."""
            self.store.get(f"{self.name}/{name}", self.root / name)
            self._note(name, there[name])
            self._fetching.discard(name)

        for name in steps.both:
            self._note(name, there[name])
        for name in steps.fetch:
            self._same.pop(name, None)
        self._fetching = self._fetching & there.keys() | set(steps.fetch)
        self._save()
        try:
            with ThreadPoolExecutor(_FETCHES) as pool:
                list(pool.map(get, steps.fetch))
        finally:
            self._save()

    def _steps(
        self,
        there: Mapping[str, RemoteFile],
        *,
        is_ours: bool,
        wanted: Callable[[str], bool],
    ) -> Steps:
        here, steps = listing(self.root), Steps()
        for name in sorted(filter(wanted, there.keys() | here.keys() | self._same.keys())):
            same, now = self._same.get(name), there.get(name)
            is_new = name not in self._fetching if same is None else same.here != here.get(name)
            changed_here = name in here and is_new
            if now is None:
                if name in here and not changed_here:
                    steps.delete.append(name)
                self._same.pop(name, None)
            elif name not in here:
                steps.fetch.append(name)
            elif same is not None and (is_ours if same.there is None else same.there == now):
                continue
            elif not changed_here:
                steps.fetch.append(name)
            elif not is_ours:
                steps.both.append(name)
        return steps

    def _is_equal(self, name: str, there: RemoteFile) -> bool:
        """Returns whether a file is the same on both sides: a process died before it noted it."""
        path = self.root / name
        if path.stat().st_size != there.size:
            return False
        return path.read_bytes() == self.store.read(f"{self.name}/{name}")

    def _send(
        self, name: str, known: tuple[int, int], journal: bytes, between: Callable[[], object]
    ) -> None:
        if name == JOURNAL:
            self._put(name, BytesIO(journal), len(journal), between)
            # What was appended meanwhile is a change.
            known = (len(journal), known[1])
        else:
            try:
                file = (self.root / name).open("rb")
            except FileNotFoundError:
                if rank(name) == BEFORE_THE_JOURNAL:
                    raise  # moved since it was listed: the journal waits for the next sweep
                return
            with file:
                status = os.fstat(file.fileno())
                may_be_newer = rank(name) == BEFORE_THE_JOURNAL or is_events(name)
                if status.st_mtime_ns != known[1] and not may_be_newer:
                    return  # replaced since, and by what the journal may not know
                known = (status.st_size, status.st_mtime_ns)
                self._put(name, file, status.st_size, between)
        self._same[name] = Same(here=known, there=None)
        self._put_at[name] = self._clock()

    def _put(
        self,
        name: str,
        file: BinaryIO,
        size: int,
        between: Callable[[], object] = lambda: None,
    ) -> None:
        self.store.put(f"{self.name}/{name}", file, size, between)

    def _is_due(self, name: str, size: int) -> bool:
        if name not in self._put_at or not grows(name):
            return True
        wait = _GROWING_EVERY_S * max(1.0, size / _GROWING_BYTES)
        return self._clock() - self._put_at[name] >= wait

    def _journal(self) -> bytes:
        """Returns the whole lines of the journal; a line that is being written is none yet."""
        try:
            content = (self.root / JOURNAL).read_bytes()
        except FileNotFoundError:
            return b""
        return content[: content.rfind(b"\n") + 1]

    def _last_driver(self) -> str:
        try:
            content = self.store.read(f"{self.name}/{DRIVER}", most=2 * len(self.folder))
            return content.decode(errors="replace")
        except FileNotFoundError:
            return ""

    def _note(self, name: str, there: RemoteFile) -> None:
        status = (self.root / name).stat()
        self._same[name] = Same(here=(status.st_size, status.st_mtime_ns), there=there)

    def _ask_again(self) -> None:
        there = self.store.files(self.name)
        for name, same in self._same.items():
            if same.there is None and name in there:
                self._same[name] = replace(same, there=there[name])

    def _read(self) -> None:
        path = self.root / MARK
        if not path.is_file():
            return
        with reading(path, "delete it: the folder is then compared with the store anew"):
            values = read_json(path, "delete it")
            self.folder = str(values["folder"])
            if not _FOLDER.fullmatch(self.folder):
                raise ValueError(f"folder must be 32 hexadecimal digits, got {self.folder!r}")
            for name, (here, there) in values["files"].items():
                size, changed = here
                self._same[name] = Same(
                    here=(int(size), int(changed)), there=RemoteFile(*there) if there else None
                )
            self._fetching = set(values.get("fetching", ()))
            self._left = [str(name) for name in values.get("left", ())]

    def _save(self) -> None:
        files = {name: [same.here, same.there] for name, same in sorted(self._same.items())}
        values: dict[str, Any] = {
            "store": self.store.address,
            "folder": self.folder,
            "files": files,
            "fetching": sorted(self._fetching),
            "left": self._left,
        }
        write_json(self.root / MARK, values)


def address_of(root: Path) -> str | None:
    """Returns the store that a run's folder is mirrored to; None where it is to none."""
    path = root / MARK
    if not path.is_file():
        return None
    with reading(path, "delete it: the folder is then no mirror any more"):
        return str(read_json(path, "delete it")["store"])


def left_in_store(root: Path) -> frozenset[str]:
    """Returns the files of a mirrored run that its last fetch left in the store."""
    path = root / MARK
    if not path.is_file():
        return frozenset()
    with reading(path, "delete it: the folder is then no mirror any more"):
        return frozenset(map(str, read_json(path, "delete it").get("left", ())))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0

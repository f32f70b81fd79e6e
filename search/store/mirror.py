"""A run in a store: fetched into a folder of this machine, and what changes there put back.

The folder remembers, in `.mirror.json`, what was the same on both sides. So what changed since on
one side is taken over by the other; what changed on both is nobody's to choose, unless the store
was last written from this very folder.

Files go up in the order they were written in, each whole or not at all: what a store holds at any
moment is what a machine would have after a crash, and a run goes on from either.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from uuid import uuid4

from search.errors import ResultsError
from search.store.files import write_json
from search.store.reading import read_json, reading
from search.store.remote import RemoteFile, RemoteFolder

STUDY, JOURNAL = "study.json", "optuna.journal"
MARK = ".mirror.json"
"""What a mirrored folder remembers of its store."""
DRIVER = ".driver"
"""In a store: whose folder it was last written from."""
_EVENTS = "events.out.tfevents"
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

    def fetch(self, wanted: Callable[[str], bool] = lambda _: True) -> None:
        """Makes the folder here as the store has it; what changed here alone stays.

        What was deleted here by hand comes back.

        Args:
            wanted: which files, by their names; the others are left alone.

        Raises:
            ResultsError: a file changed on both sides.
            OSError: the store does not answer.
        """
        there = {n: f for n, f in self.store.files(self.name).items() if not _is_own(n)}
        if STUDY not in there:
            there, self._same = {}, {}  # nobody has ever finished putting it there
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
        with ThreadPoolExecutor(_FETCHES) as pool:
            list(pool.map(self._get, steps.fetch))
        for name in (*steps.fetch, *steps.both):
            self._note(name, there[name])
        if there:
            self._save()
        self._seen = {name for name in self._here() if wanted(name)}

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
        checkpoints = {n: known for n, known in self._here().items() if _is_checkpoint(n)}
        journal = self._journal()  # before the list: what it knows of is in the list
        here = {n: known for n, known in self._here().items() if not _is_checkpoint(n)}
        here |= checkpoints
        changed = [n for n in here if n not in self._same or self._same[n].here != here[n]]
        changed = [n for n in changed if whole or self._is_due(n, here[n][0])]
        deleted = self._seen - here.keys()
        try:
            if self._drives and changed:
                self._put(DRIVER, BytesIO(self.folder.encode()), len(self.folder))
                self._drives = False
            for name in sorted(changed, key=lambda n: (_is_checkpoint(n), here[n][1])):
                self._send(name, here[name], journal, between)
            for name in deleted:
                between()
                self.store.remove(f"{self.name}/{name}")
                self._same.pop(name, None)
                self._seen.discard(name)
            self._seen |= here.keys()
            if whole:
                self._ask_again()
        finally:
            if changed or deleted or whole:
                self._save()
        return len(changed)

    def _steps(
        self,
        there: Mapping[str, RemoteFile],
        *,
        is_ours: bool,
        wanted: Callable[[str], bool],
    ) -> Steps:
        here, steps = self._here(), Steps()
        for name in sorted(filter(wanted, there.keys() | here.keys() | self._same.keys())):
            same, now = self._same.get(name), there.get(name)
            changed_here = name in here and (same is None or same.here != here[name])
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

    def _get(self, name: str) -> None:
        self.store.get(f"{self.name}/{name}", self.root / name)

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
                return  # deleted since it was listed: the next sweep sees it
            with file:
                status = os.fstat(file.fileno())
                if status.st_mtime_ns != known[1] and _EVENTS not in name:
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
        if name not in self._put_at or not _grows(name):
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

    def _here(self) -> dict[str, tuple[int, int]]:
        """Returns bytes and time of every file here that belongs into the store."""
        found = {}
        for path in _files(self.root):
            name = path.relative_to(self.root).as_posix()
            if not _is_own(name):
                with suppress(FileNotFoundError):
                    status = path.stat()
                    found[name] = (status.st_size, status.st_mtime_ns)
        return found

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

    def _save(self) -> None:
        files = {name: [same.here, same.there] for name, same in sorted(self._same.items())}
        values: dict[str, Any] = {
            "store": self.store.address,
            "folder": self.folder,
            "files": files,
        }
        write_json(self.root / MARK, values)


def address_of(root: Path) -> str | None:
    """Returns the store that a run's folder is mirrored to; None where it is to none."""
    path = root / MARK
    if not path.is_file():
        return None
    with reading(path, "delete it: the folder is then no mirror any more"):
        return str(read_json(path, "delete it")["store"])


def _files(folder: Path) -> Iterator[Path]:
    """Yields the files below a folder, without what is hidden: locks, drafts, older folders."""
    for here, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(here, name) for name in files if not name.startswith("."))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _is_own(name: str) -> bool:
    """Returns whether a file is no part of a run that has ended: hidden, or a sign of life."""
    parts = PurePosixPath(name).parts
    return (
        any(part.startswith(".") for part in parts)
        or name.endswith(".beat")
        or name.startswith(f"{JOURNAL}.")  # its lock
    )


def _is_checkpoint(name: str) -> bool:
    """Returns whether a file is a checkpoint of a trial.

    It goes up after the journal, as it was before that was read: from one that is more than an
    epoch ahead of its journal no trial goes on without a gap.
    """
    return name.startswith("checkpoints/") and name.endswith(".pt")


def _grows(name: str) -> bool:
    return name == JOURNAL or _EVENTS in name or _is_checkpoint(name)

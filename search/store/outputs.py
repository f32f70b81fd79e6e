"""How what a worker makes gets into the results folder of a run.

On one machine a worker writes into the folder itself. On a cluster the driver alone does, so that
no node needs to see it: a worker writes the same files into a folder of its own and hands over
each of them, in parts of a bounded size, and asks for what was handed over before.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol
from uuid import uuid4

from search.store.heartbeat import sign
from trainables.drafts import clear_drafts, draft_of, make_folder, written

PART_BYTES = 32 * 2**20
"""Of a file at most in one message: neither side holds more of it in memory."""


class Post(Protocol):
    """Brings files of a worker to the results folder and back; names are relative to it.

    Every method raises OSError where the driver's disk refuses it, as if it were the worker's.
    """

    def put(self, name: str, start: int, content: bytes, *, last: bool, transfer: str) -> None:
        """Brings bytes of a file from `start` on; with the last ones the file takes its place.

        Args:
            name: of the file.
            start: bytes of it that were brought before.
            content: those that follow.
            last: whether it ends with them.
            transfer: the same for all parts of one file, and for no other.
        """
        ...

    def grow(self, name: str, start: int, content: bytes) -> None:
        """Writes bytes of a file that grows, of which `start` bytes are there."""
        ...

    def read(self, name: str, start: int) -> bytes | None:
        """Returns a part of a file from `start` on, empty at its end; None where there is none."""
        ...

    def remove(self, name: str) -> None:
        """Deletes a file, if it is there."""
        ...

    def sign(self, name: str, node: str, *, begins: bool) -> None:
        """Brings a sign of life of a training (`search.store.heartbeat.sign`)."""
        ...


class Outputs:
    """The results folder itself, for a worker on the machine of the driver.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def here(self, path: Path) -> Path:
        """Returns where the worker writes what belongs to a path of the results folder."""
        return path

    def hand_over(self, path: Path) -> None:
        """Sees to it that a file of the worker is in the results, whole; it may be gone then."""

    def hand_over_growing(self, folder: Path) -> None:
        """Sees to it that what was added to the files in a folder is in the results."""

    def hand_over_grown(self, folder: Path) -> None:
        """As `hand_over_growing`, and nothing will be added any more."""

    def fetch(self, path: Path) -> bool:
        """Returns whether a file is in the results, and makes it one of the worker then."""
        return path.exists()

    def let_go(self, path: Path) -> None:
        """Deletes what the worker fetched of a file that stays in the results."""

    def remove(self, path: Path) -> None:
        """Deletes a file here and in the results, if it is there."""
        path.unlink(missing_ok=True)


class SentOutputs(Outputs):
    """A folder of this process alone, whose files are sent to the driver.

    Args:
        root: the results folder as the driver names it; it is not looked at.
        post: sends the files.
        place: folder of this node to make the own one in; those of dead workers are cleared away.
    """

    def __init__(self, root: Path, post: Post, place: Path) -> None:
        place.mkdir(parents=True, exist_ok=True)
        clear_drafts(place, held=False)
        super().__init__(draft_of(place / uuid4().hex))
        self.folder.mkdir()
        self._root, self._post = root, post
        self._sent: dict[Path, int] = {}

    def here(self, path: Path) -> Path:
        """Returns where the worker writes what belongs to a path of the results folder."""
        return self.folder / path.relative_to(self._root)

    def hand_over(self, path: Path) -> None:
        """Sends a file and deletes it here."""
        transfer = uuid4().hex
        for start, content, last in _parts(path):
            self._post.put(self._name(path), start, content, last=last, transfer=transfer)
        path.unlink()

    def hand_over_growing(self, folder: Path) -> None:
        """Sends what was added to the files in a folder since it was last done."""
        for path in sorted(folder.glob("*")):
            with path.open("rb") as file:
                file.seek(self._sent.get(path, 0))
                while content := file.read(PART_BYTES):
                    self._post.grow(self._name(path), file.tell() - len(content), content)
                    self._sent[path] = file.tell()

    def hand_over_grown(self, folder: Path) -> None:
        """Sends what was added to the files in a folder and deletes it here."""
        self.hand_over_growing(folder)
        shutil.rmtree(folder, ignore_errors=True)
        self._sent = {p: n for p, n in self._sent.items() if not p.is_relative_to(folder)}

    def fetch(self, path: Path) -> bool:
        """Asks for a file; returns whether there is one."""
        name = self._name(path)
        content = self._post.read(name, 0)
        if content is None:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            while content:
                file.write(content)
                content = self._post.read(name, file.tell())
        return True

    def let_go(self, path: Path) -> None:
        """Deletes what was fetched of a file that stays in the results."""
        path.unlink(missing_ok=True)

    def remove(self, path: Path) -> None:
        """Deletes a file here and in the results, if it is there."""
        path.unlink(missing_ok=True)
        self._post.remove(self._name(path))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def _parts(path: Path) -> Iterator[tuple[int, bytes, bool]]:
    """Yields the parts of a file with the bytes before each, and whether it is the last."""
    size, start = path.stat().st_size, 0
    with path.open("rb") as file:
        while True:
            content = file.read(PART_BYTES)
            last = start + len(content) >= size
            yield start, content, last
            if last:
                return
            start += len(content)


class ResultsFolder:
    """The driver's end: writes what workers send, as whole and as durable as its own files.

    Args:
        folder: that all names are relative to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._growing: set[Path] = set()

    def put(self, name: str, start: int, content: bytes, *, last: bool, transfer: str) -> None:
        """As `Post.put`; a file whose last part never comes is a draft until `close`."""
        path = self._path(name)
        growing = draft_of(path.with_name(f"{path.name} {transfer}"))
        try:
            if last and not start:
                with written(path) as draft:
                    draft.write_bytes(content)
                return
            self._growing.add(growing)
            _write_at(growing, start, content)
            if last:
                with written(path) as draft:
                    growing.replace(draft)
                self._growing.discard(growing)
        except OSError as error:
            growing.unlink(missing_ok=True)
            error.filename = str(path)
            raise

    def close(self) -> None:
        """Deletes what was not sent whole: no worker sends any more."""
        for growing in self._growing:
            growing.unlink(missing_ok=True)

    def grow(self, name: str, start: int, content: bytes) -> None:
        """As `Post.grow`."""
        _write_at(self._path(name), start, content)

    def read(self, name: str, start: int) -> bytes | None:
        """As `Post.read`."""
        try:
            with self._path(name).open("rb") as file:
                file.seek(start)
                return file.read(PART_BYTES)
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        """As `Post.remove`."""
        self._path(name).unlink(missing_ok=True)

    def sign(self, name: str, node: str, *, begins: bool) -> None:
        """As `Post.sign`; one that comes after the end of its stage leaves nothing."""
        path = self._path(name)
        if begins or path.parent.is_dir():
            sign(path, node, begins=begins)

    def _path(self, name: str) -> Path:
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts or not parts.parts:
            raise ValueError(f"a file of a worker must lie in the results folder, got {name!r}")
        return self._folder / parts


def _write_at(path: Path, start: int, content: bytes) -> None:
    make_folder(path.parent)
    with path.open("r+b" if start and path.exists() else "wb") as file:
        file.seek(start)
        file.write(content)

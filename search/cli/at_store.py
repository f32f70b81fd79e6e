"""`--results s3://bucket/prefix`: a command works in a folder of this machine, which is mirrored.

That folder lies in the cache. Who drives a run claims it in the store; who only reads one fetches
what it needs, and brings back what it writes.
"""

import argparse
import hashlib
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from search.cli.cache_folder import default_cache
from search.ending.signals import under_way
from search.errors import ResultsError, near
from search.store.commands import resume_command, typed
from search.store.files import check_writable
from search.store.remote import RemoteFolder, is_store
from search.store.run_store import RunInUseError, RunStore, check_name

if TYPE_CHECKING:
    from search.store.mirror import Mirror

PATIENCE_S = 300.0
"""For which the end of a command waits for a store that does not answer."""
_BEFORE_THE_DEADLINE_S = 2.0
_NOT_NEEDED: Mapping[str, tuple[str, ...]] = {
    "verdict": ("checkpoints", "models", "tensorboard"),
    "report": ("checkpoints", "models", "tensorboard"),
    "audit": ("checkpoints", "models", "tensorboard"),
    "ensemble": ("checkpoints", "tensorboard"),
    "export": ("checkpoints", "tensorboard"),
}
"""Folders of a run that a command does not look into."""
_LEAST = ("ensemble", "study.json")
"""All that answering photos needs."""
OF_A_RUN = frozenset({*_NOT_NEEDED, "predict"})
"""Commands on a run that there is."""


def place(text: str) -> Path | str:
    """Returns what `--results` names: a folder, or the address of a store."""
    return text if is_store(text) else Path(text)


def folder_of(address: str, cache: Path | None) -> Path:
    """Returns where runs of a store are worked at on this machine."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", address.partition("://")[2]).strip("-")[:40]
    digest = hashlib.sha256(address.encode()).hexdigest()[:8]
    return (cache or default_cache()) / "mirrors" / f"{readable}-{digest}"


@contextmanager
def reading_store(options: argparse.Namespace) -> Iterator[None]:
    """Lets a command work with a run of a store as with one in `options.results`.

    Raises:
        ResultsError: the store or the run is not there, or what was written cannot get there.
    """
    name = options.run if options.command == "audit" else options.name
    if not (is_store(options.results) and name):
        yield
        return
    store, mirror = _opened(options, name, getattr(options, "cache", None))
    _check_there(store, name)
    is_free = _fetch(mirror, lambda file: _is_needed(options.command, file))
    with typed(mirror.root.parent, store.address, None):
        yield
    if is_free:
        with store.asking("written"):
            mirror.sweep(whole=True)


@contextmanager
def driving(options: argparse.Namespace, tell: Callable[[str], None]) -> Iterator[list[str]]:
    """Claims the run that is asked for and mirrors it within the block.

    Args:
        options: of `headrace run`, with the name of a new run; its results are a store, and those
            of a folder within the block.
        tell: says a line to the user.

    Yields:
        An empty list, into which the end puts why the store does not have everything.

    Raises:
        ResultsError: the store cannot be used, another machine drives the run, it is there already
            or, to be resumed, is not.
    """
    from search.store.claim import Claim
    from search.store.mirroring import Mirroring

    name, missing = options.resume or options.name, list[str]()
    store, mirror = _opened(options, name, options.cache)
    if options.resume:
        _check_there(store, name)
    else:
        _check_new(mirror)
    with typed(mirror.root.parent, store.address, options.cache):
        if options.plan:
            if options.resume:
                _fetch(mirror)
            yield missing
            return
        claim = Claim(store, name, mirror.folder)
        with store.asking("written"):
            claim.take()
        try:
            if options.resume:
                _resume(mirror)
        except BaseException:
            with suppress(OSError):
                claim.release()
            raise
        tell(f"The run is kept in {mirror.address}.")
        mirror.drive()
        mirroring = Mirroring(mirror, claim, tell)
        mirroring.start()
        try:
            yield missing
        finally:
            if why := mirroring.end(PATIENCE_S, _seconds_left()):
                missing.append(why)
                resume = resume_command(RunStore(mirror.root))
                tell(
                    f"Not all of the run is in {mirror.address}: {why}. The rest is in "
                    f"{mirror.root}, and goes up when the run goes on from this machine: {resume}"
                )


def _seconds_left() -> float | None:
    """Returns the seconds that a command has left; None where nobody has asked it to end."""
    deadline = under_way().deadline.at
    if deadline == math.inf:
        return None
    return max(1.0, deadline - time.monotonic() - _BEFORE_THE_DEADLINE_S)


def _opened(
    options: argparse.Namespace, name: str, cache: Path | None
) -> "tuple[RemoteFolder, Mirror]":
    """Returns store and run, and puts the folder here in the place of the address."""
    from search.store.mirror import Mirror

    check_name(name)
    store = RemoteFolder(options.results)
    folder = folder_of(store.address, cache)
    check_writable("--cache", folder)
    store.check()
    options.results = folder
    return store, Mirror(folder / name, store)


def _check_there(store: RemoteFolder, name: str) -> None:
    runs = tuple(each for each in store.folders() if not each.startswith("."))
    if name not in runs:
        raise ResultsError(
            f"no run {name!r} in {store.address}{near(name, runs)}; runs there: "
            f"{', '.join(runs) or 'none'}"
        )


def _check_new(mirror: "Mirror") -> None:
    with mirror.store.asking("looked into"):
        there = mirror.store.files(mirror.name)
    if "study.json" in there:
        raise ResultsError(
            f"{mirror.address} holds a run already; go on with --resume {mirror.name}, or choose "
            "another --name"
        )


def _resume(mirror: "Mirror") -> None:
    """Fetches a run that goes on, without what its journal does not know of.

    Raises:
        ResultsError: a process of this machine is at work on it; or as `Mirror.fetch`.
    """
    from search.prepare.saved_run import journal_of
    from search.store.known_trials import drop_unknown

    store = RunStore(mirror.root)
    with store.lock(), mirror.store.asking("read"):
        mirror.fetch()
        if (store.root / "study.json").is_file() and store.journal.is_file():
            drop_unknown(store, journal_of(store))


def _fetch(mirror: "Mirror", wanted: Callable[[str], bool] = lambda _: True) -> bool:
    """Fetches files of a run; returns whether no process of this machine is at work on it.

    Where one is, its files are the newest.

    Raises:
        ResultsError: as `Mirror.fetch`.
    """
    with mirror.store.asking("read"):
        try:
            with RunStore(mirror.root).lock():
                mirror.fetch(wanted)
        except RunInUseError:
            return False
    return True


def _is_needed(command: str, file: str) -> bool:
    first = file.partition("/")[0]
    if command == "predict":
        return first in _LEAST
    return first not in _NOT_NEEDED[command]

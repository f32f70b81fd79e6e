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
from search.store.at_work import at_work, is_driven
from search.store.commands import resume_command, typed
from search.store.files import check_writable
from search.store.remote import RemoteFolder, is_store
from search.store.run_store import RunStore, check_name

if TYPE_CHECKING:
    from search.store.claim import Claim
    from search.store.mirror import Mirror
    from search.store.mirroring import Mirroring

PATIENCE_S = 300.0
"""For which the end of a command waits for a store that does not answer."""
_BEFORE_THE_DEADLINE_S = 2.0
_NOT_NEEDED: Mapping[str, tuple[str, ...]] = {
    "verdict": ("checkpoints", "models", "second_fold", "tensorboard"),
    "report": ("checkpoints", "models", "second_fold", "tensorboard"),
    "audit": ("checkpoints", "models", "second_fold", "tensorboard"),
    "ensemble": ("checkpoints", "second_fold", "tensorboard"),
    "export": ("checkpoints", "second_fold", "tensorboard"),
}
"""Folders of a run that a command does not look into."""
_WRITTEN_ANEW = "tensorboard/refit/"
"""What a verdict replaces: without it here, what it replaces would stay in the store."""
_LEAST = ("ensemble", "study.json")
"""All that answering photos needs."""
OF_A_RUN = frozenset({*_NOT_NEEDED, "predict"})
"""Commands on a run that there is."""


def place(text: str) -> Path | str:
    """Returns what `--results` names: a folder, or the address of a store."""
    return text if is_store(text) else named_folder(text)


def named_folder(text: str) -> Path:
    """Returns a folder that an option names; refuses an empty one, which would be this one."""
    if not text:
        raise argparse.ArgumentTypeError("must not be empty; give a folder, or leave it out")
    return Path(text)


def folder_of(address: str, cache: Path | None) -> Path:
    """Returns where runs of a store are worked at on this machine."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", address.partition("://")[2]).strip("-")[:40]
    digest = hashlib.sha256(address.encode()).hexdigest()[:8]
    # Whatever the working folder is meanwhile: Ray starts in another one.
    return (cache or default_cache()).absolute() / "mirrors" / f"{readable}-{digest}"


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
    store, root = _opened(options, name, getattr(options, "cache", None))
    mirror = _there(store, root)
    with typed(root.parent, store.address, None):
        if is_driven(root):
            yield  # its files are the newest, and go up with it
        elif options.command == "predict" and options.label_shift is None:  # it writes nothing
            _fetch(mirror, lambda file: _is_needed(options.command, file))
            yield
        else:
            with at_work(root, drives=False), _brought_back(store, root, options.command):
                yield


@contextmanager
def _brought_back(store: RemoteFolder, root: Path, command: str) -> Iterator[None]:
    """Fetches what a command needs, and puts into the store what it wrote within the block."""
    from search.store.mirror import Mirror

    mirror = Mirror(root, store)
    claim = _claim(mirror)
    try:
        with store.asking("written"):
            claim.take()
        with claim.kept():
            _fetch(mirror, lambda file: _is_needed(command, file))
            yield
        with store.asking("written"):
            _bring_back(mirror, claim)
    finally:
        with suppress(OSError):
            claim.release()


def _bring_back(mirror: "Mirror", claim: "Claim") -> None:
    from search.store.claim import SupersededError

    try:
        claim.keep()
        mirror.drive()  # whoever drove it before looks at every file again
        mirror.sweep(whole=True, between=claim.keep)
    except SupersededError as error:
        raise ResultsError(
            f"a run is driven by one machine at a time, and {mirror.address} was taken over by "
            f"{error}; what was written is in {mirror.root} alone: give the command again when "
            "that is over"
        ) from error


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
        ResultsError: the store cannot be used, another process drives the run, it is there already
            or, to be resumed, is not.
    """
    name, missing = options.resume or options.name, list[str]()
    store, root = _opened(options, name, options.cache)
    mirror = _there(store, root) if options.resume else _new(store, root)
    if options.plan:
        with typed(root.parent, store.address, options.cache):
            if options.resume and not is_driven(root):
                _fetch(mirror)
            yield missing
        return
    with at_work(root, drives=True), typed(root.parent, store.address, options.cache):
        mirroring = _begun(store, root, tell, resume=bool(options.resume))
        try:
            yield missing
        finally:
            if why := mirroring.end(PATIENCE_S, _seconds_left()):
                missing.append(why)
                tell(
                    f"Not all of the run is in {mirror.address}: {why}. The rest is in {root}, "
                    "and goes up when the run goes on from this machine: "
                    f"{resume_command(RunStore(root))}"
                )


def _begun(
    store: RemoteFolder, root: Path, tell: Callable[[str], None], *, resume: bool
) -> "Mirroring":
    """Claims a run that this process is at work on, fetches it, and begins to mirror it."""
    from search.store.mirror import Mirror
    from search.store.mirroring import Mirroring

    mirror = Mirror(root, store)  # what it remembers is of the last process that held the run
    claim = _claim(mirror)
    try:
        with store.asking("written"):
            claim.take()
        if resume:
            with claim.kept():
                _resume(mirror)
    except BaseException:
        with suppress(OSError):
            claim.release()
        raise
    tell(f"The run is kept in {mirror.address}.")
    mirror.drive()
    mirroring = Mirroring(mirror, claim, tell)
    mirroring.start()
    return mirroring


def _claim(mirror: "Mirror") -> "Claim":
    from search.store.claim import Claim

    return Claim(mirror.store, mirror.name, mirror.folder)


def _seconds_left() -> float | None:
    """Returns the seconds that a command has left; None where nobody has asked it to end."""
    deadline = under_way().deadline.at
    if deadline == math.inf:
        return None
    return max(1.0, deadline - time.monotonic() - _BEFORE_THE_DEADLINE_S)


def _opened(
    options: argparse.Namespace, name: str, cache: Path | None
) -> tuple[RemoteFolder, Path]:
    """Returns the store and the run's folder here, and puts that in the place of the address."""
    check_name(name)
    store = RemoteFolder(options.results)
    folder = folder_of(store.address, cache)
    check_writable("--cache", folder)
    store.check()
    options.results = folder
    return store, folder / name


def _there(store: RemoteFolder, root: Path) -> "Mirror":
    """Returns a run that is in the store, or has not got there yet."""
    from search.store.mirror import Mirror

    mirror = Mirror(root, store)
    with store.asking("looked into"):
        runs = tuple(each for each in store.folders() if not each.startswith("."))
    if root.name not in runs and not mirror.is_only_here:
        raise ResultsError(
            f"no run {root.name!r} in {store.address}{near(root.name, runs)}; runs there: "
            f"{', '.join(runs) or 'none'}"
        )
    return mirror


def _new(store: RemoteFolder, root: Path) -> "Mirror":
    """Returns a run that is neither in the store nor here."""
    from search.store.mirror import Mirror

    mirror = Mirror(root, store)
    with store.asking("looked into"):
        there = store.files(mirror.name)
    if "study.json" in there:
        raise ResultsError(
            f"{mirror.address} holds a run already; go on with --resume {mirror.name}, or choose "
            "another --name"
        )
    if mirror.has_begun:
        way_out = f"go on with --resume {mirror.name}" if mirror.is_only_here else "delete it"
        raise ResultsError(
            f"{root} holds a run of that name already, which {store.address} does not; {way_out}, "
            "or choose another --name"
        )
    return mirror


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


def _fetch(mirror: "Mirror", wanted: Callable[[str], bool] = lambda _: True) -> None:
    """Fetches files of a run.

    Raises:
        RunInUseError: another process of this machine is at work on it.
        ResultsError: as `Mirror.fetch`.
    """
    with mirror.store.asking("read"), RunStore(mirror.root).lock():
        mirror.fetch(wanted)


def _is_needed(command: str, file: str) -> bool:
    first = file.partition("/")[0]
    if command == "predict":
        return first in _LEAST
    return first not in _NOT_NEEDED[command] or file.startswith(_WRITTEN_ANEW)

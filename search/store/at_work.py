"""Which command of this machine is at work in the folder of a run that is mirrored to a store."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from search.errors import ResultsError
from search.store.run_store import RunInUseError, acquired

_DRIVER, _WRITER = ".driver", ".writer"
_LOCK_S = 2.0


@contextmanager
def at_work(root: Path, *, drives: bool) -> Iterator[None]:
    """Holds the folder of a run, beside the lock of the run itself, which its stages take.

    Args:
        root: of the run; it need not exist.
        drives: whether the run goes on, so that commands beside it read what is here.

    Raises:
        RunInUseError: another command of this machine writes it.
        ResultsError: nothing can be written beside it.
    """
    with ExitStack() as stack:
        for kind in (_DRIVER, _WRITER) if drives else (_WRITER,):
            stack.enter_context(_locked(root, kind, _LOCK_S))
        yield


def is_driven(root: Path) -> bool:
    """Returns whether a process of this machine drives the run."""
    try:
        with _locked(root, _DRIVER, 0.0):
            return False
    except RunInUseError:
        return True


@contextmanager
def _locked(root: Path, kind: str, patience_s: float) -> Iterator[None]:
    # Beside the folder: a new run makes its own, and a person may delete it.
    path = root.parent / kind / root.name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"the folder {root.parent} cannot be written: {error}") from error
    lock = acquired(path, root, patience_s)
    try:
        yield
    finally:
        lock.release()

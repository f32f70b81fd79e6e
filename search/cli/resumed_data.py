"""The data of a run that goes on: the same as when it began, told before Ray or PyTorch load."""

from collections.abc import Callable
from pathlib import Path

from search.errors import ResultsError
from search.prepare.config import RunConfig
from search.prepare.dataset import Dataset, open_dataset
from search.store.run_store import RunStore
from trainables.given_paths import no_folder


def open_same(
    store: RunStore,
    config: RunConfig,
    cache: Path,
    progress: Callable[[str], Callable[[int, int], None]],
) -> Dataset:
    """Opens the data of a run again.

    Raises:
        ResultsError: it is gone, or other data.
        DataError: it breaks a rule.
    """
    if why := no_folder(config.data):
        raise ResultsError(
            f"a resumed run needs its data where it was, {config.data}, and no folder of data is "
            f"there: {why}; put it back, or a link to it"
        )
    dataset = open_dataset(config, cache, progress)
    then = store.read_study()["data"]
    check_same("data", dataset.name, then["fingerprint"], dataset.table.fingerprint)
    # Photos may have been written over by others of as many bytes; older runs do not know.
    check_same("photos", dataset.name, then.get("content") or dataset.content, dataset.content)
    return dataset


def check_same(what: str, where: str, then: object, now: object) -> None:
    """Raises ResultsError where data or spaces of a resumed run are others than it began with."""
    if then != now:
        raise ResultsError(
            f"a resumed run needs the {what} it began with ({where}), fingerprint {then}, got "
            f"{now}; put them back, or start a new run"
        )

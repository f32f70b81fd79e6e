"""results/NAME/: every file of a run, written whole or not at all; one driver at a time."""

import csv
import io
import logging
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import numpy as np
from numpy.typing import NDArray

from search.errors import ResultsError, near
from search.store.best_file import best_text
from search.store.files import SCHEMA, write_json, write_text
from search.store.links import check_links
from search.store.mirrored_files import WARM_START
from search.store.names import as_file, spellings, stored
from search.store.reading import check_schema, is_there, read_arrays, read_json, reading
from search.store.records import State, TrialRecord
from search.store.study_file import check_study
from trainables.data.bounded_files import check_plain
from trainables.data.csv_cells import harmless
from trainables.drafts import clear_drafts
from trainables.given_paths import no_folder

logger = logging.getLogger(__name__)

IMPORTANCE_FILE = "importance.json"
"""Which parameters the score of every space depended on."""
TRUTH_FILE = "truth.csv"
"""In `predictions/`: labels, people and folds of a refit."""
# A run that was killed lets go of its lock a moment later than it is gone.
_LOCK_S = 2.0
_WAY_OUT = "copy the run whole, or start a new one"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
TRIAL_COLUMNS = (
    *("space", "number", "state", "cause", "objective", "epochs", "seconds", "device_seconds"),
    *("seed", "error"),
)
"""Of `trials.csv`, before those of the parameters."""


class RunInUseError(ResultsError):
    """Another process of this machine is at work on a run."""


class Validation(NamedTuple):
    """What a complete trial predicted: samples int [n], probabilities float32 [n, K]."""

    indices: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    def first(self, num_samples: int) -> "Validation":
        """Returns those of the first samples of the data alone, as those that have every label."""
        kept = self.indices < num_samples
        return Validation(self.indices[kept], self.probabilities[kept])


def read_validation(path: Path) -> Validation:
    """Reads validation predictions; ResultsError where they are missing or torn."""
    with reading(path, "put it back, or start a new run: a trial writes it once"):
        arrays = read_arrays(path)
        indices, probabilities = arrays["indices"], arrays["probabilities"]
        if indices.dtype.kind not in "iu" or probabilities.shape[:-1] != indices.shape:
            raise ValueError(
                "it must hold whole numbers [n] and probabilities [n, K], got "
                f"{indices.shape} and {probabilities.shape}"
            )
        return Validation(indices, probabilities)


def acquired(path: Path, root: Path, patience_s: float) -> filelock.BaseFileLock:
    """Returns the lock of a file, taken; the caller releases it.

    Args:
        path: the file.
        root: folder of the run that it stands for.
        patience_s: for which another process may have it.

    Raises:
        RunInUseError: another process has it.
        ResultsError: the file cannot be written.
    """
    lock = filelock.FileLock(path, timeout=patience_s)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise RunInUseError(
            f"the run {root} is in use by another process; wait for it or stop it first"
        ) from error
    except OSError as error:
        raise ResultsError(f"the folder {path.parent} cannot be written: {error}") from error
    return lock


class RunStore:
    """The folder of one run, `results/NAME`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.journal = root / "optuna.journal"
        self.tensorboard = root / "tensorboard"
        self.checkpoints = root / "checkpoints"
        self.predictions = root / "predictions"
        self.models = root / "models"

    @classmethod
    def check_new(cls, results: Path, name: str) -> "RunStore":
        """Returns the store of a run that does not exist yet; makes nothing.

        Raises:
            ResultsError: the name is not a plain folder name, or a run of that name is there, or a
                folder with other files, which a run would write over.
        """
        check_name(name)
        root = results / name
        if is_there(root / "study.json"):
            raise ResultsError(
                f"{root} holds a run already; go on with --resume {name}, or choose another --name"
            )
        if found := cls(root)._not_of_a_start():
            raise ResultsError(
                f"a new run needs a folder of its own, and {root} holds {found[0]}; choose "
                "another --name or --results"
            )
        return cls(root)

    @classmethod
    def open(cls, results: Path, name: str) -> "RunStore":
        """Opens the folder of an existing run.

        Raises:
            ResultsError: there is none; the message lists what there is. Or a link in it leads
                out of it.
        """
        check_name(name)
        store = cls(results / name)
        if not is_there(store.root / "study.json"):
            store._check_begun()
            runs = run_names(results)
            why = "" if runs else no_folder(results)
            none = f"none{why and f', for {why}'} (--results gives another folder)"
            raise ResultsError(
                f"no run {name!r} in {results}{near(name, runs)}; runs there: "
                f"{', '.join(runs) or none}"
            )
        check_links(store.root)
        return store

    def _check_begun(self) -> None:
        """Raises ResultsError where a run has a folder without `study.json`."""
        if is_there(self.journal) or is_there(self.predictions):
            raise ResultsError(
                f"{self.root} has lost its study.json, without which nobody knows what the run "
                "searched; copy it whole, or start a new one under another name"
            )
        if self.root.is_dir() and not self._not_of_a_start():
            raise ResultsError(
                f"the run {self.root} ended before it wrote study.json, so nothing of it is there "
                "to go on with; start it again with the same command"
            )

    def _not_of_a_start(self) -> list[str]:
        """Returns what there is beside what a start leaves that was killed at its beginning."""
        try:
            names = sorted(entry.name for entry in self.root.iterdir())
        except OSError:
            return []
        return [name for name in names if not name.startswith(".") and name != WARM_START]

    @contextmanager
    def lock(self, *, new: bool = False) -> Iterator[None]:
        """Holds the run for this process, and clears away what a killed one was writing.

        Args:
            new: whether the run must not exist yet: another process may have run it to its end
                since `check_new`.

        Raises:
            ResultsError: another process has it, the folder cannot be made or written, a link in
                it leads out of it, or a new run exists by now.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResultsError(f"the folder {self.root} cannot be made: {error}") from error
        check_links(self.root)  # before the lock, which is a file in it, too
        lock = acquired(self.root / ".lock", self.root, _LOCK_S)
        try:
            if new:
                self.check_new(self.root.parent, self.root.name)
            for draft in clear_drafts(self.root, held=True):
                logger.warning("%s was left by a killed run and cannot be deleted", draft)
            yield
        finally:
            lock.release()

    def write_study(self, values: Mapping[str, Any]) -> None:
        """Writes `study.json`."""
        write_json(self.root / "study.json", {"schema": SCHEMA, **values})

    def read_study(self) -> dict[str, Any]:
        """Reads `study.json`; raises ResultsError where it is not one of this headrace."""
        path = self.root / "study.json"
        values = self.read_json(path.name)
        with reading(path, _WAY_OUT, wrong="is not a whole study.json"):
            check_study(values)
        return values

    def read_json(self, name: str, way_out: str = _WAY_OUT) -> dict[str, Any]:
        """Reads a JSON file of the run; `way_out` is what to do where it cannot be read.

        Raises:
            ResultsError: it is missing, torn, or of another schema.
        """
        path = self.root / name
        with reading(path, way_out):
            values = read_json(path, way_out)
            check_schema(path, values, SCHEMA, way_out)
            return values

    def write_trials(self, records: Iterable[TrialRecord]) -> None:
        """Writes `trials.csv`: a row per trial, a column per parameter of any space."""
        rows = list(records)
        params = sorted({name for record in rows for name in record.params})
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*TRIAL_COLUMNS, *params])
        for r in rows:
            fixed = {name: getattr(r, name) for name in TRIAL_COLUMNS}
            fixed |= {name: round(fixed[name], 3) for name in ("seconds", "device_seconds")}
            cells = [*fixed.values(), *(r.params.get(name, "") for name in params)]
            writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in cells])
        write_text(self.root / "trials.csv", text.getvalue())

    def write_best(self, space: str, values: Mapping[str, Any]) -> Path:
        """Writes `best/<space>.yaml` and returns its path."""
        path = self.root / "best" / f"{as_file(space)}.yaml"
        write_text(path, best_text(values))
        for older in spellings(space)[1:]:
            path.with_name(f"{older}.yaml").unlink(missing_ok=True)
        return path

    def best_path(self, space: str) -> Path:
        """Returns where the best config of a space is kept."""
        return stored(self.root / "best", "", space, ".yaml")

    def write_importance(self, spaces: Mapping[str, Mapping[str, float]]) -> None:
        """Writes `importance.json`: which parameters the score of every space depended on."""
        write_json(self.root / IMPORTANCE_FILE, {"schema": SCHEMA, "spaces": spaces})

    def validation_path(self, space: str, number: int) -> Path:
        """Returns where the validation predictions of a complete trial are kept."""
        return stored(self.predictions, "validation.", space, f".{number}.npz")

    def read_validation(self, space: str, number: int) -> Validation:
        """Reads the validation predictions of a complete trial.

        Raises:
            ResultsError: they are missing or torn.
        """
        return read_validation(self.validation_path(space, number))

    def has_predictions(self, record: TrialRecord) -> bool:
        """Returns whether the validation predictions of a trial are kept."""
        path = self.validation_path(record.space, record.number)
        try:
            check_plain(path)
            with zipfile.ZipFile(path):
                return True
        except (OSError, zipfile.BadZipFile):
            return False

    def predictions_bytes(self) -> int:
        """Returns what the stored predictions take: no more room is needed for them."""
        found = 0
        for pattern in ("*.npz", "parts/*.npz"):
            for path in self.predictions.glob(pattern):
                with suppress(FileNotFoundError):  # put together meanwhile by a start at work
                    found += path.stat().st_size
        return found

    def keep_predictions(self, records: Iterable[TrialRecord]) -> None:
        """Moves the validation predictions of complete trials to where they stay."""
        self.predictions.mkdir(exist_ok=True)
        for record in records:
            kept = self.validation_path(record.space, record.number)
            written = self.checkpoints / f"{trial_file(record.space, record.number)}.npz"
            if not kept.exists() and written.exists():
                written.replace(kept)

    def drop_checkpoints(self, running: Iterable[TrialRecord] = ()) -> None:
        """Deletes the checkpoints of trials that are over."""
        trials = [trial_file(record.space, record.number) for record in running]
        keep = {f"{trial}.{kind}" for trial in trials for kind in ("pt", "npz")}
        for path in self.checkpoints.glob("*"):
            if path.name not in keep:
                path.unlink()
        if self.checkpoints.is_dir() and not any(self.checkpoints.iterdir()):
            self.checkpoints.rmdir()


def trial_file(space: str, number: int) -> str:
    """Returns how the files of a trial in `checkpoints/` begin."""
    return f"{as_file(space)}-{number}"


def check_name(name: str) -> None:
    """Raises ResultsError where a run name is not a plain folder name."""
    if not _NAME.fullmatch(name):
        hint = "; the folder that a run is in is given with --results" if "/" in name else ""
        raise ResultsError(
            "a run name has letters, digits, '.', '_' and '-' and starts with a letter or digit, "
            f"got {name!r}{hint}"
        )


def check_refitted(predictions: Path) -> None:
    """Raises ResultsError where a run has no refit: its folder of predictions lacks the labels."""
    path = predictions / TRUTH_FILE
    if not path.is_file():
        raise ResultsError(
            f"a verdict needs the predictions of a refit, and there is no {path}; "
            "run --space all, which refits"
        )


def run_names(results: Path) -> tuple[str, ...]:
    """Returns the runs in a results folder, sorted."""
    return tuple(sorted(path.parent.name for path in results.glob("*/study.json")))


def running(records: Iterable[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Returns the records of trials that an interruption left running."""
    return tuple(record for record in records if record.state is State.RUNNING)

"""results/NAME/: every file of a run, written whole or not at all; one driver at a time."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import yaml
from numpy.typing import NDArray

from search.errors import ResultsError
from search.store.files import SCHEMA, write_json, write_text
from search.store.records import State, TrialRecord

IMPORTANCE_FILE = "importance.json"
"""Which parameters the score of every space depended on."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COLUMNS = (
    *("space", "number", "state", "cause", "objective", "epochs", "seconds", "device_seconds"),
    *("seed", "error"),
)


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
            ResultsError: the name is not a plain folder name, or a run of that name is there.
        """
        check_name(name)
        root = results / name
        if (root / "study.json").exists():
            raise ResultsError(
                f"{root} holds a run already; go on with --resume {name}, or choose another --name"
            )
        return cls(root)

    @classmethod
    def open(cls, results: Path, name: str) -> "RunStore":
        """Opens the folder of an existing run.

        Raises:
            ResultsError: there is none; the message lists what there is.
        """
        check_name(name)
        if not (results / name / "study.json").is_file():
            there = ", ".join(run_names(results)) or "none"
            raise ResultsError(f"no run {name!r} in {results}; runs there: {there}")
        return cls(results / name)

    @contextmanager
    def lock(self, *, new: bool = False) -> Iterator[None]:
        """Holds the run for this process.

        Args:
            new: whether the run must not exist yet: another process may have run it to its end
                since `check_new`.

        Raises:
            ResultsError: another process has it, the folder cannot be made or written, or a new
                run exists by now.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ResultsError(f"the folder {self.root} cannot be made: {error}") from error
        lock = filelock.FileLock(self.root / ".lock", timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise ResultsError(
                f"the run {self.root} is in use by another process; wait for it or stop it first"
            ) from error
        except OSError as error:
            raise ResultsError(f"the folder {self.root} cannot be written: {error}") from error
        try:
            if new:
                self.check_new(self.root.parent, self.root.name)
            yield
        finally:
            lock.release()

    def write_study(self, values: Mapping[str, Any]) -> None:
        """Writes `study.json`."""
        write_json(self.root / "study.json", {"schema": SCHEMA, **values})

    def read_study(self) -> dict[str, Any]:
        """Reads `study.json`; raises ResultsError where it is torn or of another schema."""
        return self.read_json("study.json")

    def read_json(self, name: str) -> dict[str, Any]:
        """Reads a JSON file of the run.

        Raises:
            ResultsError: it is missing, torn, or of another schema.
        """
        path = self.root / name
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ResultsError(f"{path} cannot be read: {error}") from error
        except ValueError as error:
            raise ResultsError(f"{path} is not JSON: {error}; it was not written whole") from error
        schema = values.get("schema") if isinstance(values, dict) else None
        if schema != SCHEMA:
            raise ResultsError(f"{path} must have schema {SCHEMA}, got {schema!r}")
        return values

    def write_trials(self, records: Iterable[TrialRecord]) -> None:
        """Writes `trials.csv`: a row per trial, a column per parameter of any space."""
        rows = list(records)
        params = sorted({name for record in rows for name in record.params})
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*_COLUMNS, *params])
        for r in rows:
            fixed = {name: getattr(r, name) for name in _COLUMNS}
            fixed |= {name: round(fixed[name], 3) for name in ("seconds", "device_seconds")}
            writer.writerow([*fixed.values(), *(r.params.get(name, "") for name in params)])
        write_text(self.root / "trials.csv", text.getvalue())

    def write_best(self, space: str, values: Mapping[str, Any]) -> Path:
        """Writes `best/<space>.yaml` and returns its path."""
        path = self.root / "best" / f"{space}.yaml"
        write_text(path, yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True))
        return path

    def write_importance(self, spaces: Mapping[str, Mapping[str, float]]) -> None:
        """Writes `importance.json`: which parameters the score of every space depended on."""
        write_json(self.root / IMPORTANCE_FILE, {"schema": SCHEMA, "spaces": spaces})

    def validation_path(self, space: str, number: int) -> Path:
        """Returns where the validation predictions of a complete trial are kept."""
        return self.predictions / f"validation.{space}.{number}.npz"

    def has_predictions(self, record: TrialRecord) -> bool:
        """Returns whether the validation predictions of a trial are kept."""
        try:
            with zipfile.ZipFile(self.validation_path(record.space, record.number)):
                return True
        except (OSError, zipfile.BadZipFile):
            return False

    def read_validation(self, space: str, number: int) -> dict[str, NDArray[Any]] | None:
        """Returns `indices` int [n] and `probabilities` float [n, K] of a complete trial.

        None where the file is missing or torn.
        """
        path = self.validation_path(space, number)
        try:
            # NumPy would take a file that is no zip for a pickle, and advise to trust it.
            with zipfile.ZipFile(path), np.load(path) as file:
                return {name: file[name] for name in ("indices", "probabilities")}
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
            return None

    def keep_predictions(self, records: Iterable[TrialRecord]) -> None:
        """Moves the validation predictions of complete trials to where they stay."""
        self.predictions.mkdir(exist_ok=True)
        for record in records:
            kept = self.validation_path(record.space, record.number)
            written = self.checkpoints / f"{record.space}-{record.number}.npz"
            if not kept.exists() and written.exists():
                written.replace(kept)

    def drop_checkpoints(self, running: Iterable[TrialRecord] = ()) -> None:
        """Deletes the checkpoints of trials that are over."""
        trials = [f"{record.space}-{record.number}" for record in running]
        keep = {f"{trial}.{kind}" for trial in trials for kind in ("pt", "npz")}
        for path in self.checkpoints.glob("*"):
            if path.name not in keep:
                path.unlink()
        if self.checkpoints.is_dir() and not any(self.checkpoints.iterdir()):
            self.checkpoints.rmdir()


def check_name(name: str) -> None:
    """Raises ResultsError where a run name is not a plain folder name."""
    if not _NAME.fullmatch(name):
        raise ResultsError(
            "a run name has letters, digits, '.', '_' and '-' and starts with a letter or digit, "
            f"got {name!r}"
        )


def run_names(results: Path) -> tuple[str, ...]:
    """Returns the runs in a results folder, sorted."""
    return tuple(sorted(path.parent.name for path in results.glob("*/study.json")))


def running(records: Iterable[TrialRecord]) -> tuple[TrialRecord, ...]:
    """Returns the records of trials that an interruption left running."""
    return tuple(record for record in records if record.state is State.RUNNING)

"""predictions/: what a refit leaves on disk, and the only place that knows its names.

    truth.csv                                   labels, people and folds of every photo
    refit.json                                  shape, notes and configs
    parts/<space>.<config>.<seed>.<fold>.npz    one training: probabilities of its fold
    <space>.<config>.<seed>.npz                 those of all folds together

Controlled trainings and pseudo-labels have the same files in a folder of their own.
"""

import glob
import json
import shutil
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.verdict.rounds import Look
from search.errors import ResultsError
from search.refit.plan import Shape
from search.refit.units import DEFAULT_CONFIG, Folds, Unit, config_name
from search.store.files import write_arrays, write_json, write_text
from search.store.run_store import RunStore
from trainables.blocks import FlatValue, read_flat
from trainables.data.sample_table import SampleTable
from trainables.data.splits import Split

Heads = Mapping[str, NDArray[np.float32]]

MIRRORED = "mirrored."
"""Before the name of a head: its probabilities of the mirrored image."""
_NOT_HEADS = frozenset({"indices", "seconds", "key", "note"})
_SCHEMA = 1
_SHAPE = frozenset(each.name for each in fields(Shape))  # an older run noted more


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Labels, people and folds of every sample, in the order of the probabilities.

    Attributes:
        label: joint class int [N].
        group: person of every sample, str [N].
        fold: int [N].
        held_out: bool [N]: people whom the search never saw.
        raw: raw numbers float [N] of numeric attributes.
        chose: bool [N]: people whom the search validated on, and chose by; None in older runs.
    """

    label: NDArray[np.int64]
    group: NDArray[np.str_]
    fold: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    raw: Mapping[str, NDArray[np.float64]]
    chose: NDArray[np.bool_] | None = None

    @property
    def num_folds(self) -> int:
        """Of the refit."""
        return int(self.fold.max()) + 1

    @property
    def folds(self) -> Folds:
        """Who is out of fold when."""
        return Folds(of_sample=self.fold, num_folds=self.num_folds)

    @property
    def cross_fit(self) -> CrossFit:
        """Who decides about whom."""
        return CrossFit.of_people(self.fold, self.group, self.held_out)

    @classmethod
    def read(cls, predictions: Path) -> "Truth":
        """Reads `truth.csv`.

        Raises:
            ResultsError: the run has no refit yet, or the file is not whole.
        """
        path = predictions / "truth.csv"
        if not path.is_file():
            raise ResultsError(
                f"a verdict needs the predictions of a refit, and there is no {path}; "
                "run --space all, which refits"
            )
        try:
            return cls._of_frame(
                pd.read_csv(path, dtype={"sample": str, "group": str}, keep_default_na=False)
            )
        except (OSError, ValueError, KeyError) as error:
            raise ResultsError(
                f"{path} is not a whole truth.csv: {error}; copy the run again, or start a new one"
            ) from error

    @classmethod
    def _of_frame(cls, frame: pd.DataFrame) -> "Truth":
        raw = {
            name.removesuffix("_raw"): frame[name].to_numpy(dtype=np.float64)
            for name in frame.columns
            if name.endswith("_raw")
        }
        return cls(
            label=frame["label"].to_numpy(dtype=np.int64),
            group=frame["group"].to_numpy(dtype=str),
            fold=frame["fold"].to_numpy(dtype=np.int64),
            held_out=frame["held_out"].to_numpy(dtype=np.int64) == 1,
            chose=frame["chose"].to_numpy(dtype=np.int64) == 1 if "chose" in frame else None,
            raw=raw,
        )


def write_truth(predictions: Path, table: SampleTable, folds: Folds, split: Split) -> None:
    """Writes `truth.csv`: sample, group, label, fold, parts of the search, attributes, numbers."""
    marks = np.zeros((2, table.num_samples), dtype=np.int64)
    marks[0, split.held_out] = 1
    marks[1, split.search_val] = 1
    columns: dict[str, object] = {
        "sample": table.paths,
        "group": table.groups,
        "label": table.joint,
        "fold": folds.of_sample,
        "held_out": marks[0],
        "chose": marks[1],
    }
    for axis, attribute in enumerate(table.schema.attributes):
        columns[attribute.name] = [attribute.classes[k] for k in table.labels[:, axis]]
        if attribute.has_raw:
            columns[f"{attribute.name}_raw"] = table.raw[attribute.name]
    text = pd.DataFrame(columns).to_csv(index=False, lineterminator="\n")
    write_text(predictions / "truth.csv", text)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefitNote:
    """Content of `refit.json`.

    Attributes:
        shape: what was refitted.
        notes: a sentence for everything that was cut or broke.
        configs: the complete configs by `<space>.<config_id>`, as they were trained: with them,
            later stages need neither the search nor the spaces. Empty for a run that did not
            write them.
        looks: at the pairs, in their order; none of a run that did not look before its end.
        asked: seeds that the user asked for; None for the default.
        seed_seconds: wall-clock time of one more seed of every space, by name.
        done: whether the refit came to its end; one that did not goes on in the same shape.
    """

    shape: Shape
    notes: tuple[str, ...]
    configs: Mapping[str, Mapping[str, FlatValue]]
    looks: tuple[Look, ...] = ()
    asked: int | None = None
    seed_seconds: Mapping[str, float] = field(default_factory=dict)
    done: bool = True

    FILE: ClassVar[str] = "predictions/refit.json"

    @classmethod
    def exists(cls, store: RunStore) -> bool:
        """Returns whether the run has finished a refit."""
        is_there = (store.root / cls.FILE).is_file()
        return is_there and store.read_json(cls.FILE).get("done", True) is True

    @classmethod
    def begun(cls, store: RunStore, names: Sequence[str]) -> "RefitNote | None":
        """Reads the file of a refit that has begun, done or not; None where none has."""
        return cls.read(store, names) if (store.root / cls.FILE).is_file() else None

    @classmethod
    def read(cls, store: RunStore, names: Sequence[str]) -> "RefitNote":
        """Reads the file.

        Raises:
            ResultsError: it is missing, torn, or of another schema.
        """
        values = store.read_json(cls.FILE)
        configs = values.get("configs", {})
        seconds = values.get("seed_seconds")
        shape = {name: each for name, each in values["shape"].items() if name in _SHAPE}
        return cls(
            shape=Shape(**shape),
            notes=tuple(values["notes"]),
            configs={name: read_flat(config, names) for name, config in configs.items()},
            looks=tuple(Look(**look) for look in values.get("looks", ())),
            asked=values.get("asked"),
            # An older run noted one number for all spaces.
            seed_seconds=seconds if isinstance(seconds, dict) else {},
            done=values.get("done", True),
        )

    def write(self, store: RunStore) -> None:
        """Writes the file."""
        values = {
            "schema": _SCHEMA,
            "shape": asdict(self.shape),
            "notes": list(self.notes),
            "configs": {name: dict(config) for name, config in self.configs.items()},
            "looks": [asdict(look) for look in self.looks],
            "asked": self.asked,
            "seed_seconds": dict(self.seed_seconds),
            "done": self.done,
        }
        write_json(store.root / self.FILE, values)

    def config_ids(self, space: str) -> tuple[str, ...]:
        """Returns the refitted configs of a space."""
        names = (name.rpartition(".") for name in self.configs)
        return tuple(config_id for own, _, config_id in names if own == space)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedUnit:
    """What one training left.

    Attributes:
        indices: samples that it predicted, int [n].
        seconds: that it took on its device.
        key: of its config, change and folds (`Folds.key`).
        note: what it noted about itself: parameters, normalisation, gradients.
        heads: probabilities [n, K] by head, those of mirrored images under `MIRRORED` and the
            head's name.
    """

    indices: NDArray[np.int64]
    seconds: float
    key: str
    note: Mapping[str, Any]
    heads: Heads


class RefitFiles:
    """The files of a set of trainings.

    Args:
        folder: `predictions/` of a run, or the folder of other trainings in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parts = folder / "parts"

    def write_unit(self, unit: Unit, trained: TrainedUnit) -> None:
        """Writes what a training left, whole or not at all."""
        values = {
            "indices": trained.indices,
            "seconds": trained.seconds,
            "key": trained.key,
            "note": json.dumps(dict(trained.note)),
            **trained.heads,
        }
        write_arrays(self._parts / f"{unit.name}.npz", values)

    def read_unit(self, name: str) -> TrainedUnit:
        """Reads what a training left; ResultsError where it cannot be read."""
        arrays = _arrays(self._parts / f"{name}.npz")
        return TrainedUnit(
            indices=arrays["indices"],
            seconds=float(arrays["seconds"]),
            key=str(arrays.get("key", "")),
            note=json.loads(str(arrays["note"])) if "note" in arrays else {},
            heads={name: each for name, each in arrays.items() if name not in _NOT_HEADS},
        )

    def has(self, unit: Unit) -> bool:
        """Returns whether a unit's file is there, of whatever config."""
        return (self._parts / f"{unit.name}.npz").is_file()

    def is_done(self, unit: Unit, folds: Folds) -> bool:
        """Returns whether a unit's file is there, and of this config and these folds."""
        path = self._parts / f"{unit.name}.npz"
        if not path.exists():
            return False
        try:
            stored = _arrays(path, "key")
        except ResultsError:
            return False  # torn: it is trained again
        return "key" in stored and folds.is_key(str(stored["key"]), unit)

    def seconds(self, space: str, config_id: str | None = None) -> tuple[float, ...]:
        """Returns the device seconds of every training of a space, or of one of its configs."""
        name = space if config_id is None else config_name(space, config_id)
        paths = self._parts.glob(f"{glob.escape(name)}.*.npz")
        return tuple(float(_arrays(path, "seconds")["seconds"]) for path in paths)

    def notes(
        self, space: str, config_id: str, seeds: Iterable[int], num_folds: int
    ) -> list[Mapping[str, Any]]:
        """Returns the notes of the trainings of a config; none of a run that noted nothing yet."""
        found = []
        for seed in seeds:
            for fold in range(num_folds):
                path = self._parts / f"{config_name(space, config_id)}.{seed}.{fold}.npz"
                if path.is_file() and "note" in (stored := _arrays(path, "note")):
                    found.append(json.loads(str(stored["note"])))
        return found

    def merge(
        self, units: Iterable[Unit], folds: Folds, *, whole: bool = True, mirrored: bool = True
    ) -> None:
        """Writes the predictions of all folds together, of every config and seed, anew.

        Args:
            units: that were to be trained.
            folds: of all samples.
            whole: leave out a config and seed without all its folds; else samples of folds that
                were not trained are NaN.
            mirrored: keep those of the mirrored images.
        """
        for path in self.folder.glob("*.*.*.npz"):
            if not path.name.startswith(("validation.", ".")):
                path.unlink()  # of an earlier refit, with other folds or configs
        done: dict[str, list[Unit]] = {}
        for unit in units:
            if self.is_done(unit, folds):
                done.setdefault(unit.merged_name, []).append(unit)
        for name, trained in sorted(done.items()):
            if not whole or len(trained) == folds.num_folds:
                heads = self.merged(trained, folds)
                kept = {h: p for h, p in heads.items() if mirrored or not h.startswith(MIRRORED)}
                write_arrays(self.folder / f"{name}.npz", kept)

    def merged(self, units: Iterable[Unit], folds: Folds) -> dict[str, NDArray[np.float32]]:
        """Returns out-of-fold probabilities [N, K] of every head, NaN where no unit predicts."""
        found: dict[str, NDArray[np.float32]] = {}
        for unit in units:
            trained = self.read_unit(unit.name)
            for head, probs in trained.heads.items():
                shape = (len(folds.of_sample), probs.shape[1])
                rows = found.setdefault(head, np.full(shape, np.nan, dtype=np.float32))
                rows[trained.indices] = probs
        return found

    def seeds(self, space: str, config_id: str) -> frozenset[int]:
        """Returns the seeds of a config that have all their folds."""
        name = glob.escape(config_name(space, config_id))
        names = (path.name.rsplit(".", 2)[1] for path in self.folder.glob(f"{name}.*.npz"))
        return frozenset(int(seed) for seed in names if seed.isdigit())

    def config_ids(self, space: str) -> tuple[str, ...]:
        """Returns the configs of a space that have predictions, the default last."""
        found = set()
        for path in self.folder.glob(f"{glob.escape(space)}.*.*.npz"):
            own, config_id, seed = path.name.removesuffix(".npz").rsplit(".", 2)
            if own == space and seed.isdigit():
                found.add(config_id)
        return tuple(sorted(found, key=lambda each: (each == DEFAULT_CONFIG, each)))

    def heads(
        self, space: str, config_id: str, seeds: Iterable[int], *, mirrored: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        """Returns probabilities [S, N, K] by head, of S seeds; or those of the mirrored images.

        Raises:
            ResultsError: a file is missing or torn.
        """
        name = config_name(space, config_id)
        loaded = [_arrays(self.folder / f"{name}.{seed}.npz") for seed in seeds]
        heads = [head for head in loaded[0] if not head.startswith(MIRRORED)]
        prefix = MIRRORED if mirrored else ""
        return {
            head: np.stack([arrays[prefix + head] for arrays in loaded]).astype(np.float64)
            for head in heads
        }

    def drop(self, space: str, config_id: str) -> None:
        """Deletes the predictions of a config, not its trainings."""
        for path in self.folder.glob(f"{glob.escape(config_name(space, config_id))}.*.npz"):
            path.unlink()

    def copy(self, space: str, config_id: str, to: "RefitFiles") -> None:
        """Copies predictions and trainings of a config to other files."""
        pattern = f"{glob.escape(config_name(space, config_id))}.*.npz"
        for source, target in ((self.folder, to.folder), (self._parts, to._parts)):
            for path in source.glob(pattern):
                shutil.copyfile(path, target / path.name)

    def forget(self, names: Iterable[str]) -> None:
        """Deletes what finished trainings left, so that a refit trains them again."""
        for name in names:
            for path in self.folder.rglob(f"parts/{glob.escape(name)}.npz"):
                path.unlink()


def _arrays(path: Path, *names: str) -> dict[str, NDArray[Any]]:
    """Returns the arrays of a file, those of some names where they are given and there."""
    try:
        # NumPy would take a file that is no zip for a pickle, and advise to trust it.
        with zipfile.ZipFile(path), np.load(path) as file:
            return {name: file[name] for name in file.files if not names or name in names}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise ResultsError(f"{path} cannot be read: {error}; resume the run") from error

"""predictions/: what a refit leaves on disk, and the only place that knows its names.

    truth.csv                                   labels, people and folds of every photo
    refit.json                                  shape, notes and configs
    parts/<space>.<config>.<seed>.<fold>.npz    one training: probabilities of its fold
    <space>.<config>.<seed>.npz                 those of all folds together

Names of the user are written as `search.store.names` says: a space as a file, an attribute as the
column `attribute:<name>`, its raw numbers as `number:<name>`. Older runs wrote bare names.

Controlled trainings and pseudo-labels have the same files in a folder of their own.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.verdict.rounds import Look
from search.errors import ResultsError
from search.refit.plan import Shape
from search.refit.unit_file import (
    Heads,
    TrainedUnit,
    head_arrays,
    read_heads,
    read_note,
    read_seconds,
)
from search.refit.units import DEFAULT_CONFIG, Folds, Unit
from search.store.files import write_arrays, write_json, write_text
from search.store.names import columns_of, spellings, stored
from search.store.reading import Entries, reading, typed
from search.store.run_store import RunStore
from trainables.blocks import FlatValue, read_flat
from trainables.data.csv_cells import harmless, original
from trainables.data.sample_table import SampleTable
from trainables.data.schema import LabelSchema
from trainables.data.splits import Split

_ATTRIBUTE, _NUMBER = "attribute:", "number:"
_OWN = ("sample", "group", "label", "fold", "held_out", "chose")
_BARE_NUMBER = "_raw"  # after the name of an attribute, in older runs
_SCHEMA = 1
_MOST = 1000  # folds or seeds of a refit; a larger number is a torn one
WAY_OUT = "copy the run again, or delete the file and resume the run, which writes it anew"


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

    Raises:
        ValueError: there is no sample, a label is negative, folds have gaps, or a person is in
            two of them.
    """

    label: NDArray[np.int64]
    group: NDArray[np.str_]
    fold: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    raw: Mapping[str, NDArray[np.float64]]
    chose: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if not len(self.label) or self.label.min() < 0:
            raise ValueError("it needs a row or more, and no label below 0")
        used = np.unique(self.fold)
        if used.tolist() != list(range(len(used))):
            raise ValueError(f"folds must be 0, 1, ... without a gap, got {used[:10].tolist()}")
        by_person = pd.Series(self.fold).groupby(self.group).nunique()
        if by_person.max() > 1:
            raise ValueError(f"a person must be in one fold, got {by_person.idxmax()!r} in two")

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
    def read(cls, predictions: Path, schema: LabelSchema | None = None) -> "Truth":
        """Reads `truth.csv`.

        Args:
            predictions: folder that it is in.
            schema: of the labels, where the file is to be held against it.

        Raises:
            ResultsError: the run has no refit yet, or the file is not whole.
        """
        path = predictions / "truth.csv"
        if not path.is_file():
            raise ResultsError(
                f"a verdict needs the predictions of a refit, and there is no {path}; "
                "run --space all, which refits"
            )
        with reading(path, "copy the run again, or resume it", wrong="is not a whole truth.csv"):
            frame = pd.read_csv(path, dtype={"sample": str, "group": str}, keep_default_na=False)
            truth = cls._of_frame(frame)
            if schema is not None:
                _check_labels(truth, frame, schema)
            return truth

    @classmethod
    def _of_frame(cls, frame: pd.DataFrame) -> "Truth":
        if _is_bare(frame):
            raw = [name for name in frame.columns if name.endswith(_BARE_NUMBER)]
            numbers = {name.removesuffix(_BARE_NUMBER): name for name in raw}
        else:
            numbers = columns_of(frame.columns, _NUMBER)
        return cls(
            label=frame["label"].to_numpy(dtype=np.int64),
            group=frame["group"].map(original).to_numpy(dtype=str),
            fold=frame["fold"].to_numpy(dtype=np.int64),
            held_out=frame["held_out"].to_numpy(dtype=np.int64) == 1,
            chose=frame["chose"].to_numpy(dtype=np.int64) == 1 if "chose" in frame else None,
            raw={n: frame[column].to_numpy(dtype=np.float64) for n, column in numbers.items()},
        )


def _is_bare(frame: pd.DataFrame) -> bool:
    """Returns whether an older run wrote the file: names of the user as they are."""
    others = [name for name in frame.columns if name not in _OWN]
    return not others or not all(name.startswith((_ATTRIBUTE, _NUMBER)) for name in others)


def _check_labels(truth: Truth, frame: pd.DataFrame, schema: LabelSchema) -> None:
    """Raises ValueError where labels are not those of a schema."""
    named = {name for each in schema.names for name in (each, f"{each}{_BARE_NUMBER}")}
    if _is_bare(frame) and (lost := named & set(_OWN)):
        raise ValueError(
            f"an older headrace wrote attribute {min(lost)!r} over its own column of that name"
        )
    if truth.label.max() >= schema.num_joint:
        raise ValueError(
            f"a label must be in [0, {schema.num_joint}), got {int(truth.label.max())}"
        )


def write_truth(predictions: Path, table: SampleTable, folds: Folds, split: Split) -> None:
    """Writes `truth.csv`: sample, group, label, fold, parts of the search, attributes, numbers."""
    marks = np.zeros((2, table.num_samples), dtype=np.int64)
    marks[0, split.held_out] = 1
    marks[1, split.search_val] = 1
    columns: dict[str, object] = {
        "sample": [harmless(path) for path in table.paths],
        "group": [harmless(group) for group in table.groups],
        "label": table.joint,
        "fold": folds.of_sample,
        "held_out": marks[0],
        "chose": marks[1],
    }
    for axis, attribute in enumerate(table.schema.attributes):
        name = attribute.name
        classes = [harmless(each) for each in attribute.classes]
        columns[_ATTRIBUTE + name] = [classes[k] for k in table.labels[:, axis]]
        if attribute.has_raw:
            columns[_NUMBER + name] = table.raw[name]
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
        return cls.has_begun(store) and store.read_json(cls.FILE).get("done", True) is True

    @classmethod
    def has_begun(cls, store: RunStore) -> bool:
        """Returns whether the run has begun a refit."""
        return (store.root / cls.FILE).is_file()

    @classmethod
    def read(cls, store: RunStore, names: Sequence[str]) -> "RefitNote":
        """Reads the file.

        Raises:
            ResultsError: it is missing, torn, or of another schema.
        """
        path = store.root / cls.FILE
        with reading(path, WAY_OUT):
            values = store.read_json(cls.FILE, WAY_OUT)
            configs = typed(dict[str, dict[str, Any]], values.get("configs", {}))
            seconds = typed(dict[str, float] | float | None, values.get("seed_seconds"))
            note = cls(
                shape=typed(Shape, values["shape"]),
                notes=typed(tuple[str, ...], values["notes"]),
                configs={
                    name: Entries.of(path, WAY_OUT, read_flat(config, names))
                    for name, config in configs.items()
                },
                looks=typed(tuple[Look, ...], values.get("looks", ())),
                asked=typed(int | None, values.get("asked")),
                # An older run noted one number for all spaces, or none.
                seed_seconds=seconds if isinstance(seconds, dict) else {},
                done=typed(bool, values.get("done", True)),
            )
            note.check()
            return note

    def check(self) -> None:
        """Raises ValueError where a number could not have been written by a refit."""
        shape = self.shape
        seeds = [n for look in self.looks for n in (look.seeds, look.full)]
        for number in (shape.folds, shape.seeds, shape.configs + 1, self.asked or 1, *seeds):
            if not 1 <= number <= _MOST:
                raise ValueError(f"folds, seeds and configs must be in [1, {_MOST}], got {number}")
        if not 0 < shape.epochs_share <= 1:
            raise ValueError(f"epochs_share must be in (0, 1], got {shape.epochs_share}")

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
        trained.write(self._parts / f"{unit.name}.npz")

    def read_unit(self, unit: Unit) -> TrainedUnit:
        """Reads what a training left; ResultsError where it cannot be read."""
        return TrainedUnit.read(self._part(unit.space, unit.config_id, unit.seed, unit.fold))

    def has(self, unit: Unit) -> bool:
        """Returns whether a unit's file is there, of whatever config."""
        return self._part(unit.space, unit.config_id, unit.seed, unit.fold).is_file()

    def is_done(self, unit: Unit, folds: Folds) -> bool:
        """Returns whether a unit's file is there and whole, and of this config and these folds."""
        if not self.has(unit):
            return False
        try:
            trained = self.read_unit(unit)
        except ResultsError:
            return False  # torn: it is trained again
        is_own = np.array_equal(trained.indices, folds.out(unit.fold))
        return is_own and folds.is_key(trained.key, unit)

    def seconds(self, space: str, config_id: str | None = None) -> tuple[float, ...]:
        """Returns the device seconds of every training of a space, or of one of its configs."""
        paths = self._of(self._parts, space, config_id)
        return tuple(read_seconds(path) for path, _ in paths)

    def notes(
        self, space: str, config_id: str, seeds: Iterable[int], num_folds: int
    ) -> list[Mapping[str, Any]]:
        """Returns the notes of the trainings of a config; none of a run that noted nothing yet."""
        every = ((seed, fold) for seed in seeds for fold in range(num_folds))
        paths = (self._part(space, config_id, *each) for each in every)
        notes = [read_note(path) for path in paths if path.is_file()]
        return [note for note in notes if note is not None]

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
                shown, turned = self.merged(trained, folds)
                arrays = head_arrays(shown, turned if mirrored else {})
                write_arrays(self.folder / f"{name}.npz", arrays)

    def merged(self, units: Iterable[Unit], folds: Folds) -> tuple[Heads, Heads]:
        """Returns out-of-fold probabilities [N, K] of every head, NaN where no unit predicts.

        Beside them those of the mirrored images.
        """
        found: tuple[dict[str, NDArray[np.float32]], ...] = ({}, {})
        for unit in units:
            trained = self.read_unit(unit)
            for rows_of, heads in zip(found, (trained.heads, trained.mirrored), strict=True):
                for head, probs in heads.items():
                    shape = (len(folds.of_sample), probs.shape[1])
                    rows = rows_of.setdefault(head, np.full(shape, np.nan, dtype=np.float32))
                    rows[trained.indices] = probs
        return found[0], found[1]

    def seeds(self, space: str, config_id: str) -> frozenset[int]:
        """Returns the seeds of a config that have all their folds."""
        names = (name[1] for _, name in self._of(self.folder, space, config_id))
        return frozenset(int(seed) for seed in names if seed.isdigit())

    def config_ids(self, space: str) -> tuple[str, ...]:
        """Returns the configs of a space that have predictions, the default last."""
        names = (name for _, name in self._of(self.folder, space))
        found = {config_id for config_id, seed in names if seed.isdigit()}
        return tuple(sorted(found, key=lambda each: (each == DEFAULT_CONFIG, each)))

    def heads(
        self, space: str, config_id: str, seeds: Iterable[int], *, mirrored: bool = False
    ) -> dict[str, NDArray[np.float64]]:
        """Returns probabilities [S, N, K] by head, of S seeds; or those of the mirrored images.

        Raises:
            ResultsError: a file is missing or torn, or those of the seeds differ in shape.
        """
        paths = self.merged_paths(space, config_id, seeds)
        loaded = [read_heads(path)[mirrored] for path in paths]
        shapes = [{head: probs.shape for head, probs in each.items()} for each in loaded]
        if any(each != shapes[0] for each in shapes):
            raise ResultsError(
                f"{', '.join(map(str, paths))} must have the same heads in the same shape, got "
                f"{shapes}; resume the run, which puts them together again"
            )
        return {
            head: np.stack([heads[head] for heads in loaded]).astype(np.float64)
            for head in loaded[0]
        }

    def merged_paths(self, space: str, config_id: str, seeds: Iterable[int]) -> list[Path]:
        """Returns the files of the predictions of a config."""
        return [stored(self.folder, "", space, f".{config_id}.{seed}.npz") for seed in seeds]

    def drop(self, space: str, config_id: str) -> None:
        """Deletes the predictions of a config, not its trainings."""
        for path, _ in self._of(self.folder, space, config_id):
            path.unlink()

    def copy(self, space: str, config_id: str, to: "RefitFiles") -> None:
        """Copies predictions and trainings of a config to other files."""
        for source, target in ((self.folder, to.folder), (self._parts, to._parts)):
            for path, _ in self._of(source, space, config_id):
                shutil.copyfile(path, target / path.name)

    def forget(self, names: Iterable[str]) -> None:
        """Deletes what finished trainings left, so that a refit trains them again."""
        for name in names:
            for folder in self.folder.rglob("parts"):
                (folder / f"{name}.npz").unlink(missing_ok=True)

    def _part(self, space: str, config_id: str, seed: int, fold: int) -> Path:
        return stored(self._parts, "", space, f".{config_id}.{seed}.{fold}.npz")

    def _of(
        self, folder: Path, space: str, config_id: str | None = None
    ) -> Iterator[tuple[Path, list[str]]]:
        """Yields the files of a space, or of one of its configs, with what follows its name."""
        known = spellings(space)
        for path in sorted(folder.glob("[!.]*.npz")):
            name, *rest = path.stem.rsplit(".", 3 if folder == self._parts else 2)
            if name in known and len(rest) > 1 and config_id in (None, rest[0]):
                yield path, rest

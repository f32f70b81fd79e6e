"""predictions/: what a refit leaves on disk, and what it is called there.

    truth.csv                                   labels, people and folds of every photo
    refit.json                                  shape, notes and configs
    parts/<space>.<config>.<seed>.<fold>.npz    one training: probabilities of its fold
    <space>.<config>.<seed>.npz                 those of all folds together

Names of the user are written as `search.store.names` says: a space as a file, an attribute as the
column of `truth.csv` (truth.py), a head as a key of an npz file (unit_file.py).

Controlled trainings and pseudo-labels have the same files in a folder of their own.
"""

import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from search.analysis.verdict.rounds import Look
from search.ending.faults import Fault, fault_of
from search.errors import ResultsError
from search.refit.plan import Shape
from search.refit.unit_file import (
    Heads,
    TrainedUnit,
    head_arrays,
    read_heads,
    read_note,
    read_seconds,
    together,
)
from search.refit.units import DEFAULT_CONFIG, Folds, Unit
from search.store.files import write_arrays, write_json
from search.store.names import own_number, spellings, stored
from search.store.reading import Entries, reading, typed
from search.store.records import covered
from search.store.run_store import RunStore
from trainables.blocks import FlatValue, read_flat
from trainables.drafts import written

_SCHEMA = 1
_FAILED, _NO_TIME = " failed: ", "did not fit the time"  # in notes
_MOST = 1000  # folds or seeds of a refit; a larger number is a torn one
WAY_OUT = "copy the run again, or delete the file and resume the run, which writes it anew"
_SHAPE = frozenset(each.name for each in fields(Shape))  # an older run noted more

logger = logging.getLogger(__name__)


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
        on_top: whether it had come to its end, and more seeds were asked for.
        margin: of equivalence that its looks were taken by, whatever a verdict takes later; None
            of a run that did not write it.
        merged: what it left predictions of, as `<space>.<config_id>.<seed>`; None of a run that
            did not write it.
    """

    shape: Shape
    notes: tuple[str, ...]
    configs: Mapping[str, Mapping[str, FlatValue]]
    looks: tuple[Look, ...] = ()
    asked: int | None = None
    seed_seconds: Mapping[str, float] = field(default_factory=dict)
    done: bool = True
    merged: tuple[str, ...] | None = None
    on_top: bool = False
    margin: float | None = None

    FILE: ClassVar[str] = "predictions/refit.json"

    @property
    def has_ended(self) -> bool:
        """Whether it came to its end once, though more that was asked for may be under way."""
        return self.done or self.on_top

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
        path = store.root / cls.FILE
        with reading(path, WAY_OUT):
            values = store.read_json(cls.FILE, WAY_OUT)
            configs = typed(dict[str, dict[str, Any]], values.get("configs", {}))
            shape = typed(dict[str, Any], values["shape"])
            seconds = typed(dict[str, float] | float | None, values.get("seed_seconds"))
            note = cls(
                shape=typed(Shape, {n: v for n, v in shape.items() if n in _SHAPE}),
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
                merged=typed(tuple[str, ...] | None, values.get("merged")),
                on_top=typed(bool, values.get("on_top", False)),
                margin=typed(float | None, values.get("margin")),
            )
            note.check()
            # Runs before looks may have kept no configs; all others did.
            if note.done and not configs and {"configs", "looks"} & set(values):
                raise ValueError("a refit that is done must have configs, got none")
            return note

    def check(self) -> None:
        """Raises ValueError where a number could not have been written by a refit."""
        shape = self.shape
        seeds = [n for look in self.looks for n in (look.seeds, look.full)]
        for number in (shape.folds, shape.seeds, shape.configs + 1, self.asked or 1, *seeds):
            if not 1 <= number <= _MOST:
                raise ValueError(f"folds, seeds and configs must be in [1, {_MOST}], got {number}")
        if self.margin is not None and not 0 <= self.margin <= 1:
            raise ValueError(f"margin must be in [0, 1], got {self.margin}")
        if not 0 < shape.epochs_share <= 1:
            raise ValueError(f"epochs_share must be in (0, 1], got {shape.epochs_share}")
        for name in self.merged or ():
            config, _, seed = name.rpartition(".")
            if config not in self.configs or own_number(seed) is None:
                raise ValueError(f"merged must be seeds of its configs, got {name!r}")

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
            "on_top": self.on_top,
            "margin": self.margin,
            "merged": None if self.merged is None else list(self.merged),
        }
        write_json(store.root / self.FILE, values)

    def config_ids(self, space: str) -> tuple[str, ...]:
        """Returns the refitted configs of a space."""
        names = (name.rpartition(".") for name in self.configs)
        return tuple(config_id for own, _, config_id in names if own == space)

    @property
    def has_gaps(self) -> bool:
        """Whether a training broke, or a seed of a run before looks found no time."""
        return any(_FAILED in note for note in self.notes) or self._lacked_time

    def excuses(self, space: str, config_id: str, seed: int) -> bool:
        """Returns whether a config may lack a seed: a training of it broke, or found no time."""
        names = [f"{each}.{config_id}.{seed}." for each in spellings(space)]
        began = tuple(word + name for name in names for word in ("", "refit of "))
        broke = any(note.startswith(began) and _FAILED in note for note in self.notes)
        return broke or (seed > 0 and self._lacked_time)

    @property
    def _lacked_time(self) -> bool:
        return not self.looks and any(_NO_TIME in note for note in self.notes)


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
        return TrainedUnit.read(self.part_path(unit))

    def has(self, unit: Unit) -> bool:
        """Returns whether a unit's file is there, of whatever config."""
        return self.part_path(unit).is_file()

    def part_path(self, unit: Unit) -> Path:
        """Returns where what a training left is kept."""
        return self._part(unit.space, unit.config_id, unit.seed, unit.fold)

    def is_done(self, unit: Unit, folds: Folds) -> bool:
        """Returns whether a unit's file is there and whole, and of this config and these folds.

        Raises:
            FaultError: the disk does not give it: whatever it holds, it would be made twice.
        """
        if not self.has(unit):
            return False
        try:
            trained = self.read_unit(unit)
        except ResultsError as error:
            fault = fault_of(error)
            if fault is not None and fault.kind is not Fault.SYSTEM:
                raise fault from error
            return False  # torn: it is trained again
        is_own = np.array_equal(trained.indices, folds.out(unit.fold))
        return is_own and folds.is_key(trained.key, unit)

    def seconds(self, space: str, config_id: str | None = None) -> tuple[float, ...]:
        """Returns the seconds of every training of a space, or of one of its configs.

        One whose file is torn is left out with a warning: it may be of a seed that was cut off and
        that nobody reads, and who needs its predictions says so.
        """
        found = []
        for path, _ in self._of(self._parts, space, config_id):
            try:
                found.append(read_seconds(path))
            except ResultsError as error:
                logger.warning("the seconds of a training are not counted: %s", error)
        return tuple(found)

    def wall_clock(self, spaces: Iterable[str], slots: int, without: str = "") -> float:
        """Returns about how many seconds of wall-clock time the trainings of some spaces took.

        However many were at once: when they ended is noted. Of older ones that is not known, and
        they count as if all slots had always been at work.

        Args:
            spaces: by name.
            slots: of now.
            without: config_id that does not count.
        """
        spans, rest = [], 0.0
        paths = (found for space in spaces for found in self._of(self._parts, space))
        for path, (config_id, *_) in paths:
            with suppress(ResultsError):
                seconds, ended = read_seconds(path), (read_note(path) or {}).get("ended")
                if config_id == without:
                    continue
                if ended is None:
                    rest += seconds / slots
                else:
                    spans.append((float(ended) - seconds, float(ended)))
        return covered(spans) + rest

    def device_seconds(self, space: str) -> float:
        """Returns what all trainings of a space took of their devices, torn ones left out."""
        found = 0.0
        for path, _ in self._of(self._parts, space):
            with suppress(ResultsError):
                note = read_note(path) or {}
                found += read_seconds(path) * float(note.get("device_share", 1.0))
        return found

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
    ) -> tuple[str, ...]:
        """Writes the predictions of all folds together, of every config and seed, anew.

        Args:
            units: that were to be trained.
            folds: of all samples.
            whole: leave out a config and seed without all its folds; else samples of folds that
                were not trained are NaN.
            mirrored: keep those of the mirrored images.

        Returns:
            What is written, as `RefitNote.merged` has it.
        """
        written = []
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
                written.append(f"{trained[0].config_name}.{trained[0].seed}")
        return tuple(written)

    def merged(self, units: Iterable[Unit], folds: Folds) -> tuple[Heads, Heads]:
        """Returns out-of-fold probabilities [N, K] of every head, NaN where no unit predicts.

        Beside them those of the mirrored images.
        """
        return together(map(self.read_unit, units), len(folds.of_sample))

    def seeds(self, space: str, config_id: str) -> frozenset[int]:
        """Returns the seeds of a config that have all their folds."""
        names = (own_number(name[1]) for _, name in self._of(self.folder, space, config_id))
        return frozenset(seed for seed in names if seed is not None)

    def config_ids(self, space: str) -> tuple[str, ...]:
        """Returns the configs of a space that have predictions, the default last."""
        names = (name for _, name in self._of(self.folder, space))
        found = {config_id for config_id, seed in names if own_number(seed) is not None}
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
                with written(target / path.name) as draft:
                    shutil.copyfile(path, draft)

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

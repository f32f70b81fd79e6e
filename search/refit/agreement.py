"""Whether the files of a refit agree: what `refit.json`, `truth.csv` and `parts/` say twice.

A verdict is about every config and seed that was refitted. One that was lost, copied over another
or edited would change who wins, and nothing else would show it. So every file is held against what
else knows of it: the configs and seeds of `refit.json`, the people of `truth.csv`, the trainings.
What cannot be known of a run of an older headrace is taken as it is.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from search.errors import ResultsError
from search.refit.approaches import Lineup
from search.refit.files import WAY_OUT, RefitFiles, RefitNote
from search.refit.truth import Truth
from search.refit.unit_file import (
    Heads,
    TrainedUnit,
    check_heads,
    head_arrays,
    read_heads,
    together,
)
from search.refit.units import DEFAULT_CONFIG, Unit, config_name
from search.store.commands import resume_command
from search.store.files import write_arrays
from search.store.names import own_number
from search.store.reading import is_there, reading
from search.store.run_store import RunStore
from trainables.blocks import Block, block_of
from trainables.data.splits import Split

Trained = Mapping[str, Mapping[str, tuple[int, ...]]]
"""Seeds by space and config."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What the files of a refit say, held against each other.

    Attributes:
        store: of the run.
        lineup: spaces of `study.json`.
        truth: of the refit.
        note: of the refit, which is done.
    """

    store: RunStore
    lineup: Lineup
    truth: Truth
    note: RefitNote

    def trained(self) -> Trained:
        """Returns the seeds of every refitted config, the default config last in its space.

        Predictions that are missing are put together again from their trainings. Files of configs
        and seeds that `refit.json` does not know are left out.

        Raises:
            ResultsError: files contradict each other, or one is lost; names them.
        """
        self._check_note()
        self._check_study()
        found = {}
        for space in sorted(self.lineup.blocks):
            by_config = {name: self._seeds(space, name) for name in self._config_ids(space)}
            found[space] = {name: seeds for name, seeds in by_config.items() if seeds}
            self._check_unknown(space, found[space])
            for config_id, seeds in found[space].items():
                self._check_config(space, config_id, seeds)
        self._check_every_seed(found)
        return found

    @cached_property
    def _files(self) -> RefitFiles:
        return RefitFiles(self.store.predictions)

    @property
    def _note_path(self) -> str:
        return str(self.store.root / RefitNote.FILE)

    def _wrong(self, said: str) -> ResultsError:
        return ResultsError(f"{said}; copy the run whole, or {resume_command(self.store)}")

    def _check_note(self) -> None:
        """Raises where `refit.json` is not of these folds, or a config is not of its space."""
        folds = self.note.shape.folds
        if folds != self.truth.num_folds:
            raise self._wrong(
                f"{self.store.predictions / 'truth.csv'} has {self.truth.num_folds} folds, and "
                f"refit.json beside it says {folds}"
            )
        for space, block in self.lineup.blocks.items():
            for config_id in self.note.config_ids(space):
                name = config_name(space, config_id)
                with reading(self.store.root / RefitNote.FILE, WAY_OUT):
                    found = block_of(self.note.configs[name])
                if found != block:
                    raise self._wrong(
                        f"{self._note_path} has a config {name} of {_told(found)}, and study.json "
                        f"beside it a space of {_told(block)}"
                    )
        numbers = (own_number(name.rpartition(".")[2]) for name in self.note.configs)
        most = max((number for number in numbers if number is not None), default=0)
        if most > self.note.shape.configs:
            raise self._wrong(
                f"{self._note_path} says {self.note.shape.configs} configs of a space, and has "
                f"{most}"
            )

    def _check_study(self) -> None:
        """Raises where `study.json` is not of these people, this split or these spaces."""
        study, path = self.store.read_study(), self.store.root / "study.json"
        data, truth = study.get("data", {}), self.truth
        data = {**data, **data.get("whole", {})}  # where photos lack labels, or only train
        counted = {"photos": len(truth.label), "people": len(np.unique(truth.group))}
        for name, number in counted.items():
            if data.get(name, number) != number:
                raise self._wrong(
                    f"{self.store.predictions / 'truth.csv'} has {number} {name}, and {path} "
                    f"says {data[name]}"
                )
        if truth.chose is not None and "split" in data:
            with reading(self.store.predictions / "truth.csv", "copy the run whole"):
                search = ~truth.held_out
                split = Split(
                    search_train=np.flatnonzero(search & ~truth.chose),
                    search_val=np.flatnonzero(search & truth.chose),
                    held_out=np.flatnonzero(truth.held_out),
                )
                if split.fingerprint != data["split"]:
                    raise ValueError(
                        "held_out and chose must be those of the split of study.json, "
                        f"{data['split']}, got {split.fingerprint}"
                    )
        known = study.get("blocks", study.get("approaches", self.lineup.blocks))
        strange = [name for name in self.note.configs if name.rpartition(".")[0] not in known]
        if strange:
            raise self._wrong(
                f"{self._note_path} has a config {strange[0]}, and {path} no space of it"
            )

    def _config_ids(self, space: str) -> tuple[str, ...]:
        """Returns the configs that were refitted; of a run that kept none, those with files."""
        found = self.note.config_ids(space)
        if not self.note.configs:
            return self._files.config_ids(space)
        return tuple(sorted(found, key=lambda each: (each == DEFAULT_CONFIG, each)))

    def _seeds(self, space: str, config_id: str) -> tuple[int, ...]:
        """Returns the seeds that a config must have predictions of."""
        name, note = config_name(space, config_id), self.note
        if note.merged is not None:
            found = (each.rpartition(".") for each in note.merged)
            return tuple(sorted(int(seed) for config, _, seed in found if config == name))
        limit, there = note.shape.seeds, self._seeds_there(space, config_id)
        if config_id != DEFAULT_CONFIG and own_number(config_id) is None:
            return tuple(sorted(there))  # trained later, for as many seeds as there was time for
        # After a look, approaches that were settled were trained no further.
        least = min(limit, note.looks[0].seeds if note.looks else limit)
        of_space = set[int]().union(
            *(self._seeds_there(space, c) for c in self._config_ids(space))
        )
        wanted = {seed for seed in range(limit) if seed < least or seed in of_space}
        found_too: frozenset[int] | set[int] = frozenset()
        if not note.looks and note.has_gaps:  # such a run kept what there was of other seeds
            found_too = self._files.seeds(space, config_id) | there
        excused = {seed for seed in wanted - there if note.excuses(space, config_id, seed)}
        return tuple(sorted((wanted - excused) | found_too))

    def _seeds_there(self, space: str, config_id: str) -> set[int]:
        """Returns the seeds below that of the shape that have predictions or all trainings."""
        merged = self._files.seeds(space, config_id)
        seeds = range(self.note.shape.seeds)
        return {s for s in seeds if s in merged or self._is_whole(space, config_id, s)}

    def _units(self, space: str, config_id: str, seed: int) -> Iterator[Unit]:
        config = self.note.configs.get(config_name(space, config_id), {})
        for fold in range(self.truth.num_folds):
            yield Unit(space=space, config_id=config_id, seed=seed, fold=fold, config=config)

    def _is_whole(self, space: str, config_id: str, seed: int) -> bool:
        return all(map(self._files.has, self._units(space, config_id, seed)))

    def _check_unknown(self, space: str, known: Mapping[str, tuple[int, ...]]) -> None:
        """Raises where predictions and their trainings are there, and `refit.json` lacks them."""
        for config_id in self._files.config_ids(space):
            for seed in sorted(self._files.seeds(space, config_id)):
                if seed not in known.get(config_id, ()) and self._is_whole(space, config_id, seed):
                    (path,) = self._files.merged_paths(space, config_id, [seed])
                    raise self._wrong(
                        f"{self._note_path} must know all that was refitted, and lacks seed "
                        f"{seed} of {config_name(space, config_id)}, which {path.name} and its "
                        "trainings are of"
                    )

    def _check_config(self, space: str, config_id: str, seeds: tuple[int, ...]) -> None:
        seen: dict[str, str] = {}
        for seed in seeds:
            (path,) = self._files.merged_paths(space, config_id, [seed])
            units = list(self._units(space, config_id, seed))
            parts = [self._part(unit) for unit in units if self._files.has(unit)]
            shown, turned = together(parts, len(self.truth.label))
            if not is_there(path):
                if len(parts) < len(units):
                    raise self._wrong(
                        f"{path} is missing, and {self._note_path} knows of it; {len(parts)} of "
                        f"its {len(units)} trainings are in parts/"
                    )
                write_arrays(path, head_arrays(shown, turned))
            heads, mirrored = read_heads(path)
            self._check_heads(space, path.name, heads, mirrored)
            if not (_contains(heads, shown) and _contains(mirrored, turned)):
                raise ResultsError(
                    f"{path} must hold the probabilities of its trainings in parts/, and holds "
                    "others; delete it, and it is put together again from them"
                )
            digest = _digest(heads)
            # What learnt nothing may say the same of every photo, whatever its seed.
            if digest in seen and any(np.ptp(probs, axis=0).any() for probs in heads.values()):
                raise self._wrong(
                    f"{path}: every seed is a training of its own, got the very probabilities of "
                    f"{seen[digest]}"
                )
            seen[digest] = path.name

    def _check_heads(self, space: str, name: str, heads: Heads, mirrored: Heads) -> None:
        """Raises where probabilities are not those of the photos and of the space's model."""
        path, photos = self.store.predictions / name, len(self.truth.label)
        wanted = {head: (photos, size) for head, size in self.lineup.sizes(space).items()}
        for which in (heads, mirrored):
            shapes = {head: probs.shape for head, probs in which.items()}
            if {head: shapes.get(head) for head in wanted} != wanted and (which or which is heads):
                raise ResultsError(
                    f"{path} must be of the photos of truth.csv and the heads of the space, "
                    f"{wanted}, got {shapes}; resume the run, which puts it together again"
                )
            with reading(path, "resume the run, which puts it together again"):
                check_heads(which)

    def _part(self, unit: Unit) -> TrainedUnit:
        """Returns a training; raises where it is not of its fold's people, or its config."""
        trained, path = self._files.read_unit(unit), self._files.part_path(unit)
        folds = self.truth.folds
        if not np.array_equal(trained.indices, folds.out(unit.fold)):
            raise self._wrong(
                f"{path} must predict the people of fold {unit.fold} of truth.csv, and predicts "
                "others"
            )
        is_plain = unit.config_id == DEFAULT_CONFIG or own_number(unit.config_id) is not None
        if trained.key and unit.config and is_plain and not folds.is_key(trained.key, unit):
            raise self._wrong(
                f"{path} must be a training of the config {unit.config_name} of refit.json, and "
                "is of another one"
            )
        return trained

    def _check_every_seed(self, found: Trained) -> None:
        """Raises where `refit.json` counts other seeds than there are."""
        limit = self.note.shape.seeds
        seeds = {seed for configs in found.values() for own in configs.values() for seed in own}
        lacking = set(range(limit)) - seeds
        too_many = {seed for seed in seeds if seed >= limit}
        if (lacking or too_many) and not self.note.has_gaps:
            raise self._wrong(
                f"{self._note_path} says {limit} seeds, and there are predictions of {len(seeds)}"
            )


def _contains(heads: Heads, parts: Heads) -> bool:
    """Returns whether rows of trainings, NaN where there is none, are those of the whole."""
    return all(head in heads and _is_same(heads[head], rows) for head, rows in parts.items())


def _is_same(probs: NDArray[np.float32], rows: NDArray[np.float32]) -> bool:
    known = ~np.isnan(rows).any(axis=1)
    return probs.shape == rows.shape and np.array_equal(probs[known], rows[known])


def _told(block: Block) -> str:
    return f"{'+'.join(block.attributes)} by {block.form}"


def _digest(heads: Heads) -> str:
    digest = hashlib.sha256()
    for head in sorted(heads):
        digest.update(head.encode("utf-8", "surrogatepass") + b"\0")
        digest.update(np.ascontiguousarray(heads[head]).tobytes())
    return digest.hexdigest()

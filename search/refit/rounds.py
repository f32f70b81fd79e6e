"""Rounds of a refit: one seed of all folds and configs, then a look at how the pairs stand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from search.analysis.metrics import Floats
from search.analysis.people import People
from search.analysis.verdict.rounds import Look, Rounds, likely_end, next_look
from search.prepare.prepared import Prepared
from search.refit.approaches import Lineup, spaces_of
from search.refit.files import RefitFiles, RefitNote
from search.refit.finalists import wished_shape
from search.refit.looks import describe, estimates_at
from search.refit.plan import Shape, cuts
from search.refit.truth import Truth
from search.refit.units import Folds, Unit
from trainables.blocks import FlatValue

# Imbalance of the last trainings of a seed.
_ANOTHER_SEED = 1.15
_AS_LIKELY = (0.8, 0.9, 1.0, 1.1, 1.2)
"""Parts of the seeds that are thought to fit the time which may fit as well."""

Train = Callable[["RefitRounds", Sequence[Unit], str], tuple[list[str], bool]]
"""Trains units of rounds, called by a noun; returns what broke, and whether all had their time."""


def _seeds(look: Look) -> str:
    said = "1 seed" if look.seeds == 1 else f"{look.seeds} seeds"
    return said if look.seeds == look.full else f"{said} of at most {look.full}"


@dataclass(kw_only=True)
class RefitRounds:
    """The seeds of a refit, one after another, until all pairs are decided or the time is over.

    An approach trains on while one of its pairs is open; a space that no approach needs, while any
    does.

    Attributes:
        run: data, spaces and devices.
        configs: that are refitted, by space and config_id.
        folds: of all samples.
        files: of the trainings.
        full: seeds of the whole design.
        shape: planned; its seeds are begun whatever their estimated time.
        train: trains units.
        time_left: returns the seconds left; None is no limit.
        say: tells a line.
        on_top: whether it had come to its end, and more seeds are asked for.
    """

    run: Prepared
    configs: Mapping[str, Mapping[str, Mapping[str, FlatValue]]]
    folds: Folds
    files: RefitFiles
    full: int
    shape: Shape
    train: Train
    time_left: Callable[[], float | None]
    say: Callable[[str], None]
    on_top: bool = False
    seeds: int = field(default=0, init=False)
    looks: list[Look] = field(default_factory=list, init=False)
    units: list[Unit] = field(default_factory=list, init=False)
    notes: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        table, config = self.run.dataset.whole.table, self.run.config
        self.lineup = Lineup.of(self.run.schema, self.run.spaces)
        self.truth = Truth.read(self.run.store.predictions)
        self.people = People(
            label=table.joint,
            person=np.array(table.groups),
            num_classes=table.schema.num_joint,
            fold=self.folds.of_sample,
        )
        self.rounds = Rounds(
            names=tuple(self.lineup.approaches),
            num_people=self.people.num_people,
            margin=config.margin,
            full=self.full,
        )
        self._merged: dict[tuple[str, str, int], Mapping[str, NDArray[np.float32]]] = {}

    def go_on(self) -> None:
        """Trains seed after seed until nothing is open, the design is done or the time is over."""
        whole = True
        self._note(done=False)
        while whole and self.seeds < self.full and self._is_open:
            target = next_look(self.seeds, self.full)
            before = self.seeds
            while whole and self.seeds < target:
                whole = self._has_time() and self._train_seed()
            if self.seeds > before:
                self._look(Look(seeds=self.seeds, full=self.full, ended=self.seeds == self.full))
                self._note(done=False)
        if self.looks:
            self.looks[-1] = replace(self.looks[-1], ended=True)

    def repeat(self, before: RefitNote) -> None:
        """Repeats a refit, and goes on where it was cut off or more seeds are asked for."""
        seeds = before.shape.seeds
        looks = before.looks
        if before.done and not looks:
            looks = (Look(seeds=seeds, full=seeds, ended=True),)
        if before.margin is not None:  # a verdict may take another; what was settled stays so
            self.rounds.margin = before.margin
        for look in looks:
            if self.looks and not self._is_open:
                # By other configs all is settled sooner.
                self.looks[-1] = replace(self.looks[-1], ended=True)
                break
            while self.seeds < look.seeds and self._train_seed():
                pass
            self.rounds.reopen(look.full)
            self._look(look)
        asked = self.run.config.refit_seeds
        if not before.done or (asked is not None and asked > self.seeds):
            self.rounds.reopen(self.full)
            self.go_on()
        else:
            self.full = self.looks[-1].full

    def write(self) -> None:
        """Merges the predictions and notes what was refitted."""
        merged = self.files.merge(self.units, self.folds)
        self._note(done=True, merged=merged)

    def _note(self, *, done: bool, merged: tuple[str, ...] | None = None) -> None:
        """Notes how far the refit has come."""
        found = replace(self.shape, seeds=max(1, self.seeds)) if done else self.shape
        # Seeds that nothing was left to decide by are no cut.
        lacking = found if self._is_open else replace(found, seeds=self.full)
        notes = [*cuts(replace(wished_shape(self.run), seeds=self.full), lacking), *self.notes]
        if not self._is_open and self.seeds < self.full:
            notes.append(f"all pairs were settled after {self.seeds} of {self.full} seeds")
        RefitNote(
            shape=found,
            notes=tuple(dict.fromkeys(notes)),
            configs={unit.config_name: unit.config for unit in self.units},
            looks=tuple(self.looks),
            asked=self.run.config.refit_seeds,
            seed_seconds={space: self._seed_seconds((space,)) for space in self.configs},
            done=done,
            merged=merged,
            on_top=self.on_top and not done,
            margin=self.rounds.margin,
        ).write(self.run.store)

    def seconds_after(self, seed_s: float, rest_s: float) -> float:
        """Returns about how many seconds the seeds take that follow the one in training.

        Args:
            seed_s: of a further seed.
            rest_s: that the one in training still takes.
        """
        left = self.time_left()
        if left is None or seed_s <= 0:
            return seed_s * self._further(self.full)
        fit = (left - rest_s) / (_ANOTHER_SEED * seed_s)
        # Where nobody knows whether one more will fit, what is shown must not jump.
        return seed_s * fmean(self._further(int(part * fit)) for part in _AS_LIKELY)

    def _further(self, fit: int) -> float:
        """Returns how many seeds are likely to follow the one in training; `fit` fit the time."""
        trained = self.seeds + 1
        most = min(max(trained + max(0, fit), self.shape.seeds), self.full)
        alone = len(self.rounds.names) < 2  # nothing is ever settled
        end = most if alone else likely_end(self.seeds, most)
        return max(0.0, end - trained)

    def further_units(self) -> list[Unit]:
        """Returns the trainings of one further seed."""
        return self._all_of(self.seeds + 1)

    @property
    def _is_open(self) -> bool:
        return len(self.rounds.names) < 2 or bool(self.rounds.open_pairs)

    @property
    def _training(self) -> tuple[str, ...]:
        """The spaces that train on."""
        approaches = self.lineup.approaches
        of_some = spaces_of({name: approaches[name] for name in self.rounds.training_on})
        of_any = spaces_of(approaches)
        return tuple(s for s in self.configs if s in of_some or s not in of_any)

    def _has_time(self) -> bool:
        left = self.time_left()
        # The seeds that were planned err on the safe side; what is left over goes to one more.
        is_sure = self.seeds < self.shape.seeds
        return is_sure or left is None or self._seed_seconds(self._training) <= left

    def _train_seed(self) -> bool:
        """Trains one more seed; returns whether all of it had its time."""
        units = self._units_of(self.seeds)
        if not units:
            return False
        notes, whole = self.train(self, units, f"refit, seed {self.seeds + 1} of {self.full}")
        self.notes += notes
        if whole:
            self.units += units
            self.seeds += 1
        return whole

    def _units_of(self, seed: int) -> list[Unit]:
        """Returns the trainings of a seed, and those of earlier seeds that its spaces lack."""
        known = {unit.name for unit in self.units}
        every = (unit for each in range(seed + 1) for unit in self._all_of(each))
        return [unit for unit in every if unit.name not in known]

    def _all_of(self, seed: int) -> list[Unit]:
        return [
            Unit(space=space, config_id=config_id, seed=seed, fold=fold, config=config)
            for fold in range(self.folds.num_folds)
            for space in self._training
            for config_id, config in self.configs[space].items()
        ]

    def _seed_seconds(self, spaces: Sequence[str]) -> float:
        """Returns the wall-clock time of one more seed of some spaces, as the first one took."""
        taken = sum(
            self.files.read_unit(unit).seconds
            for unit in self.units
            if unit.seed == 0 and unit.space in spaces and self.files.has(unit)
        )
        return _ANOTHER_SEED * taken / self.run.resources.slots

    def _look(self, look: Look) -> None:
        self.looks.append(look)
        if len(self.rounds.names) < 2:
            return
        predictions = self._predictions(look.seeds)
        there = [
            name
            for name in self.rounds.training_on
            if set(self.lineup.approaches[name]) <= set(predictions)
        ]
        built = [
            self.lineup.build_one(
                name, predictions, self.people, self.truth.cross_fit, with_rule=False
            )
            for name in there
        ]
        pairs = [pair for pair in self.rounds.open_pairs if set(pair) <= set(there)]
        estimates = estimates_at(
            built, self.people, self.truth.cross_fit, pairs, seed=self.run.config.seed
        )
        self.rounds.look(estimates, ended=look.ended)
        self.say(f"after {_seeds(look)}: {describe(self.rounds)}")

    def _predictions(self, num_seeds: int) -> dict[str, dict[str, dict[str, Floats]]]:
        """Returns the probabilities [S, N, K] of the configs that have so many seeds."""
        found: dict[str, dict[str, dict[str, Floats]]] = {}
        for space in self._training:
            for config_id in self.configs[space]:
                heads = [self._heads(space, config_id, seed) for seed in range(num_seeds)]
                if all(heads):
                    found.setdefault(space, {})[config_id] = {
                        head: np.stack([each[head] for each in heads]).astype(np.float64)
                        for head in heads[0]
                    }
        return found

    def _heads(self, space: str, config_id: str, seed: int) -> Mapping[str, NDArray[np.float32]]:
        """Returns the probabilities [N, K] of all folds by head; empty where one is missing."""
        key = (space, config_id, seed)
        if key not in self._merged:
            units = [
                unit
                for unit in self.units
                if (unit.space, unit.config_id, unit.seed) == key
                and self.files.is_done(unit, self.folds)
            ]
            whole = len(units) == self.folds.num_folds
            self._merged[key] = self.files.merged(units, self.folds)[0] if whole else {}
        return self._merged[key]

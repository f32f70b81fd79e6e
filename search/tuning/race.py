"""`--race`: an approach that is hardly the best any more gets no more search time."""

import logging
import sys
from collections.abc import Callable, Mapping

import numpy as np

from search.analysis.metrics import Floats
from search.analysis.people import People
from search.analysis.race import chances_of_best
from search.ending.faults import FaultError
from search.errors import ResultsError
from search.refit.approaches import Lineup
from search.store.race_file import Left, read_race, write_race
from search.store.records import Cause, State, TrialRecord
from search.store.run_store import RunStore, read_validation, trial_file
from search.tuning.fair_share import SOLVED_FROM
from search.tuning.journal import Asked
from trainables.data.sample_table import SampleTable
from trainables.seeding import derive_seed

logger = logging.getLogger(__name__)

LEAST_CHANCE = 0.05
LEAST_TRIALS = 10
"""Of every space but solved ones, before anybody leaves: the sampler's random ones and two of its
own."""


class Race:
    """Hears how trials end, and has approaches leave; what they lack goes to the others.

    An approach leaves only where each of its spaces has a best config, which the refit trains as
    often as those of the others: the verdict has all that it needs.

    Args:
        store: of the run.
        lineup: its approaches.
        people: that validate, with their joint labels.
        past: trials of earlier starts.
        say: shows a sentence.
        seed: of the resamples.
        num_whole: how many of the first samples have every label.
    """

    def __init__(
        self,
        store: RunStore,
        lineup: Lineup,
        people: People,
        past: Mapping[str, tuple[TrialRecord, ...]],
        say: Callable[[str], None],
        seed: int,
        num_whole: int = sys.maxsize,
    ) -> None:
        self._store, self._lineup, self._people = store, lineup, people
        self._say, self._seed, self._num_whole = say, seed, num_whole
        self._best: dict[str, TrialRecord] = {}
        self._trials = dict.fromkeys(lineup.blocks, 0)
        self._spent = dict.fromkeys(lineup.blocks, 0.0)
        self.left = {each.approach: each for each in read_race(store)}
        """Approaches that get no more time, by name."""
        for record in (record for records in past.values() for record in records):
            if record.is_finished:
                self._enter(record)

    @classmethod
    def validators(cls, table: SampleTable, samples: np.ndarray) -> People:
        """Returns the people of the samples that validate, int [n], with their joint labels."""
        schema = table.schema
        return People(
            label=schema.codes(table.labels, schema.names)[samples],
            person=table.group_index[samples],
            num_classes=schema.num_joint,
        )

    def trial_started(self, asked: Asked) -> None:
        """Nothing has changed."""

    def trial_reported(self, space: str, number: int, epoch: int, value: float) -> None:
        """Nothing has changed that counts: only full trainings are compared."""

    def trial_lost(self, asked: Asked, why: str) -> None:
        """Nothing has changed."""

    def trial_kept(self, asked: Asked, fault: FaultError) -> None:
        """Nothing has changed."""

    def trial_ended(self, record: TrialRecord) -> None:
        """Looks again where a space has a new best config, or trials enough."""
        is_new_best = self._enter(record)
        if is_new_best or self._trials[record.space] == LEAST_TRIALS:
            self._look()

    def _enter(self, record: TrialRecord) -> bool:
        self._trials[record.space] += record.counts
        self._spent[record.space] += record.device_seconds
        best = self._best.get(record.space)
        is_full = record.state is State.COMPLETE and record.cause is Cause.NONE
        if is_full and (best is None or (record.objective or 0.0) > (best.objective or 0.0)):
            self._best[record.space] = record
            return True
        return False

    def _look(self) -> None:
        racing = {n: s for n, s in self._lineup.approaches.items() if n not in self.left}
        spaces = {space for each in racing.values() for space in each}
        # Of one person nobody knows what luck there is.
        if self._people.num_people < 2 or len(racing) < 2 or not all(map(self._is_ready, spaces)):
            return
        try:
            predicted = {name: self._joint(names) for name, names in racing.items()}
        except ResultsError:
            logger.warning("the race looks again at the next best config", exc_info=True)
            return
        trials = sum(self._trials.values())
        rng = np.random.default_rng(derive_seed(self._seed, "race", trials))
        chances = chances_of_best(self._people, predicted, rng)
        leaving = [name for name, chance in chances.items() if chance < LEAST_CHANCE]
        for name in leaving:
            spent = sum(self._spent[space] for space in racing[name])
            self.left[name] = Left(approach=name, chance=chances[name], device_seconds=spent)
            self._say(self.left[name].sentence)
        if leaving:
            write_race(self._store, self.left.values())

    def _is_ready(self, space: str) -> bool:
        """Returns whether a space has shown what it can; a solved one gives its time away."""
        if (best := self._best.get(space)) is None:
            return False
        return self._trials[space] >= LEAST_TRIALS or (best.objective or 0.0) >= SOLVED_FROM

    def _joint(self, spaces: tuple[str, ...]) -> np.ndarray:
        """Returns the joint classes that the best configs of an approach predict, int [n]."""
        parts = [self._probabilities(self._best[space]) for space in spaces]
        return np.asarray(self._lineup.by_space(spaces).joint(parts).argmax(axis=1))

    def _probabilities(self, record: TrialRecord) -> Floats:
        kept = self._store.validation_path(record.space, record.number)
        new = self._store.checkpoints / f"{trial_file(record.space, record.number)}.npz"
        found = read_validation(kept if kept.is_file() else new)
        return np.asarray(found.first(self._num_whole).probabilities)

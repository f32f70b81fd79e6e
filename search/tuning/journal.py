"""The Optuna study as the record of a space: what was asked, every value, and how it ended.

The only module that asks and tells. A stopped trial is told PRUNED with its true last step, a
broken one FAIL, and one that ran out of memory at the smallest batch COMPLETE with the worst
value: a FAIL would teach the sampler nothing, and the config would come back.
"""

import json
import logging
import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from pathlib import Path

import optuna
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage
from optuna.trial import FrozenTrial, TrialState

from search.errors import ResultsError
from search.prepare.offered import first_config
from search.store.journal_file import torn_end
from search.store.portfolio_file import Candidate
from search.store.reading import reading
from search.store.records import (
    CUT_OFF,
    WORST_VALUE,
    Cause,
    State,
    StudyTrial,
    TrialRecord,
    record_of,
)
from search.tuning.bounded_sampler import BoundedSampler
from search.tuning.journal_backend import BatchedFileBackend
from search.tuning.known_configs import known_configs
from search.tuning.study_note import (
    VERSION_KEY,
    note_attributes,
    study_attributes,
    study_note,
)
from spaces.errors import SpaceError
from spaces.scale import Scale
from spaces.space import Schema, Space
from trainables.blocks import FlatValue
from trainables.drafts import sync_folder
from trainables.seeding import derive_seed

logger = logging.getLogger(__name__)

_NUM_STARTUP_TRIALS = 8
_MOST_BROKEN_DRAWS = 20
"""In a row, for which a space's own code fails, before the search ends with what it says."""


def tpe(seed: int) -> BaseSampler:
    """Returns the sampler of a study."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            multivariate=True,
            group=True,
            constant_liar=True,
            n_startup_trials=_NUM_STARTUP_TRIALS,
            seed=seed,
        )
    return BoundedSampler(sampler)


class RunStorage(JournalStorage):
    """The journal file of a run, in which lines that belong together reach the disk together."""

    _backend: BatchedFileBackend

    def together(self) -> AbstractContextManager[None]:
        """Returns a block at whose end all that was written in it is on the disk."""
        return self._backend.together()


def open_storage(path: Path) -> RunStorage:
    """Opens the journal file, or makes it; ResultsError where it cannot be read.

    Every line is on the disk before anything goes on, or at the end of the block of lines that it
    belongs to (`RunStorage.together`); the name of a new file is brought there here.
    """
    with reading(path, "copy the run whole"):
        storage = RunStorage(BatchedFileBackend(str(path)))
    sync_folder(path.parent)
    return storage


def clear_leftovers(path: Path) -> None:
    """Clears away what a killed driver left in the journal; the caller holds the run.

    That is a last line that was not written whole, which would spoil the next one, and Optuna's
    own lock, for which it would wait half a minute.
    """
    for lock in path.parent.glob(f"{path.name}.lock*"):
        lock.unlink(missing_ok=True)
    if path.exists() and (torn := torn_end(path)):
        logger.warning("dropped the torn last line of %s, %d bytes", path, torn)
        with path.open("rb+") as file:
            file.truncate(path.stat().st_size - torn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A trial to run: a new one or one that was running when the driver died."""

    space: str
    number: int
    config: Mapping[str, FlatValue]
    seed: int
    device_seconds: float = 0.0
    """Spent on it before; 0 for a new trial."""
    seconds: float = 0.0
    """Of wall-clock time, likewise."""
    deaths: int = 0
    """Earlier starts of the run in which every worker that it was given died."""


class StudyJournal:
    """One space's study in the journal.

    Args:
        storage: the journal file of the run.
        space: what is searched.
        schema: of the data.
        scale: what the space may offer.
        data_fingerprint: of the samples and the split.
        seed: of the run; sampler and trainings derive theirs.
        portfolio: configs of other runs to begin with, where they fit the space.
        data_name: what the data is called, for who opens the journal in another program.
        make_sampler: returns the sampler of a seed.
    """

    def __init__(
        self,
        storage: BaseStorage,
        space: Space,
        schema: Schema,
        scale: Scale,
        data_fingerprint: str,
        seed: int,
        portfolio: Sequence[Candidate] = (),
        data_name: str = "",
        make_sampler: Callable[[int], BaseSampler] = tpe,
    ) -> None:
        self.space = space
        self._storage = storage
        self.name = study_name(space, schema, scale, data_fingerprint)
        self._schema = schema
        self._scale = scale
        self._seed = seed
        self._data_name = data_name
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(
            storage=storage, study_name=self.name, direction="maximize", load_if_exists=True
        )
        with self.together():
            self._describe()
        self._study.sampler = make_sampler(self._sampler_seed())
        self._open: dict[int, optuna.Trial] = {}
        self._reported: dict[int, set[int]] = {}
        known = [each for each in portfolio if each.space == space.name]
        self._known = known_configs(space, schema, scale, known)
        self._enqueue_known_configs()
        self.broken_draws = 0
        """Trials of this start for which the space's own code gave no config."""

    def _describe(self) -> None:
        """Notes what study and objective are, for who opens the journal in another program."""
        study, space, epochs = self._study, self.space, self._scale.max_epochs
        names = [f"validation macro-F1 of {space.name}"]
        if study.metric_names != names:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                study.set_metric_names(names)
        for name, value in study_attributes(space, epochs, self._data_name).items():
            if study.user_attrs.get(name) != value:
                study.set_user_attr(name, value)
        storage, number = self._storage, study._study_id
        if VERSION_KEY not in storage.get_study_system_attrs(number):
            # Once: a person may have changed it in the dashboard.
            text = study_note(space, epochs, self._data_name)
            for key, part in note_attributes(text):
                storage.set_study_system_attr(number, key, part)

    def together(self) -> AbstractContextManager[None]:
        """Returns a block at whose end all that was noted in it is on the disk, in any study."""
        storage = self._storage
        return storage.together() if isinstance(storage, RunStorage) else nullcontext()

    def note_choice(self, best: TrialRecord, passed_over: str) -> None:
        """Notes which trial the search chose: other programs show the highest score."""
        text = f"trial {best.number}" + (f"; {passed_over}" if passed_over else "")
        if self._study.user_attrs.get("chosen") != text:
            self._study.set_user_attr("chosen", text)

    def ask(self) -> Asked:
        """Starts a new trial: the default config first, then the portfolio, then the sampler.

        Raises:
            SpaceError: the space's own code fails again and again.
        """
        most = self.broken_draws + _MOST_BROKEN_DRAWS
        while True:
            trial = self._study.ask()
            try:
                return self._start(trial)
            except SpaceError as error:
                self._fail_draw(trial, error)
                if self.broken_draws == most:
                    raise

    def _fail_draw(self, trial: optuna.Trial, error: SpaceError) -> None:
        """Has a trial fail for which the space's own code gives no config."""
        for name, value in (("config", "{}"), ("seed", 0)):
            trial.set_user_attr(name, value)
        self._open[trial.number] = trial
        self.fail(trial.number, Cause.ERROR, str(error))
        self.broken_draws += 1

    def _start(self, trial: optuna.Trial) -> Asked:
        config = self.space.config(trial, self._schema, self._scale)
        seed = derive_seed(self._seed, self.space.name, trial.number)
        trial.set_user_attr("config", json.dumps(config))
        if trial.number < len(self._known) and (origin := self._known[trial.number].origin):
            trial.set_user_attr("origin", origin)
        trial.set_user_attr("seed", seed)
        self._open[trial.number] = trial
        self._reported[trial.number] = set()
        return Asked(space=self.space.name, number=trial.number, config=config, seed=seed)

    def reattach(self) -> tuple[Asked, ...]:
        """Returns the trials that were running when the driver stopped, as the same Optuna trials.

        A trial whose asking was cut off half-way is asked to its end.
        """
        found = []
        for frozen in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            trial = optuna.Trial(self._study, frozen._trial_id)
            if "seed" not in frozen.user_attrs:
                try:
                    found.append(self._start(trial))
                except SpaceError as error:
                    self._fail_draw(trial, error)
                continue
            for name in ("cause", "error", CUT_OFF):
                if frozen.user_attrs.get(name):
                    # The driver was killed between this note and the end, which is still to come.
                    trial.set_user_attr(name, "")
            self._open[frozen.number] = trial
            self._reported[frozen.number] = set(frozen.intermediate_values)
            same = {f.name: getattr(self._record(frozen), f.name) for f in fields(Asked)}
            found.append(Asked(**same))
        return tuple(found)

    def report(self, number: int, epoch: int, value: float) -> bool:
        """Stores an epoch's value; returns whether the trial was open and the value finite.

        A late report of a finished trial, and an epoch that was stored before, change nothing.
        """
        trial = self._open.get(number)
        if trial is None or not math.isfinite(value):
            return False
        if epoch not in self._reported[number]:
            self._reported[number].add(epoch)
            trial.report(value, epoch)
        return True

    def note(self, number: int, **attributes: float | str) -> None:
        """Stores fields of the record of an open trial; of one that is over, nothing."""
        if number in self._open:
            for name, value in attributes.items():
                self._open[number].set_user_attr(name, value)

    def note_going_on(self, number: int) -> None:
        """Notes that an open trial is handed out again, and after how many seconds of its own."""
        if number in self._open:
            known = self._open[number].user_attrs
            now = [time.time(), float(known.get("seconds", 0.0))]
            self._open[number].set_user_attr("went_on", [*known.get("went_on", []), now])

    def complete(self, number: int, value: float) -> None:
        """Tells that the last epoch was reached."""
        self._tell(number, TrialState.COMPLETE, value)

    def prune(self, number: int) -> None:
        """Tells that the scheduler stopped the trial; its last reported epoch is the last step."""
        self._tell(number, TrialState.PRUNED)

    def fail(self, number: int, cause: Cause, error: str = "") -> None:
        """Tells that the trial broke or was cut off; out of memory counts as the worst value."""
        self.note(number, cause=cause.value, **({"error": error} if error else {}))
        if cause is Cause.OUT_OF_MEMORY:
            self._tell(number, TrialState.COMPLETE, WORST_VALUE)
        else:
            self._tell(number, TrialState.FAIL)

    def records(self) -> tuple[TrialRecord, ...]:
        """Returns every trial of the study that was started."""
        trials = self._study.get_trials(deepcopy=False)
        return tuple(self._record(t) for t in trials if t.state != TrialState.WAITING)

    def record(self, number: int) -> TrialRecord:
        """Returns one trial of the study."""
        return self._record(self._study.get_trials(deepcopy=False)[number])

    def _record(self, trial: FrozenTrial) -> TrialRecord:
        return to_record(self.space.name, trial, self._schema.names)

    def _tell(self, number: int, state: TrialState, value: float | None = None) -> None:
        trial = self._open.pop(number, None)
        if trial is None:
            return
        trial.set_user_attr("ended", time.time())
        self._study.tell(trial, value, state=state, skip_if_finished=True)

    def _sampler_seed(self) -> int:
        # A resumed study must not draw the numbers of its first start again.
        started = len(self._study.get_trials(deepcopy=False))
        return derive_seed(self._seed, "sampler", self.space.name, started) % 2**32

    def _enqueue_known_configs(self) -> None:
        for number, known in enumerate(self._known):
            # A restart finds them by their number: identical parameters would be enqueued again.
            if number >= len(self._study.get_trials(deepcopy=False)):
                self._study.enqueue_trial(dict(known.config))


def read_trials(path: Path, study_name: str) -> tuple[FrozenTrial, ...]:
    """Returns the trials of a study as Optuna's own, for what Optuna computes from them.

    Raises:
        ResultsError: the journal has no such study.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.load_study(study_name=study_name, storage=open_storage(path))
    except KeyError as error:
        raise ResultsError(f"{path} holds no study {study_name!r}; copy the run whole") from error
    return tuple(study.get_trials(deepcopy=False))


def study_name(space: Space, schema: Schema, scale: Scale, data_fingerprint: str) -> str:
    """Returns the name of a space's study: it changes with the space and the data."""
    return f"{space.name}-{space.fingerprint(schema, scale)}-{data_fingerprint[:8]}"


def sample_configs(
    space: Space, schema: Schema, scale: Scale, num_configs: int, seed: int
) -> tuple[dict[str, FlatValue], ...]:
    """Returns configs of a space: its default, then uniformly drawn ones."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.RandomSampler(seed=seed % 2**32)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    drawn = [space.config(study.ask(), schema, scale) for _ in range(num_configs)]
    return (first_config(space, schema, scale), *drawn)


def to_record(space: str, trial: FrozenTrial, names: Sequence[str]) -> TrialRecord:
    """Returns the trial of a study as a record."""
    known = StudyTrial(
        number=trial.number,
        state=State(trial.state.name),
        started=trial.datetime_start.timestamp() if trial.datetime_start else 0.0,
        value=trial.value,
        values=trial.intermediate_values,
        params=trial.params,
        attributes=trial.user_attrs,
    )
    return record_of(space, known, names)

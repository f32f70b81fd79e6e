"""The leaders of a search trained once more, validated by people who trained them before.

The best of many scores on a few people is good luck for the most part. Where the time allows, the
third of the complete trials that leads the default config is trained a second time, and so is the
default: another fourth of the people of the search validates, and those who validated train. What
is chosen of them leads the default over both. The people whom the search never sees stay unseen.

`benchmarks/objective.py` measures what that is worth. Where a refit follows, it tries the leaders.
"""

import heapq
import math
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from rich.console import Console

from search.analysis.metrics import Ints, macro_f1
from search.analysis.people import People
from search.console import say
from search.errors import ResultsError
from search.prepare.config import Budget, RunConfig
from search.prepare.dataset import SPLIT_SEED
from search.prepare.prepared import Prepared
from search.prepare.saved_run import journal_of
from search.prepare.space_result import SecondScores
from search.prepare.timeline import Timeline, within
from search.refit.files import RefitFiles
from search.refit.finalists import probed_costs
from search.refit.pace import Pace
from search.refit.stage import train_units
from search.refit.units import Folds, Unit
from search.store.reading import is_there
from search.store.records import DEFAULT_NUMBER, TrialRecord, complete_records, late_score
from search.store.run_store import RunStore
from search.trial.trial_run import evaluate, scored
from trainables.blocks import block_of
from trainables.classifier import TrainingData
from trainables.data.sample_table import SampleTable
from trainables.data.splits import make_split

PART = 0.15
"""Of the time of a search, for the second trainings."""
LEAST_TRIALS = 5
"""Complete ones of a space: among fewer there is little luck to see through."""
_MOST_LEADERS = 10
_START_S = 10.0
"""In which workers start and load PyTorch."""
_FOLD = 1
_VALIDATES, _TRAINS, _UNSEEN = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """Training without some samples, by their rows in the table."""

    rows: tuple[int, ...]

    def apply(self, data: TrainingData, *_: object) -> TrainingData:
        """Returns the data with `train` sorted and without the rows."""
        return replace(data, train=np.setdiff1d(data.train, self.rows))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SecondFold:
    """Second trainings of a run: who trains, who validates, and where it is kept.

    Attributes:
        table: of all samples.
        folds: those who validate are fold 0.
        change: leaves out the people whom the search never sees.
        files: what the trainings left.
    """

    table: SampleTable
    folds: Folds
    change: Without
    files: RefitFiles

    @classmethod
    def of(cls, store: RunStore, table: SampleTable) -> Self:
        """Returns that of a run on a table."""
        split = make_split(table, SPLIT_SEED, fold=_FOLD)
        of_sample = np.full(table.num_samples, _TRAINS)
        of_sample[split.search_val] = _VALIDATES
        of_sample[split.held_out] = _UNSEEN
        return cls(
            table=table,
            folds=Folds(of_sample=of_sample, num_folds=3),
            change=Without(rows=tuple(split.held_out.tolist())),
            files=RefitFiles(store.root / "second_fold"),
        )

    def unit(self, record: TrialRecord) -> Unit:
        """Returns the second training of a trial."""
        return Unit(
            space=record.space,
            config_id=str(record.number),
            seed=0,
            fold=_VALIDATES,
            config=record.config,
            change=self.change,
        )

    def predicted(self, record: TrialRecord) -> tuple[Ints, Ints] | None:
        """Returns the rows that the second training of a trial predicted, and their classes.

        None where the trial had none, it cannot be read, or fewer than two people have the label.
        """
        unit, block = self.unit(record), block_of(record.config)
        if not (self.is_scored(record) and self.is_done(record)):
            return None
        try:
            trained = self.files.read_unit(unit)
        except ResultsError:  # it was there a moment ago
            return None
        found = evaluate(trained.heads, self.table, trained.indices, block)
        rows = scored(self.table, trained.indices, block)
        return rows, found.probabilities.argmax(axis=1)

    def is_done(self, record: TrialRecord) -> bool:
        """Returns whether a trial was trained a second time."""
        return self.files.is_done(self.unit(record), self.folds)

    def is_scored(self, record: TrialRecord) -> bool:
        """Returns whether people, and not one alone, have the label that a trial predicts."""
        rows = scored(self.table, self.folds.out(_VALIDATES), block_of(record.config))
        return len(np.unique(self.table.group_index[rows])) > 1

    def scores(self, chosen: TrialRecord, default: TrialRecord) -> SecondScores | None:
        """Returns what the second trainings of two trials score; None where one is missing."""
        found, reference = self.predicted(chosen), self.predicted(default)
        if found is None or reference is None:
            return None
        people = people_of(self.table, block_of(chosen.config).attributes, found[0])
        value, default_config = (
            macro_f1(people.label, each, people.num_classes) for _, each in (found, reference)
        )
        return SecondScores(value=value, default_config=default_config, people=people.num_people)


def people_of(table: SampleTable, attributes: Sequence[str], rows: Ints) -> People:
    """Returns the people of some rows, with their classes of some attributes together."""
    return People(
        label=table.schema.codes(table.labels, attributes)[rows],
        person=table.group_index[rows],
        num_classes=table.schema.only(attributes).num_joint,
    )


def seconds_aside(budget: Budget) -> float:
    """Returns the seconds of a search for second trainings; infinite where it has no end."""
    return math.inf if budget.seconds is None else PART * budget.seconds


def seconds_taken(run: Prepared) -> float:
    """Returns about how many wall-clock seconds earlier starts trained on the second fold."""
    files = SecondFold.of(run.store, run.dataset.table).files
    return files.wall_clock([space.name for space in run.spaces], run.resources.slots)


def are_affordable(run: Prepared, budget: Budget) -> bool:
    """Returns whether two trainings of every space fit into the time set aside.

    A run that has trained its default configs knows what they take, a new one has timed them;
    where nobody has they are taken to fit.
    """
    if is_there(run.store.journal):
        every = (record for records in journal_of(run.store).values() for record in records)
        seconds = [r.seconds for r in complete_records(every) if r.number == DEFAULT_NUMBER]
    elif run.photo_seconds is not None:
        costs, photos = probed_costs(run), len(run.dataset.split.search_train)
        seconds = [
            taken[0] * photos * costs.epochs[name] / run.resources.device_share
            for name, taken in costs.photo_seconds.items()
        ]
    else:
        seconds = []
    rounds = math.ceil(2 * len(run.spaces) / run.resources.slots)
    return not seconds or seconds_aside(budget) >= _START_S + rounds * max(seconds)


def has_more_time(study: Mapping[str, Any], config: RunConfig) -> bool:
    """Returns whether a run goes on with more time than it had."""
    before, now = study["config"].get("budget_seconds"), config.budget_seconds
    return before is not None and (now is None or now > before)


def leaders(records: Iterable[TrialRecord]) -> list[TrialRecord]:
    """Returns the trials of a space to train again, the default first, then the best ones.

    None where too few are complete, the default is not, or none leads it.
    """
    complete = complete_records(records)
    default = next((each for each in complete if each.number == DEFAULT_NUMBER), None)
    if default is None or len(complete) < LEAST_TRIALS:
        return []
    ahead = [
        each
        for each in complete
        if (each.objective or 0.0) > (default.objective or 0.0)
        and late_score(each) > late_score(default)
    ]
    ahead.sort(key=lambda each: (-late_score(each), each.number))
    return [default, *ahead[: num_leaders(len(complete))]] if ahead else []


def expected_trainings(trials: int) -> int:
    """Returns about how many second trainings a space has after so many trials."""
    # Early stopping ends the others: in nine searches of 61 to 107 trials and one of 24 it left 16
    # to 39 % complete, in the median 27 %.
    complete = trials // 4
    return 1 + num_leaders(complete) if complete >= LEAST_TRIALS else 0


def num_leaders(complete: int) -> int:
    """Returns how many trials are trained again at most, beside the default."""
    return min(_MOST_LEADERS, math.ceil(complete / 3))


def expected_seconds(spaces: Iterable[Sequence[TrialRecord]], slots: int) -> float:
    """Returns the wall-clock seconds that second trainings take, had the search ended now.

    Args:
        spaces: the trials of every space.
        slots: trainings at a time.
    """
    total = sum(each.seconds for records in spaces for each in leaders(records))
    return _START_S + total / slots if total else 0.0


def train_again(
    run: Prepared,
    console: Console,
    spaces: Iterable[Sequence[TrialRecord]],
    seconds: float,
    timeline: Timeline,
) -> None:
    """Trains the leaders of every space a second time, as many as the time is enough for.

    What is trained already is not trained again.

    Args:
        run: data and devices.
        console: where to show it.
        spaces: the trials of every space.
        seconds: wall-clock time that it may take; infinite is no limit.
        timeline: of the run, for what is shown.

    Raises:
        StalledError, FaultError: as `train_units`.
    """
    began = time.monotonic()
    second = SecondFold.of(run.store, run.dataset.table)
    again = (leaders(records) for records in spaces)
    tried = [its for its in again if its and second.is_scored(its[0])]
    due = [[each for each in its if not second.is_done(each)] for its in tried]
    if not any(due):
        return
    chosen = _that_fit(due, seconds, run.resources.slots)
    if not chosen:
        say(console, "No time is left to train the leaders on a second fold.")
        return
    planned = {second.unit(record).config_name: record.seconds for record in chosen}
    models = second.files.folder / "models"
    try:
        notes, _ = train_units(
            run,
            console,
            [second.unit(record) for record in chosen],
            second.folds,
            files=second.files,
            models=models,
            noun="second fold",
            is_over=lambda _: time.monotonic() - began > seconds,
            done=lambda unit: (models / f"{unit.name}.safetensors").unlink(missing_ok=True),
            timeline=timeline.before(0.0),
            pace=Pace(run.resources.slots, planned),
            stage_s=within(began, None if math.isinf(seconds) else seconds),
            called=lambda unit: f"{unit.space} trial {unit.config_id} again",
        )
    finally:
        shutil.rmtree(models, ignore_errors=True)
    for note in notes:
        say(console, f"  {note}")


def _that_fit(
    due: Sequence[Sequence[TrialRecord]], seconds: float, slots: int
) -> list[TrialRecord]:
    """Returns the trials whose trainings end in time, the first of every space first.

    A space ends with the first that does not, and a default alone has nobody to be compared with.

    Args:
        due: trials of every space that are to be trained, the best first.
        seconds: that there are.
        slots: trainings at a time.
    """
    free, found, full = [_START_S] * slots, [], set[str]()
    places = range(max(map(len, due), default=0))
    for record in (its[place] for place in places for its in due if place < len(its)):
        ends = free[0] + record.seconds
        if record.space in full or ends > seconds:
            full.add(record.space)
            continue
        heapq.heapreplace(free, ends)
        found.append(record)
    compared = {record.space for record in found if record.number != DEFAULT_NUMBER}
    compared |= {its[0].space for its in due if len(its) == 1}  # with those trained earlier
    return [record for record in found if record.space in compared]

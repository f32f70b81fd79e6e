"""Stage 2: the finalists of every space refitted within the time there is."""

import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from search.console import StepBar, is_live, say
from search.prepare.config import format_duration
from search.prepare.prepared import Prepared
from search.prepare.saved_run import load_run
from search.prepare.space_result import SpaceResult
from search.prepare.timeline import Timeline
from search.refit.files import RefitFiles, RefitNote
from search.refit.finalists import Configs, finalists, plan, training_seconds, wished_shape
from search.refit.lost_units import UnitEnd
from search.refit.pace import Pace
from search.refit.plan import RefitPlan, Shape
from search.refit.pool import Pool, run_units
from search.refit.rounds import RefitRounds
from search.refit.truth import write_truth
from search.refit.units import Folds, Unit, config_name
from search.store.records import EPOCHS
from trainables.blocks import FlatValue
from trainables.data.sample_table import UnlabelledTable
from trainables.data.splits import make_folds
from trainables.seeding import derive_seed


def run_refit(
    run: Prepared, console: Console, seconds: float | None, timeline: Timeline | None = None
) -> None:
    """Refits in rounds of one seed, merges the predictions and notes what was cut or broke.

    A refit that has begun is repeated as it was: what is missing of it is trained again. Then it
    goes on where it was cut off, or more seeds are asked for than it has: where more than were
    asked for then, whatever time that takes.

    Args:
        run: data, spaces and devices; its search is done.
        console: where to show progress.
        seconds: wall-clock time after which no unit of a further seed is started; None is no
            limit.
        timeline: of the run, for what is shown; None begins now.
    """
    began = time.monotonic()
    results = load_run(run.store).results
    before, files = RefitNote.begun(run.store, run.schema.names), RefitFiles(run.store.predictions)
    # Other folds or configs than were begun would be other trainings, and all would be lost.
    if before is not None and not (before.done or _is_of_use(before, run, results, files)):
        before = None
    begun = before and RefitPlan(shape=before.shape, seconds=0.0, cuts=())
    planned = begun or plan(run, results, seconds)
    shape, folds = planned.shape, _folds(run, planned.shape)
    _say_plan(console, planned)
    configs = {result.name: _configs(run, result, shape) for result in results}
    if before is not None and not (before.done or _is_same(before, configs)):
        before = None  # its looks were at others
    on_top = before is not None and before.has_ended
    if before is not None and before.done:
        on_top = run.config.refit_seeds != before.asked
    seconds = None if on_top else seconds
    with Pool(run.setting, folds, run.resources, run.config.seed) as pool:
        trainer = _Trainer(
            run=run,
            console=console,
            folds=folds,
            files=files,
            pool=pool,
            timeline=timeline or Timeline(began=began),
            pace=_pace(run, results, configs, shape.folds, files),
            ends=math.inf if seconds is None else began + seconds,
            least_seeds=_least_seeds(before),
        )
        rounds = RefitRounds(
            run=run,
            configs=configs,
            folds=folds,
            files=files,
            full=wished_shape(run).seeds,
            shape=shape,
            train=trainer.train,
            time_left=trainer.time_left,
            say=partial(say, console),
            on_top=on_top,
        )
        if before is None:
            rounds.go_on()
        else:
            rounds.repeat(before)
    rounds.write()


def _is_of_use(
    before: RefitNote, run: Prepared, results: Sequence[SpaceResult], files: RefitFiles
) -> bool:
    """Returns whether a refit that was cut off trained anything that its shape can use now."""
    folds = _folds(run, before.shape)
    return any(
        files.is_done(unit, folds)
        for result in results
        for config_id, config in _configs(run, result, before.shape).items()
        for fold in range(folds.num_folds)
        for unit in [
            Unit(space=result.name, config_id=config_id, seed=0, fold=fold, config=config)
        ]
    )


def _least_seeds(before: RefitNote | None) -> int:
    """Returns the seeds that are finished at any price, given what there is of a refit.

    Without one whole seed there is no verdict; what was looked at, or done, wants all that it was.
    """
    if before is None:
        return 1
    if before.done:
        return before.shape.seeds
    return max((look.seeds for look in before.looks), default=1)


def _is_same(before: RefitNote, configs: Configs) -> bool:
    """Returns whether a refit that was cut off trained these configs: its looks were at them."""
    now = {config_name(space, name): its[name] for space, its in configs.items() for name in its}
    return all(before.configs.get(name) == config for name, config in now.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trainer:
    """Trains the seeds of a refit while its time lasts.

    Attributes:
        run: data, spaces and devices.
        console: where to show progress.
        folds: of all samples.
        files: of the trainings.
        pool: of warm workers.
        timeline: of the run, for what is shown.
        pace: of the trainings.
        ends: moment of the monotonic clock at which its time is over; infinite is no limit.
        least_seeds: seeds that are finished at any price.
    """

    run: Prepared
    console: Console
    folds: Folds
    files: RefitFiles
    pool: Pool
    timeline: Timeline
    pace: Pace
    ends: float
    least_seeds: int

    def train(
        self, rounds: RefitRounds, units: Sequence[Unit], noun: str
    ) -> tuple[list[str], bool]:
        """Trains units of rounds; returns what broke and whether all had their time."""
        return train_units(
            self.run,
            self.console,
            units,
            self.folds,
            files=self.files,
            models=self.run.store.models,
            noun=noun,
            is_over=self._is_over,
            pool=self.pool,
            timeline=self.timeline,
            pace=self.pace,
            stage_s=partial(self._stage_s, rounds),
        )

    def time_left(self) -> float | None:
        """Returns the seconds left; None is no limit."""
        return None if math.isinf(self.ends) else self.ends - time.monotonic()

    def _is_over(self, unit: Unit) -> bool:
        return unit.seed >= self.least_seeds and time.monotonic() > self.ends

    def _stage_s(self, rounds: RefitRounds, units_s: float) -> float:
        """Returns the seconds of the seed in training and of those that follow it."""
        seed_s = self.pace.seconds(rounds.further_units())
        return units_s if seed_s is None else units_s + rounds.seconds_after(seed_s, units_s)


def _folds(run: Prepared, shape: Shape) -> Folds:
    """Deals all people into folds and writes their true labels beside the predictions."""
    whole = run.dataset.whole
    seed = derive_seed(run.config.seed, "refit folds")
    of_sample = make_folds(whole.table, shape.folds, seed)
    folds = Folds(of_sample=of_sample, num_folds=shape.folds)
    write_truth(run.store.predictions, whole.table, folds, whole.split)
    return folds


def _configs(run: Prepared, result: SpaceResult, shape: Shape) -> dict[str, dict[str, FlatValue]]:
    """Returns the finalists of a space by config_id, as long as the shape trains them."""
    default = run.default_config(result.name)
    found = finalists(result, default, shape.configs, with_default=shape.default)
    return {name: shortened(config, shape.epochs_share) for name, config in found.items()}


def called(unit: Unit) -> str:
    """Returns what a training of a refit is called."""
    config = f"config {unit.config_id}" if unit.config_id.isdigit() else unit.config_id
    return f"{unit.space} {config}, fold {unit.fold + 1}"


def train_units(
    run: Prepared,
    console: Console,
    units: Sequence[Unit],
    folds: Folds,
    *,
    files: RefitFiles,
    models: Path,
    noun: str,
    is_over: Callable[[Unit], bool],
    done: Callable[[Unit], None] = lambda _: None,
    pool: Pool | None = None,
    timeline: Timeline,
    pace: Pace,
    stage_s: Callable[[float], float] = lambda units_s: units_s,
    unlabelled: UnlabelledTable | None = None,
    called: Callable[[Unit], str] = called,
) -> tuple[list[str], bool]:
    """Trains what is not trained yet, with a bar, or a line for every unit that ends.

    Args:
        run: data and devices.
        console: where to show it.
        units: in the order of their start.
        folds: of all samples.
        files: that the probabilities go to.
        models: folder of the weights.
        noun: what one of the trainings is called.
        is_over: asked before a unit starts and while it runs; True leaves it and all that
            follow.
        done: called with every unit that ended.
        pool: of workers that stay warm for the next units.
        timeline: of the run, for what is shown.
        pace: of the trainings; learns from these.
        stage_s: returns the seconds that the stage still takes, given those of the units.
        unlabelled: photos that they need beside the table's.
        called: what a training is called in the line of its end.

    Returns:
        A sentence for all that went wrong, and whether every unit had its time.

    Raises:
        StalledError: the machines do not let it go on.
        FaultError: as `run_units`.
    """
    shown = _Shown(console, units, noun, called, timeline=timeline, pace=pace, stage_s=stage_s)
    notes, count = [], 0
    # Workers of a cluster have another working directory.
    folder = files.folder.resolve()
    with closing(shown.bar):
        for end in run_units(
            units,
            folds,
            replace(run.setting, unlabelled=unlabelled),
            run.resources,
            seed=run.config.seed,
            files=RefitFiles(folder),
            models=models.resolve(),
            is_over=is_over,
            pool=pool,
            tell=lambda text: say(console, f"  {text}"),
        ):
            count += 1
            shown.ended(end)
            done(end.unit)
            if end.error:
                notes.append(f"{end.unit.name} ({noun}) failed: {end.error.splitlines()[0]}")
    shutil.rmtree(folder / "heartbeats", ignore_errors=True)
    if count < len(units):
        left = len(units) - count
        notes.append(f"{left} of {len(units)} trainings ({noun}) did not fit the time")
    return notes, count == len(units)


class _Shown:
    """What a person sees of trainings: a bar, or without a terminal a line for each that ends."""

    def __init__(
        self,
        console: Console,
        units: Sequence[Unit],
        noun: str,
        called: Callable[[Unit], str],
        *,
        timeline: Timeline,
        pace: Pace,
        stage_s: Callable[[float], float],
    ) -> None:
        self._console, self._noun, self._total = console, noun, len(units)
        self._called = called
        self._timeline, self._pace, self._of_stage = timeline, pace, stage_s
        self._waiting = {unit.name: unit for unit in units}
        self.bar = StepBar(console, f"training {len(units)} models ({noun})", self._left_s)
        self._look()
        if units:
            self.bar(0, self._total)  # the workers take a while to start

    def ended(self, end: UnitEnd) -> None:
        """A training ended, now or in an earlier start."""
        unit = self._waiting.pop(end.unit.name)
        if end.seconds:
            self._pace.note(unit.config_name, end.seconds)
        self._look()
        count = self._total - len(self._waiting)
        self.bar(count, self._total)
        if is_live(self._console) or not (end.seconds or end.error):
            return
        took = format_duration(end.seconds)
        if end.error:
            took = f"FAILED: {end.error.splitlines()[0]}"
        head = f"{self._timeline.stamp(self._stage_s)} {self._noun}, {count}/{self._total}"
        say(self._console, f"{head}: {self._called(unit)}, {took}")

    def _look(self) -> None:
        """Estimates anew how long the stage takes from now on."""
        self._looked = time.monotonic()
        units_s = self._pace.seconds(self._waiting.values())
        self._stage_s = None if units_s is None else self._of_stage(units_s)

    def _left_s(self) -> float | None:
        """Returns the seconds that the run still takes: fewer from moment to moment."""
        left = self._timeline.left(self._stage_s)
        return None if left is None else max(0.0, left - (time.monotonic() - self._looked))


def _pace(
    run: Prepared,
    results: Sequence[SpaceResult],
    configs: Configs,
    num_folds: int,
    files: RefitFiles,
) -> Pace:
    """Returns the pace of the trainings: planned by the search, and as earlier starts went."""
    pace = Pace(run.resources.slots, training_seconds(run, results, configs, num_folds))
    for space, its in configs.items():
        for config_id in its:
            for seconds in files.seconds(space, config_id):
                pace.note(config_name(space, config_id), seconds)
    return pace


def _say_plan(console: Console, planned: RefitPlan) -> None:
    about = f", about {format_duration(planned.seconds)}" if planned.seconds else ""
    say(console, f"Refit: {planned.shape.describe()}{about}.")
    for cut in planned.cuts:
        say(console, f"  {cut}")


def shortened(config: Mapping[str, FlatValue], share: float) -> dict[str, FlatValue]:
    """Returns a config with a share of its epochs, at least one."""
    epochs = max(1, round(int(str(config[EPOCHS])) * share))
    return {**config, EPOCHS: epochs}

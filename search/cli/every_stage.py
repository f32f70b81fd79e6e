"""`--space all`: the stages in their order, and how much of the time each may take."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from rich.console import Console

from search.cli.ahead import ENDING_SECONDS, ENSEMBLE_SECONDS, Ahead, ahead, by_space
from search.cli.summary import (
    print_commands,
    print_results,
    print_search_end,
    print_stage,
    print_summary,
)
from search.console import say
from search.ensemble.folder import MissingModelsError
from search.ensemble.stage import build_ensemble
from search.errors import UsageError
from search.prepare.config import format_duration
from search.prepare.prepared import Prepared
from search.prepare.run_photos import RunPhotos
from search.prepare.saved_run import has_searched, searched_by
from search.prepare.space_result import SpaceResult
from search.prepare.timeline import Timeline
from search.pseudo.stage import run_pseudo
from search.pseudo.verdict import PSEUDO_CONFIG, pseudo_files
from search.refit.files import RefitFiles, RefitNote
from search.refit.finalists import probed_costs, wished_shape
from search.refit.fleet import renewed
from search.refit.plan import (
    MOST_REFIT_SHARE,
    PSEUDO_PART,
    SEARCH_SHARE,
    VERDICT_SECONDS,
    WHY_PART,
    Costs,
    parts_after_search,
    search_share,
)
from search.refit.probe import probe_costs
from search.refit.stage import run_refit
from search.store.photos_file import PHOTOS_FILE
from search.store.reading import is_there
from search.store.records import Cause, TrialRecord, seconds_under_way
from search.store.run_store import running
from search.tuning.stage import SearchEnd, run_search
from search.verdict.stage import conclude_run
from search.why.record import why_files
from search.why.stage import run_why

logger = logging.getLogger(__name__)

_SEARCH, _REFIT, _PSEUDO, _WHY = "search", "refit", "pseudo-labels", "controlled trainings"
_ENSEMBLE, _VERDICT = "ensemble", "verdict and report"
# Of the budget, for the search, however long the probe of a distant worker took.
_LEAST_SHARE = 0.1
# Of the budget, for what a resumed run asks for after its refit: about what it would have had.
_SHARE_ON_TOP = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """What is left of a run's budget.

    Attributes:
        began: `time.monotonic()` when this start of the run began.
        budget_s: of all stages, verdict and report set aside; None is no limit.
    """

    began: float
    budget_s: float | None

    def restarted(self, share: float) -> "Clock":
        """Returns a clock that begins now, with a share of the budget."""
        budget = None if self.budget_s is None else share * self.budget_s
        return Clock(began=time.monotonic(), budget_s=budget)

    def since(self, before_s: float) -> "Clock":
        """Returns a clock that began at least so many seconds ago: with earlier starts."""
        return replace(self, began=min(self.began, time.monotonic() - before_s))

    def left(self) -> float | None:
        """Returns the seconds left; None is no limit."""
        return None if self.budget_s is None else self.budget_s - (time.monotonic() - self.began)


def run_every_stage(run: Prepared, console: Console) -> SearchEnd:
    """Searches, refits, judges, builds the ensemble and reports; returns how the search ended.

    Raises:
        UsageError: the budget is too short; names the least one.
        ResultsError: what a stage needs is missing.
    """
    given = run.config.budget
    budget = given.minus(VERDICT_SECONDS)
    began = time.monotonic()
    clock = Clock(began=began, budget_s=budget.seconds)
    share, probed = SEARCH_SHARE, None
    # A refit that is done is repeated, or goes on with what is asked for now, at any time.
    is_done = RefitNote.exists(run.store)
    if has_searched(run.store.read_study(), given):
        share = 0.0  # with other trials the finalists might be others, and all be trained anew
    elif budget.seconds is not None and not is_done:
        if run.photo_seconds is None:
            say(console, "timing training steps of every space ...")
            run = replace(run, photo_seconds=probe_costs(run))
        probed, share = probed_costs(run), share_of_search(run)
        # The probe took time, too.
        share = max(_LEAST_SHARE, share - (time.monotonic() - clock.began) / budget.seconds)
    stages = stages_of(run)
    print_stage(console, stages, _SEARCH)
    left = clock.left()
    if left is not None and budget.seconds is not None:
        left -= budget.seconds * share
    later = partial(_seconds_after, run, left, probed)
    end = run_search(run, console, budget.part(share), later, Timeline(began=began))
    if end.interrupted:
        print_summary(console, run, end.results, interrupted=True)
        return end
    if all(r.cause is Cause.BUDGET for result in end.results for r in running(result.records)):
        run.store.write_study({**run.store.read_study(), **searched_by(given)})
    print_search_end(console, end.results)
    _after_search(run, console, end.results, clock)
    say(console, f"The run took {format_duration(time.monotonic() - clock.began)}.")
    print_commands(console, run.store, end.results)
    return replace(end, judged=True)


def share_of_search(run: Prepared) -> float:
    """Returns the share of a budget of time that the search gets.

    A run that has begun is not refused any more: it was not when it began, and its refit says what
    it lacks.

    Raises:
        UsageError: the budget of a new run is too short for any refit; names the least one.
    """
    # Unlike `Budget.minus` it may come to nothing, and is refused then.
    seconds = (run.config.budget.seconds or 0.0) - VERDICT_SECONDS
    costs, wish = probed_costs(run), wished_shape(run)
    try:
        return search_share(costs, seconds, wish, parts_after_search(run.config))
    except UsageError:
        if is_there(run.store.journal):
            return 1 - MOST_REFIT_SHARE
        raise


def stages_of(run: Prepared) -> tuple[str, ...]:
    """Returns the stages of a run in their order."""
    pseudo, why = bool(run.config.pseudo_labels), run.config.why == "full"
    return (_SEARCH, _REFIT, *[_PSEUDO] * pseudo, *[_WHY] * why, _ENSEMBLE, _VERDICT)


def _seconds_after(
    run: Prepared, left: float | None, probed: Costs | None, ended: Sequence[TrialRecord]
) -> float | None:
    """Returns about how many seconds the stages after the search take.

    Args:
        run: data and devices.
        left: seconds that the budget leaves for them; None is no limit.
        probed: costs before the first trial ends.
        ended: the trials that have ended.
    """
    found = ahead(run, by_space(run, ended), left, probed)
    return None if found is None else found.after_search


def _after_search(
    run: Prepared, console: Console, results: Sequence[SpaceResult], clock: Clock
) -> None:
    run = replace(run, resources=renewed(run.resources))
    config = run.config
    # A resumed run has used time before; idle time of earlier starts is not known.
    before = seconds_under_way(record for result in results for record in result.records)
    refitted = RefitFiles(run.store.predictions)
    # Adopted trainings with pseudo-labels are copies, which count among their own.
    before += _seconds_of(refitted, run, results, without=PSEUDO_CONFIG)
    pseudo, why = bool(config.pseudo_labels), config.why == "full"
    timeline, clock = Timeline(began=clock.began), clock.since(before)
    begun = RefitNote.begun(run.store, run.schema.names)
    has_ended = begun is not None and begun.has_ended
    left, stages = clock.left(), stages_of(run)
    then = ahead(run, results, left) or Ahead(refit=0.0)
    print_stage(console, stages, _REFIT)
    refit = None if left is None else left / parts_after_search(run.config)
    run_refit(run, console, refit, timeline.before(then.after_refit))
    # What a resumed run asks for on top begins anew, with what it would have had at first.
    anew, used = _asked_anew(run, results, has_ended=has_ended)
    clock = clock.restarted(_SHARE_ON_TOP) if anew else clock
    clock = replace(clock, began=clock.began - used)
    if pseudo:
        print_stage(console, stages, _PSEUDO)
        rest = clock.left()
        share = PSEUDO_PART / (PSEUDO_PART + WHY_PART * why)
        its = None if rest is None else rest * share
        run_pseudo(run, console, its, timeline.before(then.after_pseudo))
    if why:
        print_stage(console, stages, _WHY)
        ending = timeline.before(ENSEMBLE_SECONDS + ENDING_SECONDS)
        run_why(run, console, clock.left(), ending)
    _conclude(run, console, results, timeline.before(ENDING_SECONDS))


def _asked_anew(
    run: Prepared, results: Sequence[SpaceResult], *, has_ended: bool
) -> tuple[bool, float]:
    """Returns whether what follows the refit is asked on top, and what earlier starts used of it.

    Notes in `study.json` what was asked, and what trainings there were by then: they are no part
    of it.

    Args:
        run: its options and files.
        results: of its spaces.
        has_ended: whether the refit had ended when this start began.
    """
    config, study = run.config, run.store.read_study()
    asked = [config.budget_seconds, config.refit_seeds, config.why, config.pseudo_labels]
    asked += config.pseudo_thresholds
    files = (why_files(run.store), pseudo_files(run.store))
    now = sum(_seconds_of(each, run, results) for each in files)
    noted = study.get("on_top") or {}
    if noted.get("asked") != asked:
        noted = {"asked": asked, "seconds": now, "anew": has_ended}
        run.store.write_study({**study, "on_top": noted})
    return bool(noted["anew"]), max(0.0, now - float(noted["seconds"]))


def _seconds_of(
    files: RefitFiles, run: Prepared, results: Sequence[SpaceResult], without: str = ""
) -> float:
    """Returns about how many wall-clock seconds the trainings took that there are in files."""
    names = [result.name for result in results]
    return files.wall_clock(names, run.resources.slots, without)


def _conclude(
    run: Prepared, console: Console, results: Sequence[SpaceResult], timeline: Timeline
) -> None:
    keep, stages = run.config.keep_models, stages_of(run)
    print_stage(console, stages, _ENSEMBLE)
    say(console, f"{timeline.stamp(ENSEMBLE_SECONDS)} choosing the members by all predictions ...")
    again: set[str] = set()
    while True:
        try:
            build_ensemble(run.store, console, keep_models=keep)
            break
        except MissingModelsError as missing:
            # Models that an earlier ensemble did not use are deleted; this one needs some of
            # them, and no seed more than there are. Trained again they predict a little otherwise,
            # so the next choice may need others yet.
            if again.issuperset(missing.units):
                raise
            again.update(missing.units)
            RefitFiles(run.store.predictions).forget(missing.units)
            run_refit(run, console, 0.0, timeline)
            if run.config.pseudo_labels:
                run_pseudo(run, console, 0.0, timeline)
    print_stage(console, stages, _VERDICT)
    say(console, f"{timeline.stamp(0.0)} judging the approaches and writing the report ...")
    print_results(console, run, results)
    hide = run.config.no_photos
    if hide:  # an earlier start may have kept some
        (run.store.root / PHOTOS_FILE).unlink(missing_ok=True)
    conclude_run(run.store, console, look=RunPhotos(run.setting), no_photos=hide)

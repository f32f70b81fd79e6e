"""`--space all`: the stages in their order, and how much of the time each may take."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.console import Console

from search.cli.summary import print_commands, print_results, print_summary
from search.console import say
from search.ensemble.folder import MissingModelsError
from search.ensemble.stage import build_ensemble
from search.prepare.prepared import Prepared
from search.prepare.space_result import SpaceResult
from search.pseudo.stage import run_pseudo
from search.refit.files import RefitFiles, RefitNote
from search.refit.finalists import probed_costs, wished_shape
from search.refit.plan import search_share
from search.refit.stage import VERDICT_SECONDS, run_refit
from search.tuning.stage import SearchEnd, run_search
from search.verdict.stage import conclude_run
from search.why.stage import run_why

# Of the time after the search, in parts of what the refit gets.
_PSEUDO_PART = 0.5
_WHY_PART = 0.5
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

    def left(self, before_s: float = 0.0) -> float | None:
        """Returns the seconds left, given those that earlier starts of a resumed run have used."""
        if self.budget_s is None:
            return None
        return self.budget_s - max(before_s, time.monotonic() - self.began)


def run_every_stage(run: Prepared, console: Console) -> SearchEnd:
    """Searches, refits, judges, builds the ensemble and reports; returns how the search ended.

    Raises:
        UsageError: the budget is too short; names the least one.
        ResultsError: what a stage needs is missing.
    """
    budget = run.config.budget
    clock = Clock(
        began=time.monotonic(),
        budget_s=None if budget.seconds is None else budget.seconds - VERDICT_SECONDS,
    )
    share = 0.5
    # A refit that is done is repeated, or goes on with what is asked for now, at any time.
    is_done = RefitNote.exists(run.store)
    if clock.budget_s is not None and budget.seconds is not None and not is_done:
        say(console, "timing training steps of every space ...")
        share = search_share(probed_costs(run), clock.budget_s, wished_shape(run))
        # The probe took time, too.
        share -= (time.monotonic() - clock.began) / budget.seconds
    end = run_search(run, console, budget.part(share))
    if end.interrupted:
        print_summary(console, run, end.results, interrupted=True)
        return end
    print_results(console, run, end.results)
    _after_search(run, console, end.results, clock)
    print_commands(console, run.store, end.results)
    return replace(end, judged=True)


def _after_search(
    run: Prepared, console: Console, results: Sequence[SpaceResult], clock: Clock
) -> None:
    config = run.config
    # A resumed run has used time before; idle time of earlier starts is not known.
    devices = run.resources.num_devices
    before = sum(r.device_seconds for result in results for r in result.records) / devices
    files = RefitFiles(run.store.predictions)
    units = sum(sum(files.seconds(result.name)) for result in results)
    before += units / run.resources.slots
    pseudo, why = bool(config.pseudo_labels), config.why == "full"
    was_done, left = RefitNote.exists(run.store), clock.left(before)
    parts = 1 + _PSEUDO_PART * pseudo + _WHY_PART * why
    run_refit(run, console, None if left is None else left / parts)
    if was_done:
        # What a resumed run asks for on top begins anew, with what it would have had at first.
        clock, before = clock.restarted(_SHARE_ON_TOP), 0.0
    if pseudo:
        rest = clock.left(before)
        share = _PSEUDO_PART / (_PSEUDO_PART + _WHY_PART * why)
        run_pseudo(run, console, None if rest is None else rest * share)
    if why:
        run_why(run, console, clock.left(before))
    _conclude(run, console)


def _conclude(run: Prepared, console: Console) -> None:
    keep = run.config.keep_models
    try:
        build_ensemble(run.store, console, keep_models=keep)
    except MissingModelsError as missing:
        # Models that an earlier ensemble did not use are deleted; this one needs some of them,
        # and no seed more than there are.
        RefitFiles(run.store.predictions).forget(missing.units)
        run_refit(run, console, 0.0)
        if run.config.pseudo_labels:
            run_pseudo(run, console, None)
        build_ensemble(run.store, console, keep_models=keep)
    conclude_run(run.store, console)

"""`--plan`: what would run, how long, and what difference it could detect; runs nothing."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.console import Console

from search.analysis.uncertainty.power import promised_difference
from search.cli.study import has_second_fold
from search.console import say
from search.errors import BrokenDefaultError, UsageError
from search.prepare.config import format_duration
from search.prepare.prepared import Prepared
from search.prepare.saved_run import has_searched, load_run
from search.refit.approaches import Lineup
from search.refit.files import RefitNote
from search.refit.finalists import probed_costs, wished_shape
from search.refit.plan import (
    MOST_REFIT_SHARE,
    SEARCH_SHARE,
    VERDICT_SECONDS,
    Costs,
    RefitPlan,
    cuts,
    parts_after_search,
    plan_refit,
    search_share,
    smallest,
)
from search.store.reading import is_there
from search.store.records import seconds_under_way
from search.tuning.progress import SHARE_OF_EPOCHS
from search.tuning.second_fold import expected_trainings, seconds_aside, seconds_taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What earlier starts of a run have done; nothing of a new one.

    Attributes:
        trials: that count, by space.
        seconds: wall-clock time of the search.
        has_searched: whether the search has ended, by the budget there is.
        refit: how far that has come; None where it has not begun.
        second_fold: whether its leaders are trained on a second fold; None of a new run.
        second_seconds: wall-clock time that those trainings have taken.
    """

    trials: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    has_searched: bool = False
    refit: RefitNote | None = None
    second_fold: bool | None = None
    second_seconds: float = 0.0

    @classmethod
    def of(cls, run: Prepared) -> "Past":
        """Reads what a resumed run has done; raises ResultsError where it cannot be read."""
        if not is_there(run.store.journal):
            return cls(second_fold=has_second_fold(run))
        saved, budget = load_run(run.store), run.config.budget
        return cls(
            trials={each.name: sum(r.counts for r in each.records) for each in saved.results},
            seconds=seconds_under_way(saved.records),
            has_searched=has_searched(saved.study, budget),
            refit=RefitNote.begun(run.store, run.schema.names),
            second_fold=has_second_fold(run),
            second_seconds=seconds_taken(run),
        )


def print_forecast(console: Console, run: Prepared, past: Past) -> None:
    """Says how long the stages would take, from a few timed training steps of every space.

    Raises:
        UsageError: the budget of a new run is too short for `--space all`; names the least one.
    """
    try:
        costs = probed_costs(run)
    except BrokenDefaultError as error:
        say(console, f"nothing says how long it would take: {error}")
        return
    full = _full_trials(run, costs)
    for name, seconds in full.items():
        say(console, f"  a full trial of {name}: about {format_duration(seconds)}")
    if "all" not in run.config.spaces:
        _say_search(console, run, full, past)
        return
    people = run.dataset.whole.table.num_groups
    budget = run.config.budget.seconds
    of_search = None if budget is None else _seconds_of_search(run, costs, past, budget)
    searching = _search_time(run, full, past, of_search)
    say(console, f"search: {'has ended' if past.has_searched else searching}")
    if past.refit is not None:
        seeds = _say_begun(console, past, past.refit, run.config.refit_seeds)
    elif budget is None or of_search is None:
        say(console, f"refit: {wished_shape(run).describe()}")
        seeds = wished_shape(run).seeds
    else:
        before = past.seconds if past.has_searched else of_search
        seeds = _say_refit(console, run, costs, budget - VERDICT_SECONDS - before)
    if seeds < 2:
        say(console, "with one seed no difference would be declared")
        return
    num_pairs = math.comb(len(Lineup.of(run.schema, run.spaces).approaches), 2)
    difference = promised_difference(people, seeds, num_pairs)
    say(
        console,
        f"with {people} people and {seeds} seeds, true differences of macro-F1 from about "
        f"{difference:.3f} on would be declared{_unlike(run)}",
    )


def _say_search(console: Console, run: Prepared, full: Mapping[str, float], past: Past) -> None:
    """Says how long a search without a refit takes, and its trainings on a second fold."""
    seconds = run.config.budget.seconds
    is_wanted = has_second_fold(run) if past.second_fold is None else past.second_fold
    if seconds is None or not is_wanted:
        say(console, f"search: {_search_time(run, full, past, seconds)}")
        return
    aside = seconds_aside(run.config.budget)
    say(console, f"search: {_search_time(run, full, past, seconds - aside)}")
    left = format_duration(max(0.0, aside - past.second_seconds))
    say(console, f"its leaders on a second fold: at most {left}")


def _unlike(run: Prepared) -> str:
    """Returns what to know where the data is unlike that which the promise was simulated for."""
    table = run.dataset.whole.table
    photos = table.num_samples / table.num_groups
    is_alike = 9 <= table.schema.num_joint <= 36 and 3.5 <= photos <= 14
    return "" if is_alike else " (of data with some 18 joint classes and seven photos a person)"


def _seconds_of_search(run: Prepared, costs: Costs, past: Past, budget: float) -> float:
    """Returns what of a budget of time the whole search gets; raises as `print_forecast`."""
    left = budget - VERDICT_SECONDS
    if past.refit is not None and past.refit.done:
        return left * SEARCH_SHARE
    try:
        share = search_share(costs, left, wished_shape(run), parts_after_search(run.config))
    except UsageError:
        if not past.trials:
            raise
        share = 1 - MOST_REFIT_SHARE  # as `share_of_search`: one that has begun is not refused
    return left * share


def _say_refit(console: Console, run: Prepared, costs: Costs, after: float) -> int:
    """Says what fits the seconds after the search; returns the seeds."""
    parts, wish = parts_after_search(run.config), wished_shape(run)
    try:
        planned = plan_refit(costs, after / parts, wish, parts)
    except UsageError:  # of a run that has begun
        shape = smallest(wish)
        planned = RefitPlan(shape=shape, seconds=costs.seconds(shape), cuts=cuts(wish, shape))
    say(console, f"refit: {planned.shape.describe()}, {format_duration(planned.seconds)}")
    for cut in planned.cuts:
        say(console, f"  {cut}")
    if parts > 1:
        rest = format_duration(max(0.0, after - after / parts))
        asked = {
            "pseudo-labels": bool(run.config.pseudo_labels),
            "controlled trainings": run.config.why == "full",
        }
        say(console, f"{' and '.join(name for name in asked if asked[name])}: {rest}")
    return planned.shape.seeds


def _say_begun(console: Console, past: Past, refit: RefitNote, asked: int | None) -> int:
    """Says what becomes of a refit that has begun; returns the seeds."""
    shape, seeds = refit.shape.describe(), refit.shape.seeds
    if not refit.done:
        say(console, f"refit: goes on as it began, {shape}")
    elif not past.has_searched:
        say(console, f"refit: again of what the longer search chooses otherwise, {shape}")
    elif asked is None or asked == refit.asked or asked <= seeds:
        say(console, f"refit: has ended, {shape}")
    else:
        say(
            console,
            f"refit: {shape}, on to {asked} seeds while pairs are open, whatever time that takes",
        )
        seeds = asked
    return seeds


def _full_trials(run: Prepared, costs: Costs) -> dict[str, float]:
    photos = len(run.dataset.split.search_train)
    share = run.resources.device_share
    return {
        name: seconds[0] * photos * costs.epochs[name] / share
        for name, seconds in costs.photo_seconds.items()
    }


def _search_time(
    run: Prepared, full: Mapping[str, float], past: Past, seconds: float | None
) -> str:
    """Returns how long the search still takes, in words.

    Args:
        run: with its number of trials.
        full: seconds of a full trial, by space.
        past: what has been done.
        seconds: that the whole search has; None is no limit.
    """
    budget, parts = run.config.budget, []
    if seconds is not None:
        parts.append(format_duration(max(0.0, seconds - past.seconds)))
    if budget.trials is not None:
        total = least = 0.0
        for name, each in full.items():
            done = past.trials.get(name, 0)
            trials = SHARE_OF_EPOCHS * max(0, budget.trials - done)
            is_search = "all" not in run.config.spaces and budget.seconds is None
            if done < budget.trials and is_search:
                trials += expected_trainings(budget.trials)
            if not done:
                # Nothing stops the default config, which is the first trial of every space.
                trials += 1 - SHARE_OF_EPOCHS
                least = max(least, each)
            total += each * trials / run.resources.slots
        parts.append(f"about {format_duration(max(total, least))}")
    return " or ".join(parts) + (", whichever is first" if len(parts) > 1 else "")

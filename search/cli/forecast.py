"""`--plan`: what would run, how long, and what difference it could detect; runs nothing."""

import math

from rich.console import Console

from search.analysis.uncertainty.power import promised_difference
from search.console import say
from search.errors import BrokenDefaultError
from search.prepare.config import format_duration
from search.prepare.prepared import Prepared
from search.refit.approaches import Lineup
from search.refit.finalists import probed_costs, wished_shape
from search.refit.plan import VERDICT_SECONDS, Costs, parts_after_search, plan_refit, search_share
from search.tuning.progress import SHARE_OF_EPOCHS
from search.tuning.second_fold import expected_trainings


def print_forecast(console: Console, run: Prepared) -> None:
    """Says how long the stages would take, from a few timed training steps of every space.

    Raises:
        UsageError: the budget is too short for `--space all`; names the least budget.
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
        say(console, f"search: {_search_time(run, full)}")
        return
    people = run.dataset.whole.table.num_groups
    budget = run.config.budget.seconds
    wish = wished_shape(run)
    seeds = wish.seeds
    if budget is None:
        say(console, f"search: {_search_time(run, full)}; then a full refit")
    else:
        left = budget - VERDICT_SECONDS
        parts = parts_after_search(run.config)
        share = search_share(costs, left, wish, parts)
        after = left * (1 - share)
        planned = plan_refit(costs, after / parts, wish, parts)
        say(console, f"search: {format_duration(left * share)}")
        say(console, f"refit: {planned.shape.describe()}, {format_duration(planned.seconds)}")
        for cut in planned.cuts:
            say(console, f"  {cut}")
        if parts > 1:
            rest = format_duration(after - after / parts)
            asked = {
                "pseudo-labels": bool(run.config.pseudo_labels),
                "controlled trainings": run.config.why == "full",
            }
            say(console, f"{' and '.join(name for name in asked if asked[name])}: {rest}")
        seeds = planned.shape.seeds
    if seeds < 2:
        say(console, "with one seed no difference would be declared")
        return
    num_pairs = math.comb(len(Lineup.of(run.schema, run.spaces).approaches), 2)
    difference = promised_difference(people, seeds, num_pairs)
    say(
        console,
        f"with {people} people and {seeds} seeds, true differences of macro-F1 from about "
        f"{difference:.3f} on would be declared",
    )


def _full_trials(run: Prepared, costs: Costs) -> dict[str, float]:
    photos = len(run.dataset.split.search_train)
    share = run.resources.device_share
    return {
        name: seconds[0] * photos * costs.epochs[name] / share
        for name, seconds in costs.photo_seconds.items()
    }


def _search_time(run: Prepared, full: dict[str, float]) -> str:
    budget = run.config.budget
    parts = []
    if budget.seconds is not None:
        parts.append(format_duration(budget.seconds))
    if budget.trials is not None:
        # Nothing stops the default config, which is the first trial of every space.
        each = 1 + SHARE_OF_EPOCHS * (budget.trials - 1)
        if "all" not in run.config.spaces:
            each += expected_trainings(budget.trials)
        total = sum(full.values()) * each / run.resources.slots
        parts.append(f"about {format_duration(max([total, *full.values()]))}")
    return " or ".join(parts) + (", whichever is first" if len(parts) > 1 else "")

"""How long the stages take that follow: planned as they plan themselves, by what is measured."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from search.errors import UsageError
from search.prepare.prepared import Prepared
from search.prepare.space_result import SpaceResult
from search.refit.approaches import Lineup, spaces_of
from search.refit.finalists import measured_costs, training_seconds, wished_shape
from search.refit.plan import (
    PSEUDO_PART,
    Costs,
    RefitPlan,
    expected_seconds,
    parts_after_search,
    plan_refit,
)
from search.refit.units import DEFAULT_CONFIG, config_name
from search.store.records import TrialRecord, best_record
from search.why.controls import ControlDesign, Training
from search.why.plan import ControlCosts, plan_controls

# What ensemble, verdict and report take of a few hundred people. More is set aside for them.
ENSEMBLE_SECONDS = 3.0
ENDING_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """Seconds that the stages after the search are likely to take."""

    refit: float
    pseudo: float = 0.0
    why: float = 0.0

    @property
    def after_search(self) -> float:
        """Of all of them."""
        return self.refit + self.after_refit

    @property
    def after_refit(self) -> float:
        """Of those after the refit."""
        return self.pseudo + self.after_pseudo

    @property
    def after_pseudo(self) -> float:
        """Of those after the pseudo-labels."""
        return self.why + ENSEMBLE_SECONDS + ENDING_SECONDS


def by_space(run: Prepared, records: Sequence[TrialRecord]) -> list[SpaceResult]:
    """Returns how the search stands, as if it had ended with these trials."""
    found = []
    for space in run.spaces:
        its = tuple(record for record in records if record.space == space.name)
        best = best_record(its)
        found.append(SpaceResult(name=space.name, records=its, best=best, interval=None))
    return found


def ahead(
    run: Prepared,
    results: Sequence[SpaceResult],
    seconds: float | None,
    probed: Costs | None = None,
) -> Ahead | None:
    """Returns how long the stages after the search take; None where nobody knows.

    Args:
        run: data, devices and what is asked for.
        results: of the search, as far as it has come.
        seconds: that the budget leaves for all of them; None is no limit.
        probed: costs before the first trial ends.
    """
    is_measured = any(r.epochs for result in results for r in result.records)
    costs = measured_costs(run, results, run.dataset.table.num_samples) if is_measured else probed
    if costs is None:
        return None
    refit = None if seconds is None else max(0.0, seconds) / parts_after_search(run.config)
    try:
        planned = plan_refit(costs, float("inf") if refit is None else refit, wished_shape(run))
    except UsageError:  # the refit will say so, or its costs are not yet known well
        return Ahead(refit=refit or 0.0)
    likely = expected_seconds(planned, refit, wished_shape(run).seeds)
    left = None if seconds is None else seconds - likely
    pseudo = _pseudo(run, costs, planned, likely, left)
    why = _why(run, results, planned, likely, None if left is None else left - pseudo)
    return Ahead(refit=likely, pseudo=pseudo, why=why)


def _pseudo(
    run: Prepared, costs: Costs, planned: RefitPlan, likely_s: float, left: float | None
) -> float:
    """Returns the seconds of the chosen configs with the photos that get pseudo-labels, too."""
    if run.unlabelled is None or not planned.seconds:
        return 0.0
    chosen = costs.seconds(replace(planned.shape, configs=1, default=False))
    labelled = run.dataset.table.num_samples
    more = 1 + len(run.unlabelled.paths) / labelled
    found = more * chosen * likely_s / planned.seconds
    share = PSEUDO_PART / (parts_after_search(run.config) - 1)
    return found if left is None else min(found, max(0.0, left) * share)


def _why(
    run: Prepared,
    results: Sequence[SpaceResult],
    planned: RefitPlan,
    likely_s: float,
    left: float | None,
) -> float:
    """Returns the seconds of the controls that fit, as if every space had kept its default."""
    lineup = Lineup.of(run.schema, run.spaces)
    if run.config.why != "full" or len(lineup.approaches) < 2 or not planned.seconds:
        return 0.0
    defaults = {space: run.default_config(space) for space in spaces_of(lineup.approaches)}
    folds, seeds = planned.shape.folds, planned.shape.seeds * likely_s / planned.seconds
    design = ControlDesign(
        lineup=lineup,
        winners={
            space: Training(config_id=DEFAULT_CONFIG, config=config)
            for space, config in defaults.items()
        },
        defaults=defaults,
        seeds=tuple(range(max(1, round(seeds)))),
        num_folds=folds,
        noisy=run.schema.names[0],
        seed=run.config.seed,
    )
    chosen = {space: {DEFAULT_CONFIG: config} for space, config in defaults.items()}
    taken = training_seconds(run, results, chosen, folds)
    each = {space: taken[config_name(space, DEFAULT_CONFIG)] for space in defaults}
    costs = ControlCosts(seconds=each, slots=run.resources.slots)
    return plan_controls(design, costs, left).seconds

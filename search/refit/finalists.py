"""Which configs are refitted, what that costs, and how much of it fits the time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from search.prepare.prepared import Prepared
from search.prepare.space_result import SpaceResult
from search.refit.plan import FULL, Costs, RefitPlan, Shape, plan_refit
from search.refit.probe import probe_costs
from search.refit.units import DEFAULT_CONFIG
from search.store.records import PRECISION, complete_records
from trainables.blocks import FlatValue


def finalists(
    result: SpaceResult,
    default: Mapping[str, FlatValue],
    num_configs: int,
    *,
    with_default: bool = True,
) -> dict[str, Mapping[str, FlatValue]]:
    """Returns the configs to refit by config_id: the default, the chosen one, the next best ones.

    The default config is refitted once, as "default", also where it is among the best; without
    `with_default` only there, or where the search has found nothing. It is trained in the
    precision of its trial.
    """
    default = as_tried(result, default)
    ranked = sorted(
        complete_records(result.records),
        key=lambda r: (r != result.best, -(r.objective or 0.0), r.number),
    )
    best = [dict(default)] if with_default or not ranked else []
    for record in ranked:
        if len(best) >= num_configs + with_default:
            break
        if dict(record.config) not in best:
            best.append(dict(record.config))
    others = [config for config in best if config != dict(default)]
    found = {DEFAULT_CONFIG: dict(default)} if dict(default) in best else {}
    return {**found, **{str(place): config for place, config in enumerate(others, start=1)}}


def as_tried(result: SpaceResult, default: Mapping[str, FlatValue]) -> Mapping[str, FlatValue]:
    """Returns the default config in the precision of its trial, as given where it has none."""
    tried = (record.config for record in result.records)
    return next((config for config in tried if _is_same(config, default)), default)


def measured_costs(run: Prepared, results: Sequence[SpaceResult], num_photos: int) -> Costs:
    """Returns what the configs of the refit cost, measured in the search."""
    photos = len(run.dataset.split.search_train)
    costs, alone = {}, {}
    for result in results:
        by_config = {
            _key(r.config): r.device_seconds / (r.epochs * photos)
            for r in result.records
            if r.epochs
        }
        typical = max(by_config.values(), default=0.0)
        chosen = finalists(result, run.default_config(result.name), FULL.configs)
        costs[result.name] = tuple(
            by_config.get(_key(config), typical) for config in chosen.values()
        )
        if result.best is not None:
            alone[result.name] = by_config.get(_key(result.best.config), typical)
    return Costs(
        photo_seconds=costs,
        chosen_seconds=alone,
        epochs=run.epochs,
        num_photos=num_photos,
        num_devices=run.resources.num_devices,
    )


def probed_costs(run: Prepared) -> Costs:
    """Returns what the default configs cost, before the search has measured anything."""
    probed = probe_costs(run) if run.photo_seconds is None else run.photo_seconds
    return Costs(
        photo_seconds={name: (seconds, seconds) for name, seconds in probed.items()},
        epochs=run.epochs,
        num_photos=run.dataset.table.num_samples,
        num_devices=run.resources.num_devices,
    )


def plan(run: Prepared, results: Sequence[SpaceResult], seconds: float | None) -> RefitPlan:
    """Returns the plan of the refit for the time there is; everything where there is no limit."""
    costs = measured_costs(run, results, run.dataset.table.num_samples)
    wish = wished_shape(run)
    if seconds is None:
        return RefitPlan(shape=wish, seconds=costs.seconds(wish), cuts=())
    return plan_refit(costs, seconds, wish)


def wished_shape(run: Prepared) -> Shape:
    """Returns what is refitted where time allows: five folds, six seeds or as many as asked."""
    seeds = run.config.refit_seeds
    return FULL if seeds is None else replace(FULL, seeds=seeds)


def _is_same(config: Mapping[str, FlatValue], other: Mapping[str, FlatValue]) -> bool:
    """Returns whether two configs differ in nothing but their precision."""
    return {**config, PRECISION: ""} == {**other, PRECISION: ""}


def _key(config: Mapping[str, FlatValue]) -> tuple[tuple[str, FlatValue], ...]:
    return tuple(sorted(config.items()))

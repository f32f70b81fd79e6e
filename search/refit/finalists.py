"""Which configs are refitted, what that costs, and how much of it fits the time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from search.errors import UsageError
from search.prepare.config import format_duration
from search.prepare.prepared import Prepared
from search.prepare.space_result import SpaceResult
from search.refit.plan import (
    FULL,
    Costs,
    RefitPlan,
    Shape,
    cuts,
    parts_after_search,
    plan_refit,
    smallest,
)
from search.refit.probe import probe_costs
from search.refit.units import DEFAULT_CONFIG, config_name
from search.store.records import (
    DEFAULT_NUMBER,
    EPOCHS,
    PRECISION,
    TrialRecord,
    complete_records,
)
from trainables.blocks import FlatValue

Configs = Mapping[str, Mapping[str, Mapping[str, FlatValue]]]
"""By space and config_id."""


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
    ranked = ranking(result)
    best = [dict(default)] if with_default or not ranked else []
    for record in ranked:
        if len(best) >= num_configs + with_default:
            break
        if dict(record.config) not in best:
            best.append(dict(record.config))
    others = [config for config in best if config != dict(default)]
    found = {DEFAULT_CONFIG: dict(default)} if dict(default) in best else {}
    return {**found, **{str(place): config for place, config in enumerate(others, start=1)}}


def ranking(result: SpaceResult) -> list[TrialRecord]:
    """Returns the complete trials of a space, the chosen one first, then the highest score."""
    return sorted(
        complete_records(result.records),
        key=lambda r: (r != result.best, -(r.objective or 0.0), r.number),
    )


def as_tried(result: SpaceResult, default: Mapping[str, FlatValue]) -> Mapping[str, FlatValue]:
    """Returns the default config as its trial had it, precision and all; as given without one."""
    tried = (r.config for r in result.records if r.number == DEFAULT_NUMBER and r.config)
    return next(tried, default)


def measured_costs(run: Prepared, results: Sequence[SpaceResult], num_photos: int) -> Costs:
    """Returns what the configs of the refit cost, measured in the search."""
    measured = _Measured(run, results)
    costs, alone = {}, {}
    for result in results:
        name = result.name
        chosen = finalists(result, run.default_config(name), FULL.configs)
        costs[name] = tuple(measured.of(name, config) for config in chosen.values())
        if result.best is not None:
            alone[name] = measured.of(name, result.best.config)
    return Costs(
        photo_seconds=costs,
        chosen_seconds=alone,
        epochs=run.epochs,
        num_photos=num_photos,
        num_devices=run.resources.num_devices,
    )


def training_seconds(
    run: Prepared, results: Sequence[SpaceResult], configs: Configs, num_folds: int
) -> dict[str, float]:
    """Returns the seconds of one training on a slot as measured in the search, by config.

    Args:
        run: data and devices.
        results: of the search.
        configs: by space and config_id, with the epochs that they are trained.
        num_folds: of the refit, which leaves out one in every training.
    """
    measured = _Measured(run, results)
    photos = run.dataset.table.num_samples * (num_folds - 1) / num_folds
    return {
        config_name(space, config_id): measured.of(space, config)
        * photos
        * int(str(config[EPOCHS]))
        / run.resources.device_share
        for space, its in configs.items()
        for config_id, config in its.items()
    }


class _Measured:
    """What the search has measured of the costs of configs.

    A config that it did not train costs as much as the dearest of its space; a space without any
    trial as much as the default configs of the others on average. Where the search measured
    nothing, what was timed before it stands.
    """

    def __init__(self, run: Prepared, results: Sequence[SpaceResult]) -> None:
        photos = len(run.dataset.split.search_train)
        self._found = {
            result.name: {
                _key(r.config): r.device_seconds / (r.epochs * photos)
                for r in result.records
                if r.epochs
            }
            for result in results
        }
        every = [seconds for found in self._found.values() for seconds in found.values()]
        defaults = [
            self._found[result.name].get(_key(as_tried(result, run.default_config(result.name))))
            for result in results
        ]
        known = [seconds for seconds in defaults if seconds is not None] or every
        self._timed = run.photo_seconds or {}
        self._elsewhere = sum(known) / len(known) if known else 0.0

    def of(self, space: str, config: Mapping[str, FlatValue]) -> float:
        """Returns device seconds per photo and epoch."""
        found = self._found[space]
        without = self._elsewhere or self._timed.get(space, 0.0)
        return found.get(_key(config), max(found.values(), default=without))


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
    """Returns the plan of the refit for the time there is; everything where there is no limit.

    Where nothing fits it is the smallest one: the search is over, and would have answered nothing.
    """
    costs = measured_costs(run, results, run.dataset.table.num_samples)
    wish = wished_shape(run)
    if seconds is None:
        return RefitPlan(shape=wish, seconds=costs.seconds(wish), cuts=())
    try:
        return plan_refit(costs, seconds, wish, parts_after_search(run.config))
    except UsageError:
        shape = smallest(wish)
        needed = costs.seconds(shape)
        late = (
            f"about {format_duration(needed)} instead of {format_duration(max(0.0, seconds))}: "
            "the run ends later than its budget"
        )
        return RefitPlan(shape=shape, seconds=needed, cuts=(*cuts(wish, shape), late))


def wished_shape(run: Prepared) -> Shape:
    """Returns what is refitted where time allows: five folds, six seeds or as many as asked."""
    seeds = run.config.refit_seeds
    return FULL if seeds is None else replace(FULL, seeds=seeds)


def _is_same(config: Mapping[str, FlatValue], other: Mapping[str, FlatValue]) -> bool:
    """Returns whether two configs differ in nothing but their precision."""
    return {**config, PRECISION: ""} == {**other, PRECISION: ""}


def _key(config: Mapping[str, FlatValue]) -> tuple[tuple[str, FlatValue], ...]:
    """Returns what tells costs of a photo and epoch apart: not the length of the schedule."""
    return tuple(sorted(item for item in config.items() if item[0] != EPOCHS))

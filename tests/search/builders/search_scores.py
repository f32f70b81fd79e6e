"""What a simulated search is worth: true scores of what it chose, and its device time."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean

from search.prepare.config import Budget
from search.store.records import State, TrialRecord, complete_records
from search.tuning.fair_share import Usage, spent_by_approach
from tests.search.builders.curve_worlds import World, place
from tests.search.builders.search_policies import POLICIES
from tests.search.builders.simulated_search import simulate

DRIVER_S = 0.04
"""To suggest a trial at a thousand of them and to write it down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceScore:
    """How the search of a space ended.

    Attributes:
        trials: that were started.
        complete: that reached their last epoch.
        default: true final score of the default config.
        chosen: true final score of the config that validation says is best.
        best: the best true final score of 600 random configs.
    """

    trials: int
    complete: int
    default: float
    chosen: float
    best: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchScore:
    """How a search ended.

    Attributes:
        spaces: by name.
        shares: device seconds by approach.
        idle: share of the device time in which nothing was trained.
        seconds: of virtual time.
        trials_an_hour: started, over all devices.
    """

    spaces: dict[str, SpaceScore]
    shares: dict[str, float]
    idle: float
    seconds: float
    trials_an_hour: float


@lru_cache(maxsize=2)
def _world(where: str, seed: int, slower: float) -> World:
    return World(place(where), seed, slower)


def _best(records: Sequence[TrialRecord], last: int) -> TrialRecord | None:
    """Returns the complete trial with the highest mean of its last epochs, the earliest such."""

    def late(record: TrialRecord) -> tuple[float, int]:
        """Returns that mean, and what sets equal ones apart."""
        values = [record.values[epoch] for epoch in sorted(record.values)]
        return fmean(values[-last:]), -record.number

    return max(complete_records(records), key=late, default=None)


def searched(
    where: str,
    seconds: float,
    devices: int,
    policy: str,
    seed: int,
    spaces: Sequence[str] | None = None,
    slower: float = 1.0,
) -> SearchScore:
    """Runs a search in a world of its own and returns how it ended.

    Args:
        where: name of the place, "demo" or "faces".
        seconds: of wall-clock time.
        devices: trials at once.
        policy: name of one of `POLICIES`.
        seed: of the world, its noise and the search.
        spaces: all of the place by default.
        slower: epochs take so many times as long.
    """
    world = _world(where, seed, slower)
    names = tuple(spaces or world.where.laws)
    done = simulate(
        names,
        world.train,
        Budget(seconds=seconds),
        devices=devices,
        seed=seed,
        scale=world.where.scale,
        policy=POLICIES[policy],
        driver_s=DRIVER_S,
    )
    scores, usage = {}, {}
    for space, records in done.records.items():
        best = _best(records, POLICIES[policy].chosen_by)
        default = world.default(space)
        scores[space] = SpaceScore(
            trials=len(records),
            complete=sum(record.state is State.COMPLETE for record in records),
            default=default,
            chosen=default if best is None else world.final(space, best.config),
            best=world.best(space),
        )
        usage[space] = Usage(finished=sum(record.device_seconds for record in records))
    return SearchScore(
        spaces=scores,
        shares=spent_by_approach(usage, done.lineup.shares),
        idle=done.run.idle,
        seconds=done.seconds,
        trials_an_hour=3600 * len(done.run.trials) / done.seconds,
    )

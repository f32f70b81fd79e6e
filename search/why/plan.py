"""Which controlled trainings fit the time: pure arithmetic on what the refit's trainings cost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from search.prepare.config import format_duration
from search.refit.units import Unit
from search.why.changes import FewerPeople
from search.why.controls import NAMES, Control, Refitted

# Calibration of a fold's people by others needs two folds.
LEAST_FOLDS = 2
_LEAST_SEEDS = 2
# Starting workers, merging files and the imbalance of the last trainings.
_OVERHEAD = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyCosts:
    """What controlled trainings cost.

    Attributes:
        seconds: of one winner's training on one slot, by space, measured in the refit.
        slots: trainings at a time.
        finished: names of units that are trained already.
    """

    seconds: Mapping[str, float]
    slots: int
    finished: frozenset[str] = frozenset()

    def of(self, refitted: Refitted, control: Control, repeats: int, num_folds: int) -> float:
        """Returns the expected wall-clock seconds of what of a control is not finished."""
        total = 0.0
        for seed in refitted.seeds_of(control, repeats):
            for fold in range(num_folds):
                total += sum(map(self._of_unit, refitted.units(control, seed, fold)))
        return _OVERHEAD * total / self.slots

    def _of_unit(self, unit: Unit) -> float:
        if unit.name in self.finished:
            return 0.0
        share = unit.change.share if isinstance(unit.change, FewerPeople) else 1.0
        return share * self.seconds["joint" if unit.config_id == "shared" else unit.space]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """How much of a control is trained: repeats (seeds, or averages) on the first folds."""

    control: Control
    repeats: int
    num_folds: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyPlan:
    """The controls that fit, their time, and a sentence for everything that was cut."""

    parts: tuple[Planned, ...]
    cuts: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Expected wall-clock time."""
        return sum(part.seconds for part in self.parts)


def plan_why(refitted: Refitted, costs: WhyCosts, seconds: float | None) -> WhyPlan:
    """Returns the controls that fit the time, in the order of their value.

    As many as possible are done at all, each as small as it can be; time that is left makes them
    larger, the most valuable first. A control shrinks by its seeds, then by its folds.

    Args:
        refitted: what the refit left.
        costs: measured in the refit.
        seconds: wall-clock time there is; None is no limit.
    """
    left = float("inf") if seconds is None else max(0.0, seconds)
    shapes = {
        control: [
            Planned(
                control=control,
                repeats=repeats,
                num_folds=folds,
                seconds=costs.of(refitted, control, repeats, folds),
            )
            for repeats, folds in _shapes(len(refitted.seeds), refitted.num_folds)
        ]
        for control in refitted.controls
    }
    kept: dict[Control, Planned] = {}
    for control, sizes in shapes.items():
        if sizes[-1].seconds <= left:
            kept[control] = sizes[-1]
            left -= sizes[-1].seconds
    for control, least in kept.items():
        left += least.seconds
        fitting = (size for size in shapes[control] if size.seconds <= left)
        kept[control] = next(fitting, least)
        left -= kept[control].seconds
    cuts = [text for control, sizes in shapes.items() for text in _cut(sizes, kept.get(control))]
    return WhyPlan(parts=tuple(kept.values()), cuts=tuple(cuts))


def _shapes(num_seeds: int, num_folds: int) -> Iterator[tuple[int, int]]:
    """Yields repeats and folds from all of them to the least that can be compared."""
    least = min(_LEAST_SEEDS, num_seeds)
    yield from ((repeats, num_folds) for repeats in range(num_seeds, least, -1))
    yield from ((least, folds) for folds in range(num_folds, LEAST_FOLDS - 1, -1))


def _cut(sizes: list[Planned], kept: Planned | None) -> Iterator[str]:
    wish, least = sizes[0], sizes[-1]
    name = NAMES[wish.control]
    if kept is None:
        yield f"{name}: left out, the least of it takes about {format_duration(least.seconds)}"
        return
    if kept.repeats < wish.repeats:
        yield f"{name}: {kept.repeats} instead of {wish.repeats} seeds"
    if kept.num_folds < wish.num_folds:
        yield (
            f"{name}: {kept.num_folds} of {wish.num_folds} folds, so it is compared on the people "
            "of these"
        )

"""Which controlled trainings fit the time: pure arithmetic on what the refit's trainings cost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from search.prepare.config import format_duration
from search.refit.units import Unit
from search.why.changes import FewerPeople
from search.why.controls import NAMES, SHARED_CONFIG, Control, ControlDesign

# Calibration of a fold's people by others needs two folds.
LEAST_FOLDS = 2
_LEAST_SEEDS = 2
# Starting workers, merging files and the imbalance of the last trainings.
_OVERHEAD = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlCosts:
    """What controlled trainings cost.

    Attributes:
        seconds: of one winner's training on one slot, by space, measured in the refit.
        slots: trainings at a time.
        finished: names of units that are trained already.
    """

    seconds: Mapping[str, float]
    slots: int
    finished: frozenset[str] = frozenset()

    def of(self, design: ControlDesign, control: Control, repeats: int, num_folds: int) -> float:
        """Returns the expected wall-clock seconds of what of a control is not finished."""
        total = 0.0
        for seed in design.seeds_of(control, repeats):
            for fold in range(num_folds):
                units = design.units(control, seed, fold)
                total += sum(self.of_unit(design, unit) for unit in units)
        return _OVERHEAD * total / self.slots

    def of_unit(self, design: ControlDesign, unit: Unit) -> float:
        """Returns the expected seconds of a training on a slot; 0 where it is finished."""
        if unit.name in self.finished:
            return 0.0
        share = unit.change.share if isinstance(unit.change, FewerPeople) else 1.0
        space = design.joint if unit.config_id == SHARED_CONFIG else unit.space
        return share * self.seconds[space]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedControl:
    """How much of a control is trained: repeats (seeds, or averages) on the first folds."""

    control: Control
    repeats: int
    num_folds: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPlan:
    """The controls that fit, their time, and a sentence for everything that was cut."""

    parts: tuple[PlannedControl, ...]
    cuts: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Expected wall-clock time."""
        return sum(part.seconds for part in self.parts)


def plan_controls(
    design: ControlDesign, costs: ControlCosts, seconds: float | None
) -> ControlPlan:
    """Returns the controls that fit the time, in the order of their value.

    As many as possible are done at all, each as small as it can be; time that is left makes them
    larger, the most valuable first. A control shrinks by its seeds, then by its folds.

    Args:
        design: what the controls change.
        costs: measured in the refit.
        seconds: wall-clock time there is; None is no limit.
    """
    left = float("inf") if seconds is None else max(0.0, seconds)
    shapes = {
        control: [
            PlannedControl(
                control=control,
                repeats=repeats,
                num_folds=folds,
                seconds=costs.of(design, control, repeats, folds),
            )
            for repeats, folds in _shapes(len(design.seeds), design.num_folds)
        ]
        for control in design.controls
    }
    kept: dict[Control, PlannedControl] = {}
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
    return ControlPlan(parts=tuple(kept.values()), cuts=tuple(cuts))


def _shapes(num_seeds: int, num_folds: int) -> Iterator[tuple[int, int]]:
    """Yields repeats and folds from all of them to the least that can be compared."""
    least = min(_LEAST_SEEDS, num_seeds)
    yield from ((repeats, num_folds) for repeats in range(num_seeds, least, -1))
    yield from ((least, folds) for folds in range(num_folds, LEAST_FOLDS - 1, -1))


def _cut(sizes: list[PlannedControl], kept: PlannedControl | None) -> Iterator[str]:
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

"""What a refit can afford: seeds, configs, folds, epochs that fit the time, for all spaces alike.

Pure arithmetic on measured costs. What shrinks first is what costs the verdict least: the seeds
after the second, which are trained in rounds as time allows, then the runner-up configs, the
default config, and folds. The second seed goes only when nothing else is left, because with one
seed the luck of training is unknown and no win is declared.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import ceil

from search.analysis.verdict.rounds import likely_end
from search.errors import UsageError
from search.prepare.config import RunConfig, format_duration

FLOOR_FOLDS = 3
SEARCH_SHARE = 0.5
"""Of a budget of time, unless the refit needs more than the rest."""
MOST_REFIT_SHARE = 0.7
_LEAST_EPOCHS_SHARE = 1 / 3
# Of the time after the search, in parts of what the refit gets.
PSEUDO_PART = 0.5
WHY_PART = 0.5
VERDICT_SECONDS = 30.0
"""Of a budget, set aside for what follows the trainings: verdict and report."""
# Starting workers, merging files and the imbalance of the last trainings.
_OVERHEAD = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How much is refitted, for every space alike.

    Attributes:
        folds: person-disjoint folds.
        seeds: trainings of every config and fold, at most: rounds end where all is decided.
        configs: best configs of a space.
        default: whether its default config comes on top.
        epochs_share: of every config's own schedule that is trained, in (0, 1].
    """

    folds: int
    seeds: int
    configs: int
    default: bool = True
    epochs_share: float = 1.0

    def describe(self) -> str:
        """Returns the shape in words."""
        best = "chosen config"
        if self.configs > 1:
            best += f", {self.configs - 1} next best"
        also = " and the default" if self.default else ""
        seeds = "1 seed" if self.seeds == 1 else f"{self.seeds} seeds"
        text = f"{best}{also} x {self.folds} folds x {seeds}"
        if self.epochs_share < 1:
            text += f", {self.epochs_share:.0%} of the epochs"
        return text


FULL = Shape(folds=5, seeds=6, configs=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefitPlan:
    """A shape, its expected wall-clock time, and a sentence for all that was cut of the wish."""

    shape: Shape
    seconds: float
    cuts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What trainings cost.

    Attributes:
        photo_seconds: device seconds to train one photo for one epoch, of every config of every
            space: the default first, then the best ones.
        epochs: of the schedule of every space.
        num_photos: of the whole data.
        num_devices: that work at once, in the unit of the device seconds.
        chosen_seconds: as `photo_seconds`, of the config that the search chose; it alone is
            trained where the default is left out, and may be the default itself.
    """

    photo_seconds: Mapping[str, tuple[float, ...]]
    epochs: Mapping[str, int]
    num_photos: int
    num_devices: float
    chosen_seconds: Mapping[str, float] = field(default_factory=dict)

    def seconds(self, shape: Shape) -> float:
        """Returns the expected wall-clock seconds of a refit."""
        total = 0.0
        for space, costs in self.photo_seconds.items():
            photos = self.num_photos * (shape.folds - 1)
            epochs = self.epochs[space] * shape.epochs_share
            chosen = costs[: shape.configs + 1] if shape.default else costs[1 : shape.configs + 1]
            if shape.configs == 1 and not shape.default and space in self.chosen_seconds:
                chosen = (self.chosen_seconds[space],)
            total += sum(chosen or costs) * photos * epochs * shape.seeds
        return _OVERHEAD * total / self.num_devices


def shrinking(wish: Shape) -> Iterator[Shape]:
    """Yields the wish and ever smaller shapes, down to the floor and then to fewer epochs."""
    seen = set()
    few = decisive(wish).seeds
    steps = [
        *(replace(wish, seeds=seeds) for seeds in range(wish.seeds, few - 1, -1)),
        *(replace(wish, seeds=few, configs=configs) for configs in range(wish.configs, 0, -1)),
        *(
            replace(wish, seeds=few, configs=1, default=False, folds=folds)
            for folds in range(wish.folds, FLOOR_FOLDS - 1, -1)
        ),
        replace(decisive(wish), seeds=1),
    ]
    for shape in steps:
        if shape not in seen:
            seen.add(shape)
            yield shape
    for percent in range(90, round(100 * _LEAST_EPOCHS_SHARE) - 1, -10):
        yield replace(steps[-1], epochs_share=percent / 100)


def decisive(wish: Shape) -> Shape:
    """Returns the smallest shape whose verdict can declare a winner: it has two seeds."""
    folds = min(FLOOR_FOLDS, wish.folds)
    return replace(wish, seeds=min(2, wish.seeds), configs=1, default=False, folds=folds)


def smallest(wish: Shape) -> Shape:
    """Returns the shape that costs least: one seed, and fewer epochs."""
    return list(shrinking(wish))[-1]


def parts_after_search(config: RunConfig) -> float:
    """Returns the time after the search, in parts of what the refit gets."""
    pseudo, why = bool(config.pseudo_labels), config.why == "full"
    return 1 + PSEUDO_PART * pseudo + WHY_PART * why


def plan_refit(costs: Costs, seconds: float, wish: Shape = FULL, parts: float = 1.0) -> RefitPlan:
    """Returns the largest shape that fits so many wall-clock seconds.

    Args:
        costs: of trainings.
        seconds: for the refit alone.
        wish: what is refitted where time allows.
        parts: the time after the search, in parts of what the refit gets of it; a budget that
            would afford two seeds is named by it.

    Raises:
        UsageError: not even the smallest shape fits; the message names the time it needs.
    """
    shapes = list(shrinking(wish))
    for shape in shapes:
        expected = costs.seconds(shape)
        if expected <= seconds:
            said = cuts(wish, shape)
            if shape.seeds == 1 < wish.seeds:
                needed = parts * costs.seconds(decisive(wish)) / MOST_REFIT_SHARE + VERDICT_SECONDS
                minutes = ceil(needed / 60)
                said += (
                    f"two seeds, and so a verdict, take a new run of about --budget {minutes}m",
                )
            return RefitPlan(shape=shape, seconds=expected, cuts=said)
    least = costs.seconds(shapes[-1])
    raise UsageError(
        f"the smallest refit ({shapes[-1].describe()}) needs about {format_duration(least)}, and "
        f"{format_duration(max(0.0, seconds))} are left for it; give a larger --budget"
    )


def expected_seconds(planned: RefitPlan, seconds: float | None, full: int) -> float:
    """Returns the wall-clock seconds that a refit is likely to take of those it may.

    It does not use all of its time where no further seed fits, and where all pairs are settled
    before the last one.

    Args:
        planned: its shape and what that costs.
        seconds: that it may take; None is no limit.
        full: seeds of the whole design.
    """
    shape, each = planned.shape, planned.seconds / planned.shape.seeds
    if not each:
        return 0.0
    fit = full if seconds is None else int(seconds / each)
    return each * likely_end(0, max(shape.seeds, min(full, fit)))


def cuts(wish: Shape, shape: Shape) -> tuple[str, ...]:
    """Returns a sentence for everything that a shape lacks of the wish."""
    parts = (
        (wish.seeds, shape.seeds, "seeds", _SEED_COST.get(shape.seeds, _FEW_SEEDS)),
        (
            wish.configs,
            shape.configs,
            "configs per space",
            _CONFIG_COST.get(shape.configs, _FEW_CONFIGS),
        ),
        (wish.folds, shape.folds, "folds", "every model trains on fewer people"),
    )
    found = [
        f"{what}: {now} instead of {wanted}, so {cost}"
        for wanted, now, what, cost in parts
        if now < wanted
    ]
    if wish.default and not shape.default:
        found.append(
            "the default config is left out where another was chosen, so nothing says what the "
            "search was worth"
        )
    if shape.epochs_share < 1:
        found.append(f"{shape.epochs_share:.0%} of the epochs: models are not fully trained")
    return tuple(found)


_CONFIG_COST = {
    1: "the choice among finalists rests on the search, whose luck is in no interval: another one "
    "may find better configs and give another answer"
}
_FEW_CONFIGS = "the choice among finalists rests on the search"
_SEED_COST = {1: "the luck of training stays unknown and no win can be declared"}
_FEW_SEEDS = "small differences stay undecided, unless time is left for more"


def search_share(
    costs: Costs,
    seconds: float,
    wish: Shape = FULL,
    parts: float = 1.0,
) -> float:
    """Returns the share of the time that the search gets; the refit has the rest.

    Half, unless the smallest refit that can declare a winner needs more: then up to seven tenths
    go to the refit.

    Args:
        costs: probed before the search.
        seconds: of wall-clock time for search and refit.
        wish: what is refitted where time allows.
        parts: the time after the search, in parts of what the refit gets of it.

    Raises:
        UsageError: the time is too short for any refit; names the least budget.
    """
    decides = parts * costs.seconds(decisive(wish))
    if decides <= (1 - SEARCH_SHARE) * seconds:
        return SEARCH_SHARE
    if decides <= MOST_REFIT_SHARE * seconds:
        return 1 - decides / seconds
    shape = smallest(wish)
    least = parts * costs.seconds(shape) / MOST_REFIT_SHARE
    if least > seconds:
        needed, got = (format_duration(each + VERDICT_SECONDS) for each in (least, seconds))
        raise UsageError(
            f"--space all needs a budget of at least about {needed} here, which refits the "
            f"{shape.describe()}; got {got}"
        )
    return 1 - MOST_REFIT_SHARE

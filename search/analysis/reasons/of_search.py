"""What a run logged by itself: how far its search flattered, and whether heads pull together.

These are about one approach and explain no pair: the flattery has 5 % of its own, whatever the
verdict decides, and cosines are described alone.

Notation:
    n samples of the search's validation people, C joint classes, S seeds and K folds of the refit,
    T = S * K trainings, E epochs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from search.analysis import wording
from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.metrics import Floats, Ints
from search.analysis.people import People
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.plots import Forest, Lines, Plot, Point
from search.analysis.reasons.reason import Figures, Reason
from search.analysis.uncertainty.interval import Interval

Cosines = Mapping[str, float]
"""Of one epoch: cosine between two heads' gradients on the shared weights, by "a|b"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overtuning(Figures):
    """Score in the search and on fresh folds, and their difference with its interval."""

    search: float
    fresh: float
    gap: float
    interval: tuple[float, float]

    @property
    def flattery(self) -> Interval:
        """The gap with its interval."""
        return Interval(value=self.gap, low=self.interval[0], high=self.interval[1])

    def heading(self, reasons: Sequence[Reason]) -> str:
        """Returns which approach was flattered most."""
        gaps = {
            each.about[0]: each.figures.flattery
            for each in reasons
            if isinstance(each.figures, Overtuning)
        }
        if max(gap.value for gap in gaps.values()) <= 0:
            return "The search did not flatter the configs that it chose"
        sure = [name for name, gap in gaps.items() if gap.low > 0]
        if not sure:
            return "No sign that the search flattered the configs that it chose"
        most = max(sure, key=lambda name: gaps[name].value)
        size = wording.signed(gaps[most].value)
        return f"The search flattered {most} most: {size} against fresh folds"

    def plot(self, reason: Reason) -> Plot:
        """Returns the gap."""
        return Forest(
            title="How much the search flattered",
            rows={reason.about[0]: self.flattery},
            axis="score in the search minus on fresh folds",
        )


def overtuning(
    name: str,
    searched: Ints,
    fresh: Ints,
    people: People,
    classes: Mapping[str, Sequence[str]],
    *,
    epochs_share: float = 1.0,
) -> Reason:
    """Returns by how much the search overrated the config that it chose (M10).

    Both scores are of the same config on the same photos: those on which the search chose it. The
    search's own model was chosen there among many trainings; the refit trained it again, with
    fresh seeds, on other folds. Those hold more people than the search trained on, so a gap
    understates the flattery if anything.

    Args:
        name: of the approach.
        searched: int [n] classes that the search's best models gave.
        fresh: int [S, n] out-of-fold classes of the refit of the same config.
        people: of those samples, with their joint classes; at least two people.
        classes: attribute -> names of its classes, in schema order.
        epochs_share: how much of its schedule the refit could afford.
    """
    parts = [
        Approach(name="search", predicted=np.atleast_2d(searched)),
        Approach(name="fresh", predicted=fresh),
    ]
    evidence = Evidence.of(parts, people, classes)
    terms = [[(1.0, searched), (-1.0, row)] for row in fresh]
    gap = evidence.contrast_by_seed(terms, against_one=True)
    if len(fresh) < 2:  # one training against one: how far two differ by luck nobody knows
        gap = replace(gap, low=-1.0, high=1.0)
    scores = {part.name: evidence.score(part.predicted) for part in parts}
    shorter = "" if epochs_share == 1 else f" with {epochs_share:.0%} of the epochs"
    text = (
        f"On the people it chose by, the chosen config of {name} scored {scores['search']:.3f} in "
        f"the search and {scores['fresh']:.3f} trained again on fresh folds{shorter}: "
        f"a difference of {gap:+.3f}"
    )
    if not gap.excludes_zero:
        text += "; that the search flattered it is not supported by this data"
    return Reason(
        key="overtuning",
        mechanism="M10",
        about=(name,),
        sentence=f"{text}.",
        figures=Overtuning(**scores, gap=gap.value, interval=(gap.low, gap.high)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosine:
    """Of two heads' gradients: the mean over trainings and their range."""

    value: float
    range: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientConflict(Figures):
    """The cosines of every two heads, as "a|b", and a line over epochs for each."""

    cosine: Mapping[str, Cosine]
    trainings: int
    x_name: str
    y_name: str
    lines: Mapping[str, tuple[Point, ...]]

    def heading(self, _reasons: Sequence[Reason]) -> str:
        """Returns how the two heads with the least cosine pull."""
        worst = min(self.cosine, key=lambda pair: self.cosine[pair].value)
        low, high = self.cosine[worst].range
        heads = wording.capital(_names(worst))
        size = wording.signed(self.cosine[worst].value, 2)
        if high < 0:
            return f"{heads} pull the shared weights apart: cosine {size}"
        if low > 0:
            return f"No heads pull the shared weights apart: least cosine {size}"
        if len(self.cosine) == 1:
            return f"{heads} pull neither together nor apart: cosine {size}"
        return f"{heads} agree least on the shared weights: cosine {size}"

    def plot(self, reason: Reason) -> Plot:
        """Returns the cosines over epochs."""
        return Lines(
            title=reason.sentence, lines=self.lines, x_name=self.x_name, y_name=self.y_name
        )


def gradient_conflict(name: str, trainings: Sequence[Sequence[Cosines]]) -> Reason:
    """Returns whether the heads of one network pull its shared weights the same way (M3).

    The cosine of a training is the mean over its epochs. Trainings share most of their people, so
    the range over trainings is told instead of an interval that would take them as independent.

    Args:
        name: of the approach.
        trainings: T trainings of one config, one per fold and seed, each with its E epochs.

    Raises:
        AnalysisError: no training, or one without an epoch or without two heads.
    """
    if not trainings or not all(epochs and epochs[0] for epochs in trainings):
        raise AnalysisError(
            "a gradient conflict needs a cosine of two heads in every training, got "
            f"{[len(epochs) for epochs in trainings]} epochs; leave the reason out"
        )
    pairs = list(trainings[0][0])
    means = {
        pair: np.array([np.mean([cosines[pair] for cosines in t]) for t in trainings])
        for pair in pairs
    }
    ordered = sorted(pairs, key=lambda pair: float(means[pair].mean()))
    said = [_pull(pair, means[pair]) for pair in ordered]
    many = f"{len(trainings)} trainings" if len(trainings) > 1 else "one training"
    return Reason(
        key="gradient_conflict",
        mechanism="M3",
        about=(name,),
        sentence=(f"In {name}, {'; '.join(said)}: means over epochs, with the range over {many}."),
        figures=GradientConflict(
            cosine={
                pair: Cosine(
                    value=float(values.mean()), range=(float(values.min()), float(values.max()))
                )
                for pair, values in means.items()
            },
            trainings=len(trainings),
            x_name="epoch",
            y_name="cosine of two heads' gradients",
            lines={_names(pair): _by_epoch(pair, trainings) for pair in ordered},
        ),
    )


def _pull(pair: str, values: Floats) -> str:
    low, high = float(values.min()), float(values.max())
    how = "pull the shared weights neither together nor apart"
    if high < 0:
        how = "pull the shared weights apart"
    elif low > 0:
        how = "pull the shared weights together"
    return f"{_names(pair)} {how} (cosine {values.mean():+.2f} [{low:+.2f}, {high:+.2f}])"


def _names(pair: str) -> str:
    return " and ".join(n.replace("%7C", "|").replace("%25", "%") for n in pair.split("|"))


def _by_epoch(pair: str, trainings: Sequence[Sequence[Cosines]]) -> tuple[Point, ...]:
    num_epochs = min(len(epochs) for epochs in trainings)
    points = []
    for epoch in range(num_epochs):
        values = [float(epochs[epoch][pair]) for epochs in trainings]
        ends = (min(values), max(values))
        points.append(Point(x=epoch + 1, value=float(np.mean(values)), interval=ends))
    return tuple(points)

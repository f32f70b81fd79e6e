"""What a run logged by itself: how far its search flattered, and whether heads pull together.

Notation:
    n samples of the search's validation people, C joint classes, S seeds and K folds of the refit,
    T = S * K trainings, E epochs.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.metrics import Floats, Ints
from search.analysis.people import People
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.reason import Reason

Cosines = Mapping[str, float]
"""Of one epoch: cosine between two heads' gradients on the shared weights, by "a|b"."""


def overtuning(
    name: str,
    searched: Ints,
    fresh: Ints,
    people: People,
    classes: Mapping[str, Sequence[str]],
    *,
    epochs_share: float = 1.0,
) -> Reason:
    """Returns by how much the search believed its best config to be better than it is (M10).

    Both scores are of the same config on the same photos: those on which the search chose it. The
    search's own model is the luckiest of many trainings there; the refit trained it again, with
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
    gap = evidence.contrast_by_seed([[(1.0, searched), (-1.0, row)] for row in fresh])
    scores = {part.name: evidence.score(part.predicted) for part in parts}
    less, sign = ("less", 1) if gap.value >= 0 else ("more", -1)
    low, high = sorted((sign * gap.low, sign * gap.high))
    shorter = "" if epochs_share == 1 else f" with {epochs_share:.0%} of the epochs"
    text = (
        f"On the people it chose by, the best config of {name} scored {scores['search']:.3f} in "
        f"the search and {scores['fresh']:.3f} trained again on fresh folds{shorter}: "
        f"{abs(gap.value):.3f} {less} [{low:.3f}, {high:.3f}]"
    )
    if not gap.excludes_zero:
        text += "; that the search flattered it is not supported by this data"
    return Reason(
        key="overtuning",
        mechanism="M10",
        about=(name,),
        sentence=f"{text}.",
        figures={**scores, "gap": gap.value, "interval": [gap.low, gap.high]},
    )


def gradient_conflict(name: str, trainings: Sequence[Sequence[Cosines]]) -> Reason:
    """Returns whether the heads of one network pull its shared weights the same way (M3).

    The cosine of a training is the mean over its epochs. Trainings share most of their people, so
    the range over trainings is told instead of an interval that would take them as independent.

    Args:
        name: of the approach.
        trainings: T trainings of one config, one a fold and seed, each with its E epochs.

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
        figures={
            "cosine": {
                pair: {
                    "value": float(values.mean()),
                    "range": [float(values.min()), float(values.max())],
                }
                for pair, values in means.items()
            },
            "trainings": len(trainings),
            "x_name": "epoch",
            "y_name": "cosine of two heads' gradients",
            "lines": {_names(pair): _by_epoch(pair, trainings) for pair in ordered},
        },
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
    return " and ".join(pair.split("|"))


def _by_epoch(pair: str, trainings: Sequence[Sequence[Cosines]]) -> list[dict[str, object]]:
    num_epochs = min(len(epochs) for epochs in trainings)
    points: list[dict[str, object]] = []
    for epoch in range(num_epochs):
        values = [float(epochs[epoch][pair]) for epochs in trainings]
        points.append(
            {
                "x": epoch + 1,
                "value": float(np.mean(values)),
                "interval": [min(values), max(values)],
            }
        )
    return points

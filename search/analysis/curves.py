"""Anytime curves: the score a search had in hand after so many device seconds.

Notation: trials 1..T in the order they ended; c_i device seconds of trial i, v_i its value. After
trial i the search has spent c_1 + .. + c_i and holds max(v_1 .. v_i).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from search.analysis.errors import AnalysisError


class TrialEnd(NamedTuple):
    """How a trial ended: `time` in s on one clock, `value` None where it gave none.

    `trial` is its number, for a `combine` that looks up its predictions.
    """

    time: float
    device_seconds: float
    value: float | None
    trial: int = -1


Combine = Callable[[Mapping[str, TrialEnd]], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A step curve: from `device_seconds[i]` on, until the next, the score is `values[i]`.

    Attributes:
        name: of the approach or space.
        device_seconds: increasing.
        values: as many scores.
        spent: device seconds of the whole search, where the last step ends.

    Raises:
        AnalysisError: lengths differ, or the device seconds do not increase up to `spent`.
    """

    name: str
    device_seconds: tuple[float, ...]
    values: tuple[float, ...]
    spent: float

    def __post_init__(self) -> None:
        times = (*self.device_seconds, self.spent)
        if len(self.device_seconds) != len(self.values) or list(times) != sorted(times):
            raise AnalysisError(
                f"a curve needs a value for each of its increasing device seconds, got "
                f"{len(self.values)} values for {self.device_seconds} of {self.spent} in "
                f"{self.name!r}"
            )


def product_of_scores(best: Mapping[str, TrialEnd]) -> float:
    """Returns the product of the parts' own scores.

    What the joint score would be if the errors of the attributes were independent and equally
    frequent in every class: an estimate on the scale of the joint macro-F1, not a measured one.
    """
    return math.prod(end.value or 0.0 for end in best.values())


def best_so_far(name: str, ends: Sequence[TrialEnd]) -> Curve:
    """Returns the best score of one space against the device seconds it has spent.

    Trials without a value cost their device seconds and raise nothing. Equal times keep the order
    given.
    """
    return best_of_parts(name, {name: ends}, product_of_scores)


def best_of_parts(
    name: str, parts: Mapping[str, Sequence[TrialEnd]], combine: Combine = product_of_scores
) -> Curve:
    """Returns the score of an approach made of several spaces, such as one per attribute.

    What is combined: at every moment the trial of the highest score so far of each space, by the
    space's own metric; at its end a search may choose another. `combine` turns those into one
    score. The
    device seconds are those of all spaces together, and the curve begins when the last space has
    its first value. The default `combine` multiplies the attributes' scores
    (`product_of_scores`); give one that scores the product of their stored validation
    probabilities to have the measured joint macro-F1. Such a score can fall when an attribute gets
    better: the curve shows what the approach has in hand, not its luckiest moment.

    Args:
        name: of the approach.
        parts: space -> ends of its trials, in any order, times on one clock.
        combine: space -> its best trial so far; called when a best trial changes.
    """
    merged = sorted(
        ((end, part) for part, ends in parts.items() for end in ends),
        key=lambda item: item[0].time,
    )
    best: dict[str, TrialEnd] = {}
    spent = 0.0
    steps: dict[float, float] = {}
    for end, part in merged:
        spent += end.device_seconds
        if not _is_better(end, best.get(part)):
            continue
        best[part] = end
        if len(best) == len(parts):
            steps[spent] = combine(best)
    return Curve(
        name=name,
        device_seconds=tuple(steps),
        values=tuple(steps.values()),
        spent=spent,
    )


def _is_better(end: TrialEnd, best: TrialEnd | None) -> bool:
    if end.value is None or not math.isfinite(end.value):
        return False
    return best is None or best.value is None or end.value > best.value

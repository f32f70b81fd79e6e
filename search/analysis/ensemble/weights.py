"""Weights of the members of an ensemble: greedy selection and CMA-ES, both for macro-F1.

Notation:
    M members, N samples, C classes, D members in use. probs: float32 [M, N, C]; y: int [N].

Inside, samples are sorted by class and lie last, [C, N]: then the counts of a weighting are sums
over whole rows of `sums == sums.max(axis=0)`, the hits of a class those over its own stretch of
the row, and one evaluation takes about a millisecond for 18,900 samples and 18 classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.analysis.errors import AnalysisError
from search.analysis.fitting.cross_fit import Mask
from search.analysis.metrics import Floats, Ints, as_classes, macro_f1_of_counts

_SIGMA = 0.3  # of log weights, first generation: a third more or less of a member
_LOSS_SHARE = 1e-3  # of the log-loss in CMA-ES' objective: it orders weights of equal macro-F1
_TINY = 1e-12

Probs = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What an ensemble may cost; None is no limit.

    Attributes:
        max_members: different members, >= 1.
        max_ms: serving milliseconds per photo, > 0; every different member counts once. Mirrored
            photos are not used under it: the time buys more as another network.
    """

    max_members: int | None = None
    max_ms: float | None = None

    def __post_init__(self) -> None:
        if (self.max_members is not None and self.max_members < 1) or (
            self.max_ms is not None and not self.max_ms > 0
        ):
            raise AnalysisError(
                f"`max_members >= 1` and `max_ms > 0` must hold, got max_members="
                f"{self.max_members}, max_ms={self.max_ms}; None is no limit"
            )

    def allowed(self, taken: Mask, costs_ms: Floats) -> Mask:
        """Returns the members, bool [M], that may be taken (again) beside those taken."""
        if self.max_members is not None and taken.sum() >= self.max_members:
            return taken
        if self.max_ms is None:
            return np.ones_like(taken)
        within: Mask = costs_ms[taken].sum() + costs_ms <= self.max_ms
        return taken | within

    def admits(self, costs_ms: Sequence[float]) -> bool:
        """Returns whether different members of these costs may be taken together."""
        return (self.max_members is None or len(costs_ms) <= self.max_members) and (
            self.max_ms is None or sum(costs_ms) <= self.max_ms
        )


def greedy_selection(
    probs: ArrayLike,
    y: ArrayLike,
    *,
    num_steps: int = 30,
    limit: Limit,
    costs_ms: ArrayLike | None = None,
) -> Ints:
    """Returns how often each member is taken, int [M], by greedy selection for macro-F1.

    Ensemble selection with replacement (Caruana et al. 2004, section 2.1): from the best member
    on, each step takes the member that makes the mean of all taken best; ties go to the first.
    Of all steps the best is returned, so it is never worse than the best member alone.

    Args:
        probs: float [M, N, C].
        y: int [N].
        num_steps: members to take, >= 1.
        limit: on different members and their cost.
        costs_ms: float [M], of every member; needed where `limit.max_ms` is set.

    Raises:
        AnalysisError: arrays that do not fit, costs missing, or no member within the limit.
    """
    array, scorer = _laid_out(probs, y)
    costs = _costs(costs_ms, len(array), limit)
    sums, scratch = np.zeros(array.shape[1:], np.float32), np.empty(array.shape[1:], np.float32)
    counts = np.zeros(len(array), dtype=np.int64)
    best, best_counts = -1.0, counts
    for _ in range(num_steps):
        open_to = np.flatnonzero(limit.allowed(counts > 0, costs))
        if not open_to.size:
            raise AnalysisError(
                f"no member keeps within {limit.max_ms} ms a photo, the fastest takes "
                f"{costs.min():.3g} ms; raise the limit"
            )
        scores = [scorer.macro_f1(np.add(sums, array[m], out=scratch)) for m in open_to]
        winner = int(np.argmax(scores))
        counts[open_to[winner]] += 1
        sums += array[open_to[winner]]
        if scores[winner] > best:
            best, best_counts = scores[winner], counts.copy()
    return best_counts


def cma_weights(
    probs: ArrayLike, y: ArrayLike, start: ArrayLike, *, num_evaluations: int = 300, seed: int
) -> Floats:
    """Returns weights, float [M], sum 1, with the macro-F1 of `start` or a better one.

    CMA-ES over the logarithms of the weights, normalised by softmax, as Purucker and Beel (2023,
    CMA-ES for post hoc ensembling in AutoML, section 5) found needed against overfitting.

    Args:
        probs: float [M, N, C].
        y: int [N].
        start: float [M], >= 0, such as the counts of greedy selection; 0 stays 0.
        num_evaluations: at most about this many weightings are tried.
        seed: of CMA-ES.

    Raises:
        AnalysisError: arrays that do not fit, or no positive weight to start from.
    """
    first = np.asarray(start, dtype=float)
    used = np.flatnonzero(first)
    if first.shape != np.shape(probs)[:1] or not used.size or first.min() < 0:
        raise AnalysisError(
            f"CMA-ES starts from {len(np.asarray(probs))} weights >= 0, not all 0, got {first}"
        )
    best: Floats = first / first.sum()
    if len(used) == 1:
        return best
    array, scorer = _laid_out(np.asarray(probs)[used], y)
    flat = array.reshape(len(used), -1)
    best_value = scorer.values(best[None, used], flat)[0]
    # With it comes scipy.stats, which is slow to load, and which no search needs.
    from cmaes import CMA

    search = CMA(mean=np.log(first[used]), sigma=_SIGMA, seed=seed)
    for _ in range(max(1, num_evaluations // search.population_size)):
        points = np.stack([search.ask() for _ in range(search.population_size)])
        weights = np.exp(points - points.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        values = scorer.values(weights, flat)
        losses = [loss * _LOSS_SHARE - score for score, loss in values]
        search.tell(list(zip(points, losses, strict=True)))
        lead = int(np.argmin(losses))
        if (values[lead][0], -values[lead][1]) > (best_value[0], -best_value[1]):
            best_value = values[lead]
            best = np.zeros_like(first)
            best[used] = weights[lead]
    # A product may break the ties of classes by their place, so the promise is kept by sums.
    start_score, score = (
        scorer.macro_f1(mixture(array, rows[used])) for rows in (first / first.sum(), best)
    )
    return best if score >= start_score else first / first.sum()


def mixture(members: Probs, weights: Floats) -> Probs:
    """Returns the weighted sum of members [M, ...], float32; equal probabilities stay equal."""
    mixed: Probs = np.zeros(members.shape[1:], dtype=np.float32)
    for weight, probs in zip(weights.astype(np.float32), members, strict=True):
        mixed += weight * probs
    return mixed


class _Scorer:
    """Scores of summed probabilities [C, N] whose samples are sorted by class."""

    def __init__(self, y: Ints, num_classes: int) -> None:
        self.y = np.sort(y)
        bounds = np.searchsorted(self.y, np.arange(num_classes + 1)).tolist()
        self.stretches = [slice(low, high) for low, high in pairwise(bounds)]
        self.actual = np.diff(bounds)
        self.columns = np.arange(len(y))

    def macro_f1(self, sums: Probs) -> float:
        """Returns the macro-F1 of the classes with the largest sums; ties to the first class."""
        chosen = sums == sums.max(axis=0)
        predicted = [np.count_nonzero(row) for row in chosen]
        if sum(predicted) != sums.shape[1]:
            chosen[1:] &= ~np.logical_or.accumulate(chosen[:-1], axis=0)
            predicted = [np.count_nonzero(row) for row in chosen]
        own = zip(chosen, self.stretches, strict=True)
        hits = [np.count_nonzero(row[stretch]) for row, stretch in own]
        return float(macro_f1_of_counts(np.array([hits, predicted, self.actual], dtype=float)))

    def values(self, weights: Floats, flat: Probs) -> list[tuple[float, float]]:
        """Returns macro-F1 and log-loss (nats) of weightings [B, D] of members [D, C * N]."""
        mixed = (weights.astype(np.float32) @ flat).reshape(len(weights), -1, len(self.y))
        true = np.maximum(mixed[:, self.y, self.columns], _TINY)
        losses = -np.log(true).mean(axis=1, dtype=float)
        return [(self.macro_f1(sums), float(los)) for sums, los in zip(mixed, losses, strict=True)]


def _laid_out(probs: ArrayLike, y: ArrayLike) -> tuple[Probs, _Scorer]:
    """Returns the members as float32 [M, C, N], samples sorted by class, and their scorer."""
    array = np.asarray(probs, dtype=np.float32)
    if array.ndim != 3 or 0 in array.shape or not np.isfinite(array).all():
        raise AnalysisError(
            f"members must have finite probabilities [members, samples, classes] with one or more "
            f"of each, got shape {array.shape}"
        )
    true = as_classes(y, array.shape[2], "true classes")
    if true.shape != array.shape[1:2]:
        raise AnalysisError(
            f"labels must be one a sample, got {true.shape} labels for {array.shape} probabilities"
        )
    order = np.argsort(true, kind="stable")
    laid = np.stack([np.ascontiguousarray(member.T)[:, order] for member in array])
    return laid, _Scorer(true, array.shape[2])


def _costs(costs_ms: ArrayLike | None, num: int, limit: Limit) -> Floats:
    if costs_ms is None and limit.max_ms is None:
        return np.zeros(num)
    costs = np.asarray(costs_ms, dtype=float)
    if costs.shape != (num,) or not costs.min() > 0:
        raise AnalysisError(
            f"a limit of {limit.max_ms} ms needs a cost > 0 ms of each of the {num} members, got "
            f"{costs.tolist()}"
        )
    return costs

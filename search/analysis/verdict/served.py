"""Pairs as they would be served: seeds averaged, or as many networks on both sides.

Both are estimates beside the verdict. Averaging seeds takes luck away, but how much of what is
left is luck of training cannot be seen in one average. So the variance is that over people of the
averaged predictions, and what training adds to the single seeds is added here too.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from search.analysis.approaches.approach import Approach
from search.analysis.metrics import Ints
from search.analysis.people import People
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import Interval
from search.analysis.uncertainty.score_sheet import ScoreSheet, score_sheet
from search.analysis.uncertainty.training_luck import TrainingLuck
from search.analysis.verdict.statements import EqualNetworks


def deployed(
    approaches: Sequence[Approach], people: People, sheet: ScoreSheet, *, fixed_models: bool
) -> list[Interval | None]:
    """Returns for all pairs the difference of the predictions averaged over as many seeds.

    Args:
        approaches: to be compared.
        people: labels and people.
        sheet: whose first rows are the single seeds of the approaches.
        fixed_models: whether the training seeds are no part of the question.

    Returns:
        None for a pair without an average: one side has one seed, or predictions alone, which
        cannot be averaged.
    """
    found: list[Interval | None] = []
    for i, j in combinations(range(len(approaches)), 2):
        a, b = approaches[i], approaches[j]
        single = sheet.pair(i, j, fixed_models=fixed_models)
        # Rounds may have trained one side on: as many seeds of both are served.
        num = min(len(a.predicted), len(b.predicted))
        rows = [row for row in (_averaged(part, num) for part in (a, b)) if row is not None]
        if num == 1 or len(rows) < 2 or not (fixed_models or single.num_seeds > 1):
            found.append(None)
        else:
            found.append(_difference(rows, (a, b), people, single, (num, num)))
    return found


def equal_networks(
    approaches: Sequence[Approach], people: People, sheet: ScoreSheet, *, fixed_models: bool
) -> list[EqualNetworks | None]:
    """Returns for all pairs the difference where both serve with about as many networks.

    Of the side with n networks a seed counts as it is; of the side with m < n, the average of
    n // m seeds. Averages have no seed in common.

    Args:
        approaches: to be compared.
        people: labels and people.
        sheet: whose first rows are the single seeds of the approaches.
        fixed_models: whether the training seeds are no part of the question.
    """
    found: list[EqualNetworks | None] = []
    for i, j in combinations(range(len(approaches)), 2):
        pair = approaches[i], approaches[j]
        few = min(pair, key=lambda part: part.num_networks)
        size = max(part.num_networks for part in pair) // few.num_networks
        averages = _averages(few, size) if size > 1 else None
        single = sheet.pair(i, j, fixed_models=fixed_models)
        if averages is None or not (fixed_models or single.num_seeds > 1):
            found.append(None)
            continue
        rows = [averages if part is few else part.predicted for part in pair]
        nums = [size * len(averages) if part is few else len(part.predicted) for part in pair]
        found.append(
            EqualNetworks(
                difference=_difference(rows, pair, people, single, nums),
                averaged=few.name,
                seeds=size,
                averages=len(averages),
            )
        )
    return found


def _difference(
    rows: Sequence[Ints],
    pair: tuple[Approach, Approach],
    people: People,
    single: PairEstimate,
    num_seeds: Sequence[int],
) -> Interval:
    """Returns the difference of predictions, each int [S, N], with the luck of single seeds.

    Args:
        rows: predictions of both sides.
        pair: the two sides.
        people: labels and people.
        single: the difference of their single seeds, whose luck is that of means over all of them.
        num_seeds: that the predictions of each side were made of.
    """
    luck = [part.choice_variance for part in pair]
    served = score_sheet(rows, people, choice_variances=luck).pair(0, 1, fixed_models=True)
    first, second = single.training
    one, two = num_seeds
    if second.variance == second.interaction == 0:  # it is the luck of the paired difference
        one = min(num_seeds)
    return replace(served, training=(_of_fewer(first, one), _of_fewer(second, two))).interval


def _of_fewer(luck: TrainingLuck, num_seeds: int) -> TrainingLuck:
    """Returns the luck of a mean over some of the seeds, known as well as that over all."""
    times = luck.num_seeds / num_seeds
    return replace(luck, variance=times * luck.variance, interaction=times * luck.interaction)


def _averaged(approach: Approach, num: int) -> Ints | None:
    """Returns the predictions of the first seeds averaged, int [1, N]; None where not known."""
    if num == len(approach.predicted):
        return None if approach.ensemble is None else approach.ensemble[None]
    if approach.probs is None:
        return None
    return np.asarray(approach.probs[:num].mean(axis=0).argmax(axis=-1)[None], dtype=np.int64)


def _averages(approach: Approach, size: int) -> Ints | None:
    """Returns the classes, int [S // size, N], of averages over different seeds."""
    if approach.probs is None or len(approach.probs) < size:
        return None
    num = len(approach.probs) // size
    groups = approach.probs[: num * size].reshape(num, size, *approach.probs.shape[1:])
    return np.asarray(groups.mean(axis=1).argmax(axis=-1), dtype=np.int64)

"""A portfolio of configs: the best one, then those that cover the other good ones best.

Notation:
    w_i in (0, 1]   merit of config i: its rank by score, the best 1
    s_ij in [0, 1]  likeness of two configs: over the parameters that either has, 1 for the same
                    choice, 1 minus the distance of their ranks for numbers, 0 where one has none

The portfolio P grows by the config that adds most to sum_i w_i max_{j in P} w_j s_ij. That sum is
a facility location, submodular, so the greedy choice is at least 63 % of the best possible
(Nemhauser et al. 1978). A near copy of a chosen config adds next to nothing: the portfolio is
diverse by construction.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from search.analysis.errors import AnalysisError
from search.analysis.metrics import Floats

Params = Mapping[str, str | int | float | bool]


def cover(
    configs: Sequence[Params], scores: Sequence[float], size: int, first: int | None = None
) -> tuple[int, ...]:
    """Returns places of the configs of a portfolio, in the order of their choice.

    Args:
        configs: parameters by name.
        scores: as many; larger is better.
        size: configs at most; fewer where no other adds anything, as copies of chosen ones do not.
        first: place of the config to begin with; None is the highest score.

    Raises:
        AnalysisError: the lengths differ.
    """
    if len(configs) != len(scores):
        raise AnalysisError(
            f"every config needs a score, got {len(scores)} for {len(configs)} configs"
        )
    if not configs:
        return ()
    merit = stats.rankdata(scores) / len(scores)
    gains = merit[:, None] * merit * likeness(configs)  # of config i, by a portfolio of j
    chosen = [int(np.argmax(scores)) if first is None else first]
    covered = gains[:, chosen[0]]
    while len(chosen) < size:
        added = np.maximum(gains, covered[:, None]).sum(axis=0) - covered.sum()
        # A copy of the first one may have a higher score than it.
        added[[any(config == configs[place] for place in chosen) for config in configs]] = 0.0
        best = int(np.argmax(added))
        if added[best] <= 1e-9:
            break
        chosen.append(best)
        covered = np.maximum(covered, gains[:, best])
    return tuple(chosen)


def likeness(configs: Sequence[Params]) -> Floats:
    """Returns how much alike configs are, float [n, n] in [0, 1], 1 on the diagonal."""
    names = sorted({name for config in configs for name in config})
    total = np.zeros((len(configs), len(configs)))
    asked = np.zeros_like(total)
    for name in names:
        has = np.array([name in config for config in configs])
        total += _likeness_of([config.get(name) for config in configs]) * np.outer(has, has)
        asked += np.logical_or.outer(has, has)
    return np.divide(total, asked, out=np.ones_like(total), where=asked > 0)


def _likeness_of(values: Sequence[str | int | float | bool | None]) -> Floats:
    given = [value for value in values if value is not None]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in given):
        numbers = np.array([np.nan if value is None else value for value in values], dtype=float)
        ranks = stats.rankdata(numbers, method="dense", nan_policy="omit")
        ranks = np.nan_to_num(ranks) - 1
        return np.asarray(1 - np.abs(ranks[:, None] - ranks) / max(1.0, float(ranks.max())))
    return np.array([[float(a == b) for b in values] for a in values])

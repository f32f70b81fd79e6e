"""Class-balanced sampling of variable strength."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def epoch_order(
    classes: NDArray[np.int64], power: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Returns the positions [N] that one epoch visits, in order.

    Every sample comes as often as its weight says, N w / sum(w) times, rounded down or up by luck
    (systematic sampling: Madow 1949). Drawn independently, a third of the samples would be missing
    from every epoch, which has nothing to do with balance.

    Args:
        classes: class of each training sample, int [N].
        power: weights are n_class^-power: 0 visits every sample once, 1 every class equally often,
            values between are milder.
        rng: the epoch's generator.
    """
    order = rng.permutation(len(classes))
    if power == 0:
        return order
    weights = np.bincount(classes)[classes[order]].astype(np.float64) ** -power
    ends = np.cumsum(weights) * (len(classes) / weights.sum())
    drawn = np.searchsorted(ends, rng.random() + np.arange(len(classes)), side="right")
    visited: NDArray[np.int64] = order[np.minimum(drawn, len(classes) - 1)]
    return rng.permutation(visited)


def batches(order: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """Splits samples [N] of an epoch into batches of nearly equal size, none of a single sample.

    A last batch of one sample would break batch normalisation; dropping it would lose data every
    epoch, so the sizes are evened out instead.
    """
    return order.tensor_split(num_batches(len(order), batch_size))


def num_batches(num_samples: int, batch_size: int) -> int:
    """Returns how many batches an epoch has.

    None has one sample. None is larger than `batch_size`, but one of three where an odd number of
    samples goes in pairs.
    """
    return max(1, min(-(-num_samples // batch_size), num_samples // 2))

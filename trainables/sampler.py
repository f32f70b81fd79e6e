"""Class-balanced sampling of variable strength."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor


def epoch_order(
    classes: NDArray[np.int64], power: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Returns the positions [N] that one epoch visits, in order.

    Args:
        classes: class of each training sample, int [N].
        power: 0 is a permutation (every sample once). Otherwise samples are drawn with replacement
            with weight n_class^-power: 1 draws classes equally often, values between are milder.
        rng: the epoch's generator.
    """
    if power == 0:
        return rng.permutation(len(classes))
    counts = np.bincount(classes)
    weights = counts[classes].astype(np.float64) ** -power
    return rng.choice(len(classes), size=len(classes), p=weights / weights.sum())


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

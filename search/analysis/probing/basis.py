"""The directions in which frozen features differ most, learnt from the training samples alone.

Notation:
    N samples, F features, k directions, k <= F.

Features are standardised, rotated to their principal directions and cut off after k of them; ridge
does not notice a rotation, and what is cut off are the directions with the least variance.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.analysis.errors import AnalysisError
from search.analysis.metrics import Floats, Ints

Features = NDArray[np.float32]

NUM_DIRECTIONS = 128
_CHUNK = 4096  # samples held as float64 at a time
_SPARE = 16
_ROUNDS = 4
_LEAST_SHARE = 1e-10  # of a variance that is more than rounding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moments:
    """Sums over samples, from which those of any part can be taken away.

    Attributes:
        num: of samples.
        total: float [F].
        products: float [F, F], sums of products of two features.
    """

    num: int
    total: Floats
    products: Floats

    @classmethod
    def of(cls, features: Features, rows: Ints) -> Self:
        """Returns the sums over some samples, int [n], of features [N, F], chunk by chunk."""
        width = features.shape[1]
        total, products = np.zeros(width), np.zeros((width, width))
        for start in range(0, len(rows), _CHUNK):
            part = np.asarray(features[rows[start : start + _CHUNK]], dtype=np.float64)
            total += part.sum(axis=0)
            products += part.T @ part
        return cls(num=len(rows), total=total, products=products)

    def __sub__(self, part: "Moments") -> "Moments":
        """Returns the sums over the other samples."""
        return Moments(
            num=self.num - part.num,
            total=self.total - part.total,
            products=self.products - part.products,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basis:
    """How features become coordinates whose squares sum to 1 on average.

    Attributes:
        mean: float [F].
        directions: float [F, k], with the scale of every feature in them.
    """

    mean: Floats
    directions: Floats

    @classmethod
    def of(cls, moments: Moments, num: int = NUM_DIRECTIONS) -> Self:
        """Returns the basis of the samples that the moments are of.

        By subspace iteration (Halko, Martinsson and Tropp 2011, Finding structure with randomness,
        algorithm 4.4) from a fixed start.

        Args:
            moments: of two samples or more.
            num: k; fewer where there are fewer features.

        Raises:
            AnalysisError: a single sample.
        """
        if moments.num < 2:
            raise AnalysisError(f"a basis needs two samples or more, got {moments.num}")
        mean = moments.total / moments.num
        covariance = moments.products / moments.num - np.outer(mean, mean)
        variance = covariance.diagonal()
        # What does not differ tells nothing, and would be divided by nothing.
        differs = variance > _LEAST_SHARE * np.maximum(moments.products.diagonal(), 1e-300)
        scale = np.where(differs, np.sqrt(np.where(differs, variance, 1.0)), np.inf)
        correlation = covariance / scale[:, None] / scale
        found = _leading(correlation, min(num, len(mean)))
        length = np.sqrt(max(1, int(differs.sum())))
        return cls(mean=mean, directions=found / scale[:, None] / length)

    def coordinates(self, features: Features, rows: ArrayLike) -> Features:
        """Returns the coordinates of some samples, float32 [n, k], of features [N, F]."""
        part = features[np.asarray(rows)] - self.mean.astype(np.float32)
        found: Features = part @ self.directions.astype(np.float32)
        return found


def _leading(matrix: Floats, num: int) -> Floats:
    """Returns the leading eigenvectors of a symmetric matrix [F, F], float [F, num]."""
    width = len(matrix)
    if width <= num + _SPARE:
        return np.ascontiguousarray(np.linalg.eigh(matrix)[1][:, ::-1][:, :num])
    block = np.random.default_rng(0).standard_normal((width, num + _SPARE))
    for _ in range(_ROUNDS):
        block = np.linalg.qr(matrix @ block)[0]
    inner = np.linalg.eigh(block.T @ matrix @ block)[1]
    found: Floats = block @ inner[:, ::-1][:, :num]
    return found

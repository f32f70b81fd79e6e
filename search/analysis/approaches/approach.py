"""The predicted joint classes of one approach, checked once.

Notation: N samples, C joint classes, S training seeds.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from search.analysis.errors import AnalysisError
from search.analysis.metrics import Ints

Probs = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Approach:
    """Predicted joint classes of one approach.

    Attributes:
        name: shown everywhere.
        predicted: int [S, N], the headline, without post-hoc biases.
        ensemble: int [N], of the probabilities averaged over seeds; None with one seed.
        with_rule: int [S, N], with nested, cross-fitted class biases; None where there is none.
        choice_variance: of the mean score over seeds, from the choice of configs
            (`search.analysis.approaches.choice_luck`); 0 where nothing was chosen.
        log_choice_variance: the same of the mean log score over seeds.
        probs: float [S, N, C], the joint probabilities; None where only predictions are known.
        num_networks: that one seed of it serves with.
        variants: int [n, S, N] of every model with n >= 2 finalists: the predictions with each of
            them in its place.
    """

    name: str
    predicted: Ints
    ensemble: Ints | None = None
    with_rule: Ints | None = None
    choice_variance: float = 0.0
    log_choice_variance: float = 0.0
    probs: Probs | None = None
    num_networks: int = 1
    variants: tuple[Ints, ...] = ()

    def __post_init__(self) -> None:
        shape = self.predicted.shape
        if self.predicted.ndim != 2 or 0 in shape:
            raise AnalysisError(
                f"predictions of {self.name!r} must be [seeds, samples] with one or more of "
                f"each, got shape {shape}"
            )
        for what, luck in (
            ("choice_variance", self.choice_variance),
            ("log_choice_variance", self.log_choice_variance),
        ):
            if not luck >= 0:
                raise AnalysisError(f"`{what} >= 0` must hold, got {luck} for {self.name!r}")
        if self.num_networks < 1:
            raise AnalysisError(
                f"`num_networks >= 1` must hold, got {self.num_networks} for {self.name!r}"
            )
        others = {
            "with_rule": (self.with_rule, shape),
            "ensemble": (self.ensemble, shape[1:]),
            "probs": (None if self.probs is None else self.probs[..., 0], shape),
            **{f"variants[{i}]": (each[0], shape) for i, each in enumerate(self.variants)},
        }
        for what, (array, expected) in others.items():
            if array is not None and array.shape != expected:
                raise AnalysisError(
                    f"`{what}` of {self.name!r} must have shape {expected}, got {array.shape}"
                )

    @classmethod
    def from_probs(
        cls,
        name: str,
        probs: ArrayLike,
        with_rule: ArrayLike | None = None,
        choice_variance: float = 0.0,
        log_choice_variance: float = 0.0,
        num_networks: int = 1,
        variants: tuple[Ints, ...] = (),
    ) -> "Approach":
        """Returns the approach of joint probabilities, float [S, N, C], which it keeps as float32.

        Raises:
            AnalysisError: not three axes, or a probability is not finite.
        """
        array = np.asarray(probs, dtype=float)
        if array.ndim != 3 or not np.isfinite(array).all():
            raise AnalysisError(
                f"probabilities of {name!r} must be finite [seeds, samples, classes], got shape "
                f"{array.shape}"
            )
        return cls(
            name=name,
            predicted=array.argmax(axis=-1).astype(np.int64),
            ensemble=array.mean(axis=0).argmax(axis=-1) if len(array) > 1 else None,
            with_rule=None if with_rule is None else np.asarray(with_rule, dtype=np.int64),
            choice_variance=choice_variance,
            log_choice_variance=log_choice_variance,
            probs=array.astype(np.float32),
            num_networks=num_networks,
            variants=variants,
        )

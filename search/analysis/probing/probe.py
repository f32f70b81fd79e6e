"""A linear probe scored on people that it never saw, its strength chosen among the others.

Notation:
    N samples, F features, K classes, L strengths.
    fold: int [N], the fold of every sample; no person is in two.

For every fold the probe is fitted on the people of the other folds alone: their features make the
basis, their labels the weights, and the strength of its ridge is the one with the best log score
on folds among them that a fit had left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from search.analysis.metrics import Floats, Ints
from search.analysis.probing.basis import Basis, Features, Moments
from search.analysis.probing.logistic import fit_logistic, log_losses, probabilities

STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2)
"""Of ridge, on coordinates whose squares sum to 1: from nearly none to nearly all."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Division:
    """One fold out, the others to learn from.

    Attributes:
        train: int [n] samples of the other folds.
        out: int [m] samples of the fold.
        x: float32 [n, k] coordinates of `train`.
        x_out: float32 [m, k] coordinates of `out`, in the basis of `train`.
        inner: int [n], the fold of every training sample.
        validated: the folds that one after another choose the strength.
    """

    train: Ints
    out: Ints
    x: Features
    x_out: Features
    inner: Ints
    validated: tuple[int, ...]

    @classmethod
    def of(
        cls, features: Features, moments: Moments, fold: Ints, out: int, num_validated: int
    ) -> Self:
        """Returns the division that leaves a fold out.

        Args:
            features: float32 [N, F].
            moments: of all samples.
            fold: of every sample, from 0; three folds or more.
            out: the fold left out.
            num_validated: folds that choose the strength, those that follow `out`.
        """
        num_folds = int(fold.max()) + 1
        train, left = np.flatnonzero(fold != out), np.flatnonzero(fold == out)
        basis = Basis.of(moments - Moments.of(features, left))
        follow = [(out + step) % num_folds for step in range(1, num_folds)]
        return cls(
            train=train,
            out=left,
            x=basis.coordinates(features, train),
            x_out=basis.coordinates(features, left),
            inner=fold[train],
            validated=tuple(follow[:num_validated]),
        )

    def losses(self, label: Ints, num_classes: int) -> Floats:
        """Returns the log loss of every strength on training people it was not fitted on, [L].

        Args:
            label: int [N] of all samples.
            num_classes: K.
        """
        own, total = label[self.train], np.zeros(len(STRENGTHS))
        for each in self.validated:
            seen = self.inner != each
            weights = fit_logistic(self.x[seen], own[seen], num_classes, STRENGTHS)
            probs = probabilities(self.x[~seen], weights)
            total += log_losses(probs, own[~seen]) * (~seen).sum()
        return total

    def fitted(self, label: Ints, num_classes: int, strength: float) -> Features:
        """Returns the probabilities of the samples left out, float32 [m, K].

        Args:
            label: int [N] of all samples.
            num_classes: K.
            strength: of the ridge.
        """
        weights = fit_logistic(self.x, label[self.train], num_classes, (strength,))
        found: Features = probabilities(self.x_out, weights)[0]
        return found


def strongest(losses: Floats) -> float:
    """Returns the strength with the least loss, float [L]; of equals the larger one."""
    return STRENGTHS[len(STRENGTHS) - 1 - int(np.argmin(losses[::-1]))]


def divisions(
    features: Features, moments: Moments, fold: Ints, num_validated: int
) -> Sequence[Callable[[], Division]]:
    """Returns what makes the division of every fold, so that not all need be held at once.

    The arguments are those of `Division.of`.
    """

    def of(out: int) -> Callable[[], Division]:
        """Returns what makes the division of one fold."""
        return lambda: Division.of(features, moments, fold, out, num_validated)

    return [of(out) for out in range(int(fold.max()) + 1)]

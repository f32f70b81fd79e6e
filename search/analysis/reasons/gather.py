"""The reasons that stored predictions can give: all of them for a pair, or for an approach.

Notation:
    N samples, C joint classes, S seeds. probs: float [S, N, C]; y: int [N].
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from search.analysis import wording
from search.analysis.fitting.calibration import (
    cross_fit_calibration,
    expected_calibration_error,
    negative_log_likelihood,
)
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import Floats
from search.analysis.reasons.attribution import attribution
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.of_attributes import error_budget, scores_by_state
from search.analysis.reasons.of_numbers import boundary_view
from search.analysis.reasons.of_pairs import class_size, decision_rule, error_overlap
from search.analysis.reasons.plots import Bars, Bin, Plot, Reliability
from search.analysis.reasons.reason import Figures, Reason, rank_reasons

_LEAST_IN_BIN = 50  # predictions; the share right then has a standard error of 0.07 or less


def reasons_of_pair(evidence: Evidence, a: str, b: str) -> tuple[Reason, ...]:
    """Returns every reason about a pair, those that explain its difference first."""
    ruled = decision_rule(evidence, a, b)
    reasons = [
        *attribution(evidence, a, b),
        class_size(evidence, a, b),
        *(() if ruled is None else (ruled,)),
        error_overlap(evidence, a, b),
    ]
    difference = evidence.score(evidence.predicted(a)) - evidence.score(evidence.predicted(b))
    return rank_reasons(reasons, difference)


def reasons_of_approach(
    evidence: Evidence,
    name: str,
    raw: Mapping[str, Floats] | None = None,
    edges: Mapping[str, tuple[float, ...]] | None = None,
) -> tuple[Reason, ...]:
    """Returns every description of one approach that its predictions allow.

    Args:
        evidence: predictions and labels.
        name: the approach.
        raw: attribute -> float [N], the numbers behind binned attributes.
        edges: attribute -> the edges of its classes.
    """
    views = [
        boundary_view(evidence, name, attribute, numbers, (edges or {})[attribute])
        for attribute, numbers in (raw or {}).items()
    ]
    states = [scores_by_state(evidence, name, attribute) for attribute in evidence.attributes]
    said = (state for state in states if state is not None)
    return (error_budget(evidence, name), *views, *said)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How far probabilities are off: expected calibration error and log loss."""

    ece: float
    nll: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration(Figures):
    """Before and after temperature scaling; `bins`, of before, are None in some older files."""

    raw: Trust
    calibrated: Trust
    bins: tuple[Bin, ...] | None = None

    def heading(self, reasons: Sequence[Reason]) -> str:
        """Returns the range of the errors."""
        errors = wording.percents([found.raw.ece for found in self.of(reasons)])
        return f"Probabilities are off by {errors} on average"

    def plot(self, reason: Reason) -> Plot:
        """Returns the reliability of the probabilities, or their errors."""
        (name,) = reason.about
        if self.bins is not None:
            return Reliability(title="Reliability of the probabilities", curves={name: self.bins})
        errors = {"raw": self.raw.ece, "calibrated": self.calibrated.ece}
        return Bars(
            title="Calibration",
            rows={f"{name}, {state}": {name: 100 * ece} for state, ece in errors.items()},
            axis="expected calibration error (%)",
            form="{:.1f}",
        )


def calibration_quality(name: str, probs: ArrayLike, y: ArrayLike, cross_fit: CrossFit) -> Reason:
    """Returns how far probabilities can be trusted, before and after cross-fitted temperature."""
    raw = np.asarray(probs, dtype=float)
    before, after = (
        Trust(
            ece=float(np.mean([expected_calibration_error(part, y) for part in array])),
            nll=float(np.mean([negative_log_likelihood(part, y) for part in array])),
        )
        for array in (raw, cross_fit_calibration(raw, y, cross_fit))
    )
    return Reason(
        key="calibration",
        mechanism="",
        about=(name,),
        sentence=(
            f"The probabilities of {name} are off by {before.ece:.1%} on average "
            f"({after.ece:.1%} after temperature scaling), log loss {before.nll:.3f} "
            f"({after.nll:.3f})."
        ),
        figures=Calibration(raw=before, calibrated=after, bins=reliability_bins(raw, y)),
    )


def reliability_bins(probs: ArrayLike, y: ArrayLike, num_bins: int = 15) -> tuple[Bin, ...]:
    """Returns confidence and share right, over bins of equally many predictions.

    Args:
        probs: float [S, N, C]; the predictions of all seeds are pooled.
        y: int [N].
        num_bins: at most; fewer where a bin would hold less than 50 predictions.

    Returns:
        The least confidence first.
    """
    array = np.asarray(probs, dtype=float)
    confidence = array.max(axis=-1).ravel()
    right = (array.argmax(axis=-1) == np.asarray(y)).ravel()
    order = np.argsort(confidence, kind="stable")
    return tuple(
        Bin(
            confidence=float(confidence[part].mean()),
            accuracy=float(right[part].mean()),
            samples=len(part),
        )
        for part in np.array_split(order, max(1, min(num_bins, len(order) // _LEAST_IN_BIN)))
    )

"""What a correction of the probabilities for a shift of the classes would bring.

Notation:
    n unlabelled photos, C classes, B draws; w: float [C], how many times more frequent a class is
    in the folder than among the labelled samples (label_shift.py).

Where only the frequency of the classes differs, the probabilities of the folder are
p'(c) proportional to p(c) w(c) (Saerens, Latinne and Decaestecker 2002, equation 2.4). Whether
they choose better classes is not certain: a class that is thought absent is never chosen again,
and macro-F1 counts it as much as any other. In simulation (benchmarks/label_shift.py) it gains
0.02 to 0.06 where the old are four times as many or all classes are alike, and loses up to 0.04
where little has shifted, 0.02 more than expected. So the correction is off unless asked for, and
the change to expect is told.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.metrics import Floats
from search.analysis.shift.estimate import Fit, ShiftEstimate, normalised
from search.analysis.shift.labelled import as_probs, soft_macro_f1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CorrectionGain:
    """What the correction is expected to change on the folder.

    Attributes:
        before: expected macro-F1 of the classes as they are.
        before_draws: float [B], how far it could be off: its spread over the draws, around it.
        after_draws: float [B], as `before_draws`, of the classes that the corrected ones choose.
        gain_draws: float [B], expected change where the corrected probabilities choose.
        changed: share of the photos that get another class.
    """

    before: float
    before_draws: Floats
    after_draws: Floats
    gain_draws: Floats
    changed: float


def corrected(probs: ArrayLike, odds: Floats) -> Floats:
    """Returns p'(c) proportional to p(c) w(c), float [n, C]."""
    return normalised(np.asarray(probs, dtype=float) * odds)


def correction_gain(
    estimate: ShiftEstimate, target_probs: ArrayLike, before: ArrayLike, after: ArrayLike
) -> CorrectionGain:
    """Returns the change in expected macro-F1 from the classes `before` to those `after`.

    The expectation is that of the corrected probabilities. From draw to draw they differ, the
    classes stay those given: judged by the very w that chose the new classes, those would look
    better than they are. What soft counts miss is left to `expected_change_unlabelled`.

    Args:
        estimate: of the folder.
        target_probs: float [n, C] as given to `estimate_shift`.
        before: int [n] predicted classes.
        after: int [n] predicted classes once corrected.

    Raises:
        AnalysisError: arrays that do not fit together.
    """
    target = as_probs(target_probs, "probabilities of the folder")

    def scores(fit: Fit) -> Iterator[tuple[float, float]]:
        """Yields the expected score before and after the correction by each of its odds."""
        calibrated = fit.calibration.apply(target)
        for odds in fit.odds:
            probs = corrected(calibrated, odds)
            yield soft_macro_f1(probs, before), soft_macro_f1(probs, after)

    ((old, new),) = scores(estimate.fit)
    draws = np.array([pair for fit in estimate.fits for pair in scores(fit)])
    return CorrectionGain(
        before=old,
        before_draws=old + draws[:, 0] - draws[:, 0].mean(),
        after_draws=new + draws[:, 1] - draws[:, 1].mean(),
        gain_draws=draws[:, 1] - draws[:, 0],
        changed=float(np.mean(np.asarray(before) != np.asarray(after))),
    )

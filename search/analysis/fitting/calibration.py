"""Calibration of probabilities: temperature, temperature with class biases, and how good it is.

Notation:
    N samples, K classes, S seeds. probs: float [N, K] or [S, N, K], rows sum to 1; y: int [N].

A calibrated probability is softmax(log p / T + b). Temperature scaling fits T alone (Guo et al.
2017, section 4.2) and never changes the predicted class; bias-corrected temperature scaling fits b
too (Alexandari et al. 2020, section 2.2) and may.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax

from search.analysis.errors import AnalysisError
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import Floats, Ints, as_classes

_TINY = 1e-12  # of a probability, so that its logarithm is finite
_LEAST_TRUE = 1e-6  # of the true class in a score: one photo costs no more than 14 nats
_COLDEST, _HOTTEST = 0.05, 20.0
_RIDGE = 1e-3  # on the biases, so that a class the fit has never seen keeps a finite one


class Method(StrEnum):
    """What is fitted."""

    NONE = "none"
    TEMPERATURE = "temperature"
    BIAS_CORRECTED = "bias_corrected"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """A fitted calibration; `bias` float [K]."""

    temperature: float
    bias: Floats

    def apply(self, probs: ArrayLike) -> Floats:
        """Returns calibrated probabilities of the same shape [..., K]."""
        calibrated: Floats = softmax(log_probs(probs) / self.temperature + self.bias, axis=-1)
        return calibrated


def log_probs(probs: ArrayLike) -> Floats:
    """Returns the logarithm of probabilities, finite where they are 0."""
    logs: Floats = np.log(np.maximum(np.asarray(probs, dtype=float), _TINY))
    return logs


def log_of_true(probs: ArrayLike, y: ArrayLike) -> Floats:
    """Returns the logarithm of the true class's probability, float [..., N], at least log 1e-6.

    Args:
        probs: float [..., N, K].
        y: int [N].
    """
    array, true = np.asarray(probs, dtype=float), np.asarray(y)
    logs: Floats = np.log(np.maximum(array[..., np.arange(len(true)), true], _LEAST_TRUE))
    return logs


def negative_log_likelihood(probs: ArrayLike, y: ArrayLike) -> float:
    """Returns the mean of -log p of the true class, in nats."""
    logs, true = _checked(probs, y)
    return float(-logs[np.arange(len(true)), true].mean())


def expected_calibration_error(probs: ArrayLike, y: ArrayLike, num_bins: int = 15) -> float:
    """Returns the mean gap between confidence and accuracy over bins of equal size.

    Args:
        probs: float [N, K].
        y: int [N].
        num_bins: of (nearly) equally many samples, ordered by confidence (Nguyen and O'Connor
            2015): bins of equal width leave most of them empty for a good model.
    """
    logs, true = _checked(probs, y)
    order = np.argsort(logs.max(axis=1), kind="stable")
    confidence = np.exp(logs.max(axis=1))[order]
    right = (logs.argmax(axis=1) == true)[order]
    gaps = [
        abs(float(part.sum()))
        for part in np.array_split(confidence - right, min(num_bins, len(true)))
    ]
    return sum(gaps) / len(true)


def fit_calibration(probs: ArrayLike, y: ArrayLike, method: Method) -> Calibration:
    """Returns the calibration that makes the given labels likeliest.

    Raises:
        AnalysisError: no samples, shapes that do not fit, or a class outside [0, K).
    """
    logs, true = _checked(probs, y)
    if method is Method.BIAS_CORRECTED:
        return _fit_bias_corrected(logs, true)
    temperature = 1.0 if method is Method.NONE else _fit_temperature(logs, true)
    return Calibration(temperature=temperature, bias=np.zeros(logs.shape[1]))


def cross_fit_calibration(
    probs: ArrayLike, y: ArrayLike, cross_fit: CrossFit, method: Method = Method.TEMPERATURE
) -> Floats:
    """Returns probabilities, every seed calibrated by itself, by people of other folds only."""
    array = np.asarray(probs, dtype=float)
    if array.ndim == 3:
        return np.stack([cross_fit_calibration(part, y, cross_fit, method) for part in array])
    true = np.asarray(y)
    calibrated = np.empty_like(array)
    for fit, apply in cross_fit.rounds():
        calibrated[apply] = fit_calibration(array[fit], true[fit], method).apply(array[apply])
    return calibrated


def _checked(probs: ArrayLike, y: ArrayLike) -> tuple[Floats, Ints]:
    logs = log_probs(probs)
    if logs.ndim != 2 or not np.isfinite(logs).all():
        raise AnalysisError(f"probabilities must be finite [N, K], got shape {logs.shape}")
    true = as_classes(y, logs.shape[1], "true classes")
    if not len(true) or true.shape != logs.shape[:1]:
        raise AnalysisError(
            f"labels must be a vector of one class >= 1 samples as the probabilities have, got "
            f"{true.shape} labels for {logs.shape} probabilities"
        )
    return logs, true


def _fit_temperature(logs: Floats, y: Ints) -> float:
    rows = np.arange(len(y))

    def loss(log_temperature: float) -> float:
        """Returns the mean cross-entropy at a temperature."""
        scaled = log_softmax(logs / np.exp(log_temperature), axis=1)
        return float(-scaled[rows, y].mean())

    bounds = (np.log(_COLDEST), np.log(_HOTTEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-5})
    return float(np.exp(found.x))


def _fit_bias_corrected(logs: Floats, y: Ints) -> Calibration:
    """Convex in (1 / T, b); the gradient of softmax cross-entropy is probability minus truth."""
    num, num_classes = logs.shape
    rows = np.arange(num)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        """Returns the penalised cross-entropy at (1 / T, b), and its gradient [1 + K]."""
        scale, bias = parameters[0], parameters[1:]
        scaled = log_softmax(logs * scale + bias, axis=1)
        error = np.exp(scaled)
        error[rows, y] -= 1.0
        slope = np.concatenate([[(error * logs).sum()], error.sum(axis=0)]) / num
        slope[1:] += _RIDGE * bias
        value = -scaled[rows, y].mean() + 0.5 * _RIDGE * float(bias @ bias)
        return float(value), slope

    start = np.concatenate([[1.0], np.zeros(num_classes)])
    bounds = [(1 / _HOTTEST, 1 / _COLDEST)] + [(None, None)] * num_classes
    options = {"maxiter": 500, "ftol": 1e-12, "gtol": 1e-8}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return Calibration(temperature=1.0 / float(found.x[0]), bias=found.x[1:])

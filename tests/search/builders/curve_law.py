"""How the learning curves of a space are distributed over its configs, fitted to recorded trials.

Notation, for a config with standard normal quality q and pace z:
    top      = floor + (1 - floor) * sigmoid(middle + spread * q)
    tau      = slowness * exp(-pace_spread * (tied * q + sqrt(1 - tied^2) * z))
    true(e)  = floor + (top - floor) * (1 - exp(-(e / tau)^shape))          after e epochs
    value(e) = true(e) + sqrt(true(e) (1 - true(e))) * (own * n_config + jitter * n_epoch)

n_config, n_epoch are standard normal. `own` is the luck of a config with the people of validation;
it does not change from epoch to epoch, so curves alone cannot tell it from quality: it is measured
by a bootstrap over people (`OWN_AT_60`). All else is fitted by the largest marginal likelihood,
the integral over q and z by Monte Carlo. That trials were stopped for their values does no harm to
it: what decided is among the values (missing at random).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

OWN_AT_60 = 0.067
"""Of the differences between complete trials of the demo on the same 60 people (39 trials, five
spaces: 0.044 to 0.083), by 200 resamples of people; it falls with the root of the people."""
_PRIOR = {
    "floor": (-2.0, 1.5),
    "middle": (0.0, 2.0),
    "spread": (-0.2, 0.6),
    "slowness": (1.1, 0.7),
    "shape": (0.2, 0.4),
    "pace_spread": (-0.7, 0.5),
    "tied": (0.5, 0.5),
    "jitter": (-2.5, 0.5),
}
"""Mean and s.d. of every parameter on the scale it is fitted on; a few trials say little."""
_LOGIT, _PLAIN = ("floor",), ("middle",)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveLaw:
    """The law of a space; the parameters stand at the head of this module.

    Attributes:
        default_quality: q of the default config, the mean of its posterior.
    """

    floor: float
    middle: float
    spread: float
    slowness: float
    shape: float
    pace_spread: float
    tied: float
    jitter: float
    default_quality: float = 0.0

    def true(self, quality: Floats, pace: Floats, epochs: int) -> Floats:
        """Returns the expected score after every epoch, float [n, epochs].

        Args:
            quality: standard normal, float [n].
            pace: standard normal, float [n].
            epochs: of the schedule.
        """
        top = (1 - self.floor) * special.expit(self.middle + self.spread * quality)
        pulled = self.tied * quality + sqrt(1 - self.tied**2) * pace
        tau = self.slowness * np.exp(-self.pace_spread * pulled)
        passed = (np.arange(1, epochs + 1) / tau[:, None]) ** self.shape
        return np.asarray(self.floor + top[:, None] * -np.expm1(-passed))

    def seen(self, true: Floats, people: int, rng: np.random.Generator) -> Floats:
        """Returns what so many validation people would show of a curve, float [epochs]."""
        own = OWN_AT_60 * sqrt(60 / people) * rng.standard_normal()
        jitter = self.jitter * sqrt(60 / people) * rng.standard_normal(len(true))
        return np.clip(true + np.sqrt(true * (1 - true)) * (own + jitter), 0.0, 1.0)

    def to_dict(self) -> dict[str, float]:
        """Returns the parameters to three digits."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def fit(curves: Sequence[Sequence[float]], people: int, num_draws: int = 3000) -> CurveLaw:
    """Returns the law that makes some curves likeliest.

    Args:
        curves: values of the trials of a space by epoch; the first is the default config's.
        people: that validated them.
        num_draws: of (q, z) for the integral.
    """
    rng = np.random.default_rng(0)
    half = rng.standard_normal((2, num_draws // 2))
    draws = np.concatenate([half, -half], axis=1)

    def cost(point: Floats) -> float:
        law = _law(point)
        each = _log_likelihoods(law, curves, draws, people)
        marginal = special.logsumexp(each, axis=1) - np.log(num_draws)
        mean, sd = np.array(list(_PRIOR.values())).T
        return float(-marginal.sum() + (((point - mean) / sd) ** 2).sum() / 2)

    start = np.array([mean for mean, _ in _PRIOR.values()])
    options = {"maxfev": 1500, "xatol": 1e-3, "fatol": 1e-3, "adaptive": True}
    found = optimize.minimize(cost, start, method="Nelder-Mead", options=options)
    law = _law(found.x)
    weights = special.softmax(_log_likelihoods(law, curves[:1], draws, people)[0])
    # Jitter was fitted at so many people, and is kept as that of 60.
    return replace(
        law,
        jitter=law.jitter * sqrt(people / 60),
        default_quality=float(weights @ draws[0]),
    )


def _law(point: Floats) -> CurveLaw:
    names = [field.name for field in fields(CurveLaw)][:-1]
    return CurveLaw(**{name: _back(name, float(x)) for name, x in zip(names, point, strict=True)})


def _back(name: str, value: float) -> float:
    if name == "tied":
        return float(np.tanh(value))
    if name in _LOGIT:
        return float(special.expit(value))
    return value if name in _PLAIN else float(np.exp(value))


def _log_likelihoods(
    law: CurveLaw, curves: Sequence[Sequence[float]], draws: Floats, people: int
) -> Floats:
    """Returns the log-likelihood of every curve at every draw of (q, z), float [n, draws]."""
    true = law.true(draws[0], draws[1], max(map(len, curves)))
    spread = np.sqrt(np.maximum(true * (1 - true), 1e-4))
    own, jitter = OWN_AT_60 * sqrt(60 / people), law.jitter
    rows = []
    for values in curves:
        size = len(values)
        unit = (np.asarray(values) - true[:, :size]) / spread[:, :size]
        # The covariance is jitter^2 I + own^2 11': its inverse and determinant are known.
        total = unit.sum(axis=1)
        scaled = (unit**2).sum(axis=1) - own**2 * total**2 / (jitter**2 + size * own**2)
        log_det = 2 * (size - 1) * np.log(jitter) + np.log(jitter**2 + size * own**2)
        rows.append(-(scaled / jitter**2 + log_det) / 2 - np.log(spread[:, :size]).sum(axis=1))
    return np.array(rows)

"""How often simulated photos are classified wrongly, and the macro-F1 that comes of it.

Notation:
    K classes of an attribute, C = 18 joint classes 6 * mask + 3 * gender + age.
    table: float [..., K, K], rows sum to 1: probability of every predicted class, by true class.
    factor: what the errors of gender and age are multiplied by; those of the mask stay.

The frequencies of gender and age and the three tables are those published for the founding
competition (macro-F1 0.757). Any other quality is a factor on their errors: `factor_of_score`.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

Floats = NDArray[np.float64]

NUM_CLASSES = 18
ATTRIBUTES = {
    "mask": ("wear", "incorrect", "none"),
    "gender": ("male", "female"),
    "age": ("<30", "30-59", ">=60"),
}
MASKS = np.array([0, 0, 0, 0, 0, 1, 2])  # of a person's seven photos
CELLS = np.array([549, 410, 83, 732, 817, 109]) / 2700  # gender x age
MASK = np.array([[0.995, 0.003, 0.002], [0.02, 0.96, 0.02], [0.005, 0.025, 0.97]])
GENDER = np.array([[0.955, 0.045], [0.03, 0.97]])
AGE = np.array([[0.904, 0.094, 0.002], [0.053, 0.901, 0.047], [0.006, 0.400, 0.594]])
AGE /= AGE.sum(axis=1, keepdims=True)

_PRIOR = np.kron(np.bincount(MASKS) / 7, CELLS)


def scaled(table: Floats, factor: ArrayLike) -> Floats:
    """Returns a table with its errors multiplied, at most to 95 % of a row, float [..., K, K].

    Args:
        table: float [K, K].
        factor: float [...], >= 0.
    """
    errors = table * (1 - np.eye(len(table))) * np.asarray(factor)[..., None, None]
    total = errors.sum(axis=-1, keepdims=True)
    errors = errors * np.minimum(1.0, 0.95 / np.maximum(total, 1e-12))
    right: Floats = (1 - errors.sum(axis=-1))[..., None] * np.eye(len(table))
    return errors + right


def population_macro_f1(factor: float = 1.0, age_factor: float | None = None) -> float:
    """Returns the macro-F1 over infinitely many people.

    Args:
        factor: on the errors of gender.
        age_factor: on those of age; the same factor if None.
    """
    of_age = factor if age_factor is None else age_factor
    joint = np.kron(MASK, np.kron(scaled(GENDER, factor), scaled(AGE, of_age)))
    return float(np.mean(2 * _PRIOR * joint.diagonal() / (_PRIOR + _PRIOR @ joint)))


def factor_of_score(score: float) -> float:
    """Returns the factor at which the population macro-F1 is `score`, 0.56 to 0.96."""
    return float(brentq(lambda factor: population_macro_f1(factor) - score, 0.05, 2.3))


@lru_cache
def log_factor_per_macro_f1(factor: float) -> float:
    """Returns the s.d. of log factors that makes one unit of s.d. of macro-F1, to first order.

    The factors of gender and age are taken to vary independently, with the same s.d.
    """
    step, now = 0.01, population_macro_f1(factor)
    more = factor * float(np.exp(step))
    slopes = (population_macro_f1(more, factor) - now, population_macro_f1(factor, more) - now)
    return step / float(np.hypot(*slopes))

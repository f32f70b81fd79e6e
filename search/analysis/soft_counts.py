"""What calibrated probabilities say of predictions whose labels are not known.

Notation:
    N samples of P people, C classes; counts: float [..., 3, C] as in metrics.py.
    probs: float [N, C] of the true class, rows sum to 1.
"""

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.errors import AnalysisError
from search.analysis.labelled import as_probs
from search.analysis.metrics import Floats, Ints, as_classes, macro_f1_of_counts


def soft_macro_f1(probs: ArrayLike, predicted: ArrayLike) -> float:
    """Returns the macro-F1 that calibrated probabilities give predictions, labels unknown.

    Args:
        probs: float [n, C], n >= 1.
        predicted: int [n].

    Raises:
        AnalysisError: arrays that do not fit together.
    """
    array = as_probs(probs, "probabilities")
    counts = soft_counts(array, predicted, np.zeros(len(array), dtype=np.int64), 1)
    return float(macro_f1_of_counts(counts[0]))


def soft_counts(probs: Floats, predicted: ArrayLike, person: Ints, num_people: int) -> Floats:
    """Returns the expected counts of every person, float [P, 3, C] as `person_counts` has them.

    Args:
        probs: float [N, C] of the true class.
        predicted: int [N].
        person: int [N] in [0, P).
        num_people: P.

    Raises:
        AnalysisError: a predicted class outside [0, C), or not one a sample.
    """
    num, num_classes = probs.shape
    chosen = as_classes(predicted, num_classes, "predicted classes")
    if chosen.shape != (num,):
        raise AnalysisError(
            f"one predicted class a sample is needed, got shape {chosen.shape} for {num} samples"
        )
    size = num_people * num_classes
    cells = person * num_classes + chosen
    right = probs[np.arange(num), chosen]
    actual = np.zeros((num_people, num_classes))
    np.add.at(actual, person, probs)
    counts = [
        np.bincount(cells, right, size).reshape(num_people, num_classes),
        np.bincount(cells, minlength=size).reshape(num_people, num_classes),
        actual,
    ]
    return np.stack(counts, axis=1)

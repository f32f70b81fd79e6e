"""What guessing scores: an approach that is not above it has learnt nothing.

Notation:
    N samples, C joint classes, F folds; n_fc samples of class c in fold f, n_f all of fold f.

Nobody guesses by the labels that are judged: what a fold's people get is taken from the other
folds. Without folds it is taken from all people.
"""

from dataclasses import dataclass

import numpy as np

from search.analysis.metrics import Floats, macro_f1_of_counts
from search.analysis.people import People


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A way to guess and its macro-F1."""

    name: str
    value: float


def baselines_of(people: People) -> tuple[Baseline, ...]:
    """Returns what guessing scores on some people.

    `majority` predicts the most frequent class for everyone. `prior` draws classes by their shares
    q_fc, so it expects TP_c = sum_f n_fc q_fc and predicts class c sum_f n_f q_fc times; with
    these counts F1_c = 2 TP_c / (sum_f n_f q_fc + sum_f n_fc). Without folds q_c = n_c / N,
    F1_c = q_c and macro-F1 is 1 / C.
    """
    counts, shares = _by_fold(people)
    most = np.zeros_like(shares)
    most[np.arange(len(shares)), shares.argmax(axis=1)] = 1.0
    return (
        Baseline(name="majority", value=_macro_f1(counts, most)),
        Baseline(name="prior", value=_macro_f1(counts, shares)),
    )


def _by_fold(people: People) -> tuple[Floats, Floats]:
    """Returns the samples of every class in every fold, and their shares elsewhere, [F, C]."""
    fold = np.zeros(len(people), dtype=np.int64) if people.fold is None else people.fold
    which = np.unique(fold, return_inverse=True)[1].reshape(-1)
    counts = np.zeros((which.max() + 1, people.num_classes))
    np.add.at(counts, (which, people.label), 1.0)
    others = counts.sum(axis=0) - counts if len(counts) > 1 else counts
    return counts, others / others.sum(axis=1, keepdims=True)


def _macro_f1(counts: Floats, guessed: Floats) -> float:
    """Returns the macro-F1 of expected counts; `guessed` are the chances of a guess, [F, C]."""
    right = (counts * guessed).sum(axis=0)
    predicted = (counts.sum(axis=1, keepdims=True) * guessed).sum(axis=0)
    return float(macro_f1_of_counts(np.stack([right, predicted, counts.sum(axis=0)])))

"""Which config a search chooses: one that beats the default by more than the luck of the people.

The best of many scores on 60 people is good luck for the most part: chosen by it alone, a config
is often worse than the default on other people. A challenger's lead over the default therefore
counts less a multiple of its standard error, as in the one-standard-error rule (Breiman et al.
1984, Classification and Regression Trees, section 3.4.3), and the default leads itself by nothing.
`benchmarks/objective.py` measures what that is worth and how large the multiple should be.
"""

from collections.abc import Iterable

import numpy as np

from search.analysis.metrics import Floats, Ints, macro_f1_of_counts
from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import influence

PENALTY = 1.5
"""Standard errors that a lead over the default is held for less."""


def cautious_leads(people: People, default: Ints, predicted: Iterable[Ints]) -> Floats:
    """Returns by how much each config's macro-F1 leads the default's, less its penalty.

    The standard error is that over people who were drawn, to first order; it is of the paired
    difference, for the same people validate both.

    Args:
        people: who validate, N samples.
        default: int [N], classes that the default config predicted.
        predicted: those of each challenger, int [N].
    """
    base = people.counts(default)
    score, effect = macro_f1_of_counts(base.sum(axis=0)), influence(base)
    leads = []
    for classes in predicted:
        counts = people.counts(classes)
        apart = influence(counts) - effect
        error = np.sqrt(len(apart) * apart.var(ddof=1)) if len(apart) > 1 else np.inf
        leads.append(float(macro_f1_of_counts(counts.sum(axis=0)) - score - PENALTY * error))
    return np.array(leads)

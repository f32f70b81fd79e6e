"""Which config a search chooses: one that beats the default by more than the luck of the people.

The best of many scores on 60 people is good luck for the most part: chosen by it alone, a config
is often worse than the default on other people. The score is therefore the mean of the last
epochs, and a lead over the default counts less its standard error, as in the one-standard-error
rule (Breiman et al. 1984, Classification and Regression Trees, section 3.4.3). Where the leaders
were trained on a second fold, the mean lead over both counts less 1.5 of its standard errors.

`benchmarks/objective.py` measures what that is worth. Of searches of 5 to 15 random configs in
three spaces 3 to 7 % choose one that is worse than the default, and 18 to 21 % without the rule,
for as much gain in short searches and 0.003 less in the longest; 1.5 standard errors of one fold
gain half as much for 2 to 6 %. Where another config stands in for the default, it costs 0.002 to
0.003 of a gain of 0.11 to 0.15. With the second fold, paid for by a third fewer trials, 1 to 3 %
choose one that is worse, and the gain is 0.002 to 0.004 smaller than with one; where another
config stands in for the default, it is 0.009 to 0.021 smaller.
"""

from collections.abc import Iterable
from statistics import NormalDist

import numpy as np

from search.analysis.metrics import Floats, Ints
from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import influence

OF_ONE_FOLD = 1.0
"""Standard errors that a lead over the default counted less in runs of before."""
OF_TWO_FOLDS = 1.5
"""Standard errors that the mean lead over two folds counted less in runs of before."""
_CHANCE = 0.2
_LEAST_ERRORS = 1.25


def errors_held_back(leads: int) -> float:
    """Returns the standard errors that a lead over the default counts less.

    The more configs lead, the larger the largest lead is by luck. It is held to a one-sided normal
    test with a family-wise chance of 0.2 that any of the leads is luck of the people (Bonferroni),
    and to 1.25 standard errors at least, for training has luck of its own.

    Args:
        leads: number of configs that lead the default.
    """
    chance = min(0.5, _CHANCE / max(1, leads))
    return max(_LEAST_ERRORS, -NormalDist().inv_cdf(chance))


def errors_of_leads(people: People, default: Ints, predicted: Iterable[Ints]) -> Floats:
    """Returns the standard error of each config's macro-F1 minus that of the default, float [T].

    It is that over people who were drawn, to first order, and of the paired difference, for the
    same people validate both. Of one person it is infinite.

    Args:
        people: who validate, N samples.
        default: int [N], classes that the default config predicted.
        predicted: those of each of T challengers, int [N].
    """
    effect = influence(people.counts(default))
    errors = []
    for classes in predicted:
        apart = influence(people.counts(classes)) - effect
        errors.append(np.sqrt(len(apart) * apart.var(ddof=1)) if len(apart) > 1 else np.inf)
    return np.array(errors)

"""Which config a search chooses: one that beats the default by more than the luck of the people.

The best of many scores on 60 people is good luck for the most part: chosen by it alone, a config
is often worse than the default on other people. The score is therefore the mean of the last
epochs, and a lead over the default counts less as many standard errors as the largest of so many
leads has by luck, by the test of Dunnett (1955) against a control. Where the leaders were trained
on a second fold, by which nobody was picked, the mean lead over both counts less 1.5 of its
standard errors. Runs of before asked for one standard error (Breiman et al. 1984, Classification
and regression trees, section 3.4.3), or 1.5.

`benchmarks/objective.py` measures what that is worth. Of searches of 5 to 15 random configs in
five worlds of the demo 2 to 4 % choose one that is worse than the default, with a second fold 2
to 3 %, by the highest mean of the last epochs 12 to 20 %. In two worlds of real faces with a
pretrained network, where the default is hard to beat, it is 0 to 4 %, with a second fold 1 to
7 %, by one standard error 12 to 30 % and by the highest mean 51 to 62 %. The rule costs a half of
the gain of the highest score on the demo, and saves a loss on the faces. Where another config
stands in for the default, it costs 0.002 of a gain of 0.12 to 0.15 there, and 0.002 to 0.003 of
0.02 to 0.03 here.
"""

from collections.abc import Iterable

import numpy as np

from search.analysis.metrics import Floats, Ints
from search.analysis.people import People
from search.analysis.uncertainty.bootstrap import influence

OF_ONE_FOLD = 1.0
"""Standard errors that a lead over the default counted less in runs of before."""
OF_TWO_FOLDS = 1.5
"""Standard errors that the mean lead over two folds counts less."""
_CHANCE = 0.2
_LEAST = 1.25
# The control's luck, normal: it is integrated over.
_LUCK = np.linspace(-8.0, 8.0, 1601)
_DENSITY = np.exp(-(_LUCK**2) / 2)
_DENSITY /= _DENSITY.sum()


def dunnett_quantile(num_configs: int, chance: float) -> float:
    """Returns what the largest of many z values against one control exceeds by that chance.

    It is the one-sided critical value of Dunnett (1955, A multiple comparison procedure for
    comparing several treatments with a control, table 1) for known variances that are all alike:
    the control's luck is in every difference, so that any two correlate by 0.5.

    Args:
        num_configs: that are compared with the control, at least 1.
        chance: that any of them exceeds it although none is better than the control.
    """
    # Who chooses nothing need not wait for them.
    from scipy.optimize import brentq
    from scipy.special import ndtr

    # Given the control's luck, the configs are independent.
    return float(
        brentq(
            lambda z: _DENSITY @ ndtr(np.sqrt(2) * z + _LUCK) ** num_configs - (1 - chance),
            -10.0,
            10.0,
        )
    )


def errors_held_back(leads: int) -> float:
    """Returns the standard errors that a lead over the default counts less on one fold.

    The more configs lead, the larger the largest lead is by luck: it is held to Dunnett's critical
    value at 0.2 for as many configs as lead. The test proper counts all that were compared: among
    many that are as good as the default, one leads by more than this with a chance of a quarter,
    among those that are worse, as most are, more rarely. As training has luck of its own, it is
    1.25 at least.

    Args:
        leads: number of configs that lead the default.
    """
    return max(_LEAST, dunnett_quantile(max(1, leads), _CHANCE))


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

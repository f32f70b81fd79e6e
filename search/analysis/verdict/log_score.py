"""The log score of the joint class: which approach gives the true class more probability.

Notation:
    N samples, C joint classes, P people, S seeds of an approach.
    q: float [S, N], calibrated probability of the true class, at least 1e-6.
    effects: float [S, P], mean of log q over the samples of a person, over P.

The score of a seed is the sum of its effects: the mean over people of the mean over their photos.
A pair is tested as that of macro-F1 is, with three differences. The variance over people is not
stratified, for no class count enters the score. Every approach has a temperature of its own,
fitted on other people (Guo et al. 2017), or sharpness alone would decide. And the luck of the
search, what other configs found would add, is known of macro-F1 alone and not counted.
"""

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np

from search.analysis.approaches.approach import Approach, Probs
from search.analysis.fitting.calibration import cross_fit_calibration, log_of_true
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import Floats
from search.analysis.people import People
from search.analysis.uncertainty.interval import ALPHA
from search.analysis.uncertainty.score_sheet import ScoreSheet
from search.analysis.verdict.multiplicity import shaffer
from search.analysis.verdict.statements import LogScore

_PARTS = 5


def log_scores(
    approaches: Sequence[Approach], people: People, *, fixed_models: bool, num_ends: int = 1
) -> list[LogScore] | None:
    """Returns what is known of all pairs; None unless all approaches have probabilities.

    Args:
        approaches: to be compared.
        people: that all of them predict.
        fixed_models: whether the training seeds are no part of the question.
        num_ends: how often the question was or is asked: at every end of a resumed run. Each
            has as much of the 5 %.
    """
    sheet = log_score_sheet(approaches, people)
    if sheet is None:
        return None
    pairs = combinations(range(len(approaches)), 2)
    estimates = [sheet.pair(a, b, fixed_models=fixed_models) for a, b in pairs]
    found = shaffer([each.p_value for each in estimates], len(approaches))
    adjusted = [min(1.0, num_ends * p) for p in found]
    return [
        LogScore(
            # No bound on a log score cuts this interval off, as [-1, 1] does that of macro-F1.
            difference=estimate.unbounded,
            p_adjusted=p,
            # With one seed nobody knows what another training would give.
            decided=p < ALPHA and estimate.num_seeds != 1,
        )
        for estimate, p in zip(estimates, adjusted, strict=True)
    ]


def log_score_sheet(approaches: Sequence[Approach], people: People) -> ScoreSheet | None:
    """Returns the log scores of approaches; None unless all of them have probabilities."""
    cross_fit = temperature_folds(people)
    effects = []
    for part in approaches:
        if part.probs is None:
            return None
        effects.append(log_effects(part.probs, people, cross_fit))
    stops = np.cumsum([0, *map(len, effects)]).tolist()
    rows = np.concatenate(effects)
    return ScoreSheet(
        slices=tuple(slice(low, high) for low, high in pairwise(stops)),
        scores=rows.sum(axis=1),
        draws=np.empty((0, len(rows))),
        effects=rows,
        counts=rows[:, :, None, None],
        strata=np.zeros(people.num_people, dtype=np.int64),
        fold=people.fold_of_person,
        choice_variances=tuple(part.log_choice_variance for part in approaches),
    )


def log_effects(probs: Probs, people: People, cross_fit: CrossFit) -> Floats:
    """Returns what every person adds to the log score of every seed, float [S, P].

    Args:
        probs: float [S, N, C].
        people: with their joint classes.
        cross_fit: who fits the temperature for whom.
    """
    photos = np.bincount(people.person)
    found = np.empty((len(probs), people.num_people))
    for seed, part in enumerate(probs):
        calibrated = cross_fit_calibration(part, people.label, cross_fit)
        logs = log_of_true(calibrated, people.label)
        found[seed] = np.bincount(people.person, logs) / photos
    # A sum over people of 0.0 and -0.0 is told apart by its bytes; adding 0.0 makes them one.
    return found / people.num_people + 0.0


def temperature_folds(people: People) -> CrossFit:
    """Returns who fits the temperature for whom: the folds, or parts of the people.

    Predictions without folds need a temperature from other people all the same: fitted on the
    people that it is judged on, it would flatter. So people are dealt into five parts by their
    order. These are no folds of a training, and never enter the luck of training.
    """
    fold = people.fold
    if fold is None or len(np.unique(fold)) < 2:
        fold = people.person % min(_PARTS, people.num_people)
    return CrossFit(folds=fold, held_out=np.zeros(len(people), dtype=bool))

"""What a model will score on a folder it has not seen: promised before, or estimated from photos.

Notation:
    N samples of P people with known labels (out-of-fold), C classes; a new folder of Q people.
    predicted: int [N]; probs: float [N, C], rows sum to 1.
    B draws; counts: float [..., 3, C] as in metrics.py, where an absent class scores 0.

The score of a new folder differs from the out-of-fold score by two draws of people: that of the
P people behind the estimate and that of the Q people of the folder. Both are imitated by drawing
people with replacement from the P, independently: Q of them make a folder, P of them an estimate,
and the difference of the two scores is a draw of what a promise will be off by (the bootstrap
prediction interval: Stine 1985; Davison and Hinkley 1997, section 6.3.3). A small folder that
lacks a class scores 0 for it, and so does the drawn one: the promise is lower for few people.
A class that none of the P people has scores 0 in the estimate and may turn up in the folder: the
upper end allows it the mean of the others.

With the folder's photos at hand, but not their labels, calibrated probabilities say what to
expect of the predictions made: soft counts. What is left to promise is by how much soft counts
miss, which varies less than the score itself and is drawn from the P people in the same way.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, stdtrit

from search.analysis.errors import AnalysisError
from search.analysis.exact import net_weights, weighted_sums
from search.analysis.metrics import Floats, macro_f1_of_counts
from search.analysis.people import CHUNK_CELLS, People, tally
from search.analysis.shift.labelled import Labelled, soft_counts
from search.analysis.uncertainty.bootstrap import influence, people_degrees
from search.analysis.uncertainty.interval import LEVEL, Interval


def within_photos(score: Interval, num_photos: int, num_classes: int) -> Interval:
    """Returns a score with what so many photos can score at most.

    They have no more classes than there are photos, and a class that is absent counts as 0.
    """
    most = min(num_photos, num_classes) / num_classes
    return Interval(
        value=min(score.value, most), low=min(score.low, most), high=min(score.high, most)
    )


def forecast_score(
    people: People,
    predicted: ArrayLike,
    num_people: int,
    *,
    num_draws: int = 4_000,
    seed: int = 0,
) -> Interval:
    """Returns the macro-F1 to expect on a new folder, with its 95 % prediction interval.

    Assumed: the people of the folder come from where those of the estimate came, with as many
    photos each, and the predictions given are out-of-fold. A shift of the classes is not in it.
    Neither is that all folds' models together predict the folder, where out of fold it was one:
    their mean is a little better as a rule (measured in benchmarks/promised_score.py).

    Args:
        people: labels and people of the estimate.
        predicted: int [N] out-of-fold predicted classes.
        num_people: Q >= 1 people in the new folder.
        num_draws: of the bootstrap; 4,000 hold the ends still to about 0.002.
        seed: of the draws.

    Returns:
        The median of the promise and its interval; [0, 1] where a single person is known.

    Raises:
        AnalysisError: not one prediction per sample, a class outside [0, C), or no people or draws
            asked for.
    """
    _check_request(num_people, num_draws)
    counts = people.counts(predicted)
    value = float(macro_f1_of_counts(counts.sum(axis=0)))
    if people.num_people < 2:
        return Interval(value=value, low=0.0, high=1.0)
    rng = np.random.default_rng(seed)
    folder = macro_f1_of_counts(_drawn(counts, num_people, num_draws, rng))
    estimate = macro_f1_of_counts(_drawn(counts, people.num_people, num_draws, rng))
    degrees = people_degrees(influence(counts), people.strata)
    promise = _promise(value + folder - estimate, degrees)
    seen = np.count_nonzero(counts.sum(axis=0)[2]) / people.num_classes
    return replace(promise, high=min(1.0, promise.high / seen))


def expected_score_unlabelled(
    known: Labelled,
    predicted: ArrayLike,
    soft_scores: ArrayLike,
    num_people: int,
    *,
    rules: tuple[ArrayLike, ArrayLike] | None = None,
    num_draws: int = 4_000,
    seed: int = 0,
) -> Interval:
    """Returns the macro-F1 to expect on unlabelled photos, with its 95 % prediction interval.

    Assumed: the probabilities err on the folder as they do out-of-fold. Where the classes of the
    folder are rarer or more frequent, correct its probabilities first (label_shift.py).

    Args:
        known: out-of-fold probabilities, calibrated as those of the folder are.
        predicted: int [N] out-of-fold predicted classes.
        soft_scores: float [] or [B], `soft_macro_f1` of the folder; several where it is itself
            uncertain, one of which is taken in every draw.
        num_people: Q >= 1 people in the folder.
        rules: int [N] each, out-of-fold classes by the rule of `predicted` and by another one, by
            which the classes of the folder are chosen; None where they are chosen alike.
        num_draws: of the bootstrap.
        seed: of the draws.

    Returns:
        The median and its interval; [0, 1] where a single person is known.

    Raises:
        AnalysisError: arrays that do not fit together, or no people or draws asked for.
    """
    _check_request(num_people, num_draws)
    sets = _hard_and_soft(known, predicted)
    signs: tuple[int, ...] = (1, -1)
    if rules is not None:
        before, after = (_hard_and_soft(known, each) for each in rules)
        sets, signs = np.concatenate([sets, after, before], axis=1), (1, -1, 1, -1, -1, 1)
    draw = (num_draws, seed)
    return _expected(known, sets, signs, soft_scores, num_people, draw, least=0.0)


def expected_change_unlabelled(
    known: Labelled,
    before: ArrayLike,
    after: ArrayLike,
    soft_changes: ArrayLike,
    num_people: int,
    *,
    num_draws: int = 4_000,
    seed: int = 0,
) -> Interval:
    """Returns the change in macro-F1 to expect where other classes are predicted for a folder.

    Args:
        known: out-of-fold probabilities, calibrated as those of the folder are.
        before: int [N] out-of-fold predicted classes by the old rule.
        after: int [N] by the new rule.
        soft_changes: float [] or [B], `soft_macro_f1` of the folder after less before.
        num_people: Q >= 1 people in the folder.
        num_draws: of the bootstrap.
        seed: of the draws.

    Returns:
        The median and its 95 % prediction interval; [-1, 1] where a single person is known.

    Raises:
        AnalysisError: arrays that do not fit together, or no people or draws asked for.
    """
    _check_request(num_people, num_draws)
    sets = np.concatenate([_hard_and_soft(known, after), _hard_and_soft(known, before)], axis=1)
    signs = (1, -1, -1, 1)
    draw = (num_draws, seed)
    return _expected(known, sets, signs, soft_changes, num_people, draw, least=-1.0)


def _hard_and_soft(known: Labelled, predicted: ArrayLike) -> Floats:
    """Returns counts by labels and by probabilities, float [P, 2, 3, C]."""
    people = known.people
    soft = soft_counts(known.probs, predicted, people.person, people.num_people)
    return np.stack([people.counts(predicted), soft], axis=1)


def _expected(
    known: Labelled,
    sets: Floats,
    signs: Sequence[int],
    soft: ArrayLike,
    num_people: int,
    draw: tuple[int, int],
    *,
    least: float,
) -> Interval:
    """Returns soft figures plus draws of what they miss: macro-F1 of sets [P, K, 3, C] @ signs.

    Sets that two rules of opposite sign share cancel: where none differs, nothing is missed. No
    figure is below `least`.
    """
    num_draws, seed = draw
    figures = np.atleast_1d(np.asarray(soft, dtype=float))
    people = known.people
    if people.num_people < 2:
        return Interval(value=float(np.median(figures)), low=least, high=1.0)
    rng = np.random.default_rng(seed)
    net = net_weights([Fraction(sign) for sign in signs], np.moveaxis(sets, 1, 0))
    folder, estimate = (
        macro_f1_of_counts(_drawn(sets, size, num_draws, rng)) @ net
        for size in (num_people, people.num_people)
    )
    miss = float(macro_f1_of_counts(sets.sum(axis=0)) @ net)
    effect = net @ np.stack([influence(sets[:, place]) for place in range(len(signs))])
    draws = rng.choice(figures, num_draws) + miss + folder - estimate
    return _promise(draws, people_degrees(effect, people.strata), least)


def _check_request(num_people: int, num_draws: int) -> None:
    if num_people < 1 or num_draws < 1:
        raise AnalysisError(
            f"a forecast needs `num_people >= 1` in the new folder and `num_draws >= 1`, got "
            f"num_people={num_people}, num_draws={num_draws}"
        )


def _drawn(counts: Floats, num_drawn: int, num_draws: int, rng: np.random.Generator) -> Floats:
    """Returns summed counts [B, ...] of people drawn with replacement from counts [P, ...]."""
    num = len(counts)
    step = max(1, CHUNK_CELLS // max(num, num_drawn))
    chunks = (min(step, num_draws - done) for done in range(0, num_draws, step))
    tallies = (
        tally(rng.integers(num, size=(rows, num_drawn)), num).astype(float) for rows in chunks
    )
    totals = np.concatenate(list(weighted_sums(tallies, counts.reshape(num, -1))))
    return totals.reshape(num_draws, *counts.shape[1:])


def _promise(draws: Floats, degrees: float, least: float = 0.0) -> Interval:
    """Returns median and expanded percentiles of draws [B], within [least, 1].

    Student's reach replaces the normal one as in interval.py: where a handful of people carry
    the variance, resamples of them spread too little.
    """
    reach = stdtrit(degrees, (1 + LEVEL) / 2)
    levels = ndtr([-reach, 0.0, reach])
    low, value, high = np.clip(np.quantile(draws, levels), least, 1.0)
    return Interval(value=float(value), low=float(low), high=float(high))

"""One folder of unlabelled photos at a time: what is estimated about it, and what is true.

Notation:
    N labelled samples of P people, a folder of n photos of Q people, C = 18 classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from search.analysis.fitting.calibration import log_probs
from search.analysis.metrics import macro_f1
from search.analysis.shift.correction import correction_gain
from search.analysis.shift.estimate import em_shares, estimate_shift, total_variation
from search.analysis.shift.score_forecast import (
    expected_change_unlabelled,
    expected_score_unlabelled,
    forecast_score,
)
from search.analysis.uncertainty.bootstrap import person_bootstrap_interval
from search.analysis.uncertainty.interval import Interval
from tests.search.builders.simulated_evidence import (
    NUM_CLASSES,
    PRIOR,
    Floats,
    Ints,
    Photos,
    miscalibrated,
    photograph,
    resampled,
)
from tests.search.builders.simulated_people import World, simulate

POOL_PEOPLE = 4_000
SHARPNESS, BIAS_SD = 2.0, 0.5


def tilted(mask: Sequence[float], gender: Sequence[float], age: Sequence[float]) -> Floats:
    """Returns the founding competition's prior, classes of the attributes times a factor."""
    weighted: Floats = PRIOR * np.kron(np.kron(mask, gender), age)
    return weighted / weighted.sum()


PRIORS = {
    "old people x 4": tilted((1, 1, 1), (1, 1), (1, 1, 4)),
    "young people / 3": tilted((1, 1, 1), (1, 1), (1 / 3, 1, 1)),
    "men x 2": tilted((1, 1, 1), (2, 1), (1, 1, 1)),
    "without mask x 3": tilted((1, 1, 3), (1, 1), (1, 1, 1)),
    "all classes alike": np.full(NUM_CLASSES, 1 / NUM_CLASSES),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is simulated: folders a prior and draws a folder; folders of the forecast."""

    repeats: int
    draws: int
    forecasts: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found on one folder: total-variation errors, coverage, scores."""

    training: float
    counted: float
    averaged: float
    uncalibrated: float
    estimated: float
    covered: float
    score: float
    expected: Interval
    gain: float
    expected_gain: Interval


def folder_outcomes(
    prior: Floats, people: tuple[int, int], effort: Effort, *, calibrated: bool
) -> list[Outcome]:
    """Returns what is found on freshly drawn folders with known shares.

    Args:
        prior: float [C] that people and photos of the folder are drawn by.
        people: labelled people, and people in the folder (seven photos each).
        effort: how many folders and draws.
        calibrated: whether the classifier's probabilities are right for the labelled people.
    """
    found = []
    for repeat in range(effort.repeats):
        rng = np.random.default_rng([effort.seed, repeat, *people])
        labelled, pool = photograph(people[0], rng), photograph(POOL_PEOPLE, rng)
        folder = resampled(pool, prior, people[1], rng)
        biases = rng.normal(scale=BIAS_SD, size=NUM_CLASSES)
        if not calibrated:
            labelled, folder = (
                Photos(label=x.label, probs=miscalibrated(x.probs, SHARPNESS, biases), person=p)
                for x, p in ((labelled, labelled.person), (folder, folder.person))
            )
        found.append(_outcome(labelled, folder, people[1], effort.draws))
    return found


def _outcome(labelled: Photos, folder: Photos, num_people: int, num_draws: int) -> Outcome:
    known = labelled.labelled
    estimate = estimate_shift(known, folder.probs, num_draws=num_draws)
    truth = _shares(folder.label)
    before = folder.probs.argmax(axis=1)
    after = (log_probs(folder.probs) + log_probs(estimate.odds)).argmax(axis=1)
    change = correction_gain(estimate, folder.probs, before, after)
    calibrated = replace(known, probs=estimate.fit.calibration.apply(known.probs))
    chosen = labelled.probs.argmax(axis=1)
    instead = (log_probs(labelled.probs) + log_probs(estimate.odds)).argmax(axis=1)
    expected = expected_score_unlabelled(
        calibrated, chosen, change.before_draws, num_people, num_draws=1_000
    )
    raw = em_shares(folder.probs, np.maximum(known.shares, 1e-4), np.ones((1, len(before))))[0]
    low, high = estimate.bounds
    guesses = (known.shares, _shares(before), estimate.averaged, raw, estimate.shares)
    errors = [total_variation(guess, truth) for guess in guesses]
    score = macro_f1(folder.label, before, NUM_CLASSES)
    return Outcome(
        training=errors[0],
        counted=errors[1],
        averaged=errors[2],
        uncalibrated=errors[3],
        estimated=errors[4],
        covered=float(np.mean((low <= truth) & (truth <= high))),
        score=score,
        expected=expected,
        gain=macro_f1(folder.label, after, NUM_CLASSES) - score,
        expected_gain=expected_change_unlabelled(
            calibrated, chosen, instead, change.gain_draws, num_people, num_draws=1_000
        ),
    )


def _shares(classes: Ints) -> Floats:
    return np.bincount(classes, minlength=NUM_CLASSES) / len(classes)


def forecast_hits(
    num_known: int, num_new: int, num_folders: int, seed: int
) -> list[tuple[bool, bool, float]]:
    """Returns whether intervals hold the score of new folders, and how wide ours is.

    Args:
        num_known: people with labels.
        num_new: people in the new folder.
        num_folders: simulated.
        seed: of everything.

    Returns:
        A folder: whether the prediction interval holds its score, whether the interval of the
        out-of-fold score does (it leaves the draw of the folder out), and the width of the first.
    """
    found = []
    for repeat in range(num_folders):
        rng = np.random.default_rng([seed, repeat, num_known, num_new])
        world = World(num_people=num_known + num_new, shared=0.8, error_factors=(1.0,))
        sample = simulate(world, rng)
        predicted, known = sample.predicted[0, 0], sample.g < num_known
        truth = macro_f1(sample.y[~known], predicted[~known], NUM_CLASSES)
        given = (sample.people.part(known), predicted[known])
        promise = forecast_score(*given, num_new, num_draws=1_000, seed=repeat)
        score = person_bootstrap_interval(*given, num_resamples=500, seed=repeat)
        hits = [bool(x.low <= truth <= x.high) for x in (promise, score)]
        found.append((hits[0], hits[1], promise.high - promise.low))
    return found

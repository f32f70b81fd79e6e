"""Replays of an objective that trains the best third on a second fold."""

import numpy as np
import pytest

from benchmarks.choice_replays import LATE, Seen, _affordable, _with_second_fold

FOLDS = 5


def world_of(seen, score, error=0.0):
    configs = len(seen)
    others = score.sum(axis=1, keepdims=True) - score
    return Seen(
        seen={LATE: seen, "macro-F1": seen},
        worth=others / (FOLDS - 1),
        score=score,
        error=error * (1 - np.eye(configs))[..., None].repeat(FOLDS, axis=2),
    )


def asking(errors):
    return lambda leads, folds: np.full(leads.shape, errors)


NOTHING = asking(0.0)


def replayed(world, held_back=NOTHING, replays=200):
    tried = np.tile(np.arange(len(world.worth)), (replays, 1))
    rng = np.random.default_rng(3)
    fold = rng.integers(FOLDS, size=replays)
    return _with_second_fold(world, tried, fold, held_back, rng)


@pytest.mark.parametrize(
    ("trainings", "trials"), [(3, (1, 1)), (5, (3, 2)), (10, (7, 3)), (15, (10, 4)), (24, (17, 7))]
)
def test_second_trainings_are_paid_for_by_trials_that_never_begin(trainings, trials):
    assert _affordable(trainings) == trials
    assert sum(trials) <= trainings


def test_a_config_that_was_lucky_on_one_fold_is_seen_through_by_the_second():
    seen = np.full((5, FOLDS), 0.5)
    seen[1] = [0.9, 0.2, 0.2, 0.2, 0.2]  # far ahead on one fold, behind on all others
    score = np.full((5, FOLDS), 0.5)
    score[1] = 0.3
    # By both folds it leads by 0.05 where the lucky one was the first, which it is in a fifth.
    assert replayed(world_of(seen, score)).below == pytest.approx(0.2, abs=0.1)
    seen[1, 1:] = 0.05
    assert replayed(world_of(seen, score)).below == 0


def test_a_lead_within_its_error_is_not_chosen():
    seen, score = np.full((5, FOLDS), 0.5), np.full((5, FOLDS), 0.5)
    seen[1], score[1] = 0.6, 0.4
    # Two folds of 0.2 each: 0.14 of their mean.
    assert replayed(world_of(seen, score, error=0.2), asking(0.5)).below == 1
    assert replayed(world_of(seen, score, error=0.2), asking(1.0)).below == 0


def test_worth_is_that_of_the_folds_that_nobody_saw():
    seen = np.full((3, FOLDS), 0.5)
    seen[1] = 0.8
    score = np.full((3, FOLDS), 0.5)
    score[1] = [0.5, 0.6, 0.7, 0.8, 0.9]
    tried = np.tile(np.arange(3), (1, 1))

    class Next:
        def integers(self, low, high, size):
            return np.ones(size, dtype=int)  # the next fold

    wide = np.concatenate([tried, [[2, 2]]], axis=1)  # five trainings: three begin, two again
    choice = _with_second_fold(world_of(seen, score), wide, np.array([3]), NOTHING, Next())
    assert choice.gain == pytest.approx((0.5 + 0.6 + 0.7) / 3 - 0.5)
    assert choice.regret == 0


def test_no_config_without_a_second_training_is_chosen():
    seen = np.full((10, FOLDS), 0.5)
    seen[9] = 0.9  # the tenth training is spent on a second fold
    score = np.full((10, FOLDS), 0.5)
    score[9] = 0.9
    choice = replayed(world_of(seen, score))
    assert choice.gain == 0

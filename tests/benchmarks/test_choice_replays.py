"""Replays of an objective that trains the best third on a second fold."""

import numpy as np
import pytest

from benchmarks.choice_replays import (
    HELD_BACK,
    LATE,
    LATE_LOG,
    SCORES,
    Seen,
    _affordable,
    _log_score_effects,
    _with_second_fold,
    replays,
)
from benchmarks.objectives import balanced_log_score
from benchmarks.trial_corpus import Trained
from search.analysis.people import People

FOLDS = 5


def world_of(seen, score, error=0.0):
    configs = len(seen)
    others = score.sum(axis=1, keepdims=True) - score
    return Seen(
        seen={LATE: seen, "macro-F1": seen},
        worth=others / (FOLDS - 1),
        score=score,
        error=error * (1 - np.eye(configs))[..., None].repeat(FOLDS, axis=2),
        log_error=error * (1 - np.eye(configs))[..., None].repeat(FOLDS, axis=2),
    )


def asking(errors):
    return lambda leads: np.full(leads.shape, errors)


NOTHING = asking(0.0)


def replayed(world, held_back=NOTHING, replays=200):
    tried = np.tile(np.arange(len(world.worth)), (replays, 1))
    rng = np.random.default_rng(3)
    fold = rng.integers(FOLDS, size=replays)
    second = (fold + rng.integers(1, FOLDS, size=replays)) % FOLDS
    return _with_second_fold(world, tried, fold, second, held_back)


@pytest.mark.parametrize(
    ("trainings", "trials"), [(3, (1, 1)), (5, (3, 2)), (10, (6, 3)), (15, (10, 5)), (24, (17, 7))]
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

    wide = np.concatenate([tried, [[2, 2]]], axis=1)  # five trainings: three begin, two again
    choice = _with_second_fold(world_of(seen, score), wide, np.array([3]), np.array([4]), NOTHING)
    assert choice.gain == pytest.approx((0.5 + 0.6 + 0.7) / 3 - 0.5)
    assert choice.regret == 0


def test_no_config_without_a_second_training_is_chosen():
    seen = np.full((10, FOLDS), 0.5)
    seen[9] = 0.9  # the tenth training is spent on a second fold
    score = np.full((10, FOLDS), 0.5)
    score[9] = 0.9
    choice = replayed(world_of(seen, score))
    assert choice.gain == 0


def test_leads_are_those_of_the_first_fold():
    seen, score, asked = np.full((10, FOLDS), 0.5), np.full((10, FOLDS), 0.5), []
    seen[1:4] = 0.6
    world = world_of(seen, score)
    world.seen["macro-F1"] = seen.copy()
    world.seen["macro-F1"][3] = 0.5  # not ahead in the last epoch

    def held_back(leads):
        asked.append(set(leads.flat))
        return np.zeros(leads.shape)

    replayed(world, held_back)
    assert asked == [{2}]


def test_every_rule_chooses_by_as_many_folds_as_it_says():
    rng = np.random.default_rng(0)
    seen = rng.normal(0.5, 0.05, (16, FOLDS))
    world = world_of(seen, seen, error=0.05)
    for name in SCORES:
        world.seen.setdefault(name, seen)
    world.seen[LATE_LOG] = seen
    few, many = (
        replays(world, trials, np.random.default_rng(1), np.arange(1, 16), is_any=False)
        for trials in (5, 15)
    )
    rows = [
        f"{LATE}, less {e} standard errors; a second fold for the best third" for e in HELD_BACK
    ]
    assert not set(rows) & set(few)
    # Who asks for more leaves the default less often, and so is less often below it.
    below = [many[row].below for row in rows[:5]]
    assert below == sorted(below, reverse=True)
    assert below[0] > below[-1]
    ones = [many[f"{LATE}, its lead over the default less {e} standard errors"] for e in HELD_BACK]
    assert ones[-1].below <= ones[2].below  # Dunnett's is 1.25 at least
    logs = [
        many[f"{LATE_LOG}, its lead over the default less {e:g} standard errors"] for e in (2, 3)
    ]
    assert logs[0].below > logs[1].below


def test_an_error_of_the_log_score_is_that_of_people_drawn_anew():
    rng = np.random.default_rng(5)
    person = np.repeat(np.arange(200), 3)
    label = rng.integers(0, 3, person.size)
    sure = rng.normal(0.5, 1.0, 200)[person]  # photos of one person are alike
    trained = []
    for noise in (0.5, 1.5):
        logits = rng.normal(0, noise, (4, person.size, 3))  # four epochs, the last three count
        logits[:, np.arange(person.size), label] += sure * noise
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
        trained.append(
            Trained(
                probabilities=probabilities,
                samples=np.arange(person.size),
                score=0.5,
                seconds=1.0,
            )
        )
    people = People(label=label, person=person, num_classes=3)
    effects = _log_score_effects(trained, people)
    error = np.sqrt(people.num_people * (effects[1] - effects[0]).var(ddof=1))

    def lead(samples):
        late = [
            np.mean([balanced_log_score(p[samples], label[samples]) for p in t.probabilities[-3:]])
            for t in trained
        ]
        return late[1] - late[0]

    drawn = [
        lead((3 * rng.integers(0, 200, 200)[:, None] + np.arange(3)).ravel()) for _ in range(600)
    ]
    assert error == pytest.approx(np.std(drawn), rel=0.12)

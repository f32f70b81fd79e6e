from itertools import pairwise

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from search.tuning.bounded_sampler import MOST_TRIALS, BoundedSampler, _Ended

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

MOST = 60


def tpe(seed=0):
    return optuna.samplers.TPESampler(
        multivariate=True, group=True, constant_liar=True, n_startup_trials=8, seed=seed
    )


def study_of(sampler=None):
    return optuna.create_study(sampler=sampler, direction="maximize")


def suggest(trial):
    x = trial.suggest_float("x", -1, 1)
    if trial.suggest_categorical("branch", ("a", "b")) == "b":
        trial.suggest_float("only_b", 0, 1)
    return -((x - 0.3) ** 2)


def bounded(trials, most):
    """Returns what a sampler sees of these trials; it has met some of them before."""
    for number, trial in enumerate(trials):
        trial.number = number
    seen = _Ended(most)
    seen.seen(trials[: len(trials) // 2])
    return seen.seen(trials)


def ended(number, *, state=TrialState.COMPLETE, value=0.5, steps=3):
    trial = create_trial(
        state=state,
        value=None if state is TrialState.RUNNING else value,
        params={"x": 0.0},
        distributions={"x": FloatDistribution(-1, 1)},
        intermediate_values=dict.fromkeys(range(1, steps + 1), value),
    )
    trial.number = number
    return trial


def test_a_study_of_fewer_trials_is_seen_whole():
    studies = [study_of(tpe()), study_of(BoundedSampler(tpe(), MOST))]
    for study in studies:
        for number in range(MOST):
            trial = study.ask()
            value = suggest(trial)
            if number % 3:
                study.tell(trial, value)
            else:
                trial.report(value, 1)
                study.tell(trial, state=TrialState.PRUNED)
    plain, wrapped = ([t.params for t in study.trials] for study in studies)
    assert plain == wrapped


def test_what_tpe_takes_for_good_is_as_with_all_trials():
    complete = [ended(n, value=(n * 7919 % 400) / 400) for n in range(400)]
    pruned = [
        ended(400 + n, state=TrialState.PRUNED, value=n / 50, steps=1 + n % 2) for n in range(50)
    ]
    seen = {t.number for t in bounded(complete + pruned, MOST)}
    by_value = sorted(complete, key=lambda t: t.value, reverse=True)
    assert {t.number for t in by_value[:6]} <= seen
    # With too few complete ones, pruned ones fill up: those that came furthest, by their value.
    near = [ended(n, state=TrialState.PRUNED, steps=1) for n in range(50)]
    seen = {t.number for t in bounded(complete[:2] + pruned + near, MOST)}
    assert {0, 1, 51, 49, 47, 45} <= seen


@pytest.mark.parametrize("num_complete", [300, 10, 0])
def test_from_250_trials_on_tpe_splits_the_seen_trials_as_it_would_all(num_complete):
    study = study_of(tpe())
    complete = [ended(n, value=(n * 7919 % 400) / 400) for n in range(num_complete)]
    pruned = [
        ended(400 + n, state=TrialState.PRUNED, value=(n * 31 % 300) / 300, steps=1 + n % 2)
        for n in range(300)
    ]
    split = optuna.samplers._tpe.sampler._split_trials
    seen, others = split(study, bounded(complete + pruned, MOST_TRIALS), 25)
    every, _ = split(study, complete + pruned, 25)
    assert [t.number for t in seen] == [t.number for t in every]
    assert len(others) == MOST_TRIALS - 25


def test_no_more_than_so_many_ended_trials_are_seen_in_their_order_and_spread_over_the_study():
    trials = [ended(n, value=1.0 if n < 6 else 0.1) for n in range(1000)]
    seen = [t.number for t in bounded(trials, MOST)]
    assert len(seen) == MOST
    assert seen == sorted(seen)
    others = [n for n in seen if n >= 6]
    gaps = [b - a for a, b in pairwise(others)]
    assert max(gaps) <= min(gaps) + 1


@pytest.mark.parametrize("state", [TrialState.FAIL, TrialState.RUNNING])
def test_running_trials_are_all_seen_and_failed_ones_never(state):
    trials = [ended(n) for n in range(100)]
    other = ended(100, state=TrialState.RUNNING)
    other.state = state
    numbers = [t.number for t in bounded([*trials, other], MOST)]
    assert (100 in numbers) == (state is TrialState.RUNNING)


def test_a_suggestion_weighs_no_more_trials_however_many_there_are(monkeypatch):
    weighed = []
    split = optuna.samplers._tpe.sampler._split_trials

    def counted(study, trials, n_below):
        weighed.append((len(trials), n_below))
        return split(study, trials, n_below)

    monkeypatch.setattr(optuna.samplers._tpe.sampler, "_split_trials", counted)
    study = study_of(BoundedSampler(tpe()))
    study.add_trials([ended(n, value=n / 600) for n in range(600)])
    study.ask().suggest_float("x", -1, 1)
    assert set(weighed) == {(MOST_TRIALS, 25)}


def test_it_finds_what_is_good_after_the_bound():
    study = study_of(BoundedSampler(tpe(), 50))
    for _ in range(150):
        trial = study.ask()
        study.tell(trial, suggest(trial))
    late = [t.params["x"] for t in study.trials[-40:]]
    # Of random ones a fifth would be as near.
    assert sum(abs(x - 0.3) < 0.2 for x in late) > 12

import math

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from search.tuning import importance
from search.tuning.importance import LEAST_TRIALS, importances_of, parameter_importance
from search.tuning.journal import open_storage

LR = FloatDistribution(1e-5, 1e-1, log=True)
LOSS = CategoricalDistribution(("ce", "focal"))
GAMMA = FloatDistribution(0.5, 5.0)
NOISE = IntDistribution(0, 9)


def trial(lr, loss="ce", gamma=None, noise=0, value=0.5, state=TrialState.COMPLETE, **more):
    params = {"lr": lr, "loss": loss, "noise": noise}
    distributions = {"lr": LR, "loss": LOSS, "noise": NOISE}
    active = {"gamma": gamma} if gamma is not None else {}
    return optuna.create_trial(
        params={**params, **active},
        distributions={**distributions, **dict.fromkeys(active, GAMMA)},
        value=value if state is TrialState.COMPLETE else None,
        state=state,
        **more,
    )


def random_trials(num, score, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(num):
        lr = float(10 ** rng.uniform(-5, -1))
        loss = str(rng.choice(["ce", "focal"]))
        gamma = {"focal": float(rng.uniform(0.5, 5)), "ce": None}[loss]
        noise = int(rng.integers(10))
        found.append(trial(lr, loss, gamma, noise, score(lr, loss, gamma)))
    return found


def test_the_parameter_that_makes_the_score_is_the_most_important():
    shares = parameter_importance(random_trials(60, lambda lr, *_: -abs(math.log10(lr) + 3)), 3)
    assert next(iter(shares)) == "lr"
    assert shares["lr"] > 0.8
    assert set(shares) == {"lr", "loss", "gamma", "noise"}
    assert sum(shares.values()) <= 1 + 1e-9


def test_a_conditional_parameter_is_told_from_the_one_that_chose_it():
    branch = parameter_importance(random_trials(60, lambda _, loss, __: float(loss == "focal")), 0)
    assert next(iter(branch)) == "loss"
    inside = parameter_importance(
        random_trials(60, lambda _, __, gamma: (gamma or 2.75) - 2.75), 0
    )
    assert next(iter(inside)) == "gamma"


def test_the_same_trials_and_seed_give_the_same_shares():
    trials = random_trials(30, lambda lr, *_: math.log10(lr))
    assert parameter_importance(trials, 5) == parameter_importance(trials, 5)


def test_too_few_trials_say_nothing():
    trials = random_trials(LEAST_TRIALS, lambda lr, *_: math.log10(lr))
    assert parameter_importance(trials, 0) is not None
    assert parameter_importance(trials[1:], 0) is None
    assert parameter_importance([], 0) is None


def test_one_score_everywhere_says_nothing():
    assert parameter_importance(random_trials(20, lambda *_: 0.5), 0) is None


def test_parameters_that_never_varied_are_left_out():
    trials = [trial(1e-3, noise=number % 5, value=number / 20) for number in range(20)]
    assert set(parameter_importance(trials, 0)) == {"noise"}
    same = [trial(1e-3, value=number / 20) for number in range(20)]
    assert parameter_importance(same, 0) is None


def test_stopped_trials_count_with_their_last_value_and_broken_ones_do_not():
    stopped = [
        trial(10**-power, state=TrialState.PRUNED, intermediate_values={1: 0.9, 2: -power})
        for power in np.linspace(1.5, 4.5, LEAST_TRIALS).tolist()
    ]
    assert next(iter(parameter_importance(stopped, 0))) == "lr"
    useless = [
        trial(1e-2, state=TrialState.FAIL),
        trial(1e-2, state=TrialState.PRUNED),
        trial(1e-2, value=math.inf),
        trial(1e-2, value=0.0, user_attrs={"cause": "out_of_memory"}),
    ]
    assert parameter_importance([*stopped[1:], *useless], 0) is None
    assert parameter_importance([*stopped, *useless], 0) == parameter_importance(stopped, 0)


def test_a_range_that_depends_on_another_parameter_is_widened_to_all_values():
    rng = np.random.default_rng(0)
    trials = []
    for high in [1e-3, 1e-1] * 10:
        lr = float(rng.uniform(1e-5, high))
        trials.append(
            optuna.create_trial(
                params={"lr": lr},
                distributions={"lr": FloatDistribution(1e-5, high, log=True)},
                value=math.log(lr),
            )
        )
    assert parameter_importance(trials, 0)["lr"] > 0.9


def test_optuna_says_nothing_and_keeps_its_verbosity(capfd):
    level = optuna.logging.get_verbosity()
    parameter_importance(random_trials(20, lambda lr, *_: lr), 0)
    assert optuna.logging.get_verbosity() == level
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("seed", [-1, 2**40])
def test_any_whole_number_is_a_seed(seed):
    assert parameter_importance(random_trials(20, lambda lr, *_: lr), seed) is not None


def test_of_a_run_the_spaces_that_have_trials_enough_are_named(tmp_path):
    path = tmp_path / "optuna.journal"
    storage = open_storage(path)
    trials = random_trials(20, lambda lr, *_: math.log10(lr))
    for name, num in (("age", 20), ("joint", 3)):
        study = optuna.create_study(storage=storage, study_name=f"{name}-1", direction="maximize")
        study.add_trials(trials[:num])
    found = importances_of(path, {"age": "age-1", "joint": "joint-1"}, seed=3)
    assert found == {"age": parameter_importance(trials, 3)}


def test_of_many_trials_some_are_weighed(monkeypatch):
    trials = random_trials(60, lambda lr, *_: -abs(math.log10(lr) + 3))
    monkeypatch.setattr(importance, "MOST_TRIALS", 20)
    few = parameter_importance(trials, 3)
    monkeypatch.undo()
    picked = [trials[place] for place in np.linspace(0, 59, 20).round().astype(int)]
    assert few == parameter_importance(picked, 3)
    assert few != parameter_importance(trials, 3)

"""The worlds of simulated searches: a law that is found again, and surfaces as they are said."""

import numpy as np
import pytest

from tests.search.builders.curve_law import CurveLaw, fit
from tests.search.builders.curve_worlds import World, place
from tests.search.builders.search_scores import searched

LAW = CurveLaw(
    floor=0.05,
    middle=0.4,
    spread=0.6,
    slowness=3.0,
    shape=1.4,
    pace_spread=0.3,
    tied=0.3,
    jitter=0.08,
)


def test_a_planted_law_is_found_again_though_weak_trials_were_stopped():
    rng = np.random.default_rng(3)
    quality, pace = rng.standard_normal((2, 60))
    seen = [LAW.seen(true, 60, rng) for true in LAW.true(quality, pace, 9)]
    cut = np.median([values[1] for values in seen])
    curves = [values if values[1] >= cut else values[:2] for values in seen]
    found = fit(curves, people=60, num_draws=500)
    many = rng.standard_normal((2, 2000))
    planted, fitted = (law.true(*many, 9)[:, -1] for law in (LAW, found))
    assert np.median(fitted) == pytest.approx(np.median(planted), abs=0.08)
    assert fitted.std() == pytest.approx(planted.std(), rel=0.4)
    assert found.jitter == pytest.approx(LAW.jitter, rel=0.3)


def test_more_people_show_a_curve_with_less_noise():
    true = np.full(2000, 0.5)
    few, many = (
        np.std([LAW.seen(true[:1], people, np.random.default_rng(i))[0] for i in range(2000)])
        for people in (60, 240)
    )
    assert few == pytest.approx(2 * many, rel=0.1)


@pytest.fixture(scope="module")
def world():
    return World(place("demo"), seed=1)


def test_a_world_is_the_same_for_its_seed_and_another_for_another(world):
    again, other = World(place("demo"), seed=1), World(place("demo"), seed=2)
    assert again.best("joint") == world.best("joint")
    assert other.best("joint") != world.best("joint")


def test_the_default_is_about_as_good_as_it_was_found_to_be(world):
    for space, law in world.where.laws.items():
        wanted = law.true(np.array([law.default_quality]), np.zeros(1), 9)[0, -1]
        assert world.default(space) == pytest.approx(wanted, abs=0.15)


def test_a_search_ends_with_its_time_and_gives_every_approach_its_share():
    score = searched("demo", 300.0, devices=2, policy="as it runs", seed=0)
    assert score.seconds == pytest.approx(300.0)
    assert max(score.shares.values()) < 1.2 * min(score.shares.values())
    assert score.idle < 0.05
    assert all(space.best > space.default for space in score.spaces.values())


@pytest.mark.parametrize("policy", ["pausing at 1, 3", "one-epoch discarding", "random"])
def test_every_policy_trains_some_configs_to_their_end(policy):
    score = searched("demo", 300.0, devices=2, policy=policy, seed=0, spaces=["joint"])
    assert score.spaces["joint"].complete >= 2
    assert score.spaces["joint"].trials > score.spaces["joint"].complete

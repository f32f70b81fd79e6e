import numpy as np
import pytest

from search.analysis.metrics import macro_f1
from tests.search.builders.simulated_errors import (
    NUM_CLASSES,
    factor_of_score,
    population_macro_f1,
)
from tests.search.builders.simulated_people import World, simulate


def _scores(world, seed=0):
    """The macro-F1 of every approach and seed, [M, S]."""
    sample = simulate(world, np.random.default_rng(seed))
    return np.array(
        [[macro_f1(sample.y, row, NUM_CLASSES) for row in rows] for rows in sample.predicted]
    )


def test_simulated_people_have_the_published_quality_or_the_one_asked_for():
    factors = (1.0, 0.5, factor_of_score(0.61))
    scores = _scores(World(num_people=20_000, shared=0.0, error_factors=factors))[:, 0]
    assert population_macro_f1() == pytest.approx(0.757, abs=0.001)
    assert scores[0] == pytest.approx(population_macro_f1(), abs=0.007)
    assert scores[1] == pytest.approx(population_macro_f1(0.5), abs=0.007)
    assert scores[2] == pytest.approx(0.61, abs=0.007)


@pytest.mark.parametrize("num_folds", [5, 0])
@pytest.mark.parametrize("score", [0.757, 0.61])
def test_a_whole_seed_has_the_luck_asked_for_however_many_models_it_has(num_folds, score):
    factors = (factor_of_score(score),)
    world = World(
        num_people=3_000,
        shared=0.8,
        num_seeds=120,
        seed_sd=0.02,
        num_folds=num_folds,
        error_factors=factors,
        own=0.0,
    )
    assert _scores(world).std(ddof=1) == pytest.approx(0.02, rel=0.2)


def test_every_fold_model_has_a_luck_of_its_own_or_all_of_a_seed_have_the_same():
    """Between halves of the folds, the lucks of a seed do not go together, or they do."""
    related = {}
    for num_folds in (4, 0):
        world = World(
            num_people=3_000,
            shared=0.0,
            num_seeds=80,
            seed_sd=0.03,
            num_folds=num_folds,
            error_factors=(1.0,),
            own=0.0,
        )
        sample = simulate(world, np.random.default_rng(0))
        fold = sample.g % 4 if sample.fold is None else sample.fold
        right = sample.predicted[0] == sample.y
        halves = [right[:, np.isin(fold, part)].mean(axis=1) for part in ((0, 1), (2, 3))]
        related[num_folds] = np.corrcoef(halves)[0, 1]
    assert abs(related[4]) < 0.35
    assert related[0] > 0.7


def test_folds_part_the_people_evenly_and_the_old_world_has_none():
    sample = simulate(World(num_people=52, shared=0.8), np.random.default_rng(0))
    fold_of_person = sample.fold.reshape(52, 7)
    assert np.all(fold_of_person == fold_of_person[:, :1])
    assert sorted(np.bincount(fold_of_person[:, 0])) == [10, 10, 10, 11, 11]
    assert np.any(fold_of_person[:, 0] != np.arange(52) % 5)
    assert (
        simulate(World(num_people=52, shared=0.8, num_folds=0), np.random.default_rng(0)).fold
        is None
    )


def test_the_luck_of_a_search_is_that_of_all_its_seeds():
    world = World(
        num_people=3_000,
        shared=0.8,
        num_seeds=2,
        search_sd=0.02,
        error_factors=(1.0,) * 60,
        common=0.9,
        own=0.0,
    )
    scores = _scores(world)
    assert scores[:, 0] == pytest.approx(scores[:, 1])
    assert scores[:, 0].std(ddof=1) == pytest.approx(0.02, rel=0.25)


def test_probabilities_go_with_the_classes_and_with_the_quality_of_an_approach():
    world = World(num_people=2_000, shared=0.8, error_factors=(1.0, 1.0, 0.7))
    sample = simulate(world, np.random.default_rng(0), with_probs=True)
    probs = sample.probs[:, 0]
    assert probs.sum(axis=-1) == pytest.approx(1.0)
    assert np.array_equal(probs.argmax(axis=-1), sample.predicted[:, 0])
    logs = np.log(np.maximum(probs[:, np.arange(len(sample.y)), sample.y], 1e-6))
    first, second, better = logs.mean(axis=1)
    noise = (logs[0] - logs[1]).reshape(2_000, 7).mean(axis=1).std() / 2_000**0.5
    assert abs(first - second) < 3 * noise
    assert better > max(first, second) + 6 * noise
    # Roughly calibrated: no temperature far from 1 would score better.
    for temperature in (0.6, 1.6):
        tempered = probs[0] ** (1 / temperature)
        tempered /= tempered.sum(axis=1, keepdims=True)
        assert np.log(tempered[np.arange(len(sample.y)), sample.y]).mean() < first


def test_probabilities_change_nothing_else():
    world = World(num_people=50, shared=0.8, num_seeds=2, seed_sd=0.01)
    plain = simulate(world, np.random.default_rng(3))
    rich = simulate(world, np.random.default_rng(3), with_probs=True)
    assert plain.probs is None
    assert np.array_equal(plain.predicted, rich.predicted)
    assert np.array_equal(plain.fold, rich.fold)

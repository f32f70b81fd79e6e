import numpy as np
import pytest

from search.analysis.ensemble import recipe as ensemble_recipe
from search.analysis.ensemble.recipe import (
    CalibratedMembers,
    Recipe,
    Selection,
    choose_recipe,
    inner_parts,
)
from search.analysis.ensemble.weights import Limit, greedy_selection
from search.analysis.metrics import macro_f1
from tests.search.builders.ensemble_worlds import labels_of, output, people_of, softmax

BOTH = (Selection.GREEDY, Selection.CMA_ES)


def _makers(probs, limit=None):
    return CalibratedMembers(
        probs=np.stack(probs), costs_ms=np.ones(len(probs)), limit=limit or Limit(), seed=0
    )


def test_people_are_whole_in_one_inner_part_and_their_classes_in_every(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 72, photos=3)
    parts = inner_parts(people_of(y, g), rng)
    assert all(len(np.unique(parts[g == person])) == 1 for person in range(72))
    table = np.zeros((3, 6))
    np.add.at(table, (parts, y), 1)
    np.testing.assert_array_equal(table, np.full((3, 6), 12.0))  # 4 people of 3 photos each
    assert not np.array_equal(parts, inner_parts(people_of(y, g), rng))


def test_biases_are_taken_where_they_pay_on_other_people(seed):
    """Probabilities that underrate class 0 by a factor the biases can undo for anybody."""
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 240)
    good = output(rng, y, 6, 2.5)
    skewed = softmax(np.log(good) - 3.0 * (np.arange(6) == 0))
    recipe = choose_recipe(_makers([skewed]), people_of(y, g), BOTH, np.random.default_rng(0))
    assert recipe.biased
    assert recipe.selection is Selection.GREEDY  # with one member CMA-ES ties, and the first wins


def test_perfect_members_get_the_simplest_recipe(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    perfect = softmax(9.0 * np.eye(6)[y])
    recipe = choose_recipe(_makers([perfect, perfect]), people_of(y, g), BOTH, rng)
    assert recipe == Recipe(selection=Selection.GREEDY, biased=False)


@pytest.mark.parametrize("best", BOTH)
def test_the_selection_that_is_better_on_other_people_is_taken(seed, best, monkeypatch):
    """One selection takes the member that knows, the other the member that guesses."""
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    knows = [float(best is Selection.GREEDY), float(best is Selection.CMA_ES)]
    counts, weights = np.array([knows[0], 1 - knows[0]]), np.array([knows[1], 1 - knows[1]])
    monkeypatch.setattr(ensemble_recipe, "greedy_selection", lambda *_, **__: counts)
    monkeypatch.setattr(ensemble_recipe, "cma_weights", lambda *_, **__: weights)
    networks = _makers([output(rng, y, 6, 3.0), output(rng, y, 6, 0.0)])
    assert choose_recipe(networks, people_of(y, g), BOTH, rng).selection is best


def test_a_single_person_cannot_be_split_and_gets_the_first_recipe():
    y = np.array([0, 1, 2])
    networks = _makers([softmax(np.eye(6)[y])])
    recipe = choose_recipe(
        networks, people_of(y, np.zeros(3, int)), BOTH, np.random.default_rng(0)
    )
    assert recipe == Recipe(selection=Selection.GREEDY, biased=False)


def test_a_single_approach_has_equal_weights_whatever_its_members_are_worth(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    networks = _makers([output(rng, y, 6, 3.0), output(rng, y, 6, 0.0)])
    recipe = choose_recipe(networks, people_of(y, g), (Selection.SINGLE,), rng)
    assert recipe.selection is Selection.SINGLE
    np.testing.assert_array_equal(networks.fit(y, recipe)[0], [0.5, 0.5])


def test_the_fit_of_a_recipe_is_its_weights_and_biases_on_the_mixture(seed):
    rng = np.random.default_rng(seed)
    y, _ = labels_of(rng, 90)
    networks = _makers([output(rng, y, 6, 1.0) for _ in range(4)])
    weights, biases = networks.fit(y, Recipe(selection=Selection.GREEDY, biased=False))
    counts = greedy_selection(networks.probs, y, limit=Limit())
    np.testing.assert_allclose(weights, counts / counts.sum())
    assert not biases.any()
    mixed = networks.mix(weights)
    np.testing.assert_allclose(mixed.sum(axis=1), 1.0, atol=1e-5)
    again, fitted = networks.fit(y, Recipe(selection=Selection.GREEDY, biased=True))
    np.testing.assert_array_equal(again, weights)
    plain = macro_f1(y, mixed.argmax(axis=1), 6)
    assert macro_f1(y, (np.log(mixed) + fitted).argmax(axis=1), 6) >= plain


def test_cma_es_never_takes_more_members_than_greedy_within_the_limit(seed):
    rng = np.random.default_rng(seed)
    y, _ = labels_of(rng, 90)
    networks = _makers([output(rng, y, 6, 1.0) for _ in range(6)], Limit(max_members=2))
    weights = networks.weights(y, BOTH)
    assert set(weights) == set(BOTH)
    assert all(0 < np.count_nonzero(found) <= 2 for found in weights.values())
    assert weights[Selection.CMA_ES].sum() == pytest.approx(1.0)

"""Which recipe an ensemble follows, decided by an inner split of the people who may decide.

Notation:
    M members, N samples, C classes. probs: float32 [M, N, C] calibrated; y: int [N].

CMA-ES always fits better than greedy selection on the people it is fitted to, and class biases
better than none: whether they are better for other people is another question, with few people
often answered no. So each recipe is fitted on two thirds of the people and scored on the third.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from search.analysis.ensemble.candidates import Probs
from search.analysis.ensemble.weights import Limit, cma_weights, greedy_selection, mixture
from search.analysis.fitting.class_biases import fit_class_biases, predict_with_biases
from search.analysis.fitting.cross_fit import Mask
from search.analysis.metrics import Floats, Ints, macro_f1
from search.analysis.people import People

_NUM_PARTS = 3


class Selection(StrEnum):
    """Where the weights come from."""

    GREEDY = "greedy"
    CMA_ES = "cma_es"
    SINGLE = "single"  # a single approach, its members in equal parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How members become classes: where weights come from, and whether there are class biases."""

    selection: Selection
    biased: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CalibratedMembers:
    """Members to make an ensemble from, within a limit; `seed` is that of CMA-ES.

    `probs` float32 [M, N, C], calibrated; `costs_ms` float [M], to serve each of them.
    """

    probs: Probs
    costs_ms: Floats
    limit: Limit
    seed: int

    def of(self, samples: Mask) -> "CalibratedMembers":
        """Returns the members on some samples, bool [N]."""
        return replace(self, probs=self.probs[:, samples])

    def mix(self, weights: Floats) -> Probs:
        """Returns the weighted mean of the members, float32 [N, C]."""
        return mixture(self.probs, weights)

    def weights(self, y: Ints, selections: Sequence[Selection]) -> dict[Selection, Floats]:
        """Returns weights, float [M], sum 1, of every selection asked for."""
        if tuple(selections) == (Selection.SINGLE,):
            return {Selection.SINGLE: np.full(len(self.probs), 1 / len(self.probs))}
        counts = greedy_selection(self.probs, y, limit=self.limit, costs_ms=self.costs_ms)
        found: dict[Selection, Floats] = {Selection.GREEDY: counts / counts.sum()}
        if Selection.CMA_ES in selections:
            found[Selection.CMA_ES] = cma_weights(self.probs, y, counts, seed=self.seed)
        return {selection: found[selection] for selection in selections}

    def fit(self, y: Ints, recipe: Recipe) -> tuple[Floats, Floats]:
        """Returns the weights, float [M], and class biases, float [C], of a recipe."""
        weights = self.weights(y, (recipe.selection,))[recipe.selection]
        if not recipe.biased:
            return weights, np.zeros(self.probs.shape[2])
        return weights, fit_class_biases(self.mix(weights), y)


def choose_recipe(
    networks: CalibratedMembers,
    people: People,
    selections: Sequence[Selection],
    rng: np.random.Generator,
) -> Recipe:
    """Returns the recipe with the best macro-F1 on people it was not fitted to.

    Args:
        networks: the members.
        people: with their joint classes.
        selections: to choose from, the simplest first; ties go to it, and to no biases.
        rng: deals the people to the inner parts.
    """
    y, parts = people.label, inner_parts(people, rng)
    recipes = [Recipe(selection=s, biased=biased) for s in selections for biased in (False, True)]
    if parts.min() == parts.max():  # a single person
        return recipes[0]
    predicted = {recipe: np.zeros_like(y) for recipe in recipes}
    for part in np.unique(parts):
        fit, apply = networks.of(parts != part), networks.of(parts == part)
        true = y[parts != part]
        for selection, weights in fit.weights(true, selections).items():
            biases = fit_class_biases(fit.mix(weights), true)
            for biased in (False, True):
                classes = predict_with_biases(apply.mix(weights), biases * biased)
                predicted[Recipe(selection=selection, biased=biased)][parts == part] = classes
    return max(recipes, key=lambda recipe: macro_f1(y, predicted[recipe], people.num_classes))


def inner_parts(people: People, rng: np.random.Generator) -> Ints:
    """Returns the inner part of every sample, int [N]: people of equal labels are dealt evenly.

    Args:
        people: a person is in one part.
        rng: orders the people within a stratum.
    """
    order = np.lexsort((rng.permutation(people.num_people), people.strata))
    part: Ints = np.empty(people.num_people, dtype=np.int64)
    part[order] = np.arange(people.num_people) % _NUM_PARTS
    return part.take(people.person)

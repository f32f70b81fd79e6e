"""People whose photos are classified with known quality: the truth a verdict is held against.

Notation:
    P people with 7 photos each (5 masks worn, 1 incorrect, 1 none), N = 7 P samples, C = 18 joint
    classes 6 * mask + 3 * gender + age, K classes of one attribute, M approaches, S seeds of each,
    F folds (1 where a seed has one luck for all of them).

An error is drawn by inverting the row of the confusion matrix (`simulated_errors`) at a normal
latent variable, which makes errors dependent where they are in reality:

    shared   probability that the gender and age error of a photo is the one of the person;
    common   part of the latent variance that all approaches have in common (hard people);
    own      part that is a training's own; the rest is the approach's.

Luck beside it, as random factors on the error rates of gender and age (log-normal with mean 1, so
that luck neither helps nor harms on average):

    seed_sd    of training. As the refit trains every fold model by itself, every (approach, seed,
               fold) has a luck of its own. Each fold holds 1/F of the people, so the macro-F1 of
               a whole seed is, to first order, the mean of F independent lucks; for its s.d. to be
               `seed_sd`, that of a fold model is `seed_sd * sqrt(F)`.
    search_sd  of the search: drawn once an approach, the same in all its seeds and folds.

`num_folds=0` is another world: ONE luck a seed for all its people, and no folds to tell it by.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, softmax

from search.analysis.people import People
from tests.search.builders.simulated_errors import (
    AGE,
    CELLS,
    GENDER,
    MASK,
    MASKS,
    NUM_CLASSES,
    log_factor_per_macro_f1,
    scaled,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SOFTNESS = 0.3  # latent distance that costs a class one unit of log-probability; calibrates about


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is simulated; `error_factors` multiply the gender and age errors of each approach."""

    num_people: int
    shared: float
    num_seeds: int = 1
    seed_sd: float = 0.0
    search_sd: float = 0.0
    num_folds: int = 5
    error_factors: tuple[float, ...] = (1.0, 1.0)
    common: float = 0.6
    own: float = 0.15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """y int [N], g int [N], fold int [N] or None, predicted int [M, S, N], probs [M, S, N, C]."""

    y: Ints
    g: Ints
    fold: Ints | None = None
    predicted: Ints
    probs: Floats | None = None

    @property
    def people(self) -> People:
        """The labelled people."""
        return People(label=self.y, person=self.g, num_classes=NUM_CLASSES, fold=self.fold)


def simulate(world: World, rng: np.random.Generator, *, with_probs: bool = False) -> Sample:
    """Returns the labels and predictions of freshly drawn people and freshly trained models.

    Args:
        world: what is simulated.
        rng: source of everything.
        with_probs: whether to give the probabilities too: the log-probability of a class falls
            with how far the latent variable would have to move for that class to be drawn. The
            most probable class is the predicted one, and an approach that errs less often also
            has the better log score.
    """
    num_people = world.num_people
    cell = rng.choice(6, num_people, p=CELLS)
    fold = rng.permutation(num_people) % max(1, world.num_folds)
    factors = _factors(world, rng)
    truths = (
        np.tile(MASKS, (num_people, 1)),
        *(np.repeat(x[:, None], 7, 1) for x in (cell // 3, cell % 3)),
    )
    tables = (
        scaled(MASK, np.ones_like(factors[..., 0])),
        *(scaled(table, factors[..., axis]) for axis, table in enumerate((GENDER, AGE))),
    )
    classes, logits = [], []
    for truth, table, shared in zip(truths, tables, (0, world.shared, world.shared), strict=True):
        latent = _latent(world, shared, rng)
        limits = ndtri(np.cumsum(table, axis=-1)[..., :-1])[:, :, fold[:, None], truth]
        classes.append((latent[..., None] > limits).sum(axis=-1))
        if with_probs:
            logits.append(_logits(latent, limits))
    shape = factors.shape[:2]
    return Sample(
        y=_code(*truths).ravel(),
        g=np.repeat(np.arange(num_people), 7),
        fold=np.repeat(fold, 7) if world.num_folds else None,
        predicted=_code(*classes).reshape(*shape, -1),
        probs=_joint(*logits).reshape(*shape, -1, NUM_CLASSES) if with_probs else None,
    )


def _factors(world: World, rng: np.random.Generator) -> Floats:
    """Returns the factors on the gender and age errors of every fold model, [M, S, F, 2]."""
    base = np.array(world.error_factors)[:, None, None, None]
    spread = np.array([log_factor_per_macro_f1(factor) for factor in world.error_factors])
    num, num_folds = len(base), max(1, world.num_folds)
    logs = np.zeros((num, world.num_seeds, num_folds, 2))
    lucks = (
        (world.search_sd, (num, 1, 1, 2)),
        (world.seed_sd * num_folds**0.5, (num, world.num_seeds, num_folds, 2)),
    )
    for macro_f1_sd, shape in lucks:
        log_sd = macro_f1_sd * spread[:, None, None, None]
        logs += log_sd * rng.standard_normal(shape) - log_sd**2 / 2
    factors: Floats = base * np.exp(logs)
    return factors


def _latent(world: World, shared: float, rng: np.random.Generator) -> Floats:
    """Returns standard normal variables [M, S, P, 7] with the dependences of the world."""
    num_approaches, people = len(world.error_factors), world.num_people

    def layered(photos: int) -> Floats:
        parts = (
            (world.common, (1, 1)),
            (1 - world.common - world.own, (num_approaches, 1)),
            (world.own, (num_approaches, world.num_seeds)),
        )
        draws = [part**0.5 * rng.standard_normal((*lead, people, photos)) for part, lead in parts]
        return draws[0] + draws[1] + draws[2]

    by_photo = layered(7)
    if shared == 0:
        return by_photo
    return np.where(rng.random((1, 1, people, 7)) < shared, layered(1), by_photo)


def _code(mask: Ints, gender: Ints, age: Ints) -> Ints:
    return 6 * mask + 3 * gender + age


def _logits(latent: Floats, limits: Floats) -> Floats:
    """Returns the log-odds [..., K] of classes whose limits [..., K - 1] part the latent axis."""
    end = np.full((*limits.shape[:-1], 1), np.inf)
    below = np.concatenate([-end, limits], axis=-1) - latent[..., None]
    above = latent[..., None] - np.concatenate([limits, end], axis=-1)
    found: Floats = -np.maximum(np.maximum(below, above), 0.0) / SOFTNESS
    return found


def _joint(mask: Floats, gender: Floats, age: Floats) -> Floats:
    """Returns the probabilities [..., 18] of attributes that are independent given the photo."""
    logits = mask[..., :, None, None] + gender[..., None, :, None] + age[..., None, None, :]
    probs: Floats = softmax(logits.reshape(*logits.shape[:-3], NUM_CLASSES), axis=-1)
    return probs

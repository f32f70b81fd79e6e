"""People whose photos are classified with known quality: the truth a verdict is held against.

Notation:
    P people with 7 photos each (5 masks worn, 1 incorrect, 1 none), N = 7 P samples, C = 18 joint
    classes 6 * mask + 3 * gender + age, M approaches, S seeds of each.

Gender and age of the people, and the confusions of the three attributes, are those published for
the founding competition (macro-F1 0.757). An error is drawn by inverting the row of the confusion
matrix at a normal latent variable, which makes errors dependent where they are in reality:

    shared   probability that the gender and age error of a photo is the one of the person;
    common   part of the latent variance that all approaches have in common (hard people);
    own      part that is a training seed's own; the rest is the approach's.

Training luck beside it: every seed has its own error rates, with `seed_sd` standard deviation of
macro-F1. Errors of the mask are a photo's own.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from search.analysis.people import People

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NUM_CLASSES = 18
ATTRIBUTES = {
    "mask": ("wear", "incorrect", "none"),
    "gender": ("male", "female"),
    "age": ("<30", "30-59", ">=60"),
}
_MASKS = np.array([0, 0, 0, 0, 0, 1, 2])
_CELLS = np.array([549, 410, 83, 732, 817, 109]) / 2700  # gender x age
_MASK = np.array([[0.995, 0.003, 0.002], [0.02, 0.96, 0.02], [0.005, 0.025, 0.97]])
_GENDER = np.array([[0.955, 0.045], [0.03, 0.97]])
_AGE = np.array([[0.904, 0.094, 0.002], [0.053, 0.901, 0.047], [0.006, 0.400, 0.594]])
_AGE /= _AGE.sum(axis=1, keepdims=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is simulated; `error_factors` multiply the gender and age errors of each approach."""

    num_people: int
    shared: float
    num_seeds: int = 1
    seed_sd: float = 0.0
    error_factors: tuple[float, ...] = (1.0, 1.0)
    common: float = 0.6
    own: float = 0.15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """y int [N], g int [N], predicted int [M, S, N]."""

    y: Ints
    g: Ints
    predicted: Ints

    @property
    def people(self) -> People:
        """The labelled people."""
        return People(label=self.y, person=self.g, num_classes=NUM_CLASSES)


def population_macro_f1(factor: float = 1.0) -> float:
    """Returns the macro-F1 over infinitely many people, gender and age errors times a factor."""
    return _population_macro_f1(factor, factor)


def factor_of_gain(gain: float) -> float:
    """Returns the factor on the errors that raises the population macro-F1 by `gain`."""
    target = population_macro_f1() + gain
    return float(brentq(lambda factor: population_macro_f1(factor) - target, 0.05, 1.5))


def simulate(world: World, rng: np.random.Generator) -> Sample:
    """Returns the labels and predictions of freshly drawn people and freshly trained models."""
    cell = rng.choice(6, world.num_people, p=_CELLS)
    people = np.arange(world.num_people)
    truths = (
        np.tile(_MASKS, (len(people), 1)),
        *(np.repeat(x[:, None], 7, 1) for x in (cell // 3, cell % 3)),
    )
    shape = (len(world.error_factors), world.num_seeds)
    luck = np.exp(_luck_per_macro_f1() * world.seed_sd * rng.standard_normal((*shape, 2)))
    factors = luck * np.array(world.error_factors)[:, None, None]
    tables = (
        np.broadcast_to(_MASK, (*shape, 3, 3)),
        *(
            np.array([[_scaled(table, factor) for factor in row] for row in factors[..., axis]])
            for axis, table in enumerate((_GENDER, _AGE))
        ),
    )
    classes = [
        _draw(truth, table, _latent(world, shared, rng))
        for truth, table, shared in zip(
            truths, tables, (0.0, world.shared, world.shared), strict=True
        )
    ]
    return Sample(
        y=_code(*truths).ravel(),
        g=np.repeat(people, 7),
        predicted=_code(*classes).reshape(*shape, -1),
    )


def _code(mask: Ints, gender: Ints, age: Ints) -> Ints:
    return 6 * mask + 3 * gender + age


def _scaled(table: Floats, factor: float) -> Floats:
    """Returns a confusion matrix with its errors multiplied, at most to 95 % of a row."""
    errors = table * (1 - np.eye(len(table))) * factor
    total = errors.sum(axis=1, keepdims=True)
    errors *= np.minimum(1.0, 0.95 / np.maximum(total, 1e-12))
    return errors + np.diag(1 - errors.sum(axis=1))


def _population_macro_f1(gender_factor: float, age_factor: float) -> float:
    joint = np.kron(_MASK, np.kron(_scaled(_GENDER, gender_factor), _scaled(_AGE, age_factor)))
    prior = (np.bincount(_MASKS)[:, None] / 7 * _CELLS).ravel()
    return float(np.mean(2 * prior * joint.diagonal() / (prior + prior @ joint)))


def _luck_per_macro_f1() -> float:
    """Returns the spread of log factors that makes one unit of spread in macro-F1."""
    step, now = 0.01, population_macro_f1()
    slopes = [_population_macro_f1(np.exp(step), 1.0), _population_macro_f1(1.0, np.exp(step))]
    return step / float(np.hypot(*(slope - now for slope in slopes)))


def _latent(world: World, shared: float, rng: np.random.Generator) -> Floats:
    """Returns normal variables [M, S, P, 7] with the dependences of the world."""
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


def _draw(truth: Ints, tables: Floats, latent: Floats) -> Ints:
    """Returns classes [M, S, P, 7] from confusion matrices [M, S, K, K]."""
    level = ndtr(latent)
    limits = np.cumsum(tables, axis=-1)[..., :-1]
    return sum(
        (level > limits[..., k][..., truth]).astype(np.int64) for k in range(limits.shape[-1])
    )

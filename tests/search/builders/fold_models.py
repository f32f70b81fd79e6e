"""Probabilities of fold models, equally good or not: the truth that statements are held to.

Notation:
    P people with 4 photos each, N = 4 P samples, C = 4 joint classes 2 * first + second of two
    attributes, M approaches, S seeds of each, F folds, each with a model of its own.

A photo shows its class with some evidence, and noise: part of it the person's own, for all
approaches alike; part the approach's about that person; part of a single training. The model of a
fold has luck of its own: it favours classes. Probabilities are the softmax of all that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from search.analysis.approaches.approach import Approach
from search.analysis.people import People

Floats = NDArray[np.float64]

SIZES = {"first": 2, "second": 2}
PHOTOS, CLASSES, FOLDS = 4, 4, 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refit:
    """People and the approaches that were trained on them."""

    people: People
    approaches: tuple[Approach, ...]


def refit_of(
    rng: np.random.Generator,
    *,
    num_people: int = 60,
    num_seeds: int = 2,
    evidence: tuple[float, ...] = (2.0, 2.0),
    luck: float = 0.3,
    networks: tuple[int, ...] = (1, 1),
) -> Refit:
    """Returns one data set with freshly trained models.

    Args:
        rng: source of everything.
        num_people: P.
        num_seeds: S.
        evidence: of every approach; equal ones are equally good.
        luck: of a fold model, spread of what it favours a class by.
        networks: of every approach.
    """
    label = np.repeat(rng.integers(0, CLASSES, num_people), PHOTOS)
    person = np.repeat(np.arange(num_people), PHOTOS)
    fold = person % FOLDS
    shared = rng.standard_normal((num_people, CLASSES))[person]
    approaches = []
    for number, (size, count) in enumerate(zip(evidence, networks, strict=True)):
        own = 0.7 * rng.standard_normal((num_people, CLASSES))[person]
        noise = 0.7 * rng.standard_normal((num_seeds, len(label), CLASSES))
        favours = luck * rng.standard_normal((num_seeds, FOLDS, CLASSES))[:, fold]
        seen = size * np.eye(CLASSES)[label] + shared + own + noise + favours
        approaches.append(
            Approach.from_probs(str(number), softmax(seen, axis=-1), num_networks=count)
        )
    people = People(label=label, person=person, num_classes=CLASSES, fold=fold)
    return Refit(people=people, approaches=tuple(approaches))

"""Photos whose class probabilities are known exactly: the truth a label-shift estimate is held to.

Notation:
    P people with 7 photos each (5 masks worn, 1 incorrect, 1 none), N = 7 P samples, C = 18 joint
    classes 6 * mask + 3 * gender + age, in the founding competition's frequencies.

A photo shows normal evidence of unit variance about each attribute, centred on its class; Bayes'
rule turns it into the probabilities that are calibrated for the competition's class frequencies.
Part of the evidence on gender and age is the person's, the same on every photo. A miscalibrated
classifier is the same one with sharpened log-probabilities and class biases of its own.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from search.analysis.people import People
from search.analysis.shift.labelled import Labelled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NUM_CLASSES = 18
_CELLS = np.array([549, 410, 83, 732, 817, 109]) / 2700  # gender x age, domain of the founders
_MASKS = np.array([0, 0, 0, 0, 0, 1, 2])
PRIOR = np.kron(np.array([5, 1, 1]) / 7, _CELLS)
# Class centres: right in 98, 96 and 87 % of the photos, most old people near the middle-aged.
_CENTRES = (np.array([0.0, 4.2, 8.4]), np.array([0.0, 3.5]), np.array([0.0, 2.6, 4.6]))
_OF_PERSON = (0.0, 0.7, 0.7)  # share of the evidence's variance that is the person's


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Photos:
    """label int [N], probs float [N, 18] calibrated under `PRIOR`, person int [N]."""

    label: Ints
    probs: Floats
    person: Ints

    @property
    def labelled(self) -> Labelled:
        """The photos as out-of-fold predictions of labelled people."""
        people = People(label=self.label, person=self.person, num_classes=NUM_CLASSES)
        return Labelled(people=people, probs=self.probs)

    def rows(self, chosen: Ints) -> "Photos":
        """Returns some of the photos, in the order and as often as asked."""
        return Photos(
            label=self.label[chosen], probs=self.probs[chosen], person=self.person[chosen]
        )


def photograph(num_people: int, rng: np.random.Generator) -> Photos:
    """Returns the photos of people drawn in the competition's frequencies."""
    cell = rng.choice(6, num_people, p=_CELLS)
    mask = np.tile(_MASKS, num_people)
    cells = np.repeat(cell, len(_MASKS))
    person = np.repeat(np.arange(num_people), len(_MASKS))
    classes = (mask, cells // 3, cells % 3)
    logs = [
        _evidence(truth, centres, share, person, rng)
        for truth, centres, share in zip(classes, _CENTRES, _OF_PERSON, strict=True)
    ]
    joint = (
        logs[0][:, :, None, None] + logs[1][:, None, :, None] + logs[2][:, None, None, :]
    ).reshape(-1, NUM_CLASSES)
    return Photos(
        label=6 * mask + cells, probs=softmax(joint + np.log(PRIOR), axis=1), person=person
    )


def miscalibrated(probs: Floats, sharpness: float, biases: Floats) -> Floats:
    """Returns overconfident probabilities that favour some classes."""
    distorted: Floats = softmax(sharpness * np.log(np.maximum(probs, 1e-12)) + biases, axis=1)
    return distorted


def resampled(photos: Photos, prior: Floats, num_people: int, rng: np.random.Generator) -> Photos:
    """Returns a folder of people and their photos drawn so that its classes follow `prior`.

    People are drawn by gender and age, seven photos of each by mask, all with replacement: the
    photos of a person stay together, as in any real folder.

    Args:
        photos: as `photograph` returns them, to draw from.
        prior: float [18], a mask distribution times one of gender and age.
        num_people: of the folder.
        rng: source of the draws.
    """
    cells, masks = (prior.reshape(3, 6).sum(axis=axis) for axis in (0, 1))
    cell_of = photos.label[:: len(_MASKS)] % 6
    drawn = np.concatenate(
        [
            rng.choice(np.flatnonzero(cell_of == cell), count)
            for cell, count in enumerate(rng.multinomial(num_people, cells))
        ]
    )
    chances = masks[_MASKS] / np.bincount(_MASKS)[_MASKS]
    slots = rng.choice(len(_MASKS), (num_people, len(_MASKS)), p=chances)
    return photos.rows((drawn[:, None] * len(_MASKS) + slots).ravel())


def _evidence(
    truth: Ints, centres: Floats, share: float, person: Ints, rng: np.random.Generator
) -> Floats:
    """Returns the log-likelihood of every class [N, K]."""
    own = rng.standard_normal(len(truth)) * (1 - share) ** 0.5
    persons = rng.standard_normal(int(person.max()) + 1) * share**0.5
    seen = centres[truth] + own + persons[person]
    logs: Floats = -0.5 * (seen[:, None] - centres) ** 2
    return logs

"""Worlds of tiny pictures in which it is known which approach can win, and why.

Notation:
    A attributes, C joint classes (mixed radix of the attribute classes), L looks.
    people: int [C], people of each joint class; looks: float [C, L], p(look | class).

A photo shows one of L looks and nothing else that tells about its person, so the best answer of
any approach is a function of the look, and its score can be computed exactly (`best_scores`):

    joint       the class with the highest p(class | look);
    product     the class made of the likeliest class of each attribute given the look, which is
                all that separate models and heads can give.

What a model of finitely many people cannot do is in it, too: a class has no training people when
its only person is out of fold, and a softmax over joint classes never predicts what it never saw.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from search.analysis.metrics import macro_f1_of_counts
from search.analysis.recombine import attribute_classes, joint_classes, marginals

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIDE = 32
_ROWS, _COLUMNS = 2, 2  # tiles of half a picture; columns are mirrored, a flip changes nothing
_DARK, _BRIGHT = 40.0, 215.0
_PERSON_SD, _PIXEL_SD = 10.0, 15.0
_CANDIDATES = 500


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """People, what their photos show, and how many photos each has.

    Attributes:
        name: of the world.
        attributes: name -> classes.
        people: int [C].
        looks: float [C, L], rows sum to 1.
        parts: int [L, 2], which mosaic the upper and the lower half of a look shows.
        photos: of a person.
    """

    name: str
    attributes: Mapping[str, tuple[str, ...]]
    people: Ints
    looks: Floats
    parts: Ints
    photos: int

    def __post_init__(self) -> None:
        shape, num_classes = self.looks.shape, int(np.prod(self.sizes))
        if shape != (num_classes, len(self.parts)) or self.people.shape != (num_classes,):
            raise ValueError(
                f"a world of {num_classes} joint classes and {len(self.parts)} looks needs as "
                f"many rows and columns, got looks {shape} and people {self.people.shape}"
            )
        if not np.allclose(self.looks.sum(axis=1), 1):
            raise ValueError(f"rows of looks must sum to 1, got {self.looks.sum(axis=1)}")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of classes of every attribute."""
        return tuple(len(classes) for classes in self.attributes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class BestScores:
    """The highest macro-F1 that each kind of approach can reach, with unlimited training."""

    joint: float
    product: float


def conditional_world(*, people_a_class: int, photos: int) -> World:
    """Returns people whose gender and age can only be told together: joint must win.

    A quarter of the photos is clear. Each of the others is of one class (gender g, age a) with
    0.4, or of the other gender and one of the three other ages with 0.2 each: "an old man, or else
    a woman who is not old". The likeliest gender is then the other one (0.6) and the likeliest age
    is a (0.4), which together are impossible.
    """
    attributes = {"gender": ("female", "male"), "age": ("child", "young", "middle", "old")}
    num, clear = 8, 0.25
    gender, age = attribute_classes(np.arange(num), (2, 4)).T
    other = (gender[:, None] != gender) & (age[:, None] != age)
    ambiguous = 0.4 * np.eye(num) + 0.2 * other
    return World(
        name="conditional",
        attributes=attributes,
        people=np.full(num, people_a_class),
        looks=np.hstack([clear * np.eye(num), (1 - clear) * ambiguous]),
        parts=np.repeat(np.arange(2 * num), 2).reshape(-1, 2),
        photos=photos,
    )


def starved_world(*, side: int, common_people: int, photos: int) -> World:
    """Returns clear photos of classes half of which have one person: separate must win.

    Each attribute has `side` classes, each with people enough. Of the joint classes every second
    one has a single person, so that no model over joint classes has seen one when it must tell it.
    """
    attributes = {name: tuple(f"{name}{i}" for i in range(side)) for name in ("hair", "coat")}
    codes = attribute_classes(np.arange(side * side), (side, side))
    return World(
        name="starved",
        attributes=attributes,
        people=np.where(codes.sum(axis=1) % 2 == 0, common_people, 1),
        looks=np.eye(side * side),
        parts=codes,
        photos=photos,
    )


def even_world(*, people_a_class: int, photos: int, right: float = 0.85) -> World:
    """Returns independent attributes, equally noisy, with people enough: nobody may win.

    Each half of a photo shows the class of its attribute with probability `right`, else another.
    """
    attributes = {"hair": ("dark", "fair"), "coat": ("long", "short")}
    codes = attribute_classes(np.arange(4), (2, 2))
    shown = np.where(codes[:, None] == codes, right, 1 - right)
    return World(
        name="even",
        attributes=attributes,
        people=np.full(4, people_a_class),
        looks=shown.prod(axis=2),
        parts=codes,
        photos=photos,
    )


def best_answers(world: World) -> tuple[Ints, Ints]:
    """Returns the best joint class for each look, int [L], of a joint model and of a product."""
    cells = world.people[:, None] * world.looks
    posterior = (cells / cells.sum(axis=0)).T
    best = np.stack([part.argmax(axis=1) for part in marginals(posterior, world.sizes)], axis=1)
    return posterior.argmax(axis=1), joint_classes(best, world.sizes)


def best_scores(world: World) -> BestScores:
    """Returns the best macro-F1 out of fold of a joint model and of a product of attributes.

    For the joint model it is an upper bound where classes have one person: their photos are wrong
    for certain, and are counted as if they spoilt no other class.
    """
    joint, product = best_answers(world)
    cells = world.people[:, None] / world.people.sum() * world.looks  # p(class, look)
    return BestScores(
        joint=_score(cells, joint, seen=world.people > 1),
        product=_score(cells, product, seen=np.ones(len(cells), dtype=bool)),
    )


def _score(cells: Floats, answer: Ints, seen: NDArray[np.bool_]) -> float:
    """Returns the macro-F1 of one answer [L] a look where only seen classes [C] are predicted."""
    hits, predicted = np.zeros((2, len(cells)))
    np.add.at(hits, answer, cells[answer, np.arange(len(answer))] * seen[answer])
    np.add.at(predicted, answer, cells.sum(axis=0) * seen[answer])
    return float(macro_f1_of_counts(np.stack([hits, predicted, cells.sum(axis=1)])))


def draw_people(world: World, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Returns the joint class of every person, int [P], and the look of every photo, [P, photos].

    Args:
        world: whose people, in random order.
        rng: of the order and of the looks.
    """
    cells = rng.permutation(np.repeat(np.arange(len(world.people)), world.people))
    num_looks = len(world.parts)
    looks = [rng.choice(num_looks, world.photos, p=world.looks[cell]) for cell in cells]
    return cells, np.stack(looks)


def write_world(world: World, root: Path, rng: np.random.Generator) -> Path:
    """Writes photos, manifest.csv and dataset.yaml of a world; returns the folder.

    Args:
        world: what to draw.
        root: a folder that is not there yet.
        rng: of the looks of photos and of their noise; the mosaics are the same for every rng.
    """
    (root / "photos").mkdir(parents=True)
    mosaics = _mosaics(int(world.parts.max()) + 1)
    names = list(world.attributes)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["path", "group", *names])
    for person, (cell, looks) in enumerate(zip(*draw_people(world, rng), strict=True)):
        codes = attribute_classes(cell, world.sizes)
        labels = [world.attributes[name][k] for name, k in zip(names, codes, strict=True)]
        tint = rng.normal(0, _PERSON_SD, (2, 1, 1, 3))
        for photo, look in enumerate(looks):
            path = f"photos/{person:04}_{photo}.png"
            _draw(mosaics[world.parts[look]] + tint, rng).save(root / path)
            rows.writerow([path, f"p{person:04}", *labels])
    (root / "manifest.csv").write_text(text.getvalue(), encoding="utf-8")
    attributes = {name: {"classes": list(world.attributes[name])} for name in names}
    (root / "dataset.yaml").write_text(
        yaml.safe_dump({"name": world.name, "attributes": attributes}, sort_keys=False),
        encoding="utf-8",
    )
    return root


def _mosaics(num: int) -> Floats:
    """Returns half pictures [num, rows, columns, 3] as unlike each other as possible."""
    rng = np.random.default_rng(0)
    drawn = rng.choice([_DARK, _BRIGHT], (_CANDIDATES, _ROWS * _COLUMNS * 3))
    chosen = [0]
    for _ in range(num - 1):
        distance = (drawn[:, None] != drawn[chosen]).sum(axis=2).min(axis=1)
        chosen.append(int(distance.argmax()))
    half = drawn[chosen].reshape(num, _ROWS, _COLUMNS, 3)
    return np.concatenate([half, half[:, :, ::-1]], axis=2)


def _draw(halves: Floats, rng: np.random.Generator) -> Image.Image:
    """Returns a picture of two half mosaics [2, rows, columns, 3], one above the other."""
    tiles = halves.reshape(2 * _ROWS, 2 * _COLUMNS, 3)
    pixels = np.kron(tiles, np.ones((SIDE // (2 * _ROWS), SIDE // (2 * _COLUMNS), 1)))
    noisy = pixels + rng.normal(0, _PIXEL_SD, pixels.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))

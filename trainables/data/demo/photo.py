"""Takes the seven photos of a person: scene, pose, body, head, mask, light and sensor noise.

Imports no torch, so that a pool of drawing workers starts fast.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from trainables.data.demo.canvas import SUPERSAMPLING, Canvas, mix
from trainables.data.demo.face import Expression, draw_features, draw_glasses, draw_head
from trainables.data.demo.hair import draw_back, draw_front, hair_colour
from trainables.data.demo.looks import Looks, looks_of
from trainables.data.demo.mask import BANDANA, choose_mask, draw_mask
from trainables.data.demo.people import Person
from trainables.data.demo.scene import draw_body, draw_scene, exposed

STEMS: Final = ("mask1", "mask2", "mask3", "mask4", "mask5", "incorrect_mask", "normal")


def mask_class(stem: str) -> int:
    """Returns 0 for a worn mask, 1 for an incorrect one, 2 for none.

    Raises:
        ValueError: `stem` is not one of the seven.
    """
    if stem not in STEMS:
        raise ValueError(f"a photo is one of {STEMS}, got {stem!r}")
    return {"incorrect_mask": 1, "normal": 2}.get(stem, 0)


def take_photo(
    looks: Looks, stem: str, size: tuple[int, int], rng: np.random.Generator
) -> Image.Image:
    """Returns one RGB photo of `size` (width, height); pose, light and scene come from `rng`."""
    width, height = size
    canvas = Canvas(
        size,
        scale=width * rng.uniform(0.255, 0.3),
        centre=(width * rng.normal(0.5, 0.025), height * rng.normal(0.43, 0.022)),
        tilt=float(rng.normal(0.0, 0.05)),
    )
    draw_scene(canvas, rng)
    expression = Expression(
        smile=float(rng.uniform(0.0, 0.8)),
        open_eyes=float(rng.uniform(0.82, 1.05)),
        gaze=float(rng.normal(0.0, 0.3)),
        yaw=float(rng.normal(0.0, 0.4)),
    )
    draw_back(canvas, looks.hair, looks.ageing)
    draw_body(canvas, looks.outfit, looks.face, looks.ageing)
    draw_head(canvas, looks.face, looks.ageing)
    brow_rgb = mix(hair_colour(looks.hair, looks.ageing), (60, 44, 40), 0.25)
    draw_features(canvas, looks.face, looks.ageing, brow_rgb, expression)
    _draw_own_mask(canvas, looks, stem, expression, rng)
    draw_front(canvas, looks.hair, looks.ageing)
    draw_glasses(canvas, looks.face, expression)
    _draw_earrings(canvas, looks)
    return exposed(canvas.image.reduce(SUPERSAMPLING), rng)


def _draw_own_mask(
    canvas: Canvas, looks: Looks, stem: str, expression: Expression, rng: np.random.Generator
) -> None:
    kind = mask_class(stem)
    if kind == 2:
        return
    if kind == 1:
        make = BANDANA if rng.random() < 0.06 else str(rng.choice(looks.outfit.mask_makes))
        sits = "nose" if rng.random() < 0.6 else "chin"
    else:
        makes = (*looks.outfit.mask_makes, BANDANA)
        make, sits = makes[STEMS.index(stem)], "wear"
    view = canvas.shifted(0.06 * expression.yaw, 0.0)
    draw_mask(view, choose_mask(make, sits, rng), looks.face, rng)


def _draw_earrings(canvas: Canvas, looks: Looks) -> None:
    if looks.outfit.earrings:
        for side in (-1.0, 1.0):
            centre = (side * 1.03 * looks.face.width, 0.45)
            canvas.ellipse(centre, (0.05, 0.06), (236, 214, 150))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """A person to be photographed and the seven files to write, in the order of `STEMS`."""

    person: Person
    files: tuple[Path, ...]
    size: tuple[int, int]

    def __post_init__(self) -> None:
        if len(self.files) != len(STEMS):
            raise ValueError(f"a sitting has {len(STEMS)} files, got {len(self.files)}")


def photograph(sitting: Sitting) -> None:
    """Writes the seven photos of one person; the bytes depend on the sitting alone."""
    looks = looks_of(sitting.person)
    for index, (stem, file) in enumerate(zip(STEMS, sitting.files, strict=True)):
        rng = np.random.default_rng([sitting.person.seed, index])
        photo = take_photo(looks, stem, sitting.size, rng)
        quality = int(rng.integers(68, 93))
        if file.suffix == ".png":
            photo.save(file, compress_level=1)
        else:
            photo.save(file, format="JPEG", quality=quality)

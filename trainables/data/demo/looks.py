"""How one person looks in all seven photos: face, hair, outfit, masks, and the signs of age.

Gender is a latent number that overlaps between men and women (negative is feminine); the signs of
age follow an apparent age that strays from the true one, so neither can be read without error.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from trainables.data.demo.canvas import Rgb, mix
from trainables.data.demo.people import OLD_AGE, Person

_APPARENT_AGE_SD: Final = 3.5
_HIDDEN_YEARS: Final = 3.5
"""The label stops at 60; the people behind it are older by this much on average."""
_GENDER_SD: Final = 0.68

MASK_MAKES: Final = ("surgical", "folded", "cloth", "cup", "sport")
_SKIN_TONES: Final[tuple[Rgb, ...]] = (
    (248, 218, 192),
    (241, 205, 174),
    (234, 192, 158),
    (220, 174, 138),
    (203, 155, 118),
)
_HAIR_TONES: Final[tuple[Rgb, ...]] = ((26, 22, 22), (42, 31, 27), (62, 42, 32), (96, 62, 42))
_CLOTHES: Final[dict[str, tuple[Rgb, ...]]] = {
    "hoodie": ((196, 44, 52), (60, 66, 78), (238, 196, 84), (96, 140, 196), (226, 226, 222)),
    "tee": ((240, 240, 236), (36, 38, 44), (120, 176, 160), (232, 148, 132), (84, 104, 160)),
    "shirt": ((224, 232, 242), (164, 190, 220), (244, 238, 226), (120, 132, 150), (206, 170, 176)),
    "jacket": ((46, 52, 66), (70, 66, 62), (110, 92, 74), (36, 48, 44), (98, 104, 112)),
    "cardigan": ((150, 84, 92), (118, 104, 136), (92, 112, 96), (158, 126, 88), (170, 160, 150)),
}
_CLOTH_WEIGHTS: Final = {
    "hoodie": (3.0, 0.8),
    "tee": (3.0, 1.5),
    "shirt": (1.5, 2.0),
    "jacket": (1.0, 2.2),
    "cardigan": (0.7, 2.4),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ageing:
    """The signs of age, each rising from 0 (none) to about 1 (strong)."""

    wrinkles: float
    sagging: float
    dullness: float
    grey: float
    receding: float
    spots: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hair:
    """Hair of one person; lengths in face units below the eyes."""

    rgb: Rgb
    grey_rgb: Rgb
    style: str
    length: float
    volume: float
    perm: float
    part: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """Shape and colours of one face; `masculine` is the latent gender as seen in its features."""

    skin: Rgb
    masculine: float
    width: float
    length: float
    jaw: float
    brow_width: float
    brow_tilt: float
    eye_size: float
    eye_gap: float
    eye_tilt: float
    nose_width: float
    lip_fullness: float
    lip_rgb: Rgb
    blush: float
    lashes: float
    stubble: float
    beard: str
    glasses: str
    glasses_rgb: Rgb


@dataclass(frozen=True, slots=True, kw_only=True)
class Outfit:
    """Clothing, jewellery and the masks a person owns."""

    kind: str
    rgb: Rgb
    trim: Rgb
    shoulders: float
    earrings: bool
    mask_makes: tuple[str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Everything about a person that stays the same from photo to photo."""

    ageing: Ageing
    hair: Hair
    face: Face
    outfit: Outfit


def looks_of(person: Person) -> Looks:
    """Returns the looks of `person`; the same seed always gives the same looks."""
    rng = np.random.default_rng(person.seed)
    latent = (1.0 if person.gender == "male" else -1.0) + rng.normal(0.0, _GENDER_SD)
    years = person.age + rng.normal(0.0, _APPARENT_AGE_SD)
    if person.age == OLD_AGE:
        years += rng.exponential(_HIDDEN_YEARS)
    ageing = _ageing(rng, years, latent)
    return Looks(
        ageing=ageing,
        hair=_hair(rng, years, latent, ageing),
        face=_face(rng, years, latent, ageing),
        outfit=_outfit(rng, years, latent),
    )


def _rise(years: float, middle: float, width: float) -> float:
    """A smooth step from 0 to 1 around `middle` years."""
    return float(1.0 / (1.0 + np.exp((middle - years) / width)))


def _ageing(rng: np.random.Generator, years: float, latent: float) -> Ageing:
    def sign(middle: float, width: float, noise: float = 2.0) -> float:
        """Returns how far a sign of age shows, 0 to 1, around its middle year."""
        return _rise(years + rng.normal(0.0, noise), middle, width)

    receding = sign(58.0, 9.0, 8.0) * _rise(latent, 0.4, 0.35) + rng.uniform(0.0, 0.12)
    dyed = rng.random() < 0.08
    return Ageing(
        wrinkles=sign(49.0, 7.0),
        sagging=sign(55.0, 6.0),
        dullness=sign(47.0, 9.0),
        grey=sign(57.0, 4.5) * (0.45 if dyed else 1.0),
        receding=receding,
        spots=sign(61.0, 4.0),
    )


def _hair(rng: np.random.Generator, years: float, latent: float, ageing: Ageing) -> Hair:
    elder = _rise(years, 50.0, 6.0)
    length = -1.0 * latent + rng.normal(0.0, 0.75) - 0.9 * elder * (latent < 0)
    perm = elder * _rise(-latent, 0.2, 0.3) * (rng.random() < 0.75) + 0.5 * (rng.random() < 0.06)
    natural = _HAIR_TONES[int(rng.choice(len(_HAIR_TONES), p=(0.4, 0.3, 0.2, 0.1)))]
    if rng.random() < 0.12 * (1.0 - elder):
        natural = mix(natural, (176, 122, 70), rng.uniform(0.3, 0.8))
    if length > 0.1 or latent < 0.0:
        styles = ("bangs", "centre", "side", "swept")
        weights = np.array([1.0 - 0.6 * elder, 0.8, 1.0, 0.5 + 0.7 * elder])
    else:
        styles = ("bangs", "side", "up", "swept")
        weights = np.array([1.2 - 1.0 * elder, 1.0, 0.8, 0.7 + 0.6 * elder])
    grey = mix((198, 198, 200), (232, 230, 226), rng.random())
    return Hair(
        rgb=natural,
        grey_rgb=grey,
        style=str(rng.choice(styles, p=weights / weights.sum())),
        length=float(np.clip(length, -1.0, 2.0)),
        volume=float(np.clip(rng.normal(0.16, 0.05) - 0.06 * ageing.receding, 0.05, 0.3)),
        perm=float(min(perm, 1.0)),
        part=float(rng.choice((-1.0, 1.0))),
        seed=int(rng.integers(2**31)),
    )


def _face(rng: np.random.Generator, years: float, latent: float, ageing: Ageing) -> Face:
    def masculine(noise: float = 0.6) -> float:
        """Returns how masculine a feature looks, with its own noise."""
        return float(np.clip(latent + rng.normal(0.0, noise), -2.2, 2.2))

    tone = _SKIN_TONES[int(rng.choice(len(_SKIN_TONES), p=(0.22, 0.3, 0.26, 0.15, 0.07)))]
    skin = mix(tone, (208, 156, 118), 0.10 * max(masculine(), 0.0))
    skin = mix(skin, (196, 160, 124), 0.45 * ageing.dullness)
    rosy = mix((206, 104, 104), (184, 124, 108), _rise(masculine(), 0.0, 0.5))
    glasses = rng.random() < 0.22 + 0.2 * _rise(years, 48.0, 4.0)
    bearded = rng.random() < 0.3 * _rise(masculine(0.3), 0.5, 0.2)
    return Face(
        skin=skin,
        masculine=masculine(0.4),
        width=float(rng.normal(1.0, 0.03)),
        length=float(rng.normal(1.0, 0.035)),
        jaw=float(np.clip(0.77 + 0.06 * masculine(), 0.64, 0.88)),
        brow_width=float(np.clip(0.085 + 0.025 * masculine(), 0.045, 0.15)),
        brow_tilt=float(rng.normal(0.0, 0.015) - 0.01 * masculine()),
        eye_size=float(np.clip(1.04 - 0.07 * masculine() + rng.normal(0, 0.05), 0.8, 1.3)),
        eye_gap=float(rng.normal(0.42, 0.015)),
        eye_tilt=float(rng.normal(0.015, 0.02)),
        nose_width=float(np.clip(0.2 + 0.022 * masculine() + rng.normal(0, 0.015), 0.14, 0.28)),
        lip_fullness=float(np.clip(1.0 - 0.14 * masculine(), 0.6, 1.4)),
        lip_rgb=mix(rosy, (178, 122, 110), 0.5 * ageing.dullness),
        blush=float(np.clip(0.3 - 0.12 * masculine() - 0.1 * ageing.dullness, 0.0, 0.5)),
        lashes=float(np.clip(0.5 - 0.3 * masculine(), 0.0, 1.0)),
        stubble=float(np.clip(0.17 * masculine(), 0.0, 0.32)),
        beard=str(rng.choice(("moustache", "goatee"))) if bearded else "",
        glasses=str(rng.choice(("round", "square", "half"))) if glasses else "",
        glasses_rgb=((40, 36, 40), (112, 76, 48), (150, 150, 156))[int(rng.integers(3))],
    )


def _outfit(rng: np.random.Generator, years: float, latent: float) -> Outfit:
    elder = _rise(years, 42.0, 6.0)
    weights = np.array(
        [(1 - elder) * young + elder * old for young, old in _CLOTH_WEIGHTS.values()]
    )
    kind = str(rng.choice(list(_CLOTH_WEIGHTS), p=weights / weights.sum()))
    tones = _CLOTHES[kind]
    makes = [str(make) for make in rng.permutation(MASK_MAKES)[:4]]
    tint = float(rng.uniform(0.0, 0.25))
    colourful = mix((90, 110, 150), (200, 110, 140), _rise(-latent, 0.0, 0.8))
    return Outfit(
        kind=kind,
        rgb=mix(tones[int(rng.integers(len(tones)))], colourful, tint),
        trim=((246, 246, 242), (32, 34, 40), (214, 196, 150))[int(rng.integers(3))],
        shoulders=float(np.clip(1.72 + 0.13 * latent + rng.normal(0.0, 0.1), 1.4, 2.1)),
        earrings=bool(rng.random() < 0.5 * _rise(-latent, 0.4, 0.3)),
        mask_makes=(makes[0], makes[1], makes[2], makes[3]),
    )

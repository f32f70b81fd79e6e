"""Fonts that can draw the names of classes, in whatever script they are."""

from collections.abc import Iterable
from functools import cache

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
# Pillow brings a font of Latin letters alone. These lie on most machines that show other scripts.
_OTHERS = (
    "DejaVuSans.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansKR-Regular.otf",
    "NanumGothic.ttf",
    "malgun.ttf",
    "AppleSDGothicNeo.ttc",
    "arial.ttf",
)
_NO_CHARACTER = "\U0010ffff"


def font_of(texts: Iterable[str], size: int) -> Font | None:
    """Returns a font that has every character of the texts; None where no font here does."""
    characters = frozenset("".join(texts)) - {" "}
    ours = ImageFont.load_default(size)
    if _has(ours, characters):
        return ours
    return next((font for font in _others(size) if _has(font, characters)), None)


@cache
def _others(size: int) -> tuple[Font, ...]:
    found = []
    for name in _OTHERS:
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:  # not on this machine
            continue
    return tuple(found)


def _has(font: Font, characters: Iterable[str]) -> bool:
    """Returns whether a font draws no character as it draws one that nobody has."""
    nothing = font.getmask(_NO_CHARACTER)
    drawn = map(font.getmask, characters)
    return all(each.size != nothing.size or bytes(each) != bytes(nothing) for each in drawn)

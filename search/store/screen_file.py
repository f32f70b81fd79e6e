"""`screen.json`: backbones ranked by `headrace screen`, and the best that a run may offer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.store.files import write_json
from search.store.reading import check_schema, read_json, reading, typed

SCREEN_SCHEMA = 1
_WAY_OUT = "give the screen.json of `headrace screen`, or names of timm models"


def write_screen(path: Path, content: Mapping[str, Any]) -> None:
    """Writes the file, whole or not at all."""
    write_json(path, {"schema": SCREEN_SCHEMA, **content})


def read_offer(path: Path) -> tuple[str, ...]:
    """Returns the backbones that a ranking offers, the best first.

    Raises:
        ResultsError: there is no such file, it is not whole, or it offers nothing.
    """
    with reading(path, _WAY_OUT):
        content = read_json(path, _WAY_OUT)
        check_schema(path, content, SCREEN_SCHEMA, _WAY_OUT)
        offer: tuple[str, ...] = typed(tuple[str, ...], content["offer"])
        if not all(offer) or not offer:
            raise ValueError("its offer must have the names of one backbone or more")
        return offer

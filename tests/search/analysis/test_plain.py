from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pytest

from search.analysis.errors import AnalysisError
from search.analysis.plain import from_plain, to_plain
from search.analysis.uncertainty.interval import Interval


class Colour(StrEnum):
    NONE = ""
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    size: float
    colour: Colour = Colour.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    leaves: tuple[Leaf, ...]
    ends: tuple[float, float]
    names: Mapping[str, Mapping[str, Leaf]]
    found: Interval
    known: float | None
    other: Leaf | None = None


TREE = Tree(
    leaves=(Leaf(size=1.5, colour=Colour.RED),),
    ends=(0, 1),
    names={"a": {"b": Leaf(size=2)}},
    found=Interval(value=0.5, low=0.4, high=0.6),
    known=None,
)


def test_a_value_is_written_in_the_order_of_its_fields_and_read_back():
    plain = to_plain(TREE)
    assert plain == {
        "leaves": [{"size": 1.5, "colour": "red"}],
        "ends": [0, 1],
        "names": {"a": {"b": {"size": 2, "colour": ""}}},
        "found": {"value": 0.5, "interval": [0.4, 0.6]},
        "known": None,
    }
    assert list(plain) == ["leaves", "ends", "names", "found", "known"]
    assert from_plain(Tree, plain) == TREE


def test_what_no_field_asks_for_is_passed_over():
    assert from_plain(Leaf, {"size": 1, "more": 2}) == Leaf(size=1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"colour": "red"}, "needs 'size', got only colour$"),
        ({"size": None}, "needs 'size', got only size"),
        (3, "needs 'size', got only 3"),
        ({"size": 1, "colour": "blue"}, "colour must be one of red, got 'blue'$"),
    ],
)
def test_what_does_not_fit_is_refused(data, message):
    with pytest.raises(AnalysisError, match=message):
        from_plain(Leaf, data)

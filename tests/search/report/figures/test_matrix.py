from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.report.contents import Confusion
from search.report.figures.matrix import draw_matrix, has_room, matrix
from tests.search.report.figures.test_svg import LETTERS

COUNTS = np.array([[8, 2], [0, 0]])


def confusion(counts=COUNTS, classes=("<30", "노인"), block=0):
    return Confusion(name="age", classes=classes, counts={"joint": counts}, block=block)


def drawn(found, width=232.0):
    return ElementTree.fromstring(draw_matrix(matrix(found, "joint"), width))


def test_rows_are_shares_of_the_true_class_and_a_class_without_samples_is_zero():
    assert matrix(confusion(), "joint").rows.tolist() == [[0.8, 0.2], [0.0, 0.0]]


def test_right_and_wrong_cells_are_told_apart_and_empty_ones_left_out():
    groups = list(drawn(confusion()).iter("g"))
    assert [group[1].attrib["class"] for group in groups] == ["hit", "miss"]
    assert [group[2].text for group in groups] == ["80", "20"]
    assert groups[1].findtext("title") == "<30 taken for 노인: 2 of 10 (20.0%)"


def test_a_share_that_would_read_zero_stays_blank_but_is_shaded():
    groups = list(drawn(confusion(np.array([[999, 1], [0, 10]]))).iter("g"))
    assert len(groups) == 3
    assert [text.text for text in groups[1].iter("text")] == []


def test_a_larger_share_is_never_shaded_less():
    counts = np.array([[50, 50], [10, 90]])
    shades = {
        group.findtext("text"): float(group[1].attrib["fill-opacity"])
        for group in drawn(confusion(counts)).iter("g")
    }
    assert shades["10"] < shades["50"] < shades["90"] <= 1


def test_many_classes_are_numbered_and_their_blocks_are_divided():
    names = tuple(f"mask{i // 3} age{i % 3}" for i in range(9))
    image = drawn(confusion(np.eye(9, dtype=np.int64), names, block=3), 720.0)
    texts = [text.text for text in image.iter("text")]
    assert "6 · mask2 age0" in texts
    assert "6" in texts
    assert len([line for line in image.iter("line") if line.attrib["class"] == "block"]) == 4


def test_columns_are_numbered_where_a_name_finds_no_room():
    names = tuple(f"{gender} {age}" for gender in ("female", "male") for age in ("<30", ">=60"))
    long, short = (confusion(np.full((4, 4), 7), each) for each in (names, tuple("abcd")))
    texts = [text.text for text in drawn(long, 720.0).iter("text")]
    assert {"0", "1", "2", "3", *(f"{i} · {name}" for i, name in enumerate(names))} <= set(texts)
    assert [text.text for text in drawn(short).iter("text")].count("a") == 2  # row and column
    assert has_room(matrix(long, "joint"), 720.0)
    assert has_room(matrix(short, "joint"), 232.0)
    assert not has_room(matrix(long, "joint"), 232.0)


@given(name=st.text(LETTERS, min_size=1, max_size=8))
@settings(max_examples=25)
def test_any_class_name_is_shown_as_it_is(name):
    titles = [title.text for title in drawn(confusion(classes=(name, "x"))).iter("title")]
    assert f"{name} right: 8 of 10 (80.0%)" in titles


@pytest.mark.parametrize("width", [232.0, 720.0])
def test_nothing_is_drawn_outside_the_figure(width):
    image = drawn(confusion(np.full((9, 9), 7), tuple(map(str, range(9)))), width)
    _, _, right, bottom = map(float, image.attrib["viewBox"].split())
    assert right <= width
    rects = [
        {key: float(rect.attrib[key]) for key in ("x", "y", "width", "height")}
        for rect in image.iter("rect")
    ]
    assert max(rect["x"] + rect["width"] for rect in rects) <= right
    assert max(rect["y"] + rect["height"] for rect in rects) <= bottom


def test_of_too_many_classes_those_with_the_most_errors_are_drawn_under_their_own_numbers():
    counts = np.eye(100, dtype=np.int64)
    counts[99, :2] = 3
    found = confusion(counts, tuple(f"class{i}" for i in range(100)), block=10)
    image = drawn(found, 720.0)
    texts = [text.text for text in image.iter("text")]
    names = [text for text in texts if text and "class" in text]
    # Every second one has room for its name; the number leads it, for its end may be cut off.
    assert names == [f"{i} · class{i}" for i in range(0, 64, 2)]
    assert not [text for text in image.iter("text") if "cell" in text.attrib.get("class", "")]
    assert not [line for line in image.iter("line") if line.attrib.get("class") == "block"]
    titles = [group.findtext("title") for group in image.iter("g")]
    assert "class99 taken for class1: 3 of 7 (42.9%)" in titles

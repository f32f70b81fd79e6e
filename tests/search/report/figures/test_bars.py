from xml.etree import ElementTree

import pytest

from search.report.figures import svg
from search.report.figures.bars import bars, described, draw_bars, draw_dots, legend_places

VALUES = {"mask": {"a": 0.01, "b": 0.02}, "나이 <30": {"b": 0.2}}
SLOTS = {"a": 0, "b": 1, "unused": 2}


def test_series_keep_their_order_and_unused_ones_are_dropped():
    plot = bars(VALUES, SLOTS, axis="macro-F1")
    assert plot.series == ("a", "b")
    assert plot.values == ((0.01, 0.02), (None, 0.2))
    assert plot.said == (("0.010", "0.020"), ("", "0.200"))
    assert (plot.low, plot.high) == (0.0, 0.2)


def test_dots_may_leave_zero_out_and_bars_never():
    assert bars({"r": {"a": 0.8, "b": 0.9}}, SLOTS, axis="x", zero=False).low > 0.7
    negative = bars({"r": {"a": -0.5}}, SLOTS, axis="x")
    assert (negative.low, negative.high) == (-0.5, 0.0)
    assert negative.said == (("−0.500",),)  # noqa: RUF001


def test_bars_that_are_all_zero_still_have_an_axis():
    plot = bars({"r": {"a": 0.0}}, SLOTS, axis="x")
    assert (plot.low, plot.high) == (0.0, 1.0)


def bar_rects(image):
    return [rect for rect in image.iter("rect") if rect.attrib["class"].startswith("bar")]


def test_bars_are_as_long_as_their_values():
    image = ElementTree.fromstring(draw_bars(bars(VALUES, SLOTS, axis="x"), 358, "Costs"))
    lengths = [float(rect.attrib["width"]) for rect in bar_rects(image)]
    assert lengths[1] / lengths[0] == pytest.approx(2, rel=0.01)
    assert lengths[2] / lengths[0] == pytest.approx(20, rel=0.02)


def test_a_row_with_fewer_series_is_lower():
    both = draw_bars(bars({"r": {"a": 1.0, "b": 1.0}}, SLOTS, axis="x"), 358, "t")
    mixed = draw_bars(
        bars({"r": {"a": 1.0, "b": 1.0}, "q": {"b": 1.0}}, SLOTS, axis="x"), 358, "t"
    )
    heights = [
        float(ElementTree.fromstring(d).attrib["viewBox"].split()[3]) for d in (both, mixed)
    ]
    assert heights[1] - heights[0] == pytest.approx(22)


def test_a_negative_bar_ends_at_zero_with_its_text_on_the_left():
    image = ElementTree.fromstring(
        draw_bars(bars({"r": {"": -1.0}, "q": {"": 1.0}}, {"": svg.PLAIN}, axis="x"), 358, "t")
    )
    left, right = bar_rects(image)
    assert float(left.attrib["x"]) + float(left.attrib["width"]) == pytest.approx(
        float(right.attrib["x"]), abs=0.02
    )
    numbers = [text for text in image.iter("text") if text.get("class") == "number"]
    assert [text.get("text-anchor") for text in numbers] == ["end", None]
    assert left.attrib["class"] == "bar plain"


def test_several_series_bear_their_marks_and_have_a_legend():
    image = ElementTree.fromstring(draw_bars(bars(VALUES, SLOTS, axis="x"), 358, "t"))
    marks = [mark for mark in image.iter() if "mark" in mark.get("class", "").split()]
    assert len(marks) == 3 + 2
    assert {"a", "b", "나이 <30"} <= {text.text for text in image.iter("text")}


def test_dots_are_marks_on_the_line_of_their_row():
    image = ElementTree.fromstring(draw_dots(bars(VALUES, SLOTS, axis="x", zero=False), 358, "t"))
    titles = [group.findtext("title") for group in image.iter("g")]
    assert "b: 0.200" in titles


def test_a_screen_reader_hears_the_values():
    assert described(bars(VALUES, SLOTS, axis="macro-F1")) == (
        "macro-F1. mask: a 0.010, b 0.020; 나이 <30: b 0.200"
    )


def test_a_legend_that_is_too_long_goes_on_below():
    places = legend_places(["aaaa", "bbbb", "cccc"], 130)
    assert [y for _, y in places] == [10, 10, 28]
    assert places[2][0] == 0


def test_the_legend_of_a_single_series_of_dots_has_room_of_its_own():
    plot = bars({"a": {"joint": 0.5}, "b": {"joint": 0.7}}, {"joint": 0}, axis="F1", zero=False)
    image = ElementTree.fromstring(draw_dots(plot, 358, "Scores"))
    y = {text.text: float(text.attrib["y"]) for text in image.iter("text")}
    assert y["a"] - y["joint"] >= 15

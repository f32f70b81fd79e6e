from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.report.figures import svg

LETTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn", "Co"))


def test_a_scale_maps_its_ends_and_holds_what_lies_outside():
    scale = svg.Scale(10, 20, 100, 0)
    assert [scale.at(value) for value in (10, 15, 20)] == [100, 50, 0]
    assert (scale.at(0), scale.at(99)) == (100, 0)


def test_a_scale_without_a_range_puts_everything_in_the_middle():
    assert svg.Scale(5, 5, 0, 10).at(5) == 5


def test_ticks_are_round_numbers_inside():
    assert svg.ticks(0, 8.5) == (0, 2, 4, 6, 8)
    assert svg.ticks(-0.013, 0.021, 4) == (-0.01, 0.0, 0.01, 0.02)
    assert svg.ticks(3, 3) == (3,)


@given(
    low=st.floats(-1e4, 1e4),
    span=st.floats(1e-4, 1e4),
    most=st.integers(3, 8),
)
@settings(max_examples=50)
def test_ticks_are_few_increasing_and_within_the_range(low, span, most):
    found = svg.ticks(low, low + span, most)
    slack = 1e-9 * (abs(low) + span)
    assert 1 <= len(found) <= most
    assert all(a < b for a, b in pairwise(found))
    assert low - slack <= found[0]
    assert found[-1] <= low + span + slack


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((0, 2, 4), ("0", "2", "4")),
        ((-0.05, 0.0, 0.05), ("−0.05", "0.00", "0.05")),  # noqa: RUF001
        ((2.5, 5.0), ("2.5", "5.0")),
        ((1000, 2000), ("1,000", "2,000")),
        ((3,), ("3",)),
    ],
)
def test_ticks_have_the_digits_they_need(values, said):
    assert svg.tick_text(values) == said


def test_korean_letters_are_wider_than_latin_ones():
    assert svg.text_width("착용") == 24
    assert svg.text_width("il") < svg.text_width("ab") < svg.text_width("MW")


def test_a_text_that_does_not_fit_ends_in_an_ellipsis():
    assert svg.shortened("short", 100) == "short"
    cut = svg.shortened("incorrect female 30-59", 60)
    assert cut.endswith("…")
    assert svg.text_width(cut) <= 60


@given(text=st.text(LETTERS, min_size=1, max_size=20))
@settings(max_examples=25)
def test_every_text_survives_as_text_and_as_attribute(text):
    drawn = svg.element("g", svg.label(0, 0, text), data_name=text)
    parsed = ElementTree.fromstring(drawn)
    assert parsed.attrib["data-name"].split() == text.split()
    assert parsed[0].text == text


def test_a_number_has_no_more_digits_than_needed():
    assert [svg.number(value) for value in (3, 3.14159, 2.50, -0.001)] == ["3", "3.14", "2.5", "0"]


def test_missing_attributes_are_left_out():
    assert svg.element("rect", x=1, class_="a", text_anchor=None) == '<rect x="1" class="a"/>'


def test_approaches_differ_by_shape_and_not_only_by_colour():
    shapes = [svg.mark(0, 0, slot).replace(f"c{slot}", "c") for slot in range(4)]
    assert len(set(shapes)) == 4
    assert svg.colour(svg.PLAIN) == "plain"
    assert svg.colour(7) == "c1"


def test_a_chart_tells_a_screen_reader_what_it_is():
    drawn = ElementTree.fromstring(
        svg.chart(100, 50, "a < b", "what & why", svg.line(0, 0, 1, 1, "x"))
    )
    assert drawn.attrib["role"] == "img"
    assert drawn.attrib["viewBox"] == "0 0 100 50"
    assert [drawn.findtext("title"), drawn.findtext("desc")] == ["a < b", "what & why"]


def test_labels_keep_their_distance_and_their_order():
    assert svg.spread([10, 11, 50], 15, 0, 100) == [10, 25, 50]
    assert svg.spread([99, 98], 15, 0, 100) == [100, 85]


@given(positions=st.lists(st.floats(0, 100), min_size=1, max_size=6))
@settings(max_examples=50)
def test_spread_labels_never_touch(positions):
    placed = svg.spread(positions, 15, 0, 100)
    assert all(b - a >= 15 - 1e-9 for a, b in pairwise(sorted(placed)))
    assert max(placed) <= 100


def test_an_axis_names_its_ticks_and_itself():
    scale = svg.Scale(0, 10, 0, 100)
    drawn = ElementTree.fromstring(
        f"<g>{svg.x_axis(scale, 0, 50, 'minutes', values=(2.5, 10))}</g>"
    )
    assert [text.text for text in drawn.iter("text")] == ["2.5", "10.0", "minutes"]
    assert [float(line.attrib["x1"]) for line in drawn.iter("line")] == [25, 100]


def test_a_text_fits_the_room_that_was_made_for_it():
    names = ("augment.half_cutmix", "optim.head_lr_ratio", "task_weight.gender")
    for name in names:
        for room in (8.0, 10.0, 0.1):
            width = svg.text_width(name, svg.SMALL) + room
            assert svg.shortened(name, width - room, svg.SMALL) == name

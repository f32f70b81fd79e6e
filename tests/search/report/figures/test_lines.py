from xml.etree import ElementTree

import pytest

from search.analysis.curves import Curve
from search.analysis.reasons.plots import Lines, Point
from search.report.figures.lines import (
    anytime_plot,
    draw_lines,
    number_plot,
    step_path,
)

SLOTS = {"joint": 0, "separate": 1}


def curve(spent, values=(0.5, 0.7)):
    return Curve(name="joint", device_seconds=(10.0, 20.0), values=values, spent=spent)


@pytest.mark.parametrize(
    ("spent", "end", "unit"),
    [(200.0, 200.0, "seconds"), (600.0, 10.0, "minutes"), (7200.0, 2.0, "hours")],
)
def test_device_time_is_in_the_unit_that_fits(spent, end, unit):
    plot = anytime_plot([curve(spent)], SLOTS)
    assert plot.x == (0.0, end)
    assert plot.x_name.endswith(f"({unit})")
    assert plot.lines[0].points[-1][:2] == (end, 0.7)


def test_a_curve_without_a_score_is_not_drawn():
    empty = Curve(name="separate", device_seconds=(), values=(), spent=100)
    assert [line.name for line in anytime_plot([curve(100), empty], SLOTS).lines] == ["joint"]


def test_a_step_goes_across_before_it_goes_up():
    assert step_path([(0, 5), (10, 3)], stepped=True) == "M0 5H10V3"
    assert step_path([(0, 5), (10, 3)], stepped=False) == "M0 5L10 3"


def lines(points, **more):
    return Lines(title="t", x_name="people (%)", y_name="macro-F1", lines=points, **more)


def test_shares_round_edges_begin_at_zero():
    points = {"joint": (Point(x=30.0, value=20.0), Point(x=31.0, value=15.0))}
    plot = number_plot(lines(points, edges=(40.0, 30.0, 40.0)), SLOTS)
    assert plot.edges == (30.0, 40.0)
    assert (plot.x, plot.y[0], plot.x_ticks) == ((30.0, 40.0), 0, ())
    assert plot.y[1] > 20


def test_measured_places_are_the_ticks_and_intervals_set_the_range():
    points = (Point(x=100.0, value=0.8, interval=(0.7, 0.95)), Point(x=25.0, value=0.6))
    plot = number_plot(lines({"joint": points}), SLOTS)
    assert plot.x_ticks == (25.0, 100.0)
    assert [point.x for point in plot.lines[0].points] == [25.0, 100.0]
    assert plot.y[0] < 0.6
    assert plot.y[1] > 0.95


def test_lines_are_named_at_their_ends_without_touching():
    curves = [curve(600), Curve(name="separate", device_seconds=(5.0,), values=(0.7,), spent=500)]
    image = ElementTree.fromstring(draw_lines(anytime_plot(curves, SLOTS), 720, 300, "Curves"))
    labels = [text for text in image.iter("text") if "said" in text.get("class", "")]
    assert [text.text for text in labels] == ["joint 0.700", "separate 0.700"]
    assert abs(float(labels[0].attrib["y"]) - float(labels[1].attrib["y"])) >= 15


def test_every_step_but_the_last_bears_a_mark():
    image = ElementTree.fromstring(
        draw_lines(anytime_plot([curve(600)], SLOTS), 720, 300, "Curves")
    )
    assert len([mark for mark in image.iter("circle") if "mark" in mark.attrib["class"]]) == 2


def test_a_line_of_many_points_is_told_apart_by_its_dashes():
    points = tuple(Point(x=float(raw), value=10.0) for raw in range(20))
    plot = number_plot(lines(dict.fromkeys(SLOTS, points), edges=(10.0,)), SLOTS)
    image = ElementTree.fromstring(draw_lines(plot, 358, 250, "Errors"))
    assert [path.attrib["class"] for path in image.iter("path")] == [
        "line bare c0",
        "line bare c1",
    ]
    assert not [mark for mark in image.iter() if "mark" in mark.get("class", "").split()]


def test_a_line_breaks_where_neighbours_are_missing():
    points = tuple(Point(x=x, value=10.0, samples=4) for x in (39.0, 40.0, 50.0))
    image = ElementTree.fromstring(
        draw_lines(number_plot(lines({"joint": points}, step=1.0), SLOTS), 358, 250, "Errors")
    )
    paths = [path.attrib["d"].count("L") for path in image.iter("path")]
    assert paths == [1, 0]
    assert len(list(image.iter("circle"))) == 3


def test_marks_grow_with_the_photos_behind_them():
    points = tuple(Point(x=float(n), value=10.0, samples=n) for n in (1, 4, 16))
    image = ElementTree.fromstring(
        draw_lines(number_plot(lines({"joint": points}), SLOTS), 358, 250, "Errors")
    )
    sizes = [float(mark.attrib["r"]) for mark in image.iter("circle")]
    assert sizes == sorted(sizes)
    assert sizes[0] < 0.5 * sizes[-1]
    assert "16 %: 10, 16 photos" in [title.text for title in image.iter("title")]


def test_values_are_hovered_in_full_with_their_units():
    points = (Point(x=1_250_000.0, value=12.5), Point(x=2_000_000.0, value=0.00042))
    found = Lines(
        title="t", x_name="income (euro)", y_name="photos wrong (%)", lines={"joint": points}
    )
    image = ElementTree.fromstring(draw_lines(number_plot(found, SLOTS), 358, 250, "Errors"))
    titles = [title.text for title in image.iter("title")]
    assert {"1,250,000 euro: 12.5 %", "2,000,000 euro: 0.00042 %"} <= set(titles)


def test_what_is_no_approach_has_no_colour_of_one():
    points = (Point(x=1.0, value=0.1),)
    plot = number_plot(lines({"mask and age": points, "joint": points}), SLOTS)
    image = ElementTree.fromstring(draw_lines(plot, 358, 250, "Cosines"))
    assert [path.attrib["class"] for path in image.iter("path")] == ["line o0", "line c0"]

from xml.etree import ElementTree

import pytest

from search.analysis.reasons.plots import Bin, Reliability, Scatter
from search.report.figures.scatter import (
    draw_gain,
    draw_reliability,
    gain_plot,
    size_ticks,
)


def plotted(photos, values, names):
    scatter = Scatter(title="t", photos=tuple(photos), values=tuple(values), y_name="gain")
    return gain_plot(scatter, names)


def test_classes_without_samples_have_no_gain():
    plot = plotted([100, 0, 10], [0.1, 0.0, -0.2], ["a", "b", "c"])
    assert [point.name for point in plot.points] == ["a", "c"]
    assert plot.x[0] < 1 < 2 < plot.x[1]
    assert plot.y[0] < -0.2 < 0.1 < plot.y[1]


def test_classes_without_names_are_numbered():
    assert [point.name for point in plotted([5, 5], [0.1, 0.2], ()).points] == ["0", "1"]


def test_zero_is_always_in_the_range_of_the_gain():
    assert plotted([5, 50], [0.1, 0.2], ()).y[0] < 0


@pytest.mark.parametrize(
    ("logs", "ticks"),
    [((1.0, 2.0), (10, 20, 50, 100)), ((0.0, 4.0), (1, 10, 100, 1000, 10000)), ((2.05, 2.2), ())],
)
def test_sizes_are_marked_at_round_numbers(logs, ticks):
    assert size_ticks(logs) == ticks


def test_a_larger_class_lies_further_right_and_a_larger_gain_higher():
    image = ElementTree.fromstring(
        draw_gain(plotted([10, 1000], [-0.1, 0.1], ["<30", "y"]), 358, 250, "Gain")
    )
    rare, common = [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in image.iter("circle")]
    assert rare[0] < common[0]
    assert rare[1] > common[1]
    assert "<30" in [text.text for text in image.iter("text")]


def test_only_the_three_largest_gains_are_named():
    image = ElementTree.fromstring(
        draw_gain(plotted([10, 20, 30, 40], [0.1, 0.2, 0.3, 0.01], list("abcd")), 358, 250, "Gain")
    )
    texts = [text.text for text in image.iter("text")]
    assert {"a", "b", "c"} <= set(texts)
    assert "d" not in texts


def test_names_that_would_overlap_are_left_out():
    gains = [0.3, 0.299, 0.1, 0.01]
    drawn = draw_gain(plotted([10, 20, 30, 40], gains, list("abcd")), 358, 250, "Gain")
    texts = [text.text for text in ElementTree.fromstring(drawn).iter("text")]
    assert {"a", "c", "d"} <= set(texts)
    assert "b" not in texts


def reliable(*bins, slot=0):
    plot = Reliability(title="Reliability", curves={"joint": bins})
    return ElementTree.fromstring(draw_reliability(plot, {"joint": slot}, 358, 250))


def test_empty_bins_of_confidence_are_left_out():
    full = Bin(confidence=0.5, accuracy=0.4, samples=4)
    image = reliable(full, Bin(confidence=0.9, accuracy=0.0, samples=0), slot=2)
    assert image.findtext("desc") == "joint: 0.40 right at 0.50"
    assert next(path.attrib["class"] for path in image.iter("path")) == "line c2"


def test_trusted_probabilities_lie_on_the_diagonal():
    image = reliable(Bin(confidence=0.25, accuracy=0.25, samples=4))
    edge = next(line.attrib for line in image.iter("line") if line.attrib["class"] == "edge")
    x1, y1, x2, y2 = (float(edge[key]) for key in ("x1", "y1", "x2", "y2"))
    dot = next(image.iter("circle")).attrib
    assert (float(dot["cx"]) - x1) / (x2 - x1) == pytest.approx(0.25, abs=0.001)
    assert (float(dot["cy"]) - y1) / (y2 - y1) == pytest.approx(0.25, abs=0.001)


def test_an_approach_without_samples_draws_nothing():
    assert not list(reliable().iter("path"))

"""No text of a figure lies outside of it, on the whole column and on a phone."""

import re
from xml.etree import ElementTree

import pytest

from search.analysis.uncertainty.interval import Interval
from search.report.figures import svg
from search.report.figures.forest import ForestRow, draw_forest, forest
from search.report.render import render_html
from tests.search.builders.example import contents

SMALL = {"tick", "axis", "side", "number", "cell"}


def outside(figure: str) -> list[str]:
    """Returns the texts that begin left of a figure or end right of it."""
    image = ElementTree.fromstring(figure)
    width = float(image.attrib["viewBox"].split()[2])
    found = []
    for text in image.iter("text"):
        said = text.text or ""
        css = set(text.get("class", "").split())
        size = svg.SMALL if css & SMALL else 13 if "main" in css else svg.TEXT
        room, x = svg.text_width(said, size), float(text.attrib["x"])
        start = x - {"start": 0, "middle": room / 2, "end": room}[text.get("text-anchor", "start")]
        # The estimate of the width is a generous one.
        if start < -0.1 * room or start + room > width + 0.1 * room:
            found.append(f"{said} at {start:.0f} to {start + room:.0f} of {width:.0f}")
    return found


def test_no_figure_of_the_page_cuts_a_text():
    figures = re.findall(r'<svg class="chart".*?</svg>', render_html(contents()), flags=re.DOTALL)
    assert len(figures) > 15
    assert [text for figure in figures for text in outside(figure)] == []


@pytest.mark.parametrize("width", [svg.WIDE, svg.NARROW])
@pytest.mark.parametrize(("low", "high"), [(-0.01, 0.2), (-0.2, 0.01), (-0.1, 0.1), (0.1, 0.2)])
def test_what_the_sides_of_zero_mean_is_whole_wherever_zero_lies(width, low, high):
    row = ForestRow("a", Interval(value=(low + high) / 2, low=low, high=high))
    plot = forest([row], left="second is better", right="first is better")
    drawn = draw_forest(plot, width, "Differences")
    assert outside(drawn) == []
    left, right = (t for t in ElementTree.fromstring(drawn).iter("text") if "better" in t.text)
    assert float(left.attrib["x"]) < float(right.attrib["x"])

from xml.etree import ElementTree

from search.analysis.uncertainty.interval import Interval
from search.report.figures.forest import ForestRow, draw_forest, forest

ROWS = (
    ForestRow("joint − separate", Interval(value=0.02, low=-0.01, high=0.05)),  # noqa: RUF001
    ForestRow("held-out <people>", Interval(value=-0.03, low=-0.04, high=-0.02), main=False),
)


def test_the_axis_holds_zero_the_margin_and_every_interval():
    plot = forest(ROWS, margin=0.1)
    assert plot.low < -0.1
    assert plot.high > 0.1
    alone = forest([ForestRow("x", Interval(value=0.5, low=0.4, high=0.6))])
    assert alone.low < 0 < 0.6 < alone.high
    assert alone.margin is None


def drawn(width, margin=0.005):
    plot = forest(ROWS, margin=margin, left="b", right="a")
    return ElementTree.fromstring(draw_forest(plot, width, "Differences"))


def test_an_interval_is_drawn_where_it_lies_around_its_dot():
    image = drawn(720)
    interval = next(line for line in image.iter("line") if "range" in line.attrib["class"])
    main, _ = image.iter("circle")
    zero = next(line for line in image.iter("line") if line.attrib["class"] == "zero")
    start, end = float(interval.attrib["x1"]), float(interval.attrib["x2"])
    assert start < float(zero.attrib["x1"]) < float(main.attrib["cx"]) < end
    assert float(main.attrib["cx"]) - start < end - float(main.attrib["cx"]) + 0.1
    assert interval.attrib["y1"] == main.attrib["cy"]


def test_the_band_is_twice_the_margin_wide_and_missing_without_one():
    band = next(rect for rect in drawn(720).iter("rect") if rect.attrib["class"] == "band")
    zero = next(line for line in drawn(720).iter("line") if line.attrib["class"] == "zero")
    middle = float(band.attrib["x"]) + float(band.attrib["width"]) / 2
    assert abs(middle - float(zero.attrib["x1"])) < 0.02
    assert not list(drawn(720, margin=None).iter("rect"))


def test_on_a_phone_names_stand_above_their_intervals():
    wide, narrow = drawn(720), drawn(358)
    height = [float(image.attrib["viewBox"].split()[3]) for image in (wide, narrow)]
    assert height[1] > height[0]
    dots = [float(circle.attrib["cy"]) for circle in narrow.iter("circle")]
    names = [
        float(text.attrib["y"]) for text in narrow.iter("text") if "name" in text.get("class", "")
    ]
    assert all(name < dot for name, dot in zip(names, dots, strict=True))


def test_neither_lines_nor_the_band_run_through_names_on_a_phone():
    narrow = drawn(358)
    parts = list(narrow.iter())
    (clear, last) = [part for part in parts if part.get("class") == "clear"]
    ground = [part for part in parts if part.get("class") in ("grid", "zero", "band")]
    texts = [part for part in parts if part.get("class", "").startswith(("name", "value"))]
    assert max(map(parts.index, ground)) < parts.index(clear)
    assert parts.index(last) < min(map(parts.index, texts))
    for strip, dot, pair in zip(
        (clear, last), narrow.iter("circle"), (texts[:2], texts[2:]), strict=True
    ):
        top, height = float(strip.attrib["y"]), float(strip.attrib["height"])
        assert (strip.attrib["x"], strip.attrib["width"]) == ("0", "358")
        assert top + height < float(dot.attrib["cy"]) - float(dot.attrib["r"])
        for text in pair:
            assert top + 10 < float(text.attrib["y"]) < top + height - 3
    assert not [part for part in drawn(720).iter() if part.get("class") == "clear"]


def test_a_screen_reader_hears_every_row():
    assert "held-out <people>: −0.030" in (drawn(358).findtext("desc") or "")  # noqa: RUF001

from xml.etree import ElementTree

import pytest

from search.report.sections.reason_figures import effect_figure, reason_figure
from tests.search.builders.example import PAIR, REASONS, effect, reason, typed

SLOTS = {"joint": 0, "separate": 1}


@pytest.mark.parametrize("kind", sorted(REASONS))
def test_every_kind_of_reason_has_a_well_formed_plot(kind):
    figure = reason_figure(typed(REASONS[kind]), SLOTS, ("rare <1", "b", "c"))
    image = ElementTree.fromstring(figure.svg)
    assert image.attrib["role"] == "img"
    assert image.findtext("title")
    assert image.findtext("desc")


def texts(figure):
    return [text.text for text in ElementTree.fromstring(figure.svg).iter("text")]


def test_classes_are_named_in_the_plot_of_class_size():
    assert "rare <1" in texts(
        reason_figure(typed(REASONS["class_size"]), SLOTS, ("rare <1", "b", "c"))
    )


def test_approaches_stand_side_by_side_in_one_plot():
    other = reason("error_budget", {"cost": {"age": 0.1, "mask": 0.02}}, ("separate",))
    said = texts(reason_figure(typed(REASONS["error_budget"], other), SLOTS))
    assert {"joint", "separate", "+0.200", "+0.100"} <= set(said)


def test_calibration_without_bins_falls_back_to_its_errors():
    bare = reason("calibration", {})
    assert {"3.0", "1.0"} <= set(texts(reason_figure(typed(bare), SLOTS)))


def test_a_reason_without_figures_or_effect_has_no_plot():
    assert reason_figure(typed(reason("something_new", {})), SLOTS) is None
    alone = reason("scores_by_state.age", {"attribute": "age", "states": {}})
    assert reason_figure(typed(alone), SLOTS) is None


def test_all_effects_go_into_one_forest_with_the_pair_in_their_names():
    found = typed(
        reason("attribution.age", {}, PAIR, effect=effect(0.1)),
        reason("class_size", {}, PAIR, effect=effect(-0.1)),
        reason("error_budget", {}),
    )
    figure = effect_figure(found, "Effects")
    said = texts(figure)
    assert "age: joint − separate" in said  # noqa: RUF001
    assert "class size: joint − separate" in said  # noqa: RUF001
    assert figure.narrow
    assert effect_figure(found[2:], "Effects") is None


def test_pairs_of_heads_have_a_colour_each():
    figure = reason_figure(typed(REASONS["gradient_conflict"]), SLOTS)
    assert {"gender and age", "mask and age"} <= set(texts(figure))
    assert {"o0", "o1"} <= set(figure.svg.replace('"', " ").split())


def test_lines_of_several_pairs_share_one_plot():
    def row(*names):
        lines = {name: [{"x": 25, "value": 0.5}, {"x": 100, "value": 0.6}] for name in names}
        return reason("learning_curve", {"x_name": "x", "y_name": "y", "lines": lines}, names)

    figure = reason_figure(typed(row("a", "b"), row("a", "c")), {"a": 0, "b": 1, "c": 2})
    assert {"a", "b", "c"} <= set(texts(figure))


def test_what_the_search_flattered_has_its_interval():
    gap = reason("overtuning", {"gap": 0.1, "interval": [0.05, 0.15]})
    assert "+0.100 [+0.050, +0.150]" in texts(reason_figure(typed(gap), SLOTS))

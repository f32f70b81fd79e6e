import json

import numpy as np
import pytest

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.metrics import macro_f1
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.of_attributes import (
    Boundary,
    EdgeBin,
    EdgeView,
    StateScore,
    boundary_view,
    error_budget,
    scores_by_state,
)
from search.analysis.reasons.read import read_reason
from search.analysis.reasons.reason import Reason
from search.analysis.recombine import joint_classes
from search.report.sections.reason_figures import reason_figure
from tests.search.builders.labelled_people import people_of

ATTRIBUTES = {"mask": ("worn", "none"), "age": ("<30", "30-59", ">=60")}
SIZES = (2, 3)
EDGES = (30.0, 60.0)


def _evidence(labels, *predicted):
    rows = np.stack([joint_classes(classes, SIZES) for classes in predicted])
    return Evidence.of(
        [Approach(name="a", predicted=rows)],
        people_of(joint_classes(labels, SIZES), np.arange(len(labels)) // 2, 6),
        ATTRIBUTES,
    )


def _labels(num=120):
    return np.stack([np.arange(num) % 2, np.arange(num) // 2 % 3], axis=1)


def test_the_budget_says_what_each_perfect_attribute_would_give():
    labels = _labels()
    predicted = labels.copy()
    predicted[::4, 1] = (predicted[::4, 1] + 1) % 3  # a quarter of the ages wrong
    predicted[1::12, 0] = 1 - predicted[1::12, 0]
    budget = error_budget(_evidence(labels, predicted), "a")
    with_age = joint_classes(np.stack([predicted[:, 0], labels[:, 1]], axis=1), SIZES)
    with_mask = joint_classes(np.stack([labels[:, 0], predicted[:, 1]], axis=1), SIZES)
    y = joint_classes(labels, SIZES)
    assert budget.figures.perfect["age"] == pytest.approx(macro_f1(y, with_age, 6))
    assert budget.figures.perfect["mask"] == pytest.approx(macro_f1(y, with_mask, 6))
    score = macro_f1(y, joint_classes(predicted, SIZES), 6)
    assert budget.figures.cost["age"] == pytest.approx(macro_f1(y, with_age, 6) - score)
    assert budget.sentence.endswith("age costs most.")
    json.dumps(budget.to_dict())


def test_an_attribute_is_scored_in_every_state_of_the_others():
    labels = _labels()
    predicted = labels.copy()
    worn = labels[:, 0] == 0
    predicted[worn, 1] = np.where(np.arange(worn.sum()) % 2, labels[worn, 1], 0)
    reason = scores_by_state(_evidence(labels, predicted), "a", "age")
    states = reason.figures.states["mask"]
    expected = macro_f1(labels[worn, 1], predicted[worn, 1], 3)
    assert states["worn"] == StateScore(macro_f1=pytest.approx(expected), samples=60)
    assert states["none"].macro_f1 == 1
    assert "best where mask none (1.000) and worst where mask worn" in reason.sentence


def test_a_class_that_a_state_lacks_does_not_count_there():
    labels = _labels()
    labels = labels[~((labels[:, 0] == 0) & (labels[:, 1] == 2))]
    reason = scores_by_state(_evidence(labels, labels), "a", "age")
    assert reason.figures.states["mask"]["worn"].macro_f1 == 1


def test_an_only_attribute_has_no_states():
    evidence = Evidence.of(
        [Approach(name="a", predicted=np.array([[0, 1, 0, 1]]))],
        people_of([0, 1, 1, 0], np.arange(4), 2),
        {"age": ("young", "old")},
    )
    assert scores_by_state(evidence, "a", "age").sentence == "a has no other attribute beside age."


def test_errors_are_shown_by_raw_number_around_every_edge():
    raw = np.repeat(np.arange(20.0, 70.0), 4)
    age = np.searchsorted(EDGES, raw, side="right")
    labels = np.stack([np.arange(200) % 2, age], axis=1)
    predicted = labels.copy()
    predicted[(raw >= 58) & (raw < 60), 1] = 2  # 58 and 59 are taken for old
    reason = boundary_view(_evidence(labels, predicted), "a", "age", raw, EDGES)
    view = reason.figures.edges[1]
    assert view.edge == 60
    # within 3 of 60: ages 57..63, of which 58 and 59 are wrong
    assert view.near_wrong == pytest.approx(2 / 7)
    assert view.far_wrong == 0
    assert view.missed == 0
    by_raw = {entry.raw: entry for entry in view.bins}
    assert by_raw[59] == EdgeBin(raw=59, above=1, wrong=1, samples=4)
    assert by_raw[57].above == 0
    assert min(by_raw) == 50
    assert max(by_raw) == 69
    assert "29% of the samples within 3 of age 60" in reason.sentence
    json.dumps(reason.to_dict())


def test_the_mean_over_seeds_is_shown():
    labels, raw = _labels(), np.array([20.0, 45.0, 61.0])[_labels()[:, 1]]
    wrong = labels.copy()
    wrong[:, 1] = np.minimum(wrong[:, 1], 1)  # nobody is old
    reason = boundary_view(_evidence(labels, labels, wrong), "a", "age", raw, EDGES)
    assert reason.figures.edges[1].missed == pytest.approx(0.5)


def test_errors_near_two_edges_add_up_in_the_plot():
    shares = {30.0: ((30.0, 0.2), (31.0, 0.1)), 40.0: ((31.0, 0.05),)}
    views = tuple(
        EdgeView(
            edge=edge,
            near_wrong=0.1,
            far_wrong=0.0,
            missed=0.0,
            bins=tuple(EdgeBin(raw=raw, above=0, wrong=wrong, samples=4) for raw, wrong in cells),
        )
        for edge, cells in shares.items()
    )
    figures = Boundary(attribute="age", edges=views)
    reason = Reason(
        key="boundary.age", mechanism="", about=("joint",), sentence=".", figures=figures
    )
    plot = reason.plot
    assert [(point.x, point.value) for point in plot.lines["joint"]] == [
        (30.0, 20.0),
        (31.0, pytest.approx(15.0)),
    ]
    assert plot.edges == (30.0, 40.0)
    assert plot.x_name == "true age of the person (years)"


def _boundary(raw, edges=EDGES, *, wrong=()):
    raw = np.asarray(raw, dtype=float)
    labels = np.stack([np.arange(len(raw)) % 2, np.searchsorted(edges, raw, side="right")], axis=1)
    predicted = labels.copy()
    predicted[list(wrong), 1] = 0
    return boundary_view(_evidence(labels, predicted), "a", "age", raw, edges)


def test_numbers_far_from_every_edge_are_said_to_be_far_and_drawn_by_nothing():
    reason = _boundary([10.0, 45.0, 90.0] * 8, wrong=[1])
    assert [view.bins for view in reason.figures.edges] == [(), ()]
    assert [view.near_wrong for view in reason.figures.edges] == [None, None]
    assert reason.plot is None
    assert reason_figure([reason], {"a": 0}) is None
    assert "4.2% of the samples on the wrong side of age 30; none is within 3" in reason.sentence
    assert reason.heading == "Age: no number near an edge"
    assert read_reason(json.loads(json.dumps(reason.to_dict()))) == reason


def test_an_edge_without_a_number_near_is_neither_the_hardest_nor_drawn():
    reason = _boundary([29.0, 45.0, 90.0] * 8, wrong=[2])
    assert reason.plot.edges == (30.0,)
    assert "within 3 of age 30" in reason.sentence
    assert "svg" in reason_figure([reason], {"a": 0}).svg


@pytest.mark.parametrize(
    ("scale", "near"),
    [(1_000.0, "3000"), (1e6, "3000000"), (0.001, "0.003"), (1e300, "3"), (1e-320, "3")],
)
def test_the_scale_of_a_number_changes_nothing_but_its_own_digits(scale, near):
    raw = np.repeat(np.arange(20.0, 70.0), 4)
    wrong = np.flatnonzero(raw == 31)
    plain, scaled = (
        _boundary(raw * by, tuple(edge * by for edge in EDGES), wrong=wrong) for by in (1, scale)
    )
    assert plain.figures.edges[0].near_wrong == pytest.approx(1 / 7)
    if 1e-3 <= scale <= 1e6:
        assert scaled.figures.edges[0].near_wrong == pytest.approx(1 / 7)
        assert len(scaled.figures.edges[0].bins) == len(plain.figures.edges[0].bins)
        assert f"within {near} of age" in scaled.sentence
    assert reason_figure([scaled], {"a": 0}) is not None


def test_whole_numbers_of_a_narrow_range_are_counted_by_ones():
    assert "within 3 of age 30" in _boundary([28.0, 29.0, 30.0, 31.0, 61.0] * 4).sentence
    assert "within 3 of age 30" in _boundary([29.0, 30.0] * 6).sentence


def test_equal_numbers_have_a_place_beside_the_edge():
    reason = _boundary([30.0] * 12)
    assert reason.figures.edges[0].far_wrong is None
    assert "of the others" not in reason.sentence
    assert reason_figure([reason], {"a": 0}) is not None


def test_a_class_that_nobody_has_is_missed_by_nobody():
    reason = _boundary([58.0, 59.0, 31.0, 20.0] * 4, wrong=[0, 1])
    assert reason.figures.edges[1].missed is None
    assert reason.sentence.endswith("none is from 60 on.") or "age 30" in reason.sentence


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused(number):
    labels = _labels()
    raw = np.full(120, 40.0)
    raw[7] = number
    with pytest.raises(AnalysisError, match="raw numbers of 'age' must be finite"):
        boundary_view(_evidence(labels, labels), "a", "age", raw, EDGES)


def test_input_that_does_not_fit_is_refused():
    labels = _labels()
    evidence = _evidence(labels, labels)
    with pytest.raises(AnalysisError, match="unknown attribute 'race'; available: mask, age"):
        scores_by_state(evidence, "a", "race")
    with pytest.raises(AnalysisError, match="samples and 1 edges for 3 classes"):
        boundary_view(evidence, "a", "age", np.zeros(120), (30.0,))
    with pytest.raises(AnalysisError, match=r"got \(3,\) numbers for \(120,\) samples"):
        boundary_view(evidence, "a", "age", np.zeros(3), EDGES)

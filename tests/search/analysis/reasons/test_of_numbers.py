"""Where along the number behind a binned attribute an approach errs."""

import json

import numpy as np
import pytest

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.of_numbers import (
    Boundary,
    EdgeBin,
    EdgeView,
    NumberBin,
    boundary_view,
)
from search.analysis.reasons.piles import Pile, piles_of
from search.analysis.reasons.read import read_reason
from search.analysis.reasons.reason import Reason
from search.analysis.recombine import joint_classes
from search.report.sections.reason_figures import reason_figure
from tests.search.builders.labelled_people import people_of

ATTRIBUTES = {"mask": ("worn", "none"), "age": ("<30", "30-59", ">=60")}
SIZES = (2, 3)
EDGES = (30.0, 60.0)
RAW = np.repeat(np.arange(20.0, 70.0), 4)


def labels_of(raw):
    return np.stack([np.arange(len(raw)) % 2, np.searchsorted(EDGES, raw, side="right")], axis=1)


def evidence_of(labels, *predicted):
    rows = np.stack([joint_classes(classes, SIZES) for classes in predicted])
    return Evidence.of(
        [Approach(name="a", predicted=rows)],
        people_of(joint_classes(labels, SIZES), np.arange(len(labels)) // 2, 6),
        ATTRIBUTES,
    )


def view_of(raw, *changes):
    """Returns the reason of predictions that are right but for `changes`: (part, class)."""
    labels = labels_of(raw)
    predicted = labels.copy()
    for part, code in changes:
        predicted[part, 1] = code
    return boundary_view(evidence_of(labels, predicted), "a", "age", raw, EDGES)


def test_errors_are_shown_by_raw_number_around_every_edge():
    reason = view_of(RAW, ((RAW >= 58) & (RAW < 60), 2))  # 58 and 59 are taken for old
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
    raw = np.tile([20.0, 45.0, 61.0], 40)
    labels = labels_of(raw)
    wrong = labels.copy()
    wrong[:, 1] = np.minimum(wrong[:, 1], 1)  # nobody is old
    reason = boundary_view(evidence_of(labels, labels, wrong), "a", "age", raw, EDGES)
    assert reason.figures.edges[1].missed == pytest.approx(0.5)
    assert reason.figures.bins[-1] == NumberBin(raw=61, wrong=0.5, below=0.5, samples=40)


def test_every_age_is_shown_however_far_from_an_edge():
    plot = view_of(RAW, (RAW == 45, 2)).plot
    (points,) = plot.lines.values()
    assert [point.x for point in points] == list(np.arange(20.0, 70.0))
    assert [point.x for point in points if point.value] == [45.0]
    assert {point.samples for point in points} == {4}
    assert plot.step == 3


def test_a_bias_over_ten_years_is_told_by_its_range_and_not_by_the_edge_it_begins_at():
    """Ages 30 to 40 are taken for younger; 29 is as good as any other."""
    young = (RAW >= 30) & (RAW <= 40)
    reason = view_of(RAW, (young, 0))
    heading = reason.heading.replace("\N{NO-BREAK SPACE}", " ")
    assert heading == "a puts age 30 to 40 too low: 100 % wrong there, 0 % elsewhere"
    assert reason.figures.piles == (
        Pile(first=30.0, last=40.0, wrong=1.0, elsewhere=0.0, too_low=1.0),
    )


def test_two_ranges_are_told_apart_where_there_are_few_errors_between():
    raw = np.repeat(np.arange(20.0, 70.0), 6)
    two = ((raw >= 30) & (raw <= 32)) | ((raw >= 45) & (raw <= 47))
    heading = view_of(raw, (two, 0)).heading.replace("\N{NO-BREAK SPACE}", " ")
    assert heading == (
        "a puts age 30 to 32 and 45 to 47 too low: 100 % and 100 % wrong there, 0 % elsewhere"
    )


def test_a_range_with_a_photo_that_is_right_in_it_is_one_range():
    raw = np.concatenate([RAW[(RAW < 35) | (RAW > 35)], [35.0]])
    young = (raw >= 30) & (raw <= 40) & (raw != 35)
    assert view_of(raw, (young, 0)).heading.startswith("a puts age 30 to 40 too low: 98")


def test_the_dense_part_is_named_where_errors_lie_everywhere_else_too():
    raw = np.repeat(np.arange(20.0, 70.0), 20)
    labels, rng = labels_of(raw), np.random.default_rng(3)
    part = (rng.random(len(raw)) < 0.3) | ((raw >= 45) & (raw <= 50))
    wrong = (labels[part, 1] + 1) % 3
    heading = view_of(raw, (part, wrong)).heading
    assert heading.startswith("a puts age 45 to 50 too high: 100")


def test_noise_is_seldom_announced_as_a_finding():
    """Errors of whole people, without a place of their own: named in one of twenty at most."""
    raw = np.repeat(np.arange(20.0, 70.0), 28)
    person = np.arange(len(raw)) // 7
    steps = np.unique(raw, return_inverse=True)[1]
    named = 0
    for draw in range(100):
        rng = np.random.default_rng(draw)
        share = rng.beta(0.3, 1.5, size=person.max() + 1)
        wrong = (rng.random(len(raw)) < share[person]).astype(float)
        named += bool(piles_of(wrong, wrong, raw, steps, person, seed=draw))
    assert named <= 12


@pytest.mark.parametrize(("ages", "photos"), [(8, 1), (1, 40)])
def test_few_photos_or_few_people_pile_up_nowhere(ages, photos):
    """Where 29 photos are wrong, or nine people, nothing is said of where."""
    raw = np.repeat(np.arange(20.0, 70.0), max(4, photos))
    person = np.arange(len(raw)) // photos
    wrong = ((raw >= 30) & (raw < 30 + ages)).astype(float)
    steps = np.unique(raw, return_inverse=True)[1]
    found = piles_of(wrong, wrong, raw, steps, person, seed=0)
    assert bool(found) == (ages == 8 and wrong.sum() >= 30)


def test_where_all_is_wrong_there_is_no_elsewhere():
    labels = labels_of(RAW)
    reason = view_of(RAW, (slice(None), (labels[:, 1] + 1) % 3))
    assert reason.figures.piles == ()
    assert reason.heading == "No age stands out in the errors of a"


def test_the_ends_of_a_range_are_numbers_that_are_in_it():
    """Bins are 10 wide here: the last one begins at 800 and ends before 810."""
    raw = np.repeat(np.arange(0.0, 1000.0, 4.0), 4)
    labels = np.stack([np.arange(len(raw)) % 2, np.searchsorted(EDGES, raw, side="right")], axis=1)
    predicted = labels.copy()
    part = (raw >= 704) & (raw < 809)
    predicted[part, 1] = 0
    reason = boundary_view(evidence_of(labels, predicted), "a", "age", raw, EDGES)
    assert reason.figures.width == 10
    assert reason.heading.startswith("a puts age 700 to 808 too low")


def test_errors_on_both_sides_of_an_edge_pile_up_there():
    raw = np.repeat(np.arange(20.0, 70.0), 6)
    below, above = (raw >= 57) & (raw < 60), (raw >= 60) & (raw < 63)
    reason = view_of(raw, (below, 2), (above, 1))
    heading = reason.heading.replace("\N{NO-BREAK SPACE}", " ")
    assert heading == "Age errors of a pile up at 57 to 62: 100 % wrong there, 0 % elsewhere"


def test_an_approach_without_an_error_piles_up_none():
    assert view_of(RAW).heading == "a errs nowhere on age"


def test_errors_at_every_age_pile_up_nowhere():
    labels, part = labels_of(RAW), np.arange(len(RAW)) % 4 == 0
    reason = view_of(RAW, (part, (labels[part, 1] + 1) % 3))
    assert reason.heading == "No age stands out in the errors of a"


def test_numbers_far_out_are_in_the_last_bin():
    raw = np.concatenate([RAW, [1000.0, 5000.0]])
    found = view_of(raw, (raw > 900, 1)).figures.numbers
    assert found[-1].samples == 2
    assert found[-1].wrong == 1
    assert found[-1].raw < 100


def test_a_number_on_an_edge_of_a_bin_begins_it():
    raw = np.tile([0.1, 0.2, 0.3, 0.7, 8.1], 4)
    labels = np.zeros((len(raw), 2), dtype=int)
    found = boundary_view(evidence_of(labels, labels), "a", "age", raw, EDGES).figures.numbers
    assert [cell.raw for cell in found] == [0.1, 0.2, 0.3, 0.7, 8.1]


def test_a_file_says_what_the_page_said():
    reason = view_of(RAW, ((RAW >= 30) & (RAW <= 40), 0))
    again = read_reason(json.loads(json.dumps(reason.to_dict())))
    assert again == reason
    assert again.heading == reason.heading
    assert again.plot == reason.plot


def test_an_older_file_has_the_numbers_near_an_edge_alone_and_names_no_range():
    stored = view_of(RAW, ((RAW >= 30) & (RAW <= 40), 0)).to_dict()
    stored["figures"] = {key: stored["figures"][key] for key in ("attribute", "edges")}
    again = read_reason(stored)
    assert again.to_dict() == stored
    assert [cell.raw for cell in again.figures.bins] == [*range(20, 41), *range(50, 70)]
    assert again.heading == "Where a errs on age"


def test_errors_near_two_edges_add_up_in_the_plot_of_a_file():
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
    return boundary_view(evidence_of(labels, predicted), "a", "age", raw, edges)


def test_numbers_far_from_every_edge_are_said_to_be_far():
    reason = _boundary([10.0, 45.0, 90.0] * 8, wrong=[1])
    assert [view.bins for view in reason.figures.edges] == [(), ()]
    assert [view.near_wrong for view in reason.figures.edges] == [None, None]
    assert "4.2% of the samples on the wrong side of age 30; none is within 3" in reason.sentence
    stored = json.loads(json.dumps(reason.to_dict()))
    stored["figures"] = {key: stored["figures"][key] for key in ("attribute", "edges")}
    again = read_reason(stored)
    assert again.heading == "Age: no number near an edge"
    assert again.plot is None
    assert reason_figure([again], {"a": 0}) is None


def test_an_edge_without_a_number_near_is_neither_the_hardest_nor_drawn():
    reason = _boundary([29.0, 45.0, 90.0] * 8, wrong=[2])
    assert reason.plot.edges == (30.0, 60.0)
    edges = reason.figures.edges
    assert Boundary(attribute="age", edges=edges).plot(reason).edges == (30.0,)
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
    reason = _boundary([58.0, 59.0, 58.0, 59.0] * 4, wrong=[0, 1])
    assert reason.figures.edges[1].missed is None
    assert "within 3 of age 60 on the wrong side" in reason.sentence
    assert reason.sentence.endswith("none is from 60 on.")


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused(number):
    labels = labels_of(RAW)
    raw = np.full(200, 40.0)
    raw[7] = number
    with pytest.raises(AnalysisError, match="raw numbers of 'age' must be finite"):
        boundary_view(evidence_of(labels, labels), "a", "age", raw, EDGES)


def test_input_that_does_not_fit_is_refused():
    labels = labels_of(RAW)
    evidence = evidence_of(labels, labels)
    with pytest.raises(AnalysisError, match="samples and 1 edges for 3 classes"):
        boundary_view(evidence, "a", "age", np.zeros(200), (30.0,))
    with pytest.raises(AnalysisError, match=r"got \(3,\) numbers for \(200,\) samples"):
        boundary_view(evidence, "a", "age", np.zeros(3), EDGES)

import pytest

from search.analysis import wording
from search.analysis.uncertainty.interval import Interval


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0123, "+0.012"), (-0.0123, "−0.012"), (0.0001, "0.000"), (-0.0001, "0.000")],  # noqa: RUF001
)
def test_a_difference_has_a_sign_unless_it_rounds_to_zero(value, said):
    assert wording.signed(value) == said


def test_an_interval_is_empty_where_there_is_none():
    assert wording.interval(Interval(value=0.5, low=0.4, high=0.6)) == "[0.400, 0.600]"
    assert wording.interval(None) == ""


def test_a_difference_is_said_with_its_interval():
    found = Interval(value=0.02, low=-0.0123, high=0.0301)
    assert wording.estimate(found.negated()) == "−0.020 [−0.030, +0.012]"  # noqa: RUF001


@pytest.mark.parametrize(
    ("plain", "typeset"),
    [
        ("-0.0948 [-0.0828, +0.1]", "−0.0948 [−0.0828, +0.1]"),  # noqa: RUF001
        ("about -5 (-3)", "about −5 (−3)"),  # noqa: RUF001
        ("age 30-59 on 2026-11-28", "age 30-59 on 2026-11-28"),
        ("head-lr, model-2, --seed", "head-lr, model-2, --seed"),
        ("12% of 7.1 %", "12\N{NO-BREAK SPACE}% of 7.1\N{NO-BREAK SPACE}%"),
        ("7\N{NO-BREAK SPACE}%", "7\N{NO-BREAK SPACE}%"),
        ("importance (%)", "importance (%)"),
    ],
)
def test_a_sentence_of_a_file_gets_the_type_of_the_page(plain, typeset):
    assert wording.typeset(plain) == typeset


def test_a_missing_score_is_a_dash():
    assert wording.score(None) == "\N{EN DASH}"


@pytest.mark.parametrize(
    ("share", "said"), [(0.0, "0"), (0.016, "1.6"), (0.099, "9.9"), (0.0996, "10"), (0.5, "50")]
)
def test_small_shares_keep_a_digit(share, said):
    assert wording.percent(share) == f"{said}\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize(
    ("value", "said"), [(0.0004, "< 0.001"), (0.03, "0.030"), (0.9999, "> 0.999")]
)
def test_a_probability_is_never_said_to_be_zero_or_one(value, said):
    assert wording.probability(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (9999, "9,999"),
        (12_345, "12.3 k"),
        (4_012_345, "4.0 M"),
        (3.9e8, "390 M"),
        (1.17e9, "1.2 G"),
    ],
)
def test_large_counts_are_short(value, said):
    assert wording.large(value).replace("\N{NO-BREAK SPACE}", " ") == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(45, "45 s"), (119, "119 s"), (360, "6 min"), (7380, "2 h 03 min")]
)
def test_a_time_is_said_in_the_unit_that_fits(seconds, said):
    assert wording.duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == said


def test_lists_and_plurals_read_as_english():
    assert wording.listing([]) == ""
    assert wording.listing(["a"]) == "a"
    assert wording.listing(["a", "b"], "or") == "a or b"
    assert wording.listing(["a", "b", "c"]) == "a, b and c"
    assert wording.plural(1, "person", "people") == "1 person"
    assert wording.plural(1200, "pair") == "1,200 pairs"
    assert wording.sentence("one seed") == "One seed."
    assert wording.sentence("One seed.") == "One seed."


def test_short_times_to_serve_have_a_digit_more():
    assert [wording.milliseconds(value) for value in (0.256, 1.0, 12.34)] == [
        "0.26",
        "1.0",
        "12.3",
    ]

import math

import pytest

from trainables.data.bands import band, date_band, in_order, is_date

FAIRFACE = (
    *("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69"),
    "more than 70",
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("0-2", (0, 2)),
        ("10 - 19", (10, 19)),
        ("10–19", (10, 19)),  # noqa: RUF001
        ("30 to 39", (30, 39)),
        ("[18, 30)", (18, 30)),
        ("20s", (20, 29)),
        ("20대", (20, 29)),
        ("<18", (-math.inf, 18)),
        ("under 18", (-math.inf, 18)),
        ("30세 미만", (-math.inf, 30)),
        ("17 and under", (-math.inf, 17)),
        ("60+", (60, math.inf)),
        (">=60", (60, math.inf)),
        ("more than 70", (70, math.inf)),
        ("65 and over", (65, math.inf)),
        ("60세 이상", (60, math.inf)),
        ("18", (18, 18)),
        ("65+ years", (65, math.inf)),
        ("60s+", (60, math.inf)),
        ("(-0.001, 30.0]", (-0.001, 30)),
        ("(90.0, inf]", (90, math.inf)),
        ("30세 이상 60세 미만", (30, 60)),
        ("age 3-9", (3, 9)),
        ("3-1", None),
        ("male", None),
        ("1-2-3", None),
        ("-1", None),
        ("", None),
    ],
)
def test_a_band_has_two_ends(name, expected):
    assert band(name) == expected


@pytest.mark.parametrize(
    "ordered",
    [
        FAIRFACE,
        ("<30", "30-59", ">=60"),
        ("<18", "18-59", "60+"),
        ("0", "1-4", "5+"),
        ("(-0.001, 30.0]", "(30.0, 60.0]", "(60.0, inf]"),
        ("30세 미만", "30세 이상 60세 미만", "60세 이상"),
        ("under 18", "18 to 64", "65 and over"),
    ],
)
def test_bands_come_in_the_order_of_their_numbers(ordered):
    assert in_order(sorted(ordered)) == ordered


@pytest.mark.parametrize(
    "names",
    [("1", "2", "10"), ("male", "female"), ("0-2", "old"), ("0-20", "10-30"), ("60+", "70+"), ()],
)
def test_what_is_no_row_of_bands_has_no_order(names):
    assert in_order(names) is None


@pytest.mark.parametrize(
    ("date", "was"),
    [
        ("03-Sep", "3-9"),
        ("09-Mar", "3-9"),
        ("9-Mar", "3-9"),
        ("3-Sep", "3-9"),
        ("Oct-19", "10-19"),
        ("10월 19일", "10-19"),
        ("03월 09일", "3-9"),
        ("3. Sep", "3-9"),
        ("05-May", None),
        ("marker-1", None),
        ("3-9", None),
    ],
)
def test_a_date_is_the_band_that_a_spreadsheet_made_it_of(date, was):
    assert date_band(date) == was


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2021-03-09", True),
        ("2021-03-09 00:00:00", True),
        ("3/9/2021", True),
        *((date, True) for date in ("03-Sep", "3-Sep-20", "20 Sep 2020", "Jan 3, 2020")),
        *((date, True) for date in ("12:00", "20200103", "May-5", "Sep 2020")),
        *((word, False) for word in ("20-29", "Mary-5", "12345678", "1:2", "May")),
        ("001498-1", False),
    ],
)
def test_dates_are_told_from_bands_and_ids(value, expected):
    assert is_date(value) == expected

import math
import unicodedata

import pytest

from trainables.data.bands import band, date_band, day_band, days_among, in_order, is_date

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
        ("20대 초반", (20, 23)),
        ("20대중반", (24, 26)),
        ("20代後半", (25, 29)),
        ("mid-30s", (34, 36)),
        ("Late 40s", (47, 49)),
        ("<18", (-math.inf, 18)),
        ("under 18", (-math.inf, 18)),
        ("30세 미만", (-math.inf, 30)),
        ("17 and under", (-math.inf, 17)),
        ("60+", (60, math.inf)),
        (">=60", (60, math.inf)),
        ("more than 70", (70, math.inf)),
        ("65 and over", (65, math.inf)),
        ("60세 이상", (60, math.inf)),
        ("60歳以上", (60, math.inf)),
        ("18岁以下", (-math.inf, 18)),
        ("20歳未満", (-math.inf, 20)),
        ("30歳以上60歳未満", (30, 60)),
        ("20代", (20, 29)),
        ("25세", (25, 25)),
        ("25 years old", (25, 25)),
        ("0세", (0, 0)),
        (unicodedata.normalize("NFD", "20세 미만"), (-math.inf, 20)),
        (unicodedata.normalize("NFD", "20대"), (20, 29)),
        ("만 9세", (9, 9)),
        ("20歳代", (20, 29)),
        ("40歳代以上", (40, math.inf)),
        ("30至39岁", (30, 39)),
        ("18岁到29岁", (18, 29)),
        ("40岁及以上", (40, math.inf)),
        ("未满18岁", (-math.inf, 18)),
        ("大于40岁", (40, math.inf)),
        ("18", (18, 18)),
        ("65+ years", (65, math.inf)),
        ("60s+", (60, math.inf)),
        ("(-0.001, 30.0]", (-0.001, 30)),
        ("(90.0, inf]", (90, math.inf)),
        ("30세 이상 60세 미만", (30, 60)),
        ("age 3-9", (3, 9)),
        ("~29", (-math.inf, 29)),
        ("30~59", (30, 59)),
        ("60~", (60, math.inf)),
        ("30〜59", (30, 59)),
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
        ("~29", "30~59", "60~"),
        ("0", "1-4", "5+"),
        ("(-0.001, 30.0]", "(30.0, 60.0]", "(60.0, inf]"),
        ("30세 미만", "30세 이상 60세 미만", "60세 이상"),
        ("under 18", "18 to 64", "65 and over"),
        ("20대 초반", "20대 후반", "30대", "40대 이상"),
        ("early 20s", "mid 20s", "late 20s", "30+"),
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
        ("3月9日", "3-9"),
        ("3. Sep", "3-9"),
        ("05-May", None),
        ("marker-1", None),
        ("3-9", None),
    ],
)
def test_a_date_is_the_band_that_a_spreadsheet_made_it_of(date, was):
    assert date_band(date) == was


DATES = """
2021-03-09|2021-03-09 00:00:00|2024-01-03T10:12:31Z|2024-01-03T10:12:31.123+09:00
2024:01:03 10:12:31|3/9/2021|1/3/2024 3:12 PM|24/01/03|24/1/3|01/2024|2024/01|2024-01
20200103|20240101_101112|20240101-101112|20240101T101112Z|20240101123145|202401011231
20170104023102422|24.01.03|01.02.24|31.12.99|24. 1. 3.|2024. 1. 3. 오후 3:12|03.01.2024 10:12
03-Sep|3-Sep-20|20 Sep 2020|Jan 3, 2020|May-5|Sep 2020|2024 Jan|2024-Jan-03|3rd Jan 2024
Jan 3rd, 2024|Wed Jan 3 2024|Wed Jan  3 10:12:31 2024|Wed, 03 Jan 2024 10:12:00 GMT
Wednesday, January 3, 2024|2024년 1월 3일|2024년1월3일 수요일|2024년 1월 3일 (수)|2024년 3월
24년 1월 3일|2024/1/3 오후 3:12|2024年1月3日|1月3日|1월 3일|12:00|10:12:31 PM|3:12 p.m.
오후 3:12|오전 10:12|오후 3시|15시 12분 31초|Wed 10:12
"""
NO_DATES = """
20-29|Mary-5|12345678|1:2|May|Sunday|sun|2024|2024.01|001498-1|16:9|1.2.3|1.2.10|25_30
2001-2005|1-2024|01-2024|2000-20|2024-99|98.99.97|20012001|45360|3월|3시|photo 10:12
x 20240101|3.14|192.168.1.10
"""


def _each(values: str) -> list[str]:
    return values.replace("\n", "|").strip("|").split("|")


@pytest.mark.parametrize("value", _each(DATES))
def test_dates_and_times_are_known_in_the_forms_that_people_and_cameras_write(value):
    assert is_date(value)


@pytest.mark.parametrize("value", [*_each(NO_DATES), "", "1" * 99])
def test_bands_words_and_ids_are_no_dates(value):
    assert not is_date(value)


@pytest.mark.parametrize(
    ("name", "was"),
    [
        ("45360", "3-9"),
        ("45360.0", "3-9"),
        ("45554", "9-19"),
        *((name, None) for name in ("45292", "45360.5", "1000", "99999", "3-9", "x")),
    ],
)
def test_the_number_of_a_day_is_the_band_that_a_spreadsheet_made_it_of(name, was):
    assert day_band(name) == was


@pytest.mark.parametrize(
    ("names", "days"),
    [
        (("20-29", "30-39", "45360"), ["45360"]),
        (("0-2", "45360", "45554", "more than 70", "unknown"), ["45360", "45554"]),
        (("45360", "45554"), []),
        (("male", "45360"), []),
        (("0-9999", "10000-29999", "45360"), []),
        (("0", "1-2", "3-9", "10+"), []),
    ],
)
def test_numbers_of_days_are_told_by_bands_that_are_far_below(names, days):
    assert days_among(names) == days

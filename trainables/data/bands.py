"""Classes that are bands of a number: "0-2", "3-9", "more than 70", "60+", "<18".

"3-9" is 3 up to and with 9. Spreadsheets take some bands for dates: "3-9" becomes "03-Sep" or
"09-Mar", "10-19" becomes "Oct-19"; and a date becomes the number of its day, such as 45360.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise

Band = tuple[float, float]
"""Least and greatest number of a band; infinite where it has no end."""

_NUMBER = r"(\d+(?:\.\d+)?)"
_YEARS = r"(?:years?|yrs?|y|세|살|대|[歳岁歲]代?|代)?\s*(?:old)?"
_UNIT = rf"\s*{_YEARS}"
_SIGN = r"\s*(?:세|살|歳|岁|歲)?\s*"
_CLOSED = re.compile(
    rf"{_NUMBER}{_UNIT}\s*(?:[-–—~〜～_到至]|to|から|부터)\s*{_NUMBER}{_UNIT}"  # noqa: RUF001  (such dashes, too)
    rf"|[\[(]\s*(-?\d+(?:\.\d+)?)\s*[,;-]\s*(\d+(?:\.\d+)?|inf)\s*[\])]"
    rf"|{_NUMBER}{_SIGN}(?:이상|초과|以上)\s*{_NUMBER}{_SIGN}(?:미만|이하|未満|未满|以下)"
)
_LESS = r"<=?|≤|under|below|less than|younger than|up to|at most|未满|小于|不到|低于"
_MORE = r">=?|≥|over|above|more than|older than|at least|from|大于|超过|高于"
_OR_LESS = r"미만|이하|未満|未满|[及或]?以下|(?:and|or) (?:under|below|less|younger)"
_OR_MORE = r"\+|이상|초과|[及或]?以上|plus|(?:and|or) (?:over|above|more|older)"
_BELOW = re.compile(
    rf"(?:{_LESS})\s*{_NUMBER}{_UNIT}"
    rf"|[~〜～]\s*{_NUMBER}{_UNIT}"  # noqa: RUF001
    rf"|{_NUMBER}{_UNIT}\s*(?:{_OR_LESS})"
)
_ABOVE = re.compile(
    rf"(?:{_MORE})\s*{_NUMBER}{_UNIT}"
    rf"|{_NUMBER}\s*s?{_UNIT}\s*(?:{_OR_MORE})"
    rf"|{_NUMBER}\s*\+{_UNIT}|{_NUMBER}{_UNIT}\s*[~〜～]"  # noqa: RUF001
)
_DECADE = re.compile(r"(\d0)\s*(?:s|대|[歳岁歲]?代)")
_PART_OF_DECADE = re.compile(
    r"(?P<en>early|mid|late)[- ]?(?P<years>\d0)\s*s"
    r"|(?P<decade>\d0)\s*(?:대|[歳岁歲]?代)\s*(?P<cjk>초반|중반|후반|前半|半ば|後半)"
)
_PARTS = {
    **dict.fromkeys(("early", "초반"), (0, 3)),
    **dict.fromkeys(("mid", "중반"), (4, 6)),
    "半ば": (4, 5),
    **dict.fromkeys(("late", "후반"), (7, 9)),
    "前半": (0, 4),
    "後半": (5, 9),
}
"""First and last year that a part of a decade has."""
_PREFIX = re.compile(r"^(?:(?:age[ds]?|나이|연령)\s*:?\s*)?(?:만\s*)?")
_SINGLE = re.compile(_NUMBER)
_WITH_UNIT = re.compile(rf"{_NUMBER}{_UNIT}")

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY_MONTH = re.compile(rf"(\d{{1,2}})\.?[-/ ]\s*{_MONTH}")
_MONTH_DAY = re.compile(rf"{_MONTH}[-/ ]\s*(\d{{1,2}})")
_MONTH_SIGN = re.compile(r"(\d{1,2})[월月]\s*(\d{1,2})[일日]")

_MAX_SIGNS = 64
"""Of a date: what is longer is none, however it is written."""
_HALF = r"(?:[ap]\.?m\b\.?|오전|오후|午前|午後|上午|下午)"
_CLOCK = (
    rf"(?:{_HALF} ?)?\d{{1,2}}:\d{{2}}(?::\d{{2}}(?:[.,]\d+)?)?(?: ?{_HALF})?"
    r"(?: ?(?:z|utc|gmt|[-+]\d{2}:?\d{2}))?"
    r"|(?:(?:오전|오후) ?)?\d{1,2}[시時时] ?\d{1,2}[분分](?: ?\d{1,2}[초秒])?"
    r"|(?:오전|오후) ?\d{1,2}시"
)
_TIME = re.compile(_CLOCK)
_TIME_IN_DATE = re.compile(rf"(?<=[^\d])(?:{_CLOCK})")
_WEEKDAY = re.compile(
    r"\b(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\b\.?,?"
    r"|[월화수목금토일]요일|[月火水木金土日]曜日?|星期[一二三四五六日天]|\([월화수목금토일月火水木金土日]\)"
)
_YEAR, _MM, _DD = r"(?:19|20)\d{2}", r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])"
_MONTH2, _DAY2 = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12]\d|3[01])"
_TH = r"(?:st|nd|rd|th)?"
_DATE = re.compile(
    r"\d{4}[-/.:]\s?\d{1,2}[-/.:]\s?\d{1,2}\.?(?:[ t]\d{1,2}:\d{2}.*)?"
    r"|\d{1,2}[-/]\d{1,2}[-/]\d{2,4}|\d{1,2}\.\d{1,2}\.\d{4}"
    rf"|\d{{2}}\.{_MONTH2}\.{_DAY2}\.?|\d{{2}}\. {_MM}\. {_DD}\.?|\d{{2}}/{_MM}/{_DD}"
    rf"|{_DAY2}\.{_MONTH2}\.\d{{2}}|{_MONTH2}\.{_DAY2}\.\d{{2}}"
    rf"|{_YEAR}[-/]{_MM}|{_MM}/{_YEAR}|{_YEAR}\. {_MM}\.?"
    rf"|{_YEAR}{_MONTH2}{_DAY2}(?:[-_t ]?(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d\d{{0,6}})?z?)?"
    rf"|\d{{1,2}}{_TH}\.?[-/ ]\s*{_MONTH}[-/, ]\s*\d{{2,4}}"
    rf"|{_MONTH}[-/ ]\s*\d{{1,2}}{_TH},?\s+\d{{4}}|{_MONTH}[-/, ]\s*\d{{4}}"
    rf"|\d{{4}}[-/, ]\s*{_MONTH}(?:[-/ ]\s*\d{{1,2}})?"
    r"|(?:\d{4}|\d{2})[년年] ?\d{1,2}[월月](?: ?\d{1,2}[일日])?"
)
_DAY_0 = date(1899, 12, 30)
"""Of spreadsheets, whose day 60 is a 29th of February 1900 that never was."""
_FAR_ABOVE = 100
"""Times the highest end of bands: a number so high among them is none of theirs."""
_FIRST_DAY, _LAST_DAY = 29_221, 73_050
"""1980 to 2099, as spreadsheets number their days: what becomes a date there has its year."""


def _plain(name: str) -> str:
    """Returns a name in small and composed letters: a Mac writes 세 as two code points."""
    return unicodedata.normalize("NFC", name.strip().lower())


def band(name: str) -> Band | None:
    """Returns the band that a class names, a single number included; None if it names none."""
    text = _PREFIX.sub("", _plain(name))
    if found := _DECADE.fullmatch(text):
        return float(found.group(1)), float(found.group(1)) + 9
    if found := _PART_OF_DECADE.fullmatch(text):
        decade = float(found["years"] or found["decade"])
        first, last = _PARTS[found["en"] or found["cjk"]]
        return decade + first, decade + last
    if found := _WITH_UNIT.fullmatch(text):
        return float(found.group(1)), float(found.group(1))
    if found := _CLOSED.fullmatch(text):
        low, high = map(float, filter(None, found.groups()))
        return (low, high) if low < high else None
    for pattern, above in ((_BELOW, False), (_ABOVE, True)):
        if found := pattern.fullmatch(text):
            number = float(next(filter(None, found.groups())))
            return (number, math.inf) if above else (-math.inf, number)
    return None


def in_order(names: Sequence[str]) -> tuple[str, ...] | None:
    """Returns classes that are bands from the lowest to the highest; None if they are not.

    They are where each is a band or a number, not all are numbers, and none lies in another: one
    may begin where the one below ends.
    """
    found = {name: band(name) for name in names}
    bands = {name: each for name, each in found.items() if each is not None}
    only_numbers = all(low == high for low, high in bands.values())
    if len(bands) < len(names) or len(names) < 2 or only_numbers:
        return None
    ordered = sorted(bands, key=lambda name: bands[name])
    apart = all(bands[one][1] <= bands[other][0] for one, other in pairwise(ordered))
    return tuple(ordered) if apart else None


def date_band(name: str) -> str | None:
    """Returns the band that a spreadsheet made a date of, such as "3-9" of "03-Sep"; or None.

    Whichever of day and month stood first, the lower number begins the band.
    """
    text = _plain(name)
    if found := _MONTH_SIGN.fullmatch(text):
        numbers = [int(each) for each in found.groups()]
    elif found := _DAY_MONTH.fullmatch(text):
        numbers = [int(found.group(1)), _MONTHS.index(found.group(2)[:3]) + 1]
    elif found := _MONTH_DAY.fullmatch(text):
        numbers = [_MONTHS.index(found.group(1)[:3]) + 1, int(found.group(2))]
    else:
        return None
    low, high = sorted(numbers)
    return f"{low}-{high}" if low < high else None


def is_date(name: str) -> bool:
    """Returns whether a value is written as a date, with or without a year, or as a time."""
    if len(name) > 3 * _MAX_SIGNS:
        return False
    text = " ".join(_plain(name).split())
    if len(text) > _MAX_SIGNS:
        return False
    no_weekday = _WEEKDAY.sub(" ", text).strip()
    bare = " ".join(_TIME_IN_DATE.sub(" ", no_weekday, 1).split()).strip(" ,t")
    patterns = (_DATE, _DAY_MONTH, _MONTH_DAY, _MONTH_SIGN)
    is_time = _TIME.fullmatch(no_weekday) is not None
    return is_time or any(each.fullmatch(part) for each in patterns for part in (text, bare))


def day_band(name: str) -> str | None:
    """Returns the band that became the number of a day, such as "3-9" of "45360"; or None.

    Spreadsheets write so what they took for a date, once the cell has the form of a number.
    """
    found = _SINGLE.fullmatch(name.strip())
    day = float(found.group(1)) if found else 0.0
    if not (day.is_integer() and _FIRST_DAY <= day <= _LAST_DAY):
        return None
    when = _DAY_0 + timedelta(days=day)
    low, high = sorted((when.month, when.day))
    return f"{low}-{high}" if low < high else None


def days_among(names: Sequence[str]) -> list[str]:
    """Returns the numbers of days among bands: far above every other; none where no band is."""
    days = [name for name in names if day_band(name) is not None]
    bands = [each for name in names if name not in days and (each := band(name))]
    if all(low == high for low, high in bands):
        return []
    highest = max(end for each in bands for end in each if math.isfinite(end))
    return [name for name in days if float(name) > _FAR_ABOVE * highest]

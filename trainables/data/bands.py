"""Classes that are bands of a number: "0-2", "3-9", "more than 70", "60+", "<18".

"3-9" is 3 up to and with 9. Spreadsheets take some bands for dates: "3-9" becomes "03-Sep" or
"09-Mar", "10-19" becomes "Oct-19".
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise

Band = tuple[float, float]
"""Least and greatest number of a band; infinite where it has no end."""

_NUMBER = r"(\d+(?:\.\d+)?)"
_YEARS = r"(?:years?|yrs?|y|세|살|대)?\s*(?:old)?"
_UNIT = rf"\s*{_YEARS}"
_CLOSED = re.compile(
    rf"{_NUMBER}{_UNIT}\s*(?:-|–|—|~|to|_)\s*{_NUMBER}{_UNIT}"  # noqa: RUF001  (such dashes, too)
    rf"|[\[(]\s*(-?\d+(?:\.\d+)?)\s*[,;-]\s*(\d+(?:\.\d+)?|inf)\s*[\])]"
    rf"|{_NUMBER}\s*(?:세|살)?\s*(?:이상|초과)\s*{_NUMBER}\s*(?:세|살)?\s*(?:미만|이하)"
)
_BELOW = re.compile(
    rf"(?:<=?|≤|under|below|less than|younger than|up to|at most)\s*{_NUMBER}{_UNIT}"
    rf"|{_NUMBER}{_UNIT}\s*(?:미만|이하|(?:and|or) (?:under|below|less|younger))"
)
_ABOVE = re.compile(
    rf"(?:>=?|≥|over|above|more than|older than|at least|from)\s*{_NUMBER}{_UNIT}"
    rf"|{_NUMBER}\s*s?{_UNIT}\s*(?:\+|이상|초과|plus|(?:and|or) (?:over|above|more|older))"
    rf"|{_NUMBER}\s*\+{_UNIT}"
)
_DECADE = re.compile(r"(\d0)\s*(?:s|대)")
_PREFIX = re.compile(r"^(?:age[ds]?|나이|연령)\s*:?\s*")
_SINGLE = re.compile(_NUMBER)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY_MONTH = re.compile(rf"(\d{{1,2}})\.?[-/ ]\s*{_MONTH}")
_MONTH_DAY = re.compile(rf"{_MONTH}[-/ ]\s*(\d{{1,2}})")
_KOREAN = re.compile(r"(\d{1,2})월\s*(\d{1,2})일")
_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:[ap]\.?m\.?)?"
_DATE = re.compile(
    rf"\d{{4}}[-/.:]\s?\d{{1,2}}[-/.:]\s?\d{{1,2}}\.?(?:[ t]\d{{1,2}}:\d{{2}}.*)?|{_CLOCK}"
    r"|\d{1,2}[-/]\d{1,2}[-/]\d{2,4}|\d{1,2}\.\d{1,2}\.\d{4}"
    r"|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    rf"|\d{{1,2}}\.?[-/ ]\s*{_MONTH}[-/, ]\s*\d{{2,4}}"
    rf"|{_MONTH}[-/ ]\s*\d{{1,2}},?\s+\d{{4}}|{_MONTH}[-/ ]\s*\d{{4}}"
)


def band(name: str) -> Band | None:
    """Returns the band that a class names, a single number included; None if it names none."""
    text = _PREFIX.sub("", name.strip().lower())
    if found := _SINGLE.fullmatch(text):
        return float(found.group(1)), float(found.group(1))
    if found := _DECADE.fullmatch(text):
        return float(found.group(1)), float(found.group(1)) + 9
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
    text = name.strip().lower()
    if found := _KOREAN.fullmatch(text):
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
    text = name.strip().lower()
    patterns = (_DATE, _DAY_MONTH, _MONTH_DAY, _KOREAN)
    return any(pattern.fullmatch(text) for pattern in patterns)

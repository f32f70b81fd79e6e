"""Values of a column as classes: which are none, and which spell the same class twice.

"1" and "1.0" are one class (pandas writes whole numbers so once a cell of the column is empty),
and so are the two ways to write "é" in code points. "01" and "1", "Male" and "male" are two, which
is said: whether they are one is not ours to tell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from trainables.data.bands import band, date_band, in_order

_NOT_LABELS = frozenset(
    (
        *("#N/A N/A", "N/A", "n/a", "NA", "nan", "NaN", "NAN", "Nan", "-nan", "-NaN"),
        *("NaT", "null", "Null", "NULL", "<NA>", "<null>", "(null)"),
    )
)
"""What R, pandas and databases write for no value."""
_BLANKS = frozenset(("?", "??", "???", "-", "--", "---", "–", "—"))  # noqa: RUF001
"""What people write into a cell that they cannot fill."""
_OF_A_SPREADSHEET = re.compile(
    r"##+|#(?![0-9A-F]{3,8}$)[¡¿]?[^\W\d_a-z][^\Wa-z]*(?:/[^\Wa-z]+)*[!?]?"
)
"""#N/A, #NV, #VALEUR!, #DIV/0!, #CALC! and ######## (too narrow a column); no colours."""

_ZEROS = re.compile(r"(-?\d+)\.0*")
_LEADING = re.compile(r"^0+(?=\d)")
_WHOLE_OR_DECIMAL = re.compile(r"[+-]?\d+(?:\.\d+)?")
_NONE = "None"


def is_no_label(value: str) -> bool:
    """Returns whether a value is what a program writes for none, or for an error."""
    return value in _NOT_LABELS or _OF_A_SPREADSHEET.fullmatch(value) is not None


def no_labels(values: Iterable[str]) -> frozenset[str]:
    """Returns those of a column's values that stand where there is no value.

    A dash does, unless it is a minus beside a plus.
    """
    different = frozenset(values)
    blanks = _BLANKS - {"-"} if "+" in different else _BLANKS
    return frozenset(each for each in different if each in blanks or is_no_label(each))


def same_text(one: str, other: str) -> bool:
    """Returns whether two texts look the same: equal but for how code points compose them."""
    return unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other)


def spelling(value: str) -> str:
    """Returns one spelling for values that are the same class: "1" for "1.0", composed letters."""
    text = unicodedata.normalize("NFC", value)
    found = _ZEROS.fullmatch(text)
    return found.group(1) if found else text


@dataclass(frozen=True, slots=True)
class ClassNames:
    """Finds the class that a value names.

    Attributes:
        classes: their names in code order.
        by_value: code of each name.
        by_spelling: code of each spelling that one class alone has.
    """

    classes: tuple[str, ...]
    by_value: dict[str, int] = field(init=False)
    by_spelling: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        codes = {name: code for code, name in enumerate(self.classes)}
        spelt: dict[str, int] = {}
        for name, code in codes.items():
            key = spelling(name)
            spelt[key] = -1 if key in spelt else code
        object.__setattr__(self, "by_value", codes)
        object.__setattr__(self, "by_spelling", {k: c for k, c in spelt.items() if c >= 0})

    def code(self, value: str) -> int | None:
        """Returns the class of a value: as it stands, spelt otherwise, or made a date of."""
        if value in self.by_value:
            return self.by_value[value]
        code = self.by_spelling.get(spelling(value))
        was = date_band(value)
        return self.by_value.get(was) if code is None and was is not None else code


def merged(values: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the different classes among values, sorted, and what was made one, in sentences.

    Numbers come first, in their order, with a unit or without ("9세" before "10세").

    Of several spellings the one without trailing zeros is kept, else the first. A date is the band
    that a spreadsheet made it of where the other values are bands that it fits between.
    """
    by_spelling: dict[str, list[str]] = {}
    for value in dict.fromkeys(values):
        by_spelling.setdefault(spelling(value), []).append(value)
    names = {key: key if key in spelt else spelt[0] for key, spelt in by_spelling.items()}
    notes = [
        f"classes {' and '.join(spelt)} are one"
        for spelt in by_spelling.values()
        if len(spelt) > 1
    ]
    classes = sorted(names.values(), key=_place)
    bands = _without_dates(classes)
    if bands is not None and bands != classes:
        undone = [f"{name!r} is {date_band(name)!r}" for name in classes if date_band(name)]
        notes.append(f"{', '.join(undone)} (a spreadsheet made a date of it)")
        classes = bands
    if _NONE in classes:
        notes.append(f"{_NONE!r} is a class; Python writes it where there is no value, too")
    return tuple(classes), (*notes, *alike(classes, "classes"))


def _place(name: str) -> tuple[bool, float, str]:
    """Returns what classes are sorted by."""
    if _WHOLE_OR_DECIMAL.fullmatch(name):
        return False, float(name), name
    low, high = band(name) or (0.0, 1.0)
    return (False, low, name) if low == high else (True, 0.0, name)


def _without_dates(classes: Sequence[str]) -> list[str] | None:
    """Returns the classes with dates as the bands they were; None where that does not fit."""
    dates = {name: was for name in classes if (was := date_band(name)) is not None}
    if not dates or len(dates) == len(classes):
        return None
    bands = sorted({dates.get(name, name) for name in classes})
    return bands if in_order(bands) is not None else None


def alike(names: Sequence[str], what: str) -> Iterator[str]:
    """Yields a sentence for names that differ by case, zeros in front or unseen signs alone.

    Args:
        names: in the order in which they are compared.
        what: they are, in the plural.
    """
    seen: dict[str, str] = {}
    for name in names:
        text = unicodedata.normalize("NFKC", name).casefold()
        seen_signs = "".join(sign for sign in text if unicodedata.category(sign) != "Cf")
        key = _LEADING.sub("", " ".join(seen_signs.split()))
        if key in seen:
            yield f"{seen[key]!r} and {name!r} are two {what}; where they are one, write one"
        seen.setdefault(key, name)

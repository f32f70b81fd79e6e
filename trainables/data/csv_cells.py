"""Names in a CSV that a spreadsheet may open: none of them is a formula there.

Excel and its like run a cell that starts with one of a few characters: a photo called
`=HYPERLINK(...).jpg` in `ans.csv` would act on whoever opens it. Such a name gets an apostrophe in
front, which spreadsheets take for "this is text"; so does one that starts with apostrophes and
then such a character, so that `original` gives back every name exactly. Numbers stay numbers.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # noqa: RUF001  (spreadsheets take wide ones, too)


def harmless(name: str) -> str:
    """Returns a name as the cell to write."""
    return f"'{name}" if _FORMULA.match(name) else name


def original(cell: str) -> str:
    """Returns the name that `harmless` made a cell of; another cell as it is."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell

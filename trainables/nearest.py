"""What somebody may have meant by a mistyped name."""

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice

_MOST_NAMES, _MOST_SIGNS = 5_000, 80
"""Names that are compared, and signs of each: a second, whatever the data holds."""
_LEAST = 0.65
_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")


def near(word: str, known: Iterable[str]) -> str:
    """Returns the names nearest to a mistyped one, as " (did you mean age?)"; or nothing.

    Capitals and the code points that a letter is made of do not matter, nor zeros in front of a
    number, which a spreadsheet removes.
    """
    names = {_spelt(name): name for name in islice(known, _MOST_NAMES)}
    if _spelt(word) in names:
        return f" (did you mean {names[_spelt(word)]}?)"
    bare = _ZEROS.sub("", _spelt(word))
    found = [name for name in names if _ZEROS.sub("", name) == bare][:3]
    found = found or get_close_matches(_spelt(word), names, n=3, cutoff=_LEAST)
    meant = dict.fromkeys(names[each] for each in found)
    return f" (did you mean {' or '.join(meant)}?)" if meant else ""


def _spelt(name: str) -> str:
    return unicodedata.normalize("NFC", name[:_MOST_SIGNS]).casefold()

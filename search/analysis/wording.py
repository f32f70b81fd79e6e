"""Numbers and lists as the page says them. A minus is a minus sign, not a hyphen."""

import re
from collections.abc import Sequence

from search.analysis.uncertainty.interval import Interval

MINUS = "\N{MINUS SIGN}"
_HYPHEN = re.compile(r"(?<![^\s(\[])-(?=\d)")
_PERCENT = re.compile(r"(\d) ?%")
_LARGE = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def score(value: float | None, digits: int = 3) -> str:
    """Returns a score such as "0.812", or a dash where there is none."""
    return "\N{EN DASH}" if value is None else f"{value:.{digits}f}".replace("-", MINUS)


def estimate(found: Interval, digits: int = 3) -> str:
    """Returns a difference with its interval, such as "+0.012 [+0.003, +0.021]"."""
    return found.written(lambda number: signed(number, digits))


def minus(first: str, second: str) -> str:
    """Returns the name of a difference."""
    return f"{first} {MINUS} {second}"


def signed(value: float, digits: int = 3) -> str:
    """Returns a difference with its sign, such as "+0.012"; what rounds to zero has none."""
    text = f"{value:+.{digits}f}"
    return f"{0:.{digits}f}" if float(text) == 0 else text.replace("-", MINUS)


def interval(found: Interval | None, *, sign: bool = False, digits: int = 3) -> str:
    """Returns "[0.79, 0.83]", or nothing where there is no interval."""
    write = signed if sign else score
    return "" if found is None else found.ends(lambda number: write(number, digits))


def percent(share: float) -> str:
    """Returns a share such as "7 %"; with a digit below 10 %, so that small ones differ."""
    digits = 0 if share >= 0.0995 or share == 0 else 1
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def percents(shares: Sequence[float]) -> str:
    """Returns the range of shares such as "7 % to 12 %", or one where both ends read alike."""
    low, high = percent(min(shares)), percent(max(shares))
    return low if low == high else f"{low} to {high}"


def probability(value: float) -> str:
    """Returns a probability such as "0.03"; what is too small to tell from 0 says so."""
    if value < 0.001:
        return "< 0.001"
    return "> 0.999" if value > 0.999 else f"{value:.3f}"


def large(value: float) -> str:
    """Returns a count such as "11.2 M"; whole numbers below 10,000 in full."""
    for size, letter in _LARGE:
        if value >= size and value >= 10_000:
            digits = 1 if value < 100 * size else 0
            return f"{value / size:.{digits}f}\N{NO-BREAK SPACE}{letter}"
    return f"{value:,.0f}"


def duration(seconds: float) -> str:
    """Returns a time such as "45 s", "6 min" or "2 h 03 min"."""
    space = "\N{NO-BREAK SPACE}"
    if seconds < 120:
        return f"{seconds:.0f}{space}s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes}{space}min"
    return f"{minutes // 60}{space}h {minutes % 60:02d}{space}min"


def milliseconds(value: float) -> str:
    """Returns a time such as "12.3"; below one millisecond with a digit more."""
    return f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def listing(names: Sequence[str], last: str = "and") -> str:
    """Returns "a", "a and b" or "a, b and c"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


def plural(count: int, noun: str, many: str = "") -> str:
    """Returns "1 pair" or "3 pairs"."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def typeset(text: str) -> str:
    """Returns a sentence in the page's own type: a minus before a figure, no break before %.

    Sentences of reasons, of an ensemble and of data stand in files, where they are plain text. A
    hyphen between figures, as in "30-59" or a date, stays one.
    """
    return _PERCENT.sub("\\1\N{NO-BREAK SPACE}%", _HYPHEN.sub(MINUS, text))


def unbroken(text: str) -> str:
    """Returns the text in one piece: no line ends at its spaces."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def capital(text: str) -> str:
    """Returns the text with its first letter large, the rest as it is."""
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """Returns the text with a large first letter and a full stop."""
    return capital(text) if text.endswith((".", "!", "?")) else f"{capital(text)}."

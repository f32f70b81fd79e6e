"""How far the time that a run promises is from the time that it takes.

    headrace run --space all --budget 20m --name eta1 > eta1.txt    # five, 20 minutes each
    python -m benchmarks.eta eta1.txt eta2.txt ...

Without a terminal every trial and every training that ends is a line that begins with
`[elapsed of total]`, and the last stage says how long the run took. A row per file: the largest
error of the total, as a share of the truth, over the lines of the first third of the run and over
those after it.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from search.prepare.config import parse_duration

_LINE = re.compile(r"^\[ *([\dhms ]+) of ([\dhms ]+)\]", re.MULTILINE)
_TOOK = re.compile(r"^The run took ([\dhms ]+)\.", re.MULTILINE)


def errors(text: str) -> tuple[float, float | None, float | None]:
    """Returns the seconds that a run took, and the largest errors before and after a third of it.

    None where no line says anything.

    Raises:
        ValueError: the text does not say how long the run took.
    """
    took = _TOOK.search(text)
    if took is None:
        raise ValueError("the output must be that of a whole run: 'The run took' is missing")
    total = _seconds(took[1])
    early, late = [], []
    for elapsed, promised in _LINE.findall(text):
        part = early if _seconds(elapsed) < total / 3 else late
        part.append(_seconds(promised) / total - 1)
    return total, _largest(early), _largest(late)


def _seconds(text: str) -> float:
    whole = text.replace(" ", "")
    return 0.0 if whole == "0s" else parse_duration(whole)


def _largest(found: Iterable[float]) -> float | None:
    return max(found, key=abs, default=None)


def main(paths: Iterable[str]) -> None:
    """Prints a row per file."""
    print("| run | seconds | first third | later |\n|---|---|---|---|")
    for path in paths:
        total, *shares = errors(Path(path).read_text(encoding="utf-8"))
        cells = ["-" if share is None else f"{share:+.0%}" for share in shares]
        print(f"| {Path(path).stem} | {total:.0f} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(sys.argv[1:])

"""The pages for people, and what stands in them."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README, KOREAN = ROOT / "README.md", ROOT / "README.ko.md"
PAGES = (
    *(README, KOREAN, ROOT / "CONTRIBUTING.md"),
    ROOT / "benchmarks" / "README.md",
    *(ROOT / "results" / "README.md", ROOT / "results" / "demo" / "README.md"),
    *sorted((ROOT / "docs").glob("*.md")),
)
_FENCED = re.compile(r"^```.*?\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")


def text_of(page: Path) -> str:
    """Returns the text of a page."""
    return page.read_text(encoding="utf-8")


def code_of(page: Path) -> list[str]:
    """Returns the lines of the code blocks of a page, without comments and empty lines."""
    text = text_of(page)
    fenced = [line for block in _FENCED.findall(text) for line in block.splitlines()]
    indented = [line for line in _FENCED.sub("", text).splitlines() if line.startswith("    ")]
    found = [re.sub(r"(^|\s)#.*", "", line).strip() for line in (*indented, *fenced)]
    return [line for line in found if line]


def inline_code_of(page: Path) -> list[str]:
    """Returns the pieces of code within the sentences of a page."""
    return [" ".join(piece.split()) for piece in _INLINE.findall(_FENCED.sub("", text_of(page)))]


def commands_in(line: str) -> Iterator[list[str]]:
    """Yields the words behind `headrace` of every command in a line of a shell."""
    for piece in re.split(r"&&|;", line.replace('"$(', "").replace(')"', "")):
        try:
            words = shlex.split(piece)
        except ValueError:  # no line of a shell
            continue
        for place, word in enumerate(words):
            # `import headrace` has none.
            if re.fullmatch(r"(\S*/)?headrace", word) and words[place + 1 :]:
                yield _until_a_file(words[place + 1 :])
            elif word.endswith("search/run.py"):
                yield ["run", *_until_a_file(words[place + 1 :])]


def _until_a_file(words: list[str]) -> list[str]:
    return words[: words.index(">")] if ">" in words else words

"""Reads LaTeX as far as TeX itself would refuse it: braces, environments, rows, characters."""

import re

_COMMAND = re.compile(r"\\(?:[A-Za-z]+|.)", re.DOTALL)
_ENVIRONMENT = re.compile(r"\\(begin|end)\{(\w+)\}")


def check(source: str) -> None:
    """Raises AssertionError where braces or environments do not close, or a character is bare."""
    preamble, _, body = source.partition(r"\begin{document}")
    assert preamble
    assert body.endswith("\\end{document}\n")
    _check_braces(source)
    _check_environments(rf"\begin{{document}}{body}")
    for rows, columns in _tables(body):
        assert {len(re.split(r"(?<!\\)&", row)) for row in rows} == {columns}
    bare = _COMMAND.sub("", body)
    # Between two signs of mathematics stand commands and a minus of our own alone.
    bare = re.sub(r"\$-?\$", "", bare)
    assert not set('%#^_|"<>\\$') & set(bare), bare


def _check_braces(source: str) -> None:
    depth = 0
    for character in re.sub(r"\\[{}\\]", "", source):
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0


def _check_environments(body: str) -> None:
    opened: list[str] = []
    for what, name in _ENVIRONMENT.findall(body):
        if what == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert opened == []


def _tables(body: str) -> list[tuple[list[str], int]]:
    found = []
    for part in body.split(r"\begin{tabular}")[1:]:
        inside = part.partition(r"\end{tabular}")[0]
        kinds = re.sub(r"p\{[^}]*\}", "l", inside.partition("\n")[0])
        rows = [line for line in inside.splitlines() if line.endswith(r"\\")]
        found.append((rows, len(re.sub("[{}]", "", kinds))))
    return found

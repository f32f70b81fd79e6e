"""Lines in a terminal, and without one."""

import io
import sys

import pytest
from rich.console import Console

from search.console import loading, say

PROSE = "no difference between the two approaches is supported by this data, train more seeds"


def lines(text, **more):
    console = Console(file=io.StringIO(), width=40, color_system=None, **more)
    say(console, text)
    return console.file.getvalue().splitlines()


def test_a_terminal_s_line_ends_between_two_words():
    found = lines(PROSE, force_terminal=True)
    assert len(found) == 3
    assert " ".join(line.rstrip() for line in found) == PROSE


def test_a_line_goes_on_as_far_in_as_it_began():
    first, *others = lines(f"  {PROSE}", force_terminal=True)
    assert len(others) == 2
    assert all(line.startswith("  ") and line[2] != " " for line in (first, *others))


@pytest.mark.parametrize(
    "text",
    [
        "Interrupted. Nothing is lost; go on with: headrace run --resume mine --results there",
        "judge it again with: .venv/bin/headrace verdict mine and so on, and so on",
        f"Best config: /{'folder/' * 10}age.yaml",
    ],
)
def test_what_is_copied_from_a_terminal_is_one_line(text):
    assert lines(text, force_terminal=True) == [text]


def test_without_a_terminal_a_line_is_as_long_as_it_is():
    assert lines(PROSE) == [PROSE]


def test_it_says_why_nothing_happens_until_pytorch_is_loaded(monkeypatch):
    console = Console(file=io.StringIO(), width=40)
    monkeypatch.setitem(sys.modules, "torch", object())
    assert loading(console) is console
    assert console.file.getvalue() == ""
    monkeypatch.delitem(sys.modules, "torch")
    loading(console)
    assert console.file.getvalue() == "loading PyTorch ...\n"

"""The command that a report says."""

import shlex
import sys

from benchmarks.command import command_of


def test_a_shell_reads_what_was_given(monkeypatch):
    given = ["benchmarks/x.py", "--cells", "half(2)", "--out", "a folder"]
    monkeypatch.setattr(sys, "argv", given)
    assert shlex.split(command_of("benchmarks.x")) == ["python", "-m", "benchmarks.x", *given[1:]]

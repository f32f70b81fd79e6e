"""Whoever reads what a command says may be gone, or its terminal may know few signs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.search.builders.runs import ROOT

SCRIPT = """
import sys
from rich.console import Console
from search.ending.signals import leave
from search.ending.streams import be_lenient
be_lenient()
for _ in range(3):
    print("difference ≥ 0.1 ± 0.2")
    Console().print("╭─ difference ≥ 0.1 ± 0.2")
    print("é\\udcff", file=sys.stderr)
leave(3)
"""


def run(stdout, stderr=subprocess.PIPE, **environment):
    return subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        stdout=stdout,
        stderr=stderr,
        env={**os.environ, **environment},
        check=False,
    )


def test_signs_that_the_terminal_lacks_become_question_marks():
    done = run(subprocess.PIPE, PYTHONIOENCODING="latin-1")
    assert done.returncode == 3
    assert done.stdout.decode("latin-1").splitlines()[0] == "difference ? 0.1 ± 0.2"
    assert done.stderr.decode("latin-1").splitlines() == ["é?"] * 3


def test_signs_that_it_has_stay():
    done = run(subprocess.PIPE, PYTHONIOENCODING="utf-8")
    assert done.stdout.decode().splitlines()[0] == "difference ≥ 0.1 ± 0.2"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_reader_that_goes_away_does_not_end_the_command(stream):
    reader, writer = os.pipe()
    os.close(reader)
    done = run(**{"stdout": subprocess.DEVNULL, stream: writer})
    os.close(writer)
    assert done.returncode == 3
    assert b"Error" not in (done.stderr or b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_log_on_a_full_disk_does_not_end_the_command(stream):
    with Path("/dev/full").open("wb") as full:
        done = run(**{"stdout": subprocess.DEVNULL, stream: full})
    assert done.returncode == 3


def test_a_process_without_streams_ends_as_it_would():
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.stdout = sys.stderr = None\n{SCRIPT}"],
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 3

"""The error of a promised time, from what a run says."""

import subprocess
import sys

import pytest

from tests.search.builders.runs import ROOT

TEXT = """
[     0s of 18m 00s] workers start
[ 1m 00s of 20m 00s] age trial 0: complete
[ 3m 20s of 11m 00s] age trial 1: complete
[ 5m 00s of 9m 00s] age trial 2: complete
The run took 10m 00s.
"""


def table(path):
    command = [sys.executable, "-m", "benchmarks.eta", str(path)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_largest_error_before_and_after_a_third_is_told(tmp_path):
    path = tmp_path / "one.txt"
    path.write_text(TEXT)
    assert table(path).stdout.splitlines()[-1] == "| one | 600 | +100% | +10% |"


@pytest.mark.parametrize("text", ["", "[ 1m 00s of 20m 00s] age trial 0: complete\n"])
def test_a_run_that_did_not_end_has_no_error(tmp_path, text):
    path = tmp_path / "one.txt"
    path.write_text(text)
    assert "'The run took' is missing" in table(path).stderr

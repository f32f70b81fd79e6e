"""What idles in a run, by who held its slots."""

import pytest

from benchmarks.idle import Held, of_run, share
from search.errors import ResultsError


def test_slots_that_nobody_held_are_idle():
    one, other = Held(start=100, end=110, seconds=10), Held(start=101, end=106, seconds=5)
    assert share([one, other], slots=2) == (20, 5)


def test_a_folder_that_is_no_run_is_said(tmp_path):
    with pytest.raises(ResultsError, match="idle"):
        of_run(tmp_path / "idle")

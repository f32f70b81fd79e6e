"""What our stopper does at every turn of Ray's loop, without Ray."""

import time
from dataclasses import dataclass

import pytest

from search.tuning.tune_run import _EndOfSearch


@dataclass
class Searcher:
    """Says whether a worker has a trial."""

    is_idle: bool = False

    def is_over(self) -> bool:
        return False


@pytest.fixture
def slept(monkeypatch):
    found = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def test_the_loop_waits_where_no_worker_has_a_trial_but_not_before_the_next_one_is_asked(slept):
    searcher = Searcher()
    stopper = _EndOfSearch(searcher, fleet=None)
    told = []
    for is_idle in (False, True, True, True, False, True, False):
        searcher.is_idle = is_idle
        before = len(slept)
        stopper.stop_all()
        told.append(len(slept) > before)
    assert told == [False, False, True, True, False, False, False]

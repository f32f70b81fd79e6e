"""What a search leaves behind, as the exit code of its command has it."""

from search.prepare.space_result import SpaceResult
from search.store.records import Cause, State
from search.tuning.stage import SearchEnd
from tests.search.builders.made import made_record


def end_of(*records, **changes):
    found = SpaceResult(name="age", records=records, best=None, interval=None)
    return SearchEnd(results=(found,), interrupted=False, **changes)


def test_a_space_without_a_result_failed_unless_a_refit_stood_in():
    assert end_of().num_failed == 1
    assert end_of(judged=True).num_failed == 0


def test_a_broken_trial_counts_whatever_came_after():
    broken = made_record(0, {}, state=State.FAIL, cause=Cause.ERROR, error="ValueError: x")
    cut = made_record(1, {1: 0.5}, state=State.FAIL, cause=Cause.BUDGET)
    assert end_of(broken, cut, judged=True).num_failed == 1

"""A driver killed at any moment: what its journal says is never a wrong best."""

import pytest

from search.store.journal_file import read_records
from search.store.records import Cause, State, best_record
from search.tuning.importance import _value
from search.tuning.journal import clear_leftovers, open_storage, read_trials
from tests.search.builders.scripted import open_journal
from tests.trainables.data.folders import MASK_SCHEMA

BEST, SECOND = 0.9, 0.4


@pytest.fixture
def path(tmp_path):
    return tmp_path / "optuna.journal"


def search(path):
    """Writes a search that ends in every way; the best is 0.4."""
    journal = open_journal(open_storage(path), "gender")
    journal.complete(journal.ask().number, SECOND)
    for cause in (Cause.ERROR, Cause.OUT_OF_MEMORY, Cause.WORKER_DIED, Cause.BUDGET):
        number = journal.ask().number
        journal.report(number, 1, 0.3)
        journal.fail(number, cause, "it broke")
    number = journal.ask().number
    journal.report(number, 1, 0.35)
    journal.prune(number)
    return journal.name


def go_on(path):
    """Goes on with a search: whatever runs ends well this time, the last one best of all."""
    clear_leftovers(path)
    journal = open_journal(open_storage(path), "gender")
    running = [asked.number for asked in journal.reattach()]
    for number in running:
        journal.complete(number, BEST)
    return journal, running


def read(path, name):
    return read_records(path, {"gender": name}, MASK_SCHEMA.names)["gender"]


def cuts(whole, *, bytes_of_last):
    """Every end of a line, and every byte of the last lines."""
    ends = [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    return [*ends, *range(ends[-bytes_of_last - 1], len(whole))]


def test_a_search_that_was_killed_anywhere_and_went_on_has_the_right_best(path):
    name = search(path)
    whole = path.read_bytes()
    for cut in cuts(whole, bytes_of_last=2):
        path.write_bytes(whole[:cut])
        journal, running = go_on(path)
        records = read(path, journal.name)
        assert records == journal.records()
        finished = {r.number: r.objective for r in records if r.state is State.COMPLETE}
        expected = max(finished.values(), default=None)
        best = best_record(records)
        assert (best.objective if best else None) == expected
        assert expected == (BEST if running else SECOND if finished else None)
        for record in records:
            if record.number in running:
                assert (record.state, record.cause, record.error) == (State.COMPLETE, "", "")
        told = {trial.number: _value(trial) for trial in read_trials(path, journal.name)}
        assert {number: told[number] for number in running} == dict.fromkeys(running, BEST)
    assert name == journal.name


def test_a_search_that_was_killed_anywhere_says_nothing_that_is_not_so(path):
    name = search(path)
    whole = path.read_bytes()
    every = {record.number: record for record in read(path, name)}
    path.write_bytes(whole)
    for cut in cuts(whole, bytes_of_last=3)[3:]:
        path.write_bytes(whole[:cut])
        for record in read(path, name):
            if record.is_finished:
                assert record == every[record.number]
            else:
                assert (record.cause, record.ended) == (Cause.NONE, 0.0)


@pytest.mark.parametrize("cause", [Cause.ERROR, Cause.OUT_OF_MEMORY, Cause.NOT_FINITE])
def test_a_note_that_an_older_headrace_left_of_no_end_does_not_hide_the_best(path, cause):
    journal = open_journal(open_storage(path), "gender")
    journal.complete(journal.ask().number, SECOND)
    number = journal.ask().number
    journal.note(number, cause=cause.value, error="it broke")  # killed here, resumed, and then
    journal.complete(number, BEST)
    best = best_record(read(path, journal.name))
    assert (best.number, best.objective, best.error) == (number, BEST, "")

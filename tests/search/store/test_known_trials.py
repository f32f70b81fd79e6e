"""A journal that was cut: what other files of the run know of is missed, and said."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from search.errors import ResultsError
from search.prepare.saved_run import load_run
from search.refit.files import RefitNote
from search.refit.plan import Shape
from search.store.known_trials import check_whole
from search.store.records import State
from search.store.run_store import RunStore

SPACES = ("=cmd", "gender", "mask", "joint", "multihead")
BEGUN = Path(__file__).parents[2] / "assets" / "begun"


@pytest.fixture
def store(tmp_path):
    shutil.copytree(BEGUN, tmp_path / "run", ignore=shutil.ignore_patterns("predictions"))
    return RunStore(tmp_path / "run")


def cut_before(store, state):
    """Cuts the journal before the last trial of a state ended."""
    whole = store.journal.read_bytes().splitlines(keepends=True)
    known = sum(record.state is state for record in load_run(store).records)
    for length in range(len(whole) - 1, 0, -1):
        store.journal.write_bytes(b"".join(whole[:length]))
        if sum(record.state is state for record in load_run(store).records) < known:
            return
    raise AssertionError(f"no trial of the run is {state}")


def test_a_whole_journal_is_what_trials_csv_and_refit_json_know(store):
    records = load_run(store).records
    store.write_trials(records)
    note(store, "age.1", "age.default", "age.pseudo", "other.1").write(store)
    assert load_run(store).records == records


def test_a_space_that_a_spreadsheet_would_run_is_known_again(store):
    found = load_run(store).records
    records = [replace(each, space=each.space.replace("age", "=cmd")) for each in found]
    store.write_trials(records)
    by_space = {name: [r for r in records if r.space == name] for name in SPACES}
    check_whole(store, by_space)
    with pytest.raises(ResultsError, match="of =cmd ended COMPLETE, now: is not in the journal"):
        check_whole(store, {**by_space, "=cmd": []})


def note(store, *names):
    return RefitNote(
        shape=Shape(folds=3, seeds=1, configs=1),
        notes=(),
        configs={name: {"optim.lr": 0.1} for name in names},
    )


def test_a_journal_that_is_shorter_than_trials_csv_knows_is_refused(store):
    records = load_run(store).records
    cut_before(store, State.COMPLETE)
    store.write_trials(records)
    with pytest.raises(
        ResultsError, match=r"optuna\.journal is shorter than when .*trials\.csv .*; copy the run"
    ):
        load_run(store)


def test_a_journal_that_is_shorter_than_refit_json_knows_is_refused(store):
    complete = sum(
        record.state is State.COMPLETE and record.space == "age"
        for record in load_run(store).records
    )
    note(store, *(f"age.{place + 1}" for place in range(complete + 1))).write(store)
    with pytest.raises(ResultsError, match=r"shorter than when .*refit\.json was written .*age"):
        load_run(store)


def test_a_table_of_trials_that_is_none_is_named_with_the_way_out(store):
    (store.root / "trials.csv").write_text("space,number,state\nage,one,COMPLETE\n")
    with pytest.raises(ResultsError, match=r"trials\.csv cannot be read: .*; delete it"):
        load_run(store)

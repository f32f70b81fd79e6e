"""A journal that was cut: what other files of the run know of is missed, and said."""

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from search.errors import ResultsError
from search.prepare.saved_run import load_run
from search.refit.files import RefitNote
from search.refit.plan import Shape
from search.store.known_trials import check_whole, drop_unknown
from search.store.records import State
from search.store.run_store import RunStore, trial_file

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


def test_files_of_trials_that_a_journal_does_not_know_are_dropped(store):
    def files(number):
        return {
            store.checkpoints / f"{trial_file('age', number)}.pt",
            store.checkpoints / f"{trial_file('age', number)}.npz",
            store.validation_path("age", number),
            store.tensorboard / "age" / f"{number:04d}" / "events",
        }

    records = {result.name: result.records for result in load_run(store).results}
    known, unknown = records["age"][0].number, len(records["age"])
    others = {store.predictions / "truth.csv", store.tensorboard / "refit" / "age" / "events"}
    written = files(known) | files(unknown) | others
    for path in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    drop_unknown(store, records)
    assert {path for path in written if path.exists()} == files(known) | others
    assert not (store.tensorboard / "age" / f"{unknown:04d}").exists()


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


def changed(store, old, new, *, count=1):
    text = store.journal.read_text(encoding="utf-8")
    assert text.count(old) >= count
    store.journal.write_text(text.replace(old, new, count), encoding="utf-8")


def table(store):
    records = load_run(store).records
    store.write_trials(records)
    return records


@pytest.mark.parametrize("value", [0.9999, 7e9, -1.0])
def test_an_objective_that_trials_csv_has_otherwise_is_refused(store, value):
    first = next(record for record in table(store) if record.state is State.COMPLETE)
    changed(store, f'"values":[{first.objective}]', f'"values":[{value}]')
    with pytest.raises(
        ResultsError,
        match=rf"trials\.csv contradict each other: objective of trial {first.number} of "
        rf"{first.space} is {value} in the journal and '{first.objective}' in the table",
    ):
        load_run(store)


def without(store, is_lost):
    lines = store.journal.read_bytes().splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if is_lost(line))
    store.journal.write_bytes(b"".join(lines[:place] + lines[place + 1 :]))


@pytest.mark.parametrize(
    "lost",
    [
        b'"param_name":"optim.lr"',
        b'"step":1,',
        b'"op_code":4,',
        b'"state":0,',
        b'"state":1,',
        b'"config":',
        b'"seed":',
    ],
)
def test_a_journal_with_a_line_lost_from_its_middle_is_refused(store, lost):
    table(store)
    without(store, lambda line: lost in line)
    with pytest.raises(ResultsError, match=r"optuna\.journal .*(trial|line) \d+.*; copy the run"):
        load_run(store)


@pytest.mark.parametrize("lost", [b'"op_code":4,', b'"state":0,', b'"config":', b'"seed":'])
def test_a_lost_line_is_missed_without_a_table_of_trials(store, lost):
    without(store, lambda line: lost in line)
    with pytest.raises(ResultsError, match=r"optuna\.journal .*(trial|line) \d+.*; copy the run"):
        load_run(store)


def test_a_value_of_an_epoch_in_between_is_missed(store):
    record = max(load_run(store).records, key=lambda record: record.epochs)
    values = {**record.values, record.epochs + 2: 0.5}
    with pytest.raises(ResultsError, match=rf"lacks the value of epoch {record.epochs + 1} of"):
        check_whole(store, {record.space: [replace(record, values=values)]})


def test_a_gap_of_any_length_is_told_by_its_first_epoch(store):
    record = next(r for r in load_run(store).records if r.is_finished)
    epochs = record.epochs
    changed = replace(record, values={**record.values, 10**15: 0.5})  # no list could hold it
    with pytest.raises(ResultsError, match=rf"value of epoch {epochs + 1} of .* epoch {10**15}:"):
        check_whole(store, {record.space: [changed]})


def test_a_table_that_a_spreadsheet_has_stored_again_says_the_same(store):
    records = table(store)
    path = store.root / "trials.csv"
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame["objective"] = [f"{float(cell):.15g}" for cell in frame["objective"]]
    path.write_text("\ufeff" + frame.to_csv(index=False), encoding="utf-8")
    assert load_run(store).records == records


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0" * 4096, "its first line lacks the column space"),
        (b"", "its first line lacks the column space"),
        (b"space,number,state,objective\nage,0,COMPLETE\n", "line 2 has not the cells"),
        (b"space,number,state,objective\n" + b"age,0,RUNNING,\n" * 2, "line 3 has a trial a"),
    ],
)
def test_a_table_that_is_none_does_not_pass_for_no_trials(store, content, message):
    (store.root / "trials.csv").write_bytes(content)
    with pytest.raises(ResultsError, match=rf"trials\.csv cannot be read: .*{message}.*; delete"):
        load_run(store)

"""The journal read without Optuna: what Optuna itself would say of it."""

import json
import os

import pytest

from search.errors import ResultsError
from search.store import journal_file
from search.store.journal_file import read_records, torn_end
from search.store.records import Cause
from search.tuning.journal import open_storage
from tests.search.builders.scripted import open_journal, tiny_space
from tests.trainables.data.folders import MASK_SCHEMA


@pytest.fixture
def path(tmp_path):
    return tmp_path / "optuna.journal"


@pytest.fixture
def journal(path):
    return open_journal(open_storage(path), "gender")


def read(path, *journals):
    return read_records(path, {j.space.name: j.name for j in journals}, MASK_SCHEMA.names)


def suggest_every_kind(trial, schema, scale):
    trial.suggest_float("optim.lr", *scale.lr, log=True)
    trial.suggest_int("head.hidden", 0, 64, step=8)
    trial.suggest_categorical("backbone.name", ("test_resnet", "other"))
    trial.suggest_categorical("input.size", (32, 48))
    return {"head.dropout": 0.5}


def test_every_trial_is_read_as_optuna_reads_it(path):
    storage = open_storage(path)
    gender = open_journal(storage, tiny_space("gender", suggest=suggest_every_kind))
    joint = open_journal(storage, "joint")
    for journal in (gender, joint):
        numbers = [journal.ask().number for _ in range(8)]
        for number in numbers[:-1]:
            journal.report(number, 1, 0.25)
            journal.report(number, 2, 0.125 * number)
            journal.note(number, device_seconds=3.0, seconds=6.0)
            journal.note(number, gap=0.5)
        journal.complete(numbers[0], 0.5)
        journal.prune(numbers[1])
        journal.fail(numbers[2], Cause.ERROR, "ValueError: x")
        journal.fail(numbers[3], Cause.OUT_OF_MEMORY)
        journal.fail(numbers[4], Cause.BUDGET)
        journal.complete(numbers[5], 1.0)
    found = read(path, gender, joint)
    assert found == {"gender": gender.records(), "joint": joint.records()}
    assert {type(value) for r in found["gender"] for value in r.params.values()} == {
        float,
        int,
        str,
    }


def test_a_journal_that_was_gone_on_with_is_read_as_optuna_reads_it(path, journal):
    journal.complete(journal.ask().number, 0.5)
    journal.report(journal.ask().number, 1, 0.25)
    again = open_journal(open_storage(path), "gender")
    (running,) = again.reattach()
    again.complete(running.number, 0.75)
    again.ask()
    assert read(path, again) == {"gender": again.records()}


def test_configs_that_wait_are_no_records(path, journal):
    assert read(path, journal) == {"gender": ()}


def test_records_are_read_without_their_space_while_somebody_writes(path, journal):
    number = journal.ask().number
    journal.complete(number, 0.5)
    with path.open("ab") as file:
        file.write(b'{"op_code":4')
    before = path.read_bytes()
    assert read(path, journal) == {"gender": (journal.record(number),)}
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "attributes", "form"),
    [
        ({"target.kind": "attribute", "target.attribute": "age"}, ("age",), "softmax"),
        ({"target.kind": "joint"}, MASK_SCHEMA.names, "softmax"),
        ({"target.kind": "multihead"}, MASK_SCHEMA.names, "heads"),
    ],
)
def test_configs_of_runs_before_blocks_are_read_as_written_today(
    path, journal, words, attributes, form
):
    journal.ask()
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        if "config" in line.get("user_attr", {}):
            line["user_attr"]["config"] = json.dumps({**words, "optim.lr": 0.01})
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    (record,) = read(path, journal)["gender"]
    block = {"target.attributes": attributes, "target.form": form}
    assert record.config == {**block, "optim.lr": 0.01}


def test_a_journal_that_is_not_there_says_so(path):
    with pytest.raises(ResultsError, match=r"optuna\.journal cannot be read: .*; copy the run"):
        read_records(path, {"gender": "gender-1"}, MASK_SCHEMA.names)


def test_a_study_that_the_journal_lacks_is_named(path, journal):
    with pytest.raises(ResultsError, match="holds no study 'age-1'; copy the run whole"):
        read_records(path, {"gender": journal.name, "age": "age-1"}, MASK_SCHEMA.names)


def test_a_line_that_is_torn_in_the_middle_is_named(path, journal):
    journal.ask()
    first, second, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first, second[:10], b"\n", *rest]))
    with pytest.raises(
        ResultsError, match=r"line 2 cannot be read: it is not JSON: .*; copy the run whole, or"
    ):
        read(path, journal)


def test_a_whole_last_line_that_is_torn_is_passed_over_and_told(path, journal, caplog):
    number = journal.ask().number
    journal.complete(number, 0.5)
    with path.open("ab") as file:
        file.write(b'{"op_code":4,\0\0\0\n')
    assert read(path, journal) == {"gender": (journal.record(number),)}
    assert "is torn and passed over" in caplog.text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"[]", "line 1 cannot be read: TypeError"),
        (b"{}", "line 1 cannot be read: it lacks 'op_code'"),
        (
            b'{"op_code":4,"study_id":-1,"datetime_start":null}',
            "a number from 0 is needed, got -1",
        ),
        (b'{"op_code":8,"trial_id":7,"user_attr":{}}', "line 1 cannot be read: it is of trial 7"),
        (b'{"op_code":4,"study_id":3,"datetime_start":null}', "line 1 .*it is of study 3, which"),
        (b'{"op_code":77}', "line 1 cannot be read: headrace writes no operation 77"),
        (b'{"op_code":1,"study_id":0}', "line 1 cannot be read: headrace writes no operation 1;"),
        (b"[" * 100_000 + b"]" * 100_000, "line 1 cannot be read: .* nested too deeply"),
    ],
)
def test_a_line_that_is_of_nothing_headrace_writes_is_named(path, journal, line, message):
    path.write_bytes(line + b"\n" + path.read_bytes())
    with pytest.raises(ResultsError, match=message):
        read(path, journal)


def test_an_objective_that_is_no_number_is_refused(path, journal):
    journal.complete(journal.ask().number, 0.5)
    path.write_bytes(path.read_bytes().replace(b'"values":[0.5]', b'"values":[NaN]'))
    with pytest.raises(ResultsError, match="a finite number is needed, got nan"):
        read(path, journal)


def lines_of(path):
    return path.read_bytes().splitlines(keepends=True)


def test_a_journal_that_is_there_twice_is_refused(path, journal):
    journal.complete(journal.ask().number, 0.5)
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(ResultsError, match=r"line \d+ cannot be read: .*; copy the run whole"):
        read(path, journal)


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (b'"op_code":5', "has parameter 'optim.lr' already"),
        (b'"op_code":7', "has a value of epoch 1 already"),
        (b'"state":0', "begins again"),
        (b'"state":1', "is over .COMPLETE.: the line stands there twice"),
        (b'"op_code":4', "it begins the trial of .* a second time"),
    ],
)
def test_a_line_that_stands_there_twice_is_named(path, journal, part, message):
    for _ in range(3):  # the first two were waiting
        number = journal.ask().number
        journal.report(number, 1, 0.5)
        journal.complete(number, 0.5)
    lines = lines_of(path)
    place = max(n for n, line in enumerate(lines) if part in line)
    path.write_bytes(b"".join([*lines[: place + 1], *lines[place:]]))
    with pytest.raises(ResultsError, match=rf"line {place + 2} cannot be read: .*{message}"):
        read(path, journal)


def test_a_journal_without_the_line_that_began_its_study_is_refused(path, journal):
    journal.complete(journal.ask().number, 0.5)
    path.write_bytes(b"".join(lines_of(path)[1:]))
    with pytest.raises(ResultsError, match="line 1 cannot be read: it is of study 0, which no"):
        read(path, journal)


def test_a_pipe_in_the_place_of_a_journal_is_refused_and_never_waited_for(tmp_path):
    path = tmp_path / "optuna.journal"
    os.mkfifo(path)
    with pytest.raises(ResultsError, match="must be a plain file; copy the run whole"):
        read_records(path, {"gender": "gender-1"}, MASK_SCHEMA.names)
    with pytest.raises(ResultsError, match="must be a plain file; copy the run whole"):
        torn_end(path)


def test_a_journal_of_any_size_is_not_read(path, monkeypatch):
    monkeypatch.setattr(journal_file, "MAX_JOURNAL_BYTES", 10)
    path.write_bytes(b"{}\n" * 5)
    with pytest.raises(ResultsError, match="it must have at most 10 bytes, got more; copy"):
        read_records(path, {"gender": "gender-1"}, MASK_SCHEMA.names)

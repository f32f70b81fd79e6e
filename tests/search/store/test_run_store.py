"""results/NAME/: whole files or none, one driver at a time, names that are folder names."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from search.errors import ResultsError
from search.store import provenance
from search.store.provenance import git_commit
from search.store.records import Cause, State
from search.store.run_store import IMPORTANCE_FILE, RunStore, check_name, run_names
from tests.search.builders.made import made_record


@pytest.fixture
def store(tmp_path):
    (tmp_path / "mine").mkdir()
    return RunStore(tmp_path / "mine")


def test_study_json_round_trips_with_its_schema(store):
    store.write_study({"config": {"name": "mine"}})
    assert store.read_study() == {"schema": 1, "config": {"name": "mine"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": 1, "con', r"study\.json cannot be read: it is not JSON, or was not .*; copy"),
        (
            '{"schema": 99}',
            "must have schema 1, got 99; a newer headrace wrote it: update headrace",
        ),
        ("{}", "must have schema 1, got None; it is not a file of headrace"),
        ("[]", "must hold an object, got list; copy the run whole"),
    ],
)
def test_a_study_json_that_is_not_one_says_why(store, text, message):
    (store.root / "study.json").write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError, match=message):
        store.read_study()


def test_a_missing_file_of_a_run_is_named(store):
    with pytest.raises(ResultsError, match=r"verdict\.json cannot be read"):
        store.read_json("verdict.json")


def test_a_new_run_makes_nothing_before_it_is_locked(tmp_path):
    store = RunStore.check_new(tmp_path, "mine")
    assert not store.root.exists()
    with store.lock():
        assert store.root.is_dir()


def test_a_name_that_is_taken_says_how_to_go_on(store):
    store.write_study({})
    with pytest.raises(ResultsError, match="holds a run already; go on with --resume mine"):
        RunStore.check_new(store.root.parent, "mine")


def test_opening_a_run_that_is_not_there_lists_what_is(store):
    store.write_study({})
    with pytest.raises(ResultsError, match=r"no run 'yours' in .*; runs there: mine$"):
        RunStore.open(store.root.parent, "yours")
    with pytest.raises(
        ResultsError,
        match=r"runs there: none, for there is no 'nowhere' in .* .--results gives another",
    ):
        RunStore.open(store.root.parent / "nowhere", "yours")
    assert RunStore.open(store.root.parent, "mine").root == store.root


@pytest.mark.parametrize("name", ["a", "age-2024.1_x", "9", "x" * 100])
def test_plain_names_are_names(name):
    check_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../up", "a/b", "-x", ".hidden", "a b", "x" * 101]
)
def test_other_names_are_refused(name):
    with pytest.raises(ResultsError, match="a run name has letters, digits"):
        check_name(name)


def test_a_run_held_by_another_process_is_refused(store):
    code = (
        "import sys, filelock\n"
        "with filelock.FileLock(sys.argv[1]):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(store.root / ".lock")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(ResultsError, match="in use by another process"), store.lock():
            pytest.fail("held twice")
        other.stdin.close()
    with store.lock():
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    store = RunStore(tmp_path / "file" / "mine")
    with pytest.raises(ResultsError, match=r"the folder .*mine cannot be made"), store.lock():
        pytest.fail("made")


def test_a_new_run_that_another_process_finished_in_the_meantime_is_refused(tmp_path):
    late = RunStore.check_new(tmp_path, "mine")
    first = RunStore.check_new(tmp_path, "mine")
    with first.lock(new=True):
        first.write_study({})
    with pytest.raises(ResultsError, match="holds a run already"), late.lock(new=True):
        pass
    with late.lock():
        assert late.read_study() == {"schema": 1}


def test_a_lock_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "mine" / ".lock").mkdir(parents=True)
    with (
        pytest.raises(ResultsError, match=r"the folder .*mine cannot be written: "),
        RunStore(tmp_path / "mine").lock(),
    ):
        pass


def test_trials_csv_has_a_row_a_trial_and_a_column_a_parameter(store):
    records = [
        made_record(0, {1: 0.25, 2: 0.1}, params={"optim.lr": 0.01}, seconds=2.00049),
        made_record(
            1,
            {},
            space="age",
            state=State.FAIL,
            cause=Cause.ERROR,
            error='two\nlines, "quoted"',
            params={"loss.gamma": 2.0},
        ),
    ]
    store.write_trials(records)
    with (store.root / "trials.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = list(csv.reader(file))
    assert header[:10] == [
        "space",
        "number",
        "state",
        "cause",
        "objective",
        "epochs",
        "seconds",
        "device_seconds",
        "seed",
        "error",
    ]
    assert header[10:] == ["loss.gamma", "optim.lr"]
    assert rows == [
        ["gender", "0", "COMPLETE", "", "0.1", "2", "2.0", "1.0", "7", "", "", "0.01"],
        [
            "age",
            "1",
            "FAIL",
            "error",
            "",
            "0",
            "2.0",
            "1.0",
            "7",
            'two\nlines, "quoted"',
            "2.0",
            "",
        ],
    ]


def test_no_cell_of_trials_csv_is_a_formula_and_numbers_stay_numbers(store):
    params = {"loss.gamma": -2.0, "backbone.name": "=1+1"}
    broken = made_record(1, {}, state=State.FAIL, cause=Cause.ERROR, error="@a", params=params)
    store.write_trials([broken])
    with (store.root / "trials.csv").open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert (row["error"], row["backbone.name"], row["loss.gamma"]) == ("'@a", "'=1+1", "-2.0")


def test_no_trials_are_a_header(store):
    store.write_trials([])
    assert (store.root / "trials.csv").read_text(encoding="utf-8").count("\n") == 1


def test_a_best_config_is_yaml_in_the_order_given(store):
    path = store.write_best("gender", {"space": "gender", "config": {"a": "ä", "b": 1}})
    assert path == store.root / "best" / "gender.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.index("space") < text.index("config")
    assert yaml.safe_load(text) == {"space": "gender", "config": {"a": "ä", "b": 1}}


def leave(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(name, encoding="utf-8")


def test_runs_are_listed_by_name(tmp_path):
    for name in ("b", "a"):
        leave(tmp_path / name, "study.json")
    leave(tmp_path / "other", "note.txt")
    assert run_names(tmp_path) == ("a", "b")


def test_the_commit_is_forty_digits_or_nothing(monkeypatch):
    assert len(git_commit()) in (0, 40)

    def missing(*given, **options):
        raise FileNotFoundError("git")

    monkeypatch.setattr(provenance.subprocess, "run", missing)
    assert git_commit() == ""

    def slow(*given, **options):
        raise subprocess.TimeoutExpired("git", 10)

    monkeypatch.setattr(provenance.subprocess, "run", slow)
    assert git_commit() == ""


def test_study_json_is_readable_by_people(store):
    store.write_study({"data": {"name": "größe"}})
    text = (store.root / "study.json").read_text(encoding="utf-8")
    assert "größe" in text
    assert json.loads(text)["data"] == {"name": "größe"}


def test_the_importance_of_parameters_is_kept_by_space(tmp_path):
    store = RunStore(tmp_path)
    store.write_importance({"age": {"optim.lr": 0.75}, "joint": {}})
    found = store.read_json(IMPORTANCE_FILE)
    assert found == {"schema": 1, "spaces": {"age": {"optim.lr": 0.75}, "joint": {}}}


def test_a_run_that_ended_before_its_study_json_is_started_again(tmp_path):
    with RunStore.check_new(tmp_path, "mine").lock(new=True):
        pass  # killed here
    with pytest.raises(ResultsError, match="start it again with the same command"):
        RunStore.open(tmp_path, "mine")
    RunStore.check_new(tmp_path, "mine")  # which works


@pytest.mark.parametrize("left", ["checkpoints/mine.txt", "models", "optuna.journal"])
def test_a_folder_with_other_files_is_no_place_for_a_new_run(tmp_path, left):
    """A run would delete what it takes for its own checkpoints and models."""
    path = tmp_path / "mine" / left
    path.parent.mkdir(parents=True)
    path.touch()
    name = left.partition("/")[0]
    with pytest.raises(ResultsError, match=rf"folder of its own, .* holds {name}; choose another"):
        RunStore.check_new(tmp_path, "mine")


def test_a_folder_that_is_no_run_is_not_called_one_that_ended(tmp_path):
    (tmp_path / "mine" / "photos").mkdir(parents=True)
    with pytest.raises(ResultsError, match=r"no run 'mine' in .*; runs there: none"):
        RunStore.open(tmp_path, "mine")


@pytest.mark.parametrize("left", ["optuna.journal", "predictions/truth.csv"])
def test_a_run_that_lost_its_study_json_says_so(tmp_path, left):
    path = tmp_path / "mine" / left
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(ResultsError, match=r"has lost its study\.json, .*; copy it whole"):
        RunStore.open(tmp_path, "mine")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"config": 3}, r"study\.json is not a whole study\.json: config: .*got 3; copy"),
        ({"config": {"seed": "x"}}, r"config\.seed: .*got 'x'"),
        ({"data": {"schema": {}}}, r"study\.json lacks attributes; copy"),
        ({"data": {"stored_size": [1]}}, r"data\.stored_size"),
        ({"blocks": {"age": {"attributes": ["age"], "form": "x"}}}, r"blocks\.age\.form"),
    ],
)
def test_an_entry_of_study_json_that_is_of_another_kind_is_named(store, values, message):
    store.write_study(values)
    with pytest.raises(ResultsError, match=message):
        store.read_study()


def test_an_approach_of_an_older_run_that_its_data_has_not_is_named(store):
    attribute = {"name": "age", "classes": ["young", "old"], "ordered": False, "edges": []}
    data = {"schema": {"name": "faces", "attributes": [attribute]}}
    store.write_study({"data": data, "approaches": {"age": "separate", "multihead": "multihead"}})
    message = r"study\.json is not a whole study\.json: a block with heads needs two .*; copy"
    with pytest.raises(ResultsError, match=message):
        store.read_study()


def test_an_entry_that_study_json_lacks_is_named_where_it_is_asked_for(store):
    store.write_study({"config": {"seed": 0}})
    study = store.read_study()
    with pytest.raises(ResultsError, match=r"study\.json lacks data; copy the run whole"):
        study["data"]
    with pytest.raises(ResultsError, match=r"study\.json lacks margin; copy"):
        study["config"]["margin"]
    assert study["config"].get("margin") is None


def test_room_for_predictions_that_are_stored_already_is_counted(store):
    """A run goes on where the disk has room for what is missing, not for all of it once more."""
    assert store.predictions_bytes() == 0
    (store.predictions / "parts").mkdir(parents=True)
    (store.predictions / "age.1.0.npz").write_bytes(b"8 bytes.")
    (store.predictions / "parts" / "age.1.1.0.npz").write_bytes(b"eleven by.")
    (store.predictions / "refit.json").write_text("{}")
    assert store.predictions_bytes() == 18


def test_the_commit_of_the_project_that_headrace_is_installed_into_is_not_its_own(
    tmp_path, monkeypatch
):
    place = tmp_path / "site-packages"
    place.mkdir()
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "theirs"]):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True)
    monkeypatch.setattr(provenance, "_ROOT", place)
    assert git_commit() == ""
    monkeypatch.setattr(provenance, "_ROOT", tmp_path.resolve())
    assert len(git_commit()) == 40

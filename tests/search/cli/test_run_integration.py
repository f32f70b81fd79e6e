"""Whole runs on Ray: their files, a worker that is killed, a driver that is killed."""

import csv
import json
import os
import re
import signal

import numpy as np
import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from search.cli.commands import main
from search.prepare.setting import SharedImages
from search.store.records import Cause, State
from search.store.run_store import RunStore
from search.trial.trial_run import TrialRun
from search.tuning import stage
from search.tuning.searcher import StudySearcher
from tests.search.builders.people import trial_setting
from tests.search.builders.runs import (
    arguments,
    descendants,
    held_driver,
    is_alive,
    kill_driver,
    stored,
    wait_for,
    write_space,
)

pytestmark = pytest.mark.ray

FINISHED = {State.COMPLETE, State.PRUNED}
LONG = {"max_epochs": 8, "trials": 4, "name": "long"}


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results"


def retrained(people, cache, folder, record):
    """Returns the values of every epoch of a trial that nobody interrupts."""
    setting = trial_setting(people, cache, folder)
    run = TrialRun(
        SharedImages(setting),
        space=record.space,
        number=record.number,
        config=record.config,
        seed=record.seed,
        write=False,
    )
    return {epoch: run.epoch()["value"] for epoch in range(1, record.epochs + 1)}


@pytest.mark.usefixtures("ray_runtime")
def test_a_run_of_two_spaces_leaves_its_files_and_its_best_configs_replay(
    people, cache, tmp_path, results, capsys
):
    spaces = [write_space(tmp_path, attribute) for attribute in ("gender", "mask")]
    options = {"trials": 3, "max_epochs": 3, "name": "two"}
    assert main(arguments(people, cache, results, *spaces, **options)) == 0
    run = results / "two"
    assert {path.name for path in run.iterdir()} == {
        ".lock",
        "best",
        "importance.json",
        "optuna.journal",
        "predictions",
        "study.json",
        "tensorboard",
        "trials.csv",
    }
    records = [record for space in ("gender", "mask") for record in stored(run, space).values()]
    assert len(records) == 6
    assert {record.state for record in records} <= FINISHED
    assert all(set(r.values) == set(range(1, r.epochs + 1)) for r in records)
    with (run / "trials.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(r["space"], int(r["number"]), r["state"]) for r in rows] == [
        (record.space, record.number, record.state.value) for record in records
    ]
    assert {p.name for p in run.glob("predictions/*")} == {
        f"validation.{r.space}.{r.number}.npz" for r in records if r.state is State.COMPLETE
    }
    assert len(list(run.glob("tensorboard/*/*/events.*"))) == 6
    assert len(list(run.glob("tensorboard/*/*/about.tfevents"))) == 6
    study = json.loads((run / "study.json").read_text(encoding="utf-8"))
    assert (study["schema"], study["chosen_by"]) == (1, "lead_dunnett")
    importance = json.loads((run / "importance.json").read_text(encoding="utf-8"))
    assert importance == {"schema": 1, "spaces": {}}  # three trials say nothing of parameters
    text = capsys.readouterr().out
    assert "Validation macro-F1 of the chosen configs" in text
    for space in ("gender", "mask"):
        best = run / "best" / f"{space}.yaml"
        score = yaml.safe_load(best.read_text(encoding="utf-8"))["score"]
        top = max(r.objective for r in records if r.space == space and r.state is State.COMPLETE)
        assert score["value"] == pytest.approx(top, abs=1e-12)
        assert score["chosen_by"] == study["chosen_by"]
        assert main(["replay", str(best), "--cache", str(cache)]) == 0
        assert "bit for bit the same" in capsys.readouterr().out
    assert main(arguments(people, cache, results, *spaces, **options)) == 2
    assert "holds a run already" in capsys.readouterr().err


@pytest.mark.usefixtures("ray_runtime", "one_torch_thread")
def test_a_trial_whose_worker_is_killed_goes_on_from_its_checkpoint(
    people, cache, tmp_path, results, monkeypatch
):
    space = write_space(tmp_path, "gender")
    run, killed = results / "long", []

    class KillingSearcher(StudySearcher):
        def on_trial_result(self, trial_id, result):
            super().on_trial_result(trial_id, result)
            if killed or stored(run)[0].epochs < 4:
                return
            (events,) = (run / "tensorboard" / "gender" / "0000").iterdir()
            # TensorBoard's name of the file ends with the writer's process id and a count.
            worker = int(events.name.split(".")[-2])
            assert worker in descendants(os.getpid())
            os.kill(worker, signal.SIGKILL)
            killed.append((events, stored(run)[0].epochs))

    monkeypatch.setattr(stage, "StudySearcher", KillingSearcher)
    code = main(arguments(people, cache, results, space, **{**LONG, "trials": 2}))
    assert code == 0
    ((first, epochs),) = killed
    assert epochs == 4
    records = stored(run)
    assert {number: record.state in FINISHED for number, record in records.items()} == {
        0: True,
        1: True,
    }
    assert records[0].state is State.COMPLETE
    assert records[0].values == retrained(people, cache, tmp_path, records[0])
    # Not the later name: both files may be begun in one second, and then the process id decides.
    (second,) = {*(run / "tensorboard" / "gender" / "0000").glob("events.*")} - {first}
    events = EventAccumulator(str(second))
    events.Reload()
    assert events.Scalars("objective")[0].step > 1


def resumed(results, cache, *more):
    where = ["--results", str(results), "--cache", str(cache)]
    return main(["run", "--resume", "long", *where, *more])


@pytest.mark.usefixtures("ray_runtime", "one_torch_thread")
def test_a_run_whose_driver_is_killed_goes_on_without_losing_or_repeating_a_trial(
    people, cache, tmp_path, results
):
    run = results / "long"
    command = arguments(people, cache, results, write_space(tmp_path, "gender"), **LONG)
    with held_driver(command, tmp_path / "held") as process:
        kill_driver(process)
    before = stored(run)
    finished = {number: r for number, r in before.items() if r.is_finished}
    running = {number: r for number, r in before.items() if r.state is State.RUNNING}
    assert finished
    assert any(record.epochs for record in running.values())
    assert resumed(results, cache, "--margin", "0.02") == 0
    assert RunStore(run).read_study()["config"]["margin"] == 0.02
    after = stored(run)
    assert sorted(after) == list(range(LONG["trials"]))
    assert {record.state for record in after.values()} <= FINISHED
    assert {number: after[number] for number in finished} == finished
    for number, record in running.items():
        assert (after[number].config, after[number].seed) == (record.config, record.seed)
        assert record.values.items() <= after[number].values.items()
        assert after[number].device_seconds > record.device_seconds
        assert set(after[number].values) == set(range(1, after[number].epochs + 1))
    number = min(running)
    assert after[number].values == retrained(people, cache, tmp_path, after[number])
    assert not (run / "checkpoints").exists()


@pytest.mark.usefixtures("ray_runtime")
def test_a_run_that_is_asked_to_end_saves_says_how_to_go_on_and_goes_on(
    people, cache, tmp_path, results
):
    run = results / "long"
    command = arguments(people, cache, results, write_space(tmp_path, "gender"), **LONG)
    with held_driver(command, tmp_path / "held") as process:
        started = descendants(process.pid)
        process.terminate()
        text, _ = process.communicate()
    assert process.returncode == 130
    assert "Interrupted. Nothing is lost; go on with: " in text
    assert "headrace run --resume long" in text
    wait_for(lambda: not any(map(is_alive, started)))
    before = stored(run)
    running = [record for record in before.values() if record.state is State.RUNNING]
    assert any(record.epochs for record in running)
    assert {record.state for record in before.values()} <= {*FINISHED, State.RUNNING}
    assert (run / "trials.csv").is_file()
    kept = {path.name for path in (run / "checkpoints").iterdir()}
    assert kept <= {f"gender-{r.number}.{kind}" for r in running for kind in ("pt", "npz")}
    assert resumed(results, cache) == 0
    after = stored(run)
    assert sorted(after) == list(range(LONG["trials"]))
    assert {record.state for record in after.values()} <= FINISHED
    assert np.all([before[n].values.items() <= after[n].values.items() for n in before])


# The people have no ages, which only a training finds.
SOMETIMES = """
    hidden = trial.suggest_categorical("head.hidden", (0, 8))
    ages = {"age.old_from": 60, "age.drop": "57-59", "age.aux_weight": 0.0}
    return ages if hidden else {}


WARM_START = ({"head.hidden": 8},)
"""
ALWAYS = """
    return {"age.old_from": 60, "age.drop": "57-59", "age.aux_weight": 0.0}
"""


def write_broken(folder, breaks):
    path = write_space(folder, "gender")
    path.write_text(path.read_text(encoding="utf-8") + breaks, encoding="utf-8")
    return path


@pytest.mark.usefixtures("ray_runtime")
def test_a_trial_that_breaks_is_recorded_and_the_run_goes_on(
    people, cache, tmp_path, results, capsys
):
    space = write_broken(tmp_path, SOMETIMES)
    options = {"trials": 2, "max_epochs": 2, "name": "some"}
    assert main(arguments(people, cache, results, space, **options)) == 1
    good, broken = stored(results / "some").values()
    assert good.state is State.COMPLETE
    assert (broken.state, broken.cause) == (State.FAIL, Cause.ERROR)
    assert "needs an attribute 'age' with raw numbers" in broken.error
    told = " ".join(capsys.readouterr().out.split())
    assert "trial 1 failed: trainables.errors.ConfigError: the section age needs" in told


@pytest.mark.usefixtures("ray_runtime")
def test_a_setup_in_which_every_trial_breaks_stops_the_run_and_says_why(
    people, cache, tmp_path, results, capsys
):
    space = write_broken(tmp_path, ALWAYS)
    options = {"trials": 50, "max_epochs": 2, "name": "none"}
    assert main(arguments(people, cache, results, space, **options)) == 2
    message = "every trial fails in the same way, so the search was stopped: .*needs an attribute"
    assert re.search(message, " ".join(capsys.readouterr().err.split()))
    assert 5 <= len(stored(results / "none")) < 10

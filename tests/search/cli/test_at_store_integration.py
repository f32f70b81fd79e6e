"""A run that is mirrored to a server for S3, lost with its machine, and goes on on another."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from search.cli.at_store import folder_of
from search.cli.commands import main
from search.prepare.setting import SharedImages
from search.store import claim
from search.store.records import State
from search.store.remote import RemoteFolder
from search.trial.trial_run import TrialRun
from tests.search.builders.object_store import ENVIRONMENT, make_bucket, object_store
from tests.search.builders.people import trial_setting
from tests.search.builders.runs import (
    arguments,
    held_driver,
    kill_driver,
    stored,
    wait_for,
    write_space,
)

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_runtime")]
RESULTS = "s3://bucket/team/runs"
FINISHED = {State.COMPLETE, State.PRUNED}
LONG = {"max_epochs": 4, "trials": 3, "name": "long"}


@pytest.fixture
def store(tmp_path, monkeypatch):
    with object_store(tmp_path) as endpoint:
        make_bucket(endpoint, "bucket")
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}.items():
            monkeypatch.setenv(name, value)
        yield RemoteFolder(RESULTS)


def copy_of(store, folder):
    """Returns a copy of what the store has of the run."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in store.files("long"):
        with suppress(FileNotFoundError):  # a driver is at work: it may be gone by now
            store.get(f"long/{name}", folder / name)
    return folder


def has_all_of(store, run, folder):
    """Returns whether the store has a checkpoint of what runs, and the journal as it is here."""
    names = store.files("long")
    running = [r for r in stored(run).values() if r.state is State.RUNNING and r.epochs]
    return (
        "optuna.journal" in names
        and all(f"checkpoints/gender-{r.number}.pt" in names for r in running)
        and stored(copy_of(store, folder)) == stored(run)
    )


def retrained(people, cache, folder, record):
    """Returns the values of every epoch of a trial that nobody interrupts."""
    images = SharedImages(trial_setting(people, cache, folder))
    given = {"space": record.space, "number": record.number, "config": record.config}
    run = TrialRun(images, **given, seed=record.seed, write=False)
    return {epoch: run.epoch()["value"] for epoch in range(1, record.epochs + 1)}


def test_a_run_goes_on_on_another_machine_with_the_scores_of_one_that_nobody_interrupts(
    people, cache, tmp_path, store, monkeypatch, capsys
):
    first, second = tmp_path / "first", tmp_path / "second"
    command = arguments(people, first, Path("-"), write_space(tmp_path, "gender"), **LONG)
    command[command.index("--results") + 1] = RESULTS
    run = folder_of(RESULTS, first) / "long"
    with held_driver(command, tmp_path / "held") as process:
        wait_for(lambda: process.poll() is not None or has_all_of(store, run, tmp_path / "copy"))
        kill_driver(process)
    before = stored(run)
    shutil.rmtree(first)
    resume = ["run", "--resume", "long", "--results", RESULTS, "--cache", str(second)]
    assert main(resume) == 2
    assert "one machine at a time" in capsys.readouterr().err
    assert not (folder_of(RESULTS, second) / "long").exists()
    monkeypatch.setattr(claim, "FRESH_S", 0.0)
    assert main(resume) == 0
    after = stored(folder_of(RESULTS, second) / "long")
    assert sorted(after) == list(range(LONG["trials"]))
    assert {record.state for record in after.values()} <= FINISHED
    assert {n: r for n, r in after.items() if before.get(n, r).is_finished and n in before} == {
        n: r for n, r in before.items() if r.is_finished
    }
    for record in after.values():
        assert record.values == retrained(people, cache, tmp_path, record)
    assert stored(copy_of(store, tmp_path / "copy")) == after
    names = set(store.files("long"))
    assert {"best/gender.yaml", "trials.csv", "study.json", "optuna.journal"} <= names
    assert not [name for name in names if name.startswith("checkpoints/")]
    assert store.files(".drivers/long") == {}

"""A stage before or after the search is asked to end: saved or untouched, and how to go on."""

import os
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

from search.cli import run as run_module
from search.cli.commands import main
from search.console import StepBar
from search.ending import signals
from search.pseudo import verdict as pseudo_verdict
from search.refit.pool import Pool
from search.store import files
from search.verdict import board
from tests.search.builders.later_stages import (
    NUM_UNITS,
    check_whole,
    contents,
    trained,
    write_strangers,
)
from tests.search.builders.runs import arguments, command_line, descendants, write_space
from trainables.drafts import ENDING, written

pytestmark = pytest.mark.ray

AGAIN = "headrace: interrupted. Nothing is left half-written; give the same command again.\n"
GO_ON = "headrace: interrupted. Nothing is lost; go on with: "


@pytest.fixture(autouse=True)
def _no_last_call(monkeypatch):
    """Lets a busy machine take its time, where a command would end the process of the tests."""
    monkeypatch.setattr(signals, "_GRACE_S", 3600.0)


@pytest.fixture
def bar(monkeypatch):
    """Takes the step before the search in which a signal comes, and after how many photos."""
    asked = {}

    class SignallingBar(StepBar):
        def __call__(self, done, total):
            super().__call__(done, total)
            if asked and self._text.startswith(asked["step"]) and done >= asked["after"]:
                asked["came"] = done
                signal.raise_signal(asked["number"])

    monkeypatch.setattr(run_module, "StepBar", SignallingBar)
    return asked


def drafts(folder: Path) -> list[Path]:
    return list(folder.rglob(f".*{ENDING}"))


@pytest.mark.usefixtures("no_ray")
@pytest.mark.parametrize(
    ("people", "number"),
    [(40, signal.SIGHUP), (60, signal.SIGTERM)],
    ids=["in this process", "by processes of its own"],
)
def test_a_demo_that_is_asked_to_end_while_it_is_drawn_leaves_nothing(
    people, number, bar, tmp_path, capfd
):
    cache, results = tmp_path / "cache", tmp_path / "results"
    bar.update(step="drawing", after=14, number=number)
    given = ["--people", str(people), "--cache", str(cache), "--results", str(results)]
    assert main(["run", "--space", "age", *given]) == 130
    assert bar["came"] < 7 * people
    assert capfd.readouterr().err == AGAIN
    assert list(cache.iterdir()) == []
    assert not results.exists()
    assert not any(b"spawn_main" in command_line(p) for p in descendants(os.getpid()))


@pytest.mark.usefixtures("ray_runtime")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_photos_that_are_being_decoded_are_decoded_by_the_same_command(
    number, bar, people, tmp_path, capfd
):
    cache, results = tmp_path / "cache", tmp_path / "results"
    bar.update(step="decoding", after=3, number=number)
    space = write_space(tmp_path, "gender")
    command = arguments(people, cache, results, space, trials=1, max_epochs=1)
    assert main(command) == 130
    assert bar["came"] < 48
    assert capfd.readouterr().err == AGAIN
    assert drafts(cache) == []
    assert list(cache.rglob("*.npy")) == []
    assert not results.exists()
    bar.clear()
    assert main([*command, "--plan"]) == 0
    assert len(list((cache / "images").glob("*.npy"))) == 1


@contextmanager
def after_two_trainings(monkeypatch):
    """A signal comes once two trainings have ended, before the driver has noted them."""
    ended, wait = [], Pool.wait

    def signalled(pool):
        found = wait(pool)
        ended.extend(found)
        if len(ended) >= 2:
            signal.raise_signal(signal.SIGTERM)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Pool, "wait", signalled)
        yield


@contextmanager
def between_the_files_of_the_verdict(monkeypatch):
    def signalled(path, values):
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(pseudo_verdict, "write_json", signalled)
        yield


@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.parametrize("moment", [after_two_trainings, between_the_files_of_the_verdict])
def test_pseudo_labels_that_are_asked_to_end_go_on_where_they_were(
    moment, run, resume, tmp_path, monkeypatch, capfd
):
    before = trained(run)
    with moment(monkeypatch):
        assert resume("--pseudo-labels", str(write_strangers(tmp_path / "others"))) == 130
    said = capfd.readouterr().err
    assert said.startswith(GO_ON)
    assert f"run --resume mine --results {run.parent}" in said
    check_whole(run)
    first = trained(run)
    assert before.items() <= first.items()
    assert len(first) >= len(before) + 2
    assert resume() == 0
    last = trained(run)
    assert first.items() <= last.items()
    assert len(last) == len(before) + NUM_UNITS
    assert (run / "predictions" / "pseudo" / "verdict.json").is_file()


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("verdict.json", signal.SIGTERM),
        ("report.html", signal.SIGHUP),
        ("report.md", signal.SIGTERM),
    ],
)
def test_a_report_that_is_asked_to_end_has_every_file_old_or_new(
    name, number, run, monkeypatch, capfd
):
    old = contents(run)
    command = ["report", "mine", "--results", str(run.parent), "--margin", "0.02"]

    @contextmanager
    def signalled(path):
        with written(path) as draft:
            yield draft
            if path.name == name:
                signal.raise_signal(number)

    with monkeypatch.context() as patch:
        patch.setattr(files, "written", signalled)
        assert main(command) == 130
    assert capfd.readouterr().err == AGAIN
    check_whole(run)
    between = contents(run)
    assert between[name] == old[name]
    assert main(command) == 0
    new = contents(run)
    assert new[name] != old[name]
    assert set(between) == set(old) == set(new)
    assert all(between[path] in (old[path], new[path]) for path in new)


def test_a_report_shows_photos_unless_none_are_wanted(run):
    command = ["report", "mine", "--results", str(run.parent)]
    assert main(command) == 0
    assert "Mean photos" in (run / "report.html").read_text(encoding="utf-8")
    assert main([*command, "--no-photos"]) == 0
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "<img" not in page
    assert "Brightness" in page


def test_a_report_that_is_asked_to_end_keeps_the_board_of_before(run, monkeypatch):
    def shown():
        # The names of its files bear the time and the process that wrote them.
        return {path.relative_to(run) for path in (run / "tensorboard").rglob("*")}

    curves, old = board.curve_points, shown()

    def signalled(curve):
        signal.raise_signal(signal.SIGTERM)
        return curves(curve)

    command = ["report", "mine", "--results", str(run.parent)]
    with monkeypatch.context() as patch:
        patch.setattr(board, "curve_points", signalled)
        assert main(command) == 130
    check_whole(run)
    assert shown() == old
    assert main(command) == 0
    assert shown() != old

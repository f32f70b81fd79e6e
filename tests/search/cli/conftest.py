"""A whole run that has ended, for tests of what its later stages do when they are disturbed."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from search.cli.commands import main
from tests.search.builders.later_stages import write_tiny_spaces
from tests.search.builders.runs import arguments


@pytest.fixture(scope="session")
def ended_run(
    people: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory, ray_runtime: None
) -> Path:
    """A run of all stages, with one seed, its models and a report; nobody may write to it."""
    folder = tmp_path_factory.mktemp("ended")
    options = {"trials": 1, "max_epochs": 1, "refit_seeds": 1, "name": "mine"}
    spaces = write_tiny_spaces(folder)
    command = arguments(people, cache, folder / "results", "all", **options)
    at = command.index("all") + 1
    assert main([*command[:at], *spaces, *command[at:], "--keep-models"]) == 0
    return folder / "results" / "mine"


@pytest.fixture
def run(ended_run: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(ended_run, tmp_path / "results" / "mine"))


@pytest.fixture
def resume(run: Path, cache: Path) -> Callable[..., int]:
    """Goes on with the copy, with more options; returns the exit code."""
    given = ["run", "--resume", "mine", "--results", str(run.parent), "--cache", str(cache)]
    return lambda *more: main([*given, *more])

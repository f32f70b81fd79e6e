"""The environment that Ray reads: quiet, on the loopback, and the user's where the user set it."""

import os
import subprocess
import sys

import pytest

from search import ray_settings
from search.errors import UsageError
from search.refit.retries import START_S
from tests.search.builders.runs import LOOPBACK, ROOT, descendants, listening

SWITCH = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


@pytest.fixture
def environment(monkeypatch):
    for name in [n for n in os.environ if n.startswith(("RAY_", "TUNE_", "MALLOC_"))]:
        monkeypatch.delenv(name)
    # What is set under the test is taken back by hand: setdefault is not monkeypatch's.
    before = dict(os.environ)
    yield os.environ
    for name in set(os.environ) - set(before):
        del os.environ[name]


def test_one_machine_is_bound_to_the_loopback_and_a_cluster_is_not(environment):
    ray_settings.apply(one_machine=False)
    assert SWITCH not in environment
    ray_settings.apply(one_machine=True)
    assert environment[SWITCH] == "0"


def test_a_program_that_has_run_here_joins_no_cluster(environment, monkeypatch):
    """Ray would go on with the token of the first run, and end the program without a word."""
    ray_settings.apply(one_machine=True)
    ray_settings.apply(one_machine=True)
    with pytest.raises(UsageError, match="give --address from a program of its own"):
        ray_settings.apply(one_machine=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "the user's")
    ray_settings.apply(one_machine=False)


def test_rays_telemetry_and_own_outputs_are_off(environment):
    ray_settings.apply(one_machine=True)
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment["RAY_AIR_NEW_OUTPUT"] == "0"
    assert environment["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] == "1"


def test_what_the_user_set_stays(environment, monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    ray_settings.apply(one_machine=True)
    assert environment["RAY_USAGE_STATS_ENABLED"] == "1"


def test_a_worker_that_is_killed_while_it_starts_is_missed_before_its_training_is(environment):
    ray_settings.apply(one_machine=True)
    # Else the training is ended for a silence that is not its own, and a second time the run.
    assert 2 * float(environment["RAY_worker_register_timeout_seconds"]) < START_S


def test_the_command_line_imports_neither_ray_nor_torch():
    code = (
        "import sys, search.cli.commands; "
        "print(sorted({'ray', 'torch', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    # spaces.errors lies in a package that needs optuna.
    assert done.stdout.strip() in ("['optuna']", "[]")


@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_rays_processes_listen_on_the_loopback_only():
    places = listening(descendants(os.getpid()))
    assert places
    assert set(places.values()) <= LOOPBACK


@pytest.mark.ray
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process runs all tests")
def test_all_tests_of_ray_run_in_one_process(request):
    """By this ending of its name pytest-xdist keeps them together; hooks and versions matter."""
    assert request.node.nodeid.endswith("@ray")

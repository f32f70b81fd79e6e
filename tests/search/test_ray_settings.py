"""The environment that Ray reads: quiet, on the loopback, and the user's where the user set it."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from search import ray_settings
from tests.search.builders.runs import ROOT, descendants

LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"


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
    assert LOOPBACK not in environment
    ray_settings.apply(one_machine=True)
    assert environment[LOOPBACK] == "0"


def test_rays_telemetry_and_own_outputs_are_off(environment):
    ray_settings.apply(one_machine=True)
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment["RAY_AIR_NEW_OUTPUT"] == "0"
    assert environment["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] == "1"


def test_what_the_user_set_stays(environment, monkeypatch):
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    ray_settings.apply(one_machine=True)
    assert environment["RAY_USAGE_STATS_ENABLED"] == "1"


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


def open_files(process: int) -> set[str]:
    """Returns what the files are that a process has open; none of one that has ended."""
    targets = set()
    with suppress(OSError):
        for link in Path(f"/proc/{process}/fd").iterdir():
            with suppress(OSError):  # it was closed meanwhile
                targets.add(str(link.readlink()))
    return targets


def listening(process_ids: set[int]) -> set[str]:
    """Returns the addresses, as the kernel writes them, on which processes listen."""
    inodes = set()
    for process in process_ids:
        for target in open_files(process):
            inodes.add(target.removeprefix("socket:[").removesuffix("]"))
    rows = []
    for table in ("tcp", "tcp6"):
        rows += [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}


@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_rays_processes_listen_on_the_loopback_only():
    addresses = listening(descendants(os.getpid()))
    # 127.0.0.1 as the kernel writes it, hexadecimal with the least byte first, and its IPv6 form.
    assert addresses
    assert addresses <= {"0100007F", "0000000000000000FFFF00000100007F"}


@pytest.mark.ray
@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process runs all tests")
def test_all_tests_of_ray_run_in_one_process(request):
    """By this ending of its name pytest-xdist keeps them together; hooks and versions matter."""
    assert request.node.nodeid.endswith("@ray")

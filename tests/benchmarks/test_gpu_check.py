"""The checks of a device, as the command that a user runs, small and on the CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_TIMED = (
    "agrees with the cpu",
    "bf16 is near float32",
    "a full memory halves the micro batch",
    "five spaces train",
    "several trainings at once",
)
PASSED_OVER = ("the peak of memory is a trainings own", "compiled steps")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs the command where whatever imports Ray or Optuna breaks."""
    blocked = tmp_path_factory.mktemp("blocked")
    for name in ("ray", "optuna"):
        (blocked / f"{name}.py").write_text(f"raise ImportError('{name} is not here')\n")
    paths = os.pathsep.join((str(blocked), str(ROOT)))

    def run(*options):
        return subprocess.run(
            [sys.executable, "-m", "benchmarks.gpu_check", *options],
            capture_output=True,
            text=True,
            check=False,
            cwd=blocked,
            env={**os.environ, "PYTHONPATH": paths},
        )

    return run


@pytest.fixture(scope="module")
def checked(tmp_path_factory, run):
    out = tmp_path_factory.mktemp("gpu") / "check.json"
    done = run("--device", "cpu", "--small", "--out", str(out))
    return done, {check["name"]: check for check in json.loads(out.read_text())["checks"]}


def test_it_runs_without_ray_and_optuna_and_says_a_row_a_check(checked):
    done, checks = checked
    assert done.returncode == int(any(c["passed"] is False for c in checks.values())), done.stderr
    assert len(checks) == 10
    assert all(f"| {name} |" in done.stdout for name in checks)


@pytest.mark.parametrize("name", NOT_TIMED)
def test_what_depends_on_no_time_passes_on_a_cpu(checked, name):
    assert checked[1][name]["passed"], checked[1][name]


@pytest.mark.parametrize("name", PASSED_OVER)
def test_what_only_a_gpu_has_is_passed_over(checked, name):
    assert checked[1][name]["passed"] is None
    assert "GPU" in checked[1][name]["said"]


def test_no_check_begins_after_its_time(tmp_path, run):
    out = tmp_path / "check.json"
    done = run("--device", "cpu", "--small", "--seconds", "0", "--out", str(out))
    assert done.returncode == 0
    said = {check["said"] for check in json.loads(out.read_text())["checks"]}
    assert said == {"no time was left"}

"""The checks of a device, as the command that a user runs, small and on the CPU."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks import gpu_check
from benchmarks.gpu_bench import Bench, whole_float32
from benchmarks.gpu_check import outcome_of
from benchmarks.gpu_together import Alone

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


@pytest.fixture
def bench():
    return Bench.of(torch.device("cpu"), small=True)


@pytest.mark.parametrize(("losses", "passed"), [((0.7, 0.71), True), ((0.7, 0.9), False)])
def test_trainings_at_once_that_learn_otherwise_than_alone_are_a_failure(
    bench, monkeypatch, losses, passed
):
    def told(train, bench, number, patience_s):
        return [Alone(loss=loss, photos_a_second=9.0, peak=0) for loss in losses[:number]]

    monkeypatch.setattr(gpu_check, "together", told)
    assert outcome_of(gpu_check.several_trainings_at_once, bench).passed is passed


@pytest.mark.parametrize(
    ("slow", "seconds", "passed", "rates"),
    [(2, 100.0, True, {"1": 9.0}), (1, 100.0, None, None), (2, float("inf"), False, None)],
)
def test_trainings_at_once_end_with_the_time_that_is_left(
    bench, monkeypatch, slow, seconds, passed, rates
):
    def told(train, bench, number, patience_s):
        if number >= slow:
            raise TimeoutError(f"no answer for {patience_s}")
        return [Alone(loss=0.7, photos_a_second=9.0, peak=0)] * number

    monkeypatch.setattr(gpu_check, "together", told)
    limited = replace(bench, until=time.monotonic() + seconds)
    found = outcome_of(gpu_check.several_trainings_at_once, limited)
    assert (found.passed, found.figures.get("photos_a_second")) == (passed, rates)


@pytest.mark.parametrize(("loss", "passed"), [(0.71, True), (0.9, False), (float("nan"), False)])
def test_compiled_steps_that_learn_otherwise_are_a_failure(monkeypatch, loss, passed):
    gpu = SimpleNamespace(
        device=SimpleNamespace(type="cuda"), photos_a_second=lambda work, photos: 5.0
    )

    def loop(bench, compiled=False):
        return lambda: torch.tensor(loss if compiled else 0.7), 8

    monkeypatch.setattr(gpu_check, "plain_loop", loop)
    assert gpu_check.compiled_steps(gpu)["passed"] is passed


def test_plain_loops_begin_alike_and_leave_the_random_numbers_alone(bench):
    before = torch.random.get_rng_state()
    one, two = (gpu_check.plain_loop(bench)[0]() for _ in range(2))
    assert float(one) == pytest.approx(float(two))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("allowed", [True, False])
def test_float32_products_are_whole_for_a_while_alone(allowed):
    place = torch.backends.cudnn
    before, place.allow_tf32 = place.allow_tf32, allowed
    try:
        with whole_float32():
            assert not place.allow_tf32
        assert place.allow_tf32 is allowed
    finally:
        place.allow_tf32 = before


def test_the_limit_that_was_applied_is_told(bench, monkeypatch):
    figures = gpu_check.agrees_with_the_cpu(bench)
    assert figures["tolerance"] == gpu_check._TOLERANCE
    # A device that is not the CPU, and computes as it does.
    other = replace(bench, device=torch.device("cpu", 0))
    assert gpu_check.agrees_with_the_cpu(other)["tolerance"] == gpu_check._BF16_TOLERANCE


def test_a_gpu_that_only_imitates_bf16_is_not_asked_for_it(bench, monkeypatch):
    asked = []

    def is_supported(*, including_emulation=True):
        asked.append(including_emulation)
        return including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    old = replace(bench, device=torch.device("cuda"))
    with pytest.raises(gpu_check.PassedOverError, match="no instructions for bf16"):
        gpu_check.bf16_is_near_float32(old)
    assert asked == [False]

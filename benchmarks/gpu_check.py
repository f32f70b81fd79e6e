"""Does training on this device do what it should, and how fast? One JSON and one table.

    python -m benchmarks.gpu_check --out gpu_check.json [--device cuda] [--small] [--seconds 570]

Needs torch and timm, no Ray and no Optuna, and no data: the photos are random with a planted
label. Ten checks, each of which passes, fails, or is passed over where the device lacks what it is
about: agreement with the CPU, bf16, channels-last, out of memory, the peak of memory, photos a
second against a plain synthetic loop of the same model as in timm's benchmark, evaluation, the
five spaces, 1, 2, 4 and 8 trainings at once, and compiled steps. A check that would begin after
the seconds are used up is passed over; trainings at once end with them. `--small` is for the
logic, on a CPU. Exit code 0 where none fails.
"""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch

from benchmarks.gpu_bench import (
    CPU,
    STILL,
    Bench,
    batch_of,
    computes_bf16,
    mixed,
    plain_loop,
    whole_float32,
)
from benchmarks.gpu_together import train_alone
from trainables.config import FlatValue
from trainables.data.layouts.profiles import SCHEMA
from trainables.machine import mps_runs
from trainables.memory import peak_bytes, release, reset_peak
from trainables.together import PATIENCE_S, best_packing, together

GOAL = 0.9
"""Of the photos a second of the plain loop."""
_TOLERANCE = 2e-3
"""Of probabilities after five steps in float32."""
_BF16_TOLERANCE = 0.05
"""Of these, where the device evaluates in bf16."""

Figures = dict[str, Any]


def are_near(losses: Sequence[float]) -> bool:
    """Returns whether losses differ by no more than rounding does after some steps."""
    return bool(np.allclose(losses, losses[0], rtol=0.1, atol=0.05))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a check found: `passed` is None where it was passed over, `said` says why."""

    name: str
    passed: bool | None
    said: str
    figures: Figures
    seconds: float


class PassedOverError(Exception):
    """The device lacks what a check is about."""


def agrees_with_the_cpu(bench: Bench) -> Figures:
    """Trains five steps in float32 on both; compares losses, and probabilities as each gives them.

    A GPU evaluates in bf16, so probabilities are held to a wider tolerance there than losses.
    """
    few = replace(bench, photos=5 * bench.batch)
    config = few.config({"numerics.precision": "float32", "schedule.epochs": 1, **STILL})
    found, losses = [], []
    with whole_float32():
        for device in (CPU, bench.device):
            model = few.classifier(config, device=device)
            losses.append(model.train_epoch().loss)
            found.append(model.predict(np.arange(few.batch))["mask"])
    largest = float(np.abs(found[0] - found[1]).max())
    limit = _TOLERANCE if bench.device == CPU else _BF16_TOLERANCE
    return {
        "largest_difference": largest,
        "losses": losses,
        "tolerance": limit,
        "passed": largest <= limit and np.isclose(*losses, rtol=1e-2),
    }


def bf16_is_near_float32(bench: Bench) -> Figures:
    """Trains in both precisions; the losses are near, and the photos a second are told."""
    if computes_bf16(bench) is False:
        raise PassedOverError("this GPU has no instructions for bf16")
    found = {}
    for precision in ("float32", "bf16"):
        model = bench.classifier(bench.config({"numerics.precision": precision, **STILL}))
        loss = model.train_epoch().loss
        found[precision] = (loss, bench.photos_a_second(model.train_epoch, bench.photos))
    (plain, slow), (mixed, fast) = found["float32"], found["bf16"]
    near = are_near([plain, mixed])
    return {
        "losses": [plain, mixed],
        "photos_a_second": [slow, fast],
        "ratio": fast / slow,
        "passed": near,
    }


def channels_last_pays(bench: Bench) -> Figures:
    """Times the plain loop in both layouts; channels-last is not the slower one."""
    first = bench.photos_a_second(*plain_loop(bench, layout=torch.contiguous_format))
    last = bench.photos_a_second(*plain_loop(bench))
    ratio = last / first
    return {"photos_a_second": [first, last], "ratio": ratio, "passed": ratio > 0.95}


def a_full_memory_halves_the_micro_batch(bench: Bench) -> Figures:
    """Lets the network take half a batch; the epoch ends with parts of that size."""
    model = bench.classifier(bench.config({"schedule.epochs": 1}))
    limit = bench.batch // 2

    def refuse(module: Any, inputs: tuple[torch.Tensor, ...]) -> None:  # noqa: ARG001
        if len(inputs[0]) > limit:
            # On a GPU the allocator itself refuses what no GPU has.
            wanted = 2**50 if bench.device.type == "cuda" else 0
            torch.empty(wanted, dtype=torch.uint8, device=bench.device)
            raise torch.OutOfMemoryError("out of memory")

    model.network.register_forward_pre_hook(refuse)
    report = model.train_epoch()
    predicted = model.predict(np.arange(bench.batch))
    return {
        "micro_batch": model.micro_batch,
        "loss": report.loss,
        "passed": model.micro_batch == limit and len(predicted["mask"]) == bench.batch,
    }


def training_is_as_fast_as_a_plain_loop(bench: Bench) -> Figures:
    """Times epochs of a trial against the plain loop; the goal is 90 %."""
    model = bench.classifier(bench.config())
    ours = bench.photos_a_second(model.train_epoch, bench.photos)
    plain = bench.photos_a_second(*plain_loop(bench))
    ratio = ours / plain
    return {"photos_a_second": ours, "plain": plain, "ratio": ratio, "passed": ratio >= GOAL}


def evaluation_is_as_fast_as_a_plain_loop(bench: Bench) -> Figures:
    """Times predictions of all photos against forward passes of a constant batch; goal 80 %."""
    model = bench.classifier(bench.config())
    indices = np.arange(bench.photos)
    ours = bench.photos_a_second(lambda: model.predict(indices), bench.photos)
    network = model.network.eval()
    batch = min(256, bench.photos)
    x = batch_of(bench, batch)

    @torch.inference_mode()
    def forward() -> None:
        for _ in range(bench.photos // batch):
            with mixed(bench):
                network(x)

    plain = bench.photos_a_second(forward, bench.photos // batch * batch)
    ratio = ours / plain
    return {"photos_a_second": ours, "plain": plain, "ratio": ratio, "passed": ratio >= 0.8}


def the_peak_of_memory_is_a_trainings_own(bench: Bench) -> Figures:
    """Trains with a large and then a small batch: the second peak is the smaller one."""
    if bench.device.type != "cuda":
        raise PassedOverError("the peak is told on a GPU alone")
    peaks = []
    for batch in (bench.batch, bench.batch // 4):
        reset_peak(bench.device)
        bench.classifier(bench.config({"optim.batch_size": batch})).train_epoch()
        peaks.append(peak_bytes(bench.device))
    return {"peak_gib": [peak / 2**30 for peak in peaks], "passed": peaks[1] < peaks[0]}


def compiled_steps(bench: Bench) -> Figures:
    """Compiled plain steps learn what plain ones do; tells after how many photos they pay."""
    if bench.device.type != "cuda":
        raise PassedOverError("compiled steps are for GPUs")
    plain_steps, photos = plain_loop(bench)
    compiled_steps, _ = plain_loop(bench, compiled=True)
    losses = [float(plain_steps())]
    began = time.perf_counter()
    losses.append(float(compiled_steps()))
    compiling = time.perf_counter() - began
    plain, compiled = (bench.photos_a_second(s, photos) for s in (plain_steps, compiled_steps))
    gained = 1 / plain - 1 / compiled
    return {
        "losses": losses,
        "photos_a_second": [plain, compiled],
        "compiling_s": compiling,
        "pays_after_photos": compiling / gained if gained > 0 else None,
        "passed": are_near(losses),
    }


def five_spaces_train(bench: Bench) -> Figures:
    """Trains two epochs of what each built-in space is about; losses are finite."""
    own: dict[str, dict[str, FlatValue]] = {
        **{name: {"target.attributes": (name,)} for name in SCHEMA.names},
        "joint": {"target.attributes": SCHEMA.names},
        "multihead": {
            **{"target.attributes": SCHEMA.names, "target.form": "heads"},
            **{f"task_weight.{name}": 1.0 for name in SCHEMA.names},
        },
    }
    seconds, losses = {}, {}
    for space, changes in own.items():
        model = bench.classifier(bench.config({"schedule.epochs": 2, **changes}))
        began = time.perf_counter()
        losses[space] = [model.train_epoch().loss, model.train_epoch().loss]
        model.predict(np.arange(bench.photos))
        seconds[space] = time.perf_counter() - began
    passed = bool(np.isfinite(list(losses.values())).all())
    return {"seconds": seconds, "losses": losses, "passed": passed}


def several_trainings_at_once(bench: Bench) -> Figures:
    """Trains 1, 2, 4 and 8 at once, each as if alone; names the number that is best.

    Numbers for which no time is left are left out.
    """
    free = torch.cuda.mem_get_info(bench.device)[0] if bench.device.type == "cuda" else None
    rates: dict[int, float] = {}
    losses: list[float] = []
    peak = 0
    for number in bench.packed:
        if free is not None and peak * number > GOAL * free:
            break
        left = bench.until - time.monotonic()
        try:
            told = together(train_alone, bench, number, max(1.0, min(PATIENCE_S, left)))
        except TimeoutError:
            if left >= PATIENCE_S:
                raise
            break
        rates[number] = sum(each.photos_a_second for each in told)
        losses += [each.loss for each in told]
        peak = max(peak, *(each.peak for each in told))
    if not rates:
        raise PassedOverError("no time was left")
    return {
        "photos_a_second": {str(number): rate for number, rate in rates.items()},
        "losses": losses,
        "peak_gib": peak / 2**30,
        "best": best_packing(rates),
        "passed": are_near(losses),
    }


CHECKS: tuple[Callable[[Bench], Figures], ...] = (
    agrees_with_the_cpu,
    bf16_is_near_float32,
    channels_last_pays,
    a_full_memory_halves_the_micro_batch,
    the_peak_of_memory_is_a_trainings_own,
    training_is_as_fast_as_a_plain_loop,
    evaluation_is_as_fast_as_a_plain_loop,
    five_spaces_train,
    several_trainings_at_once,
    compiled_steps,
)


def main() -> int:
    """Runs the checks, writes the JSON and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="JSON")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--small", action="store_true", help="the logic alone, in seconds")
    parser.add_argument("--seconds", type=float, default=570.0, help="no check begins later")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error(
            "--device cuda needs a GPU, and torch sees none; --device cpu --small tries it"
        )
    until = time.monotonic() + options.seconds
    bench = replace(Bench.of(torch.device(options.device), small=options.small), until=until)
    outcomes = []
    for check in CHECKS:
        outcomes.append(outcome_of(check, bench))
        report = {"machine": machine(bench), "checks": [asdict(each) for each in outcomes]}
        options.out.write_text(json.dumps(report, indent=1, default=float), encoding="utf-8")
    print_table(report["machine"], outcomes)
    return int(any(each.passed is False for each in outcomes))


def outcome_of(check: Callable[[Bench], Figures], bench: Bench) -> Outcome:
    """Runs a check; whatever it raises is a failure of the check, and the next one runs."""
    name = check.__name__.replace("_", " ")
    began = time.monotonic()
    if began >= bench.until:
        return Outcome(name=name, passed=None, said="no time was left", figures={}, seconds=0.0)
    passed: bool | None = None
    said, figures = "", {}
    try:
        figures = check(bench)
        passed = bool(figures.pop("passed"))
    except PassedOverError as error:
        said = str(error)
    except Exception as error:  # noqa: BLE001  the other checks are worth running
        passed, said = False, f"{type(error).__name__}: {error}"
    release(bench.device)
    seconds = time.monotonic() - began
    return Outcome(name=name, passed=passed, said=said, figures=figures, seconds=seconds)


def machine(bench: Bench) -> dict[str, Any]:
    """Returns what the figures depend on."""
    is_gpu = bench.device.type == "cuda"
    return {
        "device": torch.cuda.get_device_name(bench.device) if is_gpu else platform.processor(),
        "memory_gib": torch.cuda.mem_get_info(bench.device)[1] / 2**30 if is_gpu else None,
        "bf16": computes_bf16(bench),
        "mps": mps_runs(),
        **{"torch": torch.__version__, "timm": timm.__version__, "cuda": torch.version.cuda},
        **{"model": bench.model, "size": bench.size, "batch": bench.batch},
    }


def print_table(where: Mapping[str, Any], outcomes: list[Outcome]) -> None:
    """Prints a row a check."""
    print(", ".join(f"{name} {value}" for name, value in where.items()) + "\n")
    print("| check | result | s | figures |")
    print("| --- | --- | --- | --- |")
    words = {True: "passed", False: "FAILED", None: "passed over"}
    for each in outcomes:
        told = each.said or ", ".join(f"{n} {_short(v)}" for n, v in each.figures.items())
        print(f"| {each.name} | {words[each.passed]} | {each.seconds:.0f} | {told} |")


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, list):
        return " / ".join(_short(each) for each in value)
    if isinstance(value, dict):
        return " ".join(f"{name}: {_short(each)}" for name, each in value.items())
    return str(value)


if __name__ == "__main__":
    sys.exit(main())

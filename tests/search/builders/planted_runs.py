"""What each planted world must end in, how its run is started, and what it ended in."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.search.builders.planted_pictures import (
    World,
    best_scores,
    conditional_world,
    even_world,
    starved_world,
    write_world,
)
from tests.search.builders.runs import ROOT

JOINT, SEPARATE, MULTIHEAD = "joint", "separate", "multihead"

SPACE = """
from spaces.parts import default_config

TINY = {{
    "backbone.name": "test_resnet",
    "input.size": 32,
    "optim.batch_size": {batch},
    "optim.lr": 4e-3,
    "augment.rotate": 0.0,
    "augment.shift": 0.0,
    "augment.scale": 0.0,
    "augment.colour": 0.0,
    "loss.smoothing": 0.0,
}}


def default(schema, scale):
    weights = {{f"task_weight.{{name}}": 1.0 for name in schema.names}}
    return {{**default_config(schema, scale, with_age=False), **TINY, **({weights})}}


def suggest(trial, schema, scale):
    trial.suggest_float("optim.lr", 2e-3, 8e-3, log=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """A world and what a run on it must say.

    Attributes:
        world: people and pictures.
        winners: of the pairs that must be decided, by their names; other pairs may go either way
            unless there are none: then no pair may have a winner.
        reason: key of the reason that must stand on top for those pairs; empty for none.
        epochs: of every training.
        batch: its batch size.
    """

    world: World
    winners: Mapping[tuple[str, str], str]
    reason: str
    epochs: int
    batch: int


def plants() -> tuple[Plant, ...]:
    """Returns the three worlds at the size that two slow cores run in minutes."""
    return (
        Plant(
            world=conditional_world(people_a_class=20, photos=6),
            winners={(SEPARATE, JOINT): JOINT, (JOINT, MULTIHEAD): JOINT},
            reason="attribution.coupling",
            epochs=4,
            batch=32,
        ),
        Plant(
            world=starved_world(side=6, common_people=6, photos=3),
            winners={(SEPARATE, JOINT): SEPARATE, (JOINT, MULTIHEAD): MULTIHEAD},
            reason="class_size",
            epochs=6,
            batch=16,
        ),
        Plant(
            world=even_world(people_a_class=40, photos=4),
            winners={},
            reason="",
            epochs=5,
            batch=32,
        ),
    )


def write_spaces(folder: Path, batch: int) -> tuple[Path, Path]:
    """Writes the spaces of one-head models and of multi-head models; returns the two files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"plain{batch}.py", folder / f"heads{batch}.py"
    for path, weights in zip(paths, ("{}", "weights"), strict=True):
        path.write_text(SPACE.format(batch=batch, weights=weights), encoding="utf-8")
    return paths


def command(
    plant: Plant, data: Path, folder: Path, name: str, *, seed: int, trials: int
) -> list[str]:
    """Writes the space files and returns the command line after `python search/run.py`.

    Args:
        plant: whose training settings are used.
        data: folder of the pictures.
        folder: gets the space files; results and cache lie in it.
        name: of the run.
        seed: of the run.
        trials: a space.
    """
    plain, heads = write_spaces(folder, plant.batch)
    spaces = [f"{target}={plain}" for target in (*plant.world.attributes, JOINT)]
    options = {
        "data": data,
        "results": folder / "results",
        "cache": folder / "cache",
        "name": name,
        "seed": seed,
        "trials": trials,
        "max-epochs": plant.epochs,
    }
    flags = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    return ["--space", "all", *spaces, f"{MULTIHEAD}={heads}", *flags]


def run_plant(plant: Plant, folder: Path, seed: int, trials: int) -> tuple[dict[str, Any], float]:
    """Draws the pictures, runs the command and returns `verdict.json` and the seconds it took.

    Raises:
        RuntimeError: the command fails; with the end of what it said.
    """
    name = f"{plant.world.name}{seed}"
    verdict = folder / "results" / name / "verdict.json"
    clock = folder / f"{name}.seconds"
    if not (verdict.is_file() and clock.is_file()):
        data = folder / "data" / name
        if not data.is_dir():
            write_world(plant.world, data, np.random.default_rng([seed, plant.world.photos]))
        started = time.monotonic()
        ended = subprocess.run(
            [
                sys.executable,
                "search/run.py",
                *command(plant, data, folder, name, seed=seed, trials=trials),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise RuntimeError(f"run {name} ended with {ended.returncode}: {ended.stderr[-500:]}")
        clock.write_text(f"{time.monotonic() - started:.0f}", encoding="utf-8")
    return json.loads(verdict.read_text(encoding="utf-8")), float(clock.read_text())


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFound:
    """What a run said about one pair, beside what was planted.

    `gap` and `difference` are macro-F1 of `a` minus `b`, `half_width` that of its 95 % interval;
    `as_planted` is None for a pair about which nothing was planted.
    """

    a: str
    b: str
    gap: float
    difference: float
    half_width: float
    winner: str
    reason: str
    sentence: str
    as_planted: bool | None


def read_pairs(plant: Plant, verdict: Mapping[str, Any]) -> list[PairFound]:
    """Returns every pair of a `verdict.json` beside what was planted."""
    best = best_scores(plant.world)
    planted = {JOINT: best.joint, SEPARATE: best.product, MULTIHEAD: best.product}
    found = []
    for pair in verdict["pairs"]:
        a, b = pair["a"], pair["b"]
        winner = {"a_wins": a, "b_wins": b}.get(pair["verdict"], "")
        top = next(r for r in verdict["reasons"] if r["pair"] == [a, b])
        reason = top["key"] if top["supported"] else ""
        low, high = pair["interval"]
        found.append(
            PairFound(
                a=a,
                b=b,
                gap=planted[a] - planted[b],
                difference=pair["difference"],
                half_width=(high - low) / 2,
                winner=winner,
                reason=reason,
                sentence=top["sentence"],
                as_planted=_as_planted(plant, (a, b), winner, reason),
            )
        )
    return found


def _as_planted(plant: Plant, pair: tuple[str, str], winner: str, reason: str) -> bool | None:
    if not plant.winners:
        return not winner
    must = {frozenset(names): name for names, name in plant.winners.items()}.get(frozenset(pair))
    return None if must is None else (winner, reason) == (must, plant.reason)

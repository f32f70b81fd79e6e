"""Replays stored trials: what would each objective have chosen, and what is that worth to others?

    OMP_NUM_THREADS=1 nice python -m benchmarks.objective --out DIR --space joint --minutes 30
    python -m benchmarks.objective --out DIR > benchmarks/objective_CPU_DATE.md
    python -m benchmarks.objective --out DIR --space age --data FOLDER --weights-dir WEIGHTS

Question: a trial is scored on 60 people. Which score of its validation probabilities finds the
configs that are better on people nobody saw, and how often does it choose one below the default?
A world's configs are trained on every fold (`trial_corpus`); a replay draws as many as a budget
affords, shows an objective one fold of each, and looks at the score on 900 other people of the
models of the other folds. DIR keeps a file a training; the report is of the worlds that are whole.
With photos of one's own a third of the people test.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from benchmarks.choice_replays import REPLAYS, SCORES, Choice, Seen, look, ranks, replays
from benchmarks.command import command_of
from benchmarks.trial_corpus import Corpus, World, build
from search.analysis.metrics import Floats

SPACES = ("joint", "age", "multihead", "gender", "mask")
TRIALS = (5, 10, 15, 24)
_RESAMPLES = 100
_SEED = 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains what is missing of the worlds that are asked for, and reports on all whole ones."""
    given = _parse(arguments)
    until = time.monotonic() + 60 * given.minutes
    world = replace(_people(given), configs=given.configs)
    worlds = [replace(world, space=s, draw=draw) for draw in given.draws for s in given.space]
    if given.quick:
        worlds = [
            replace(w, people=40, test_people=40, epochs=3, configs=6, folds=3) for w in worlds
        ]
    corpora = [c for c in (build(w, given.out.resolve(), until) for w in worlds) if c is not None]
    if not corpora:
        print("no world is whole yet; give the same command again", file=sys.stderr)
        return
    print(_head(corpora))
    print(_report(corpora))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Which objective finds the better configs.")
    parser.add_argument("--out", type=Path, required=True, help="folder of pictures and trainings")
    parser.add_argument("--space", nargs="+", default=list(SPACES), choices=SPACES)
    parser.add_argument("--draws", type=int, nargs="+", default=[1], help="drawings of the people")
    parser.add_argument("--configs", type=int, default=24, help="of a world, with the default")
    parser.add_argument("--minutes", type=float, default=1e6, help="to train for at most")
    parser.add_argument("--data", type=Path, help="a folder with a manifest.csv (the demo)")
    parser.add_argument("--weights-dir", type=Path, help="pretrained weights (none)")
    parser.add_argument("--side", type=int, default=32, help="of the network input in pixels (32)")
    parser.add_argument("--epochs", type=int, default=9, help="of every training (9)")
    parser.add_argument("--quick", action="store_true", help="smallest worlds")
    given = parser.parse_args(arguments)
    if given.data and given.quick:
        parser.error("--quick draws fewer people: give it without --data")
    return given


def _people(given: argparse.Namespace) -> World:
    """Returns a world of the people who are asked for, with any space."""
    weights = str(given.weights_dir.resolve()) if given.weights_dir else ""
    world = World(space=SPACES[0], side=given.side, epochs=given.epochs, weights=weights)
    if not given.data:
        return world
    return replace(world, data=str(given.data.resolve())).counted(given.out.resolve())


def _report(corpora: Sequence[Corpus]) -> str:
    worlds = [look(corpus) for corpus in corpora]
    lines = []
    for trials in TRIALS:
        usable = [w for w in worlds if len(w.worth) >= trials]
        for is_any in (False, True) if usable else ():
            heading = f"{trials} trials{', any of them in the place of the default' * is_any}"
            lines += [f"## {heading}", "", *_table(usable, trials, is_any=is_any), ""]
    lines += ["## Worlds", "", *_worlds(corpora, worlds)]
    return "\n".join(lines)


def _table(worlds: Sequence[Seen], trials: int, *, is_any: bool) -> list[str]:
    options = {"trials": trials, "is_any": is_any}
    chosen = _over_worlds(worlds, np.random.default_rng(_SEED), redraw=False, **options)
    resampled = [
        _over_worlds(worlds, np.random.default_rng(1 + number), redraw=True, **options)
        for number in range(_RESAMPLES)
    ]
    lines = [
        "| objective | over the default | below it | regret | best of three | minus macro-F1 |",
        "|---|---|---|---|---|---|",
    ]
    for name, mean in sorted(chosen.items(), key=lambda item: -item[1].gain):
        gaps = [each[name].gain - each["macro-F1"].gain for each in resampled]
        low, high = np.quantile(gaps, [0.025, 0.975])
        lines.append(
            f"| {name} | {mean.gain:+.4f} | {mean.below:.1%} | {mean.regret:.4f} | "
            f"{mean.finalists:+.4f} | {mean.gain - chosen['macro-F1'].gain:+.4f} "
            f"[{low:+.4f}, {high:+.4f}] |"
        )
    return lines


def _over_worlds(
    worlds: Sequence[Seen], rng: np.random.Generator, *, trials: int, is_any: bool, redraw: bool
) -> dict[str, Choice]:
    """Returns the mean over the worlds; with `redraw` of configs drawn anew."""
    every = []
    for world in worlds:
        among = np.arange(1, len(world.worth))
        if redraw:  # with multiplicity: a replay may draw one twice
            among = rng.choice(among, len(among))
        every.append(replays(world, trials, rng, among, is_any=is_any))
    return {
        name: Choice(
            **{
                field: float(np.mean([getattr(one[name], field) for one in every]))
                for field in ("gain", "below", "regret", "finalists")
            }
        )
        for name in every[0]
    }


def _worlds(corpora: Sequence[Corpus], worlds: Sequence[Seen]) -> list[str]:
    lines = [
        "Spearman: of the objective on one fold with the worth, mean over folds.",
        "",
        "| world | configs | default | best | s.d. of worth | Spearman: macro-F1 | soft macro-F1 "
        "| balanced log score | s a training |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for corpus, world in zip(corpora, worlds, strict=True):
        mean = world.worth.mean(axis=1)
        each = " | ".join(f"{_spearman(world.seen[name], world.worth):.2f}" for name in SCORES)
        seconds = np.median([one.seconds for row in corpus.trained.values() for one in row])
        lines.append(
            f"| {corpus.world.name} | {len(mean)} | {mean[0]:.3f} | {mean.max():.3f} | "
            f"{mean.std():.3f} | {each} | {seconds:.1f} |"
        )
    return lines


def _spearman(seen: Floats, worth: Floats) -> float:
    pairs = zip(ranks(seen).T, ranks(worth).T, strict=True)
    return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs]))


def _head(corpora: Sequence[Corpus]) -> str:
    world = corpora[0].world
    arguments = command_of("benchmarks.objective")
    who = f"people of {Path(world.data).name}" if world.data else "demo people"
    return f"""# Which objective finds the better configs

{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores; Python
{platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__}.
Command: `{arguments}`.

{world.configs} configs of a built-in space, the default and random ones, at {world.side} px, each
trained for {world.epochs} epochs on {world.folds} folds of {world.people} {who}: three
fifths train, one fifth ({world.people // world.folds} people) validates. A replay draws as many of
them as a search tries, with the default; an objective sees one fold of each and chooses. Worth is
the macro-F1 on {world.test_people} other people of the same config trained on the other folds, so
that the luck of the model that was seen is not in it. With a second fold the best third of the
trials, and the default, are trained on another fold as well, and so many fewer trials begin that
both cost the same; worth is that of the three other folds then. {REPLAYS} replays a world and
row, means over the worlds. "Below it": the chosen config is worth less than the default. "Best of
three": as the refit sees the three best. Intervals: 95 % percentiles over configs drawn anew
({_RESAMPLES} times), the worlds as they are.
"""


if __name__ == "__main__":
    main()

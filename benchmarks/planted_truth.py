"""Runs `--space all` on pictures whose truth was planted, and prints the report in Markdown.

    nice python -m benchmarks.planted_truth --out DIR > benchmarks/planted_truth_CPU_DATE.md
    python -m benchmarks.planted_truth --out DIR --world starved --seeds 1

Claims: where joint must win it wins, where separate must win it wins, each with the planted reason
on top of the list of its pair, and where nobody is better nobody wins, over several seeds. Every
run draws new pictures and goes through the real command. DIR keeps pictures and results; a run
whose verdict is there already is not repeated.
"""

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.command import command_of
from tests.search.builders.planted_pictures import best_scores
from tests.search.builders.planted_runs import PairFound, Plant, plants, read_pairs, run_plant


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs every world and prints the report."""
    given = _parse(arguments)
    chosen = [p for p in plants() if given.world in ("", p.world.name)]
    print(_head(given.trials))
    for plant in chosen:
        seeds = given.seeds or (3 if plant.winners else 5)
        rows, sentences = [], []
        for seed in range(seeds):
            print(f"{plant.world.name}, seed {seed} ...", file=sys.stderr, flush=True)
            verdict, seconds = run_plant(plant, given.out.resolve(), seed, given.trials)
            pairs = read_pairs(plant, verdict)
            rows += [_row(seed, pair, seconds) for pair in pairs]
            if not seed:
                sentences = [verdict["answer"], *(p.sentence for p in pairs if p.reason)]
        print(_section(plant, rows, sentences), flush=True)


def _row(seed: int, pair: PairFound, seconds: float) -> list[str]:
    return [
        str(seed),
        f"{pair.a} - {pair.b}",
        f"{pair.gap:+.3f}",
        f"{pair.difference:+.3f} ± {pair.half_width:.3f}",
        f"{abs(pair.gap) / pair.half_width:.1f}" if pair.half_width else "same answers",
        pair.winner or "nobody",
        pair.reason or "none supported",
        {True: "yes", False: "**NO**", None: "nothing planted"}[pair.as_planted],
        f"{seconds:.0f}",
    ]


_COLUMNS = (
    "seed",
    "pair",
    "planted gap",
    "found, 95 %",
    "gap in half-widths",
    "winner",
    "reason on top",
    "as planted",
    "s a run",
)


def _section(plant: Plant, rows: Sequence[Sequence[str]], sentences: Sequence[str]) -> str:
    world, best = plant.world, best_scores(plant.world)
    lines = ["| " + " | ".join(row) + " |" for row in (_COLUMNS, ["---"] * len(_COLUMNS), *rows)]
    quoted = "\n".join(f"> {sentence}" for sentence in sentences)
    people = f"{world.people.sum()} people x {world.photos} photos, {len(world.people)} classes"
    return (
        f"\n## {world.name}\n\n{people}, {plant.epochs} epochs. Highest macro-F1 that can be "
        f"reached: joint {best.joint:.3f}, product of attributes {best.product:.3f}.\n\n"
        + "\n".join(lines)
        + f"\n\nSeed 0 says:\n\n{quoted}"
    )


def _head(trials: int) -> str:
    arguments = command_of("benchmarks.planted_truth")
    return (
        "# Planted truth, end to end\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores; Python "
        f"{platform.python_version()}. Command: `{arguments}`.\n\n"
        f"Pictures of 32 x 32 pixels, test_resnet from scratch, {trials} trials a space, refit of "
        "5 folds, up to 6 seeds in rounds. Every seed is of the pictures, too. The planted gap is "
        "that between the best scores that can be reached at all "
        "(`tests/search/builders/planted_pictures.py`)."
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs on pictures whose truth was planted.")
    parser.add_argument("--out", type=Path, required=True, help="folder of pictures and results")
    parser.add_argument("--world", default="", help="only this one")
    parser.add_argument("--seeds", type=int, help="runs a world (3; where nobody may win 5)")
    parser.add_argument("--trials", type=int, default=2, help="a space (2)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()

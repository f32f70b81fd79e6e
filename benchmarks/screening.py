"""Does the screen rank backbones as training does, and does a preview say what a run finds?

    nice python -m benchmarks.screening --out DIR > benchmarks/screening_CPU_DATE.md
    nice python -m benchmarks.screening --out DIR --data FACES --weights-dir WEIGHTS ...
    nice python -m benchmarks.screening --out DIR --run results/demo=300 --run OLD=120 ...

Claims: over 12 small models from scratch (and the models of --weights-dir on --data) the rank
correlation of the screen with the fine-tuned macro-F1 of held-out people, with its interval; how
well one seed of the trainings ranks the other; the share of previews that decided a pair and have
the sign of the finished run's difference; seconds of each. DIR keeps a row a cell, and a cell that
is there is not computed again, so that the command may be ended and given again.

Two quiet cores take about a minute a model (12 on the demo, 13 on 540 faces) and two a preview.
"""

import argparse
import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks.command import command_of
from search.prepare.option import absolute
from tests.search.builders.screening_cells import (
    MODELS,
    Cell,
    Cells,
    Source,
    model_cell,
    name_of,
    noise_ceiling,
    pair_cells,
    rank_correlation,
    sign_agreement,
)
from trainables.backbone import weights_in


def main(arguments: Sequence[str] | None = None) -> None:
    """Computes the cells that are not there, and prints the report."""
    given = _parse(arguments)
    out = given.out.resolve()
    cells, cache = Cells(out / "cells.jsonl"), given.cache or out / "cache"
    console = Console(stderr=True)
    for source, model in _models(given):
        if not cells.has(kind="model", source=source.name, model=model):
            cells.add(
                model_cell(
                    source, model, cache, console, num_seeds=given.seeds, epochs=given.epochs
                )
            )
    for run in given.run:
        path, _, people = run.rpartition("=")
        source = Source(name=f"demo-{people}", people=int(people))
        if not cells.has(kind="pair", source=source.name, run=name_of(Path(path))):
            rows = pair_cells(source, Path(path), cache, console, num_seeds=given.preview_seeds)
            for row in rows:
                cells.add(row)
    print(report(cells.all()))


def _models(given: argparse.Namespace) -> Iterator[tuple[Source, str]]:
    models = MODELS[: given.models]
    demo = Source(name=f"demo-{given.people}", people=given.people)
    yield from ((demo, model) for model in models)
    if given.data:
        name, data = Path(given.data).name, absolute(given.data)
        yield from ((Source(name=name, data=data), model) for model in models)
        if given.weights_dir:
            folder = absolute(given.weights_dir)
            loaded = Source(name=name, data=data, weights_dir=folder)
            yield from ((loaded, model) for model in weights_in(Path(folder)))


def report(cells: Sequence[Cell]) -> str:
    """Returns the report in Markdown."""
    models = [cell for cell in cells if cell["kind"] == "model"]
    pairs = [cell for cell in cells if cell["kind"] == "pair"]
    parts = [_head()]
    for source in dict.fromkeys(cell["source"] for cell in models):
        parts.append(_ranked(source, [cell for cell in models if cell["source"] == source]))
    if pairs:
        parts.append(_previews(pairs))
    return "\n\n".join(parts)


def _head() -> str:
    arguments = command_of("benchmarks.screening")
    return (
        "# Screen and preview against training\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f} at the end; Python {platform.python_version()}. Command: "
        f"`{arguments}`."
    )


def _ranked(source: str, cells: Sequence[Cell]) -> str:
    rows = [
        f"| {c['model']} | {c['screen']:.3f} [{c['low']:.3f}, {c['high']:.3f}] | "
        f"{', '.join(f'{each:.3f}' for each in c['tuned'])} | {c['screen_seconds']:.1f} | "
        f"{c['tuned_seconds']:.1f} |"
        for c in sorted(cells, key=lambda c: -c["screen"])
    ]
    table = [
        "| backbone | screen, 95 % | fine-tuned, by seed | s to screen | s a training |",
        "|---|---|---|---|---|",
        *rows,
    ]
    found, ceiling = rank_correlation(cells), noise_ceiling(cells)
    said = "Too few models for a rank correlation."
    if found is not None:
        said = (
            f"Rank correlation of screen and fine-tuned macro-F1 over {found.num} models: "
            f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
        )
        said += f"; of one seed with the other: {ceiling:+.2f}." if ceiling is not None else "."
    return f"## {source}\n\n" + "\n".join(table) + f"\n\n{said}"


def _previews(cells: Sequence[Cell]) -> str:
    rows = [
        f"| {c['run']} ({c['source']}) | {c['heads']} | {c['pair']} | {c['preview']:+.3f} "
        f"[{c['low']:+.3f}, {c['high']:+.3f}] | {'yes' if c['decided'] else 'no'} | "
        f"{c['run_difference']:+.3f} | {'yes' if c['run_decided'] else 'no'} | "
        f"{c['seconds']:.0f} |"
        for c in cells
    ]
    table = [
        "| run | heads | pair | preview, 95 % | decided | run | decided | s |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
    ]
    every, both = sign_agreement(cells), sign_agreement(cells, run_decided=True)
    return (
        "## Previews\n\n"
        + "\n".join(table)
        + f"\n\nOf {every.decided} pairs that a preview decided {every.agreeing} have the sign of "
        f"the run's difference; of the {both.decided} that the run decided as well, "
        f"{both.agreeing}."
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Screen and preview against training.")
    parser.add_argument("--out", type=Path, required=True, help="folder of the cells")
    parser.add_argument("--cache", type=Path, help="of photos and features (default: in --out)")
    parser.add_argument("--people", type=int, default=300, help="of the demo (300)")
    parser.add_argument("--data", default="", help="further data")
    parser.add_argument("--weights-dir", default="", help="pretrained models for --data")
    parser.add_argument("--models", type=int, default=len(MODELS), help="how many (all 12)")
    parser.add_argument("--seeds", type=int, default=2, help="trainings a model (2)")
    parser.add_argument("--epochs", type=int, help="of a training (those of a run)")
    parser.add_argument("--preview-seeds", type=int, default=20, help="of a preview (20)")
    parser.add_argument(
        "--run", action="append", default=[], metavar="DIR=PEOPLE", help="a finished demo run"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()

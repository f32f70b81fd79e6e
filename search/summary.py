"""What the command says before and after a search."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from search.analysis.interval import Interval
from search.best import default_value
from search.config import StudyConfig, format_duration
from search.dataset import Dataset
from search.packing import Resources
from search.records import Cause, State, TrialRecord
from search.store import RunStore
from spaces.scale import Scale
from spaces.space import Space


@dataclass(frozen=True, slots=True)
class SpaceResult:
    """The end of one space's search."""

    space: Space
    records: tuple[TrialRecord, ...]
    best: TrialRecord | None
    interval: Interval | None


def print_plan(
    console: Console,
    config: StudyConfig,
    dataset: Dataset,
    spaces: Sequence[Space],
    scale: Scale,
    resources: Resources,
    store: RunStore,
) -> None:
    """Says what will run, on what, for how long."""
    table, split = dataset.table, dataset.split
    schema = table.schema
    sizes = " x ".join(f"{name} ({schema.num_classes(name)})" for name in schema.names)
    parts = (split.search_train, split.search_val, split.held_out)
    people = [len(np.unique(table.group_index[part])) for part in parts]
    lines = [
        ("run", str(store.root)),
        ("data", f"{dataset.name}: {table.num_samples} photos of {table.num_groups} people"),
        ("labels", f"{sizes} = {schema.num_joint} joint classes"),
        ("people", "{} train, {} validate, {} held out of the search".format(*people)),
        ("spaces", ", ".join(space.name for space in spaces)),
        ("models", f"{scale.reason}; {', '.join(scale.backbones)}; {scale.max_epochs} epochs"),
        ("budget", config.budget.describe()),
        ("devices", resources.describe()),
    ]
    for name, text in lines:
        console.print(f"[bold]{name:>8}[/bold]  {text}", highlight=False, soft_wrap=True)
    console.print()


def print_summary(
    console: Console,
    results: Sequence[SpaceResult],
    store: RunStore,
    *,
    interrupted: bool,
) -> None:
    """Says what was found and how to look closer."""
    console.print()
    if interrupted:
        console.print(
            f"Interrupted. Nothing is lost; go on with: headrace run --resume {store.root.name}"
            f"{_results_option(store)}",
            highlight=False,
            soft_wrap=True,
        )
    console.print(_table(results))
    _print_counts(console, results)
    if len({result.space.approach for result in results}) > 1:
        _print_shares(console, results)
    gaps = [r.gap for result in results for r in result.records if r.gap is not None]
    if gaps:
        console.print(
            f"Between two trials a warm worker waits {float(np.median(gaps)):.2f} s (median of "
            f"{len(gaps)}).",
            highlight=False,
        )
    _print_commands(console, results, store)


def _table(results: Sequence[SpaceResult]) -> Table:
    table = Table(title="Validation macro-F1 of the best configs", title_justify="left")
    for name in ("space", "best", "95 % interval", "default config", "trial", "device time"):
        table.add_column(name, no_wrap=True)
    for result in results:
        default = default_value(result.records)
        best, interval = result.best, result.interval
        table.add_row(
            result.space.name,
            f"{best.objective:.4f}" if best and best.objective is not None else "-",
            f"{interval.low:.3f} to {interval.high:.3f}" if interval else "-",
            f"{default:.4f}" if default is not None else "-",
            f"#{best.number}" if best else "-",
            format_duration(sum(r.device_seconds for r in result.records)),
        )
    return table


def _print_counts(console: Console, results: Sequence[SpaceResult]) -> None:
    for result in results:
        records = result.records
        broken = [r for r in records if r.state is State.FAIL and r.cause is not Cause.BUDGET]
        parts = [
            (sum(r.state is State.COMPLETE for r in records), "complete"),
            (sum(r.state is State.PRUNED for r in records), "stopped early"),
            (sum(r.cause is Cause.BUDGET for r in records), "cut off by the budget"),
            (len(broken), "failed"),
        ]
        counts = ", ".join(f"{count} {what}" for count, what in parts if count)
        console.print(
            f"{result.space.name}: {len(records)} trials: {counts or 'none finished'}",
            highlight=False,
        )
        for record in broken[:3]:
            first = record.error.splitlines()[0] if record.error else record.cause.value
            console.print(f"  trial {record.number} failed: {first}", highlight=False)


def _print_shares(console: Console, results: Sequence[SpaceResult]) -> None:
    seconds: dict[str, float] = {}
    for result in results:
        spent = sum(record.device_seconds for record in result.records)
        seconds[result.space.approach] = seconds.get(result.space.approach, 0.0) + spent
    parts = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    console.print(f"Device seconds an approach: {parts}.", highlight=False)


def _print_commands(console: Console, results: Sequence[SpaceResult], store: RunStore) -> None:
    root = shlex.quote(str(store.root))
    lines = [
        f"headrace replay {root}/best/{result.space.name}.yaml    # train it again: the same score"
        for result in results
        if result.best is not None
    ]
    lines += [
        f"tensorboard --logdir {root}/tensorboard    # curves, HParams, confusion matrices",
        f"optuna-dashboard {root}/optuna.journal    # every trial (pip install optuna-dashboard)",
    ]
    for result in results:
        if result.best is not None:
            path = store.root / "best" / f"{result.space.name}.yaml"
            console.print(f"Best config: {path}", highlight=False, soft_wrap=True)
    console.print("Look closer:", highlight=False)
    for line in lines:
        console.print(f"  {line}", highlight=False, soft_wrap=True)


def _results_option(store: RunStore) -> str:
    parent = store.root.parent
    return "" if str(parent) == "results" else f" --results {shlex.quote(str(parent))}"

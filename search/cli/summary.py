"""What the command says before and after a search."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from search.analysis.uncertainty.interval import Interval
from search.analysis.wording import plural
from search.console import say
from search.prepare.config import format_duration
from search.prepare.config_words import in_words
from search.prepare.prepared import Prepared
from search.prepare.space_result import SecondScores, SpaceResult
from search.refit.approaches import Lineup
from search.store.commands import headrace, on_run, program, resume_command
from search.store.records import (
    DEFAULT_NUMBER,
    Cause,
    State,
    complete_records,
    default_stop,
    default_value,
)
from search.store.run_store import RunStore


def print_plan(console: Console, run: Prepared, notes: Sequence[str] = ()) -> None:
    """Says what will run, on what, for how long, and what its reader should note."""
    config, dataset, scale = run.config, run.dataset, run.scale
    table, split = dataset.table, dataset.split
    schema = table.schema
    sizes = " x ".join(f"{name} ({schema.num_classes(name)})" for name in schema.names)
    sides = (split.search_train, split.search_val, split.held_out)
    people = [len(np.unique(table.group_index[side])) for side in sides]
    epochs = f"{scale.max_epochs} epoch{'' if scale.max_epochs == 1 else 's'}"
    lines = [
        ("run", str(run.store.root)),
        ("data", f"{dataset.name}: {table.num_samples} photos of {table.num_groups} people"),
        ("labels", f"{sizes} = {schema.num_joint} joint classes"),
        ("people", "{} train, {} validate, {} held out of the search".format(*people)),
        ("spaces", ", ".join(space.name for space in run.spaces)),
        ("models", f"{scale.reason}; {', '.join(run.backbones)}; {epochs}"),
        ("budget", config.budget.describe()),
        ("devices", run.resources.describe()),
        *(("read", reading) for reading in run.readings),
        *(("note", note) for note in notes),
    ]
    _print_lines(console, lines)
    console.print()


def _print_lines(console: Console, lines: Sequence[tuple[str, str]]) -> None:
    """Prints texts behind their names; in a terminal they go on below their first words."""
    if console.is_terminal:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(justify="right", min_width=8, no_wrap=True, style="bold")
        grid.add_column(overflow="fold")
        for name, text in lines:
            grid.add_row(name, Text(text))
        console.print(grid, highlight=False)
        return
    for name, text in lines:
        bold = f"[bold]{name:>8}[/bold]"
        console.print(f"{bold}  {escape(text)}", highlight=False, soft_wrap=True)


def print_summary(
    console: Console, run: Prepared, results: Sequence[SpaceResult], *, interrupted: bool
) -> None:
    """Says what a search found, that ends a command, and how to look closer."""
    console.print()
    _print_found(console, run, results)
    for result in results:
        if result.best is None and not interrupted:
            say(console, _why_empty(result, run.store))
    print_commands(console, run.store, results)
    if interrupted:
        # The last line is what a user sees, and goes on with.
        say(console, f"Interrupted. Nothing is lost; go on with: {resume_command(run.store)}")


def print_stage(console: Console, stages: Sequence[str], stage: str) -> None:
    """Says which stage of how many begins."""
    at = stages.index(stage) + 1
    if at > 1:  # the plan ends with a blank line
        console.print()
    console.print(f"[bold]stage {at} of {len(stages)}: {escape(stage)}[/bold]", highlight=False)


def print_search_end(console: Console, results: Sequence[SpaceResult]) -> None:
    """Says that a search ended that is the first stage of several; its table stands at the end."""
    total = sum(len(result.records) for result in results)
    counts = Counter[str]()
    for result in results:
        counts.update(result.counts)
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    say(console, f"{plural(total, 'trial')}: {said or 'none finished'}")
    for result in results:
        _print_broken(console, result)
    empty = [result.name for result in results if result.best is None]
    if empty:
        say(console, f"No trial finished of: {', '.join(empty)}. The default config stands in.")


def print_results(console: Console, run: Prepared, results: Sequence[SpaceResult]) -> None:
    """Says what the search of several stages has found, at the end of all."""
    console.print()
    _print_found(console, run, results)


def _print_found(console: Console, run: Prepared, results: Sequence[SpaceResult]) -> None:
    console.print(_table(results))
    for result in results:
        if result.best is not None:
            say(console, f"  {result.name}: {in_words(result.best.config)}")
            if result.second is not None and result.best.number != DEFAULT_NUMBER:
                say(console, f"  {result.name}: {_in_second_fold(result.second)}")
            if result.passed_over:
                say(console, f"  {result.name}: {result.passed_over}")
        _print_default_stop(console, result)
    _print_counts(console, results)
    shares = Lineup.of(run.schema, run.spaces).shares
    if len(shares) > 1:
        _print_shares(console, results, shares)


def _in_second_fold(scores: SecondScores) -> str:
    people = plural(scores.people, "other person validates", "other people validate")
    return (
        f"trained again where {people}: {scores.value:.4f}, the default config "
        f"{scores.default_config:.4f}"
    )


def _print_default_stop(console: Console, result: SpaceResult) -> None:
    stop, value = default_stop(result.records), default_value(result.records)
    ended = any(r.number == DEFAULT_NUMBER for r in complete_records(result.records))
    how = "did not end" if stop is None else f"stopped at epoch {stop}, {value:.4f}"
    chosen = "" if result.best is None else "; without it the highest score is chosen"
    if stop is not None or not (ended or result.best is None):
        say(console, f"  {result.name}: the default config {how}{chosen}")


def _why_empty(result: SpaceResult, store: RunStore) -> str:
    """Returns why no trial of a space finished: the time ended, or something broke them."""
    going_on = f"go on with: {resume_command(store)}"
    broken = [r for r in result.records if r.cause not in (Cause.NONE, Cause.BUDGET)]
    died = [r for r in result.records if r.state is State.RUNNING and r.deaths]
    if not broken and not died:
        return (
            f"No trial of {result.name} finished: the budget was too short; {going_on} "
            "--budget TIME"
        )
    reason = f"{len(broken)} of {len(result.records)} broke" if broken else "their workers died"
    return f"No trial of {result.name} finished: {reason}; see to the cause, then {going_on}"


def _table(results: Sequence[SpaceResult]) -> Table:
    table = Table(title="Validation macro-F1 of the chosen configs", title_justify="left")
    for name in ("space", "chosen", "95 % interval", "default config", "trial", "device time"):
        table.add_column(name, no_wrap=name != "space", overflow="fold")
    for result in results:
        default = default_value(tuple(complete_records(result.records)))
        best, interval = result.best, result.interval
        table.add_row(
            escape(result.name),
            f"{best.objective:.4f}" if best and best.objective is not None else "-",
            _between(interval),
            f"{default:.4f}" if default is not None else "-",
            f"#{best.number}" if best else "-",
            format_duration(sum(r.device_seconds for r in result.records)),
        )
    return table


def _between(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    # Of a handful of people every resample may score the same; that is no certainty.
    is_empty = interval.low == interval.high
    return "too few people" if is_empty else f"{interval.low:.3f} to {interval.high:.3f}"


def _print_counts(console: Console, results: Sequence[SpaceResult]) -> None:
    for result in results:
        counts = ", ".join(f"{count} {what}" for what, count in result.counts.items() if count)
        said = counts or "none finished"
        count = len(result.records)
        say(console, f"{result.name}: {count} trial{'' if count == 1 else 's'}: {said}")
        _print_broken(console, result)


def _print_broken(console: Console, result: SpaceResult) -> None:
    broken = [r for r in result.records if r.state is State.FAIL and r.cause is not Cause.BUDGET]
    for record in broken[:3]:
        first = record.error.splitlines()[0] if record.error else record.cause.value
        say(console, f"  {result.name} trial {record.number} failed: {first}")


def _print_shares(
    console: Console, results: Sequence[SpaceResult], shares: Mapping[str, Sequence[str]]
) -> None:
    spent = {result.name: sum(r.device_seconds for r in result.records) for result in results}
    seconds = {name: sum(spent[space] for space in spaces) for name, spaces in shares.items()}
    parts = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    say(console, f"Device seconds per approach: {parts}.")


def print_commands(console: Console, store: RunStore, results: Sequence[SpaceResult]) -> None:
    """Says what can be done with the run now, as commands that run as they stand."""
    best = [store.best_path(result.name) for result in results if result.best is not None]
    if (store.root / "ensemble" / "ensemble.yaml").is_file():
        lines = [
            (f"{on_run('predict', store)} --images DIR --out answers.csv", "answers your photos"),
            (f"{on_run('export', store)} --to onnx", "the networks for other programs"),
            (on_run("report", store), "judges again and writes the report again"),
        ]
    else:
        lines = [
            (f"{headrace()} replay {shlex.quote(str(path))}", "trains it again: the same score")
            for path in best
        ]
        for path in best:
            say(console, f"Chosen config: {path}")
    root = shlex.quote(str(store.root))
    for name, given, what in (
        ("tensorboard", f"--logdir {root}/tensorboard", "curves, HParams, confusion matrices"),
        ("optuna-dashboard", f"{root}/optuna.journal", "every trial"),
    ):
        found = program(name)
        if found is not None:
            lines.append((f"{found} {given}", what))
    say(console, "What to do next:")
    wide = max(len(line) for line, _ in lines)
    fits = wide + max(len(what) for _, what in lines) + len("      # ") <= console.width
    for line, what in lines:
        if fits:
            say(console, f"  {line:{wide}}    # {what}")
        else:
            say(console, f"  # {what}")
            say(console, f"  {line}")

"""Commands on a data folder before anything is searched: `screen`, `quick`, `audit`."""

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from search.cli.cache_folder import writable_cache
from search.cli.exit_codes import BAD_INPUT, OK, SOME_FAILED
from search.cli.run_config import audit_config, check_not_empty, frozen_config
from search.cli.space_names import check_data_and_spaces, check_layout
from search.errors import UsageError
from search.prepare.option import check_folder, known_model
from search.store.files import check_absent, check_plain_out, check_writable
from search.store.run_store import RunStore

if TYPE_CHECKING:
    from search.audit.finding import Level

_AUDIT = "audit"
"""Folder of what an audit writes, beside the user or in the run whose models it asks."""


def run_screen(options: argparse.Namespace) -> int:
    """Ranks models on the data; returns the exit code."""
    config = frozen_config(options)
    patterns = [each.strip() for each in options.models.split(",")]
    if not all(patterns):
        raise UsageError(
            f"--models takes names and patterns between commas, got {options.models!r}"
        )
    for pattern in patterns:
        known_model("--models", pattern)
    check_data_and_spaces(config)
    cache = writable_cache(options.cache)
    _check_file("--out", options.out)
    from search.console import loading

    console = loading()
    from search.screen.stage import screen

    screen(config, patterns, options.out, cache, console)
    return OK


def run_quick(options: argparse.Namespace) -> int:
    """Previews the comparison of approaches; returns the exit code."""
    config = frozen_config(options)
    if options.backbone is not None:
        known_model("--backbone", options.backbone)
    check_data_and_spaces(config)
    cache = writable_cache(options.cache)
    _check_file("--out", options.out)
    from search.console import loading

    console = loading()
    from search.screen.quick import quick

    quick(config, options.backbone, options.out, cache, console)
    return OK


def run_audit_of(options: argparse.Namespace) -> int:
    """Looks for what is wrong with the data; returns the exit code."""
    check_not_empty(options)
    if options.diff is not None:
        return _run_diff_of(options)
    store = RunStore.open(options.results, options.run) if options.run else None
    config = audit_config(options, store)
    check_layout(config.layout)
    if config.data:
        check_folder("--data", config.data)
    cache = writable_cache(options.cache)
    out = options.out or (Path(_AUDIT) if store is None else store.root / _AUDIT)
    check_writable("--out", out)
    if options.write_corrections is not None:
        _check_file("--write-corrections", options.write_corrections)
        check_absent("--write-corrections", options.write_corrections)
    from rich.console import Console

    from search.audit.stage import run_audit
    from search.console import StepBar
    from search.prepare.dataset import demo

    console = Console()
    bar = partial(StepBar, console)
    root = Path(config.data) if config.data else demo(config.people, cache, bar)
    level = run_audit(
        root,
        config.layout,
        config.corrections,
        out,
        cache,
        console,
        store,
        options.write_corrections,
        # What a run may not keep of its people, its folder does not get from an audit either.
        no_photos=options.no_photos or (options.out is None and config.no_photos),
    )
    return _code_of(level)


def _code_of(level: "Level") -> int:
    return {"note": OK, "look": SOME_FAILED, "unusable": BAD_INPUT}[level.value]


def _run_diff_of(options: argparse.Namespace) -> int:
    """Compares two versions of the data; returns the exit code."""
    names = ("data", "people", "corrections", "run", "write_corrections")
    given = [f"--{name.replace('_', '-')}" for name in names if getattr(options, name)]
    if given:
        raise UsageError(
            f"--diff OLD NEW names both folders, each with its own corrections.csv; leave out "
            f"{', '.join(given)}"
        )
    for folder in options.diff:
        check_folder("--diff", folder)
    check_layout(options.layout)
    cache, out = writable_cache(options.cache), options.out or Path(_AUDIT)
    check_writable("--out", out)
    from rich.console import Console

    from search.audit.stage import run_diff

    old, new = options.diff
    return _code_of(
        run_diff((old, new), options.layout, out, cache, Console(), no_photos=options.no_photos)
    )


def _check_file(option: str, path: Path) -> None:
    """Raises a SearchError where a file cannot be written, before the work is done."""
    if path.is_dir():
        raise UsageError(f"{option} must be a file to write, got the folder {path}")
    check_plain_out(option, path)
    check_writable(option, path.parent)

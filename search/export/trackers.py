"""`headrace export NAME --to trackio|mlflow|wandb`: the trials for a program that records them."""

import importlib.util
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from search.console import say
from search.errors import UsageError
from search.export.formats import TRACKERS
from search.export.to_mlflow import export_mlflow
from search.export.to_trackio import export_trackio
from search.export.to_wandb import export_wandb
from search.export.tracked import Judged, Tracked, tracked_runs
from search.prepare.saved_run import load_run
from search.store.run_store import RunStore

Export = Callable[[Path, str, Sequence[Tracked]], str]
_EXPORTS: dict[str, Export] = dict(
    zip(TRACKERS, (export_trackio, export_mlflow, export_wandb), strict=True)
)


def check_tracker(tracker: str) -> None:
    """Raises UsageError where the package of a tracker is not installed."""
    found = importlib.util.find_spec(tracker)
    if found is None or found.origin is None:  # a folder of runs is no package
        raise UsageError(
            f"--to {tracker} needs the package {tracker}, which is not installed; "
            f"{_installation(tracker)}"
        )


def _installation(tracker: str) -> str:
    """Returns how to come by a tracker without other versions of the packages in use here."""
    root = Path(__file__).resolve().parents[2]
    is_source = (root / "pyproject.toml").is_file()
    source = str(root) if is_source else "HEADRACE.whl"
    wheel = "" if is_source else ", HEADRACE.whl being the wheel of headrace"
    python = shlex.quote(sys.executable)
    wanted = shlex.quote(f"{source}[{tracker}]")
    folder = f".venv-{tracker}"
    return (
        "it may change the versions of packages in use here, so give it an environment of its own "
        f"(about 6 GB{wheel}): {python} -m venv {folder} && {folder}/bin/python -m pip install "
        f"{wanted}; then export with {folder}/bin/headrace"
    )


def export_to_tracker(store: RunStore, tracker: str, console: Console) -> None:
    """Writes every trial of a run, and its verdict, to a tracker.

    Where the user has named no store of the tracker's, it is a folder of the run, `mlflow/` say.

    Raises:
        UsageError: the package is not installed.
        ResultsError: the run cannot be read, or the tracker refuses.
    """
    check_tracker(tracker)
    run = load_run(store)
    found = tracked_runs(run, Judged.read(store))
    project = f"headrace-{run.study['config']['name']}"
    where = _EXPORTS[tracker](store.root / tracker, project, found)
    trials = len(run.records)
    verdict = " and the verdict" if len(found) > trials else ""
    say(console, f"{trials} trials{verdict} in {where}")

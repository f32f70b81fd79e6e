"""Trials for Weights & Biases: a project per run, a run of theirs per trial; at first offline."""

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from search.errors import ResultsError
from search.export.own_settings import settings
from search.export.tracked import METRIC, Tracked
from search.store.files import SCHEMA, write_json
from search.store.reading import is_there, read_json, reading, typed
from search.store.records import State

_EXPORTED = "exported.json"


def export_wandb(folder: Path, project: str, runs: Sequence[Tracked]) -> str:
    """Writes the runs as `WANDB_MODE` says, or else offline, below `WANDB_DIR` or a folder.

    Args:
        folder: where offline runs and what was exported are kept.
        project: name of the project.
        runs: to write; one that says what it said at an earlier export is left out.

    Returns:
        Where they are, and the command that sends offline runs.

    Raises:
        ResultsError: what was exported cannot be read, or wandb refuses.
    """
    mode, place = os.environ.get("WANDB_MODE") or "offline", os.environ.get("WANDB_DIR")
    below = Path(place) if place else folder.absolute()
    below.mkdir(parents=True, exist_ok=True)
    quiet = {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
    if not place:
        # Its logs are links to there, and no link may lead out of a run.
        quiet["WANDB_CACHE_DIR"] = str(below / "cache")
    with settings(WANDB_MODE=mode, **quiet):
        import wandb

        known = _exported(folder / _EXPORTED)
        for run in runs:
            target = f"{mode} {below}"
            if known.get(run.key) != f"{target} {run.digest}":
                try:
                    _write(below, project, run)
                except wandb.Error as error:
                    raise ResultsError(
                        f"wandb refuses {run.name} ({mode}): {error}; see WANDB_MODE and WANDB_DIR"
                    ) from error
                known[run.key] = f"{target} {run.digest}"
                write_json(folder / _EXPORTED, {"schema": SCHEMA, "runs": known})
    here = below / "wandb"
    send = f": wandb sync {shlex.quote(str(here))}/offline-run-*" if mode == "offline" else ""
    return f"{here} ({mode}), project {project}{send}"


def _exported(path: Path) -> dict[str, str]:
    if not is_there(path):
        return {}
    way_out = "delete it, and the folder it is in: all is exported anew"
    with reading(path, way_out):
        found: dict[str, str] = typed(dict[str, str], read_json(path, way_out)["runs"])
        return found


def _write(below: Path, project: str, run: Tracked) -> None:
    import wandb

    for older in (below / "wandb").glob(f"offline-run-*-{run.key}"):
        shutil.rmtree(older)
    made = wandb.init(
        project=project,
        id=run.key,
        name=run.name,
        group=run.group,
        tags=[run.group[:64], run.state.value],
        config={**run.params, **run.tags},
        dir=str(below),
        resume="allow" if os.environ["WANDB_MODE"] == "online" else None,
        reinit="finish_previous",
        settings=wandb.Settings(console="off", x_disable_stats=True, save_code=False),
    )
    for epoch, value in run.steps.items():
        made.log({METRIC: value}, step=epoch)
    made.summary.update(dict(run.summary))
    made.finish(exit_code=1 if run.state is State.FAIL else 0)
    # The link to the log of its service, which would lead out of a run that is moved.
    for link in (below / "wandb").glob(f"*run-*-{run.key}/logs/*"):
        if link.is_symlink() and link.readlink().is_absolute():
            link.unlink()

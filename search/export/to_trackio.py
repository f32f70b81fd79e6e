"""Trials in a trackio store: a project per run, a run of trackio's per trial."""

import os
import shlex
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from search.errors import ResultsError
from search.export.own_settings import settings
from search.export.tracked import METRIC, Tracked

_DIGEST = "headrace.digest"


def export_trackio(folder: Path, project: str, runs: Sequence[Tracked]) -> str:
    """Writes the runs into the store of `TRACKIO_DIR`, or into one in a folder.

    They go the way of trackio's own importers: into its database, past server and uploads. A run
    that says what it said at an earlier export is left as it is; another is written anew.

    Args:
        folder: where the store is made where the user has named none.
        project: name of the project.
        runs: to write.

    Returns:
        Where they are, and the command that shows them.

    Raises:
        ResultsError: trackio refuses.
    """
    place = os.environ.get("TRACKIO_DIR") or str(folder.absolute())
    with settings(TRACKIO_DIR=place):  # trackio reads it when it is imported
        from trackio.sqlite_storage import SQLiteStorage

        try:
            for run in runs:
                _write(SQLiteStorage, project, run)
        except (sqlite3.Error, PermissionError, ValueError) as error:
            raise ResultsError(
                f"trackio in {place} refuses the trials: {error}; see TRACKIO_DIR"
            ) from error
    return (
        f"{place}, project {project}: TRACKIO_DIR={shlex.quote(place)} trackio show --project "
        f"{project}"
    )


def _write(storage: type, project: str, run: Tracked) -> None:
    known = storage.get_run_config(project, run_id=run.key)  # type: ignore[attr-defined]
    if known is not None:
        if known.get(_DIGEST) == run.digest:
            return
        storage.delete_run(project, run.name, run_id=run.key)  # type: ignore[attr-defined]
    at = datetime.fromtimestamp(run.ended or run.started, tz=UTC).isoformat()
    steps = [*run.steps, max(run.steps, default=0)]
    ids = [*(f"{run.key}-{epoch}" for epoch in run.steps), f"{run.key}-final"]
    storage.bulk_log(  # type: ignore[attr-defined]
        project=project,
        run=run.name,
        run_id=run.key,
        metrics_list=[*({METRIC: value} for value in run.steps.values()), dict(run.summary)],
        steps=steps,
        timestamps=[at] * len(steps),
        log_ids=ids,
        config={**run.params, **run.tags, "_Group": run.group, _DIGEST: run.digest},
    )

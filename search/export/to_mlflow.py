"""Trials in an MLflow store: an experiment per run, a run of MLflow's per trial."""

import hashlib
import logging
import os
import re
import shlex
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from search.errors import ResultsError, UsageError
from search.export.own_settings import settings
from search.export.tracked import METRIC, Tracked
from search.store.records import Cause, State

_TAG = "headrace.trial"
_AT_ONCE = 100
_MOST_NAME = 250
_SPECIAL = re.compile(r"[^\w.\- ]")
_CLOSED_URI = frozenset("?#%")


def export_mlflow(folder: Path, project: str, runs: Sequence[Tracked]) -> str:
    """Writes the runs into the store of `MLFLOW_TRACKING_URI`, or into one in a folder.

    Args:
        folder: where the store is made where the user has named none.
        project: name of the experiment.
        runs: to write; what an earlier export wrote is found by its key and brought up to date.

    Returns:
        Where they are, and the command that shows those in the folder.

    Raises:
        UsageError: the folder has a name that the address of a database cannot have.
        ResultsError: MLflow refuses.
    """
    with _quietly():
        import mlflow
        from mlflow.exceptions import MlflowException

        # Not to be shown: it may hold a password.
        uri, artifacts = os.environ.get("MLFLOW_TRACKING_URI", ""), None
        place = "the store of MLFLOW_TRACKING_URI"
        if not uri:
            uri, artifacts = _own_store(folder)
            place = uri
        try:
            client = mlflow.MlflowClient(tracking_uri=uri)
            experiment = _experiment(client, project, artifacts)
            known = dict(_known(client, experiment))
            for run in runs:
                _write(client, experiment, run, known.get(run.key))
        except MlflowException as error:
            raise ResultsError(
                f"MLflow refuses the trials in {place}: {error}; see MLFLOW_TRACKING_URI"
            ) from error
    shown = f": mlflow ui --backend-store-uri {shlex.quote(uri)}" if place == uri else ""
    return f"{place}, experiment {project}{shown}"


@contextmanager
def _quietly() -> Iterator[None]:
    """Keeps MLflow from counting its use over the network, and from telling how it is built."""
    level = logging.root.manager.disable
    logging.disable(logging.INFO)  # a line per table of a new store
    try:
        with warnings.catch_warnings(), settings(MLFLOW_DISABLE_TELEMETRY="true"):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _own_store(folder: Path) -> tuple[str, str]:
    """Returns the address of the store in a folder, and of its files."""
    whole = folder.absolute()
    if _CLOSED_URI & set(str(whole)):
        raise UsageError(
            f"--to mlflow makes a database in the run's folder, whose path must not have "
            f"{' '.join(sorted(_CLOSED_URI))}, got {whole}; name another store by "
            "MLFLOW_TRACKING_URI"
        )
    whole.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{whole / 'mlflow.db'}", (whole / "artifacts").as_uri()


def _experiment(client: Any, project: str, artifacts: str | None) -> str:
    found = client.get_experiment_by_name(project)
    if found is not None and found.lifecycle_stage == "deleted":  # its name is still taken
        client.restore_experiment(found.experiment_id)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(project, artifact_location=artifacts))


def _known(client: Any, experiment: str) -> Iterator[tuple[str, Any]]:
    """Yields the runs of earlier exports by their keys."""
    token = None
    while True:
        page = client.search_runs([experiment], max_results=_AT_ONCE, page_token=token)
        yield from ((run.data.tags.get(_TAG, ""), run) for run in page)
        token = page.token
        if not token:
            return


def _write(client: Any, experiment: str, run: Tracked, known: Any) -> None:
    from mlflow.entities import Metric, Param, RunTag

    tags = {_TAG: run.key, **{_name(name): text for name, text in run.tags.items()}}
    if known is None:
        begun = _milliseconds(run.started or run.ended)
        known = client.create_run(experiment, begun, tags, run_name=run.name)
    number, there = known.info.run_id, known.data
    history = client.get_metric_history(number, METRIC) if METRIC in there.metrics else ()
    steps = {point.step for point in history}
    at = _milliseconds(run.ended or run.started)
    metrics = [
        Metric(METRIC, value, at, epoch)
        for epoch, value in run.steps.items()
        if epoch not in steps
    ]
    now = _milliseconds(time.time())  # of two values of a name the later one is shown
    metrics += [
        Metric(_name(name), value, now, 0)
        for name, value in run.summary.items()
        if there.metrics.get(_name(name)) != value
    ]
    _log(client, number, "metrics", metrics)
    given = {_name(name): str(value) for name, value in run.params.items()}
    new = [Param(name, text) for name, text in given.items() if name not in there.params]
    _log(client, number, "params", new)
    changed = [RunTag(name, text) for name, text in tags.items() if there.tags.get(name) != text]
    _log(client, number, "tags", changed)
    client.update_run(number, status=_status(run))
    if run.ended:
        client.set_terminated(number, _status(run), _milliseconds(run.ended))


def _log(client: Any, number: str, what: str, entries: Sequence[Any]) -> None:
    for start in range(0, len(entries), _AT_ONCE):
        client.log_batch(number, **{what: entries[start : start + _AT_ONCE]})


def _status(run: Tracked) -> str:
    if run.cause is Cause.BUDGET:
        return "KILLED"
    if run.state is State.FAIL:
        return "FAILED"
    return "RUNNING" if run.state is State.RUNNING else "FINISHED"


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)


def _name(name: str) -> str:
    """Returns a name of ours as MLflow bears it: a character that it refuses by its number."""
    shown = _SPECIAL.sub(lambda found: f"_{ord(found[0]):x}_", name)
    if len(shown) <= _MOST_NAME:
        return shown
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{shown[: _MOST_NAME - 17]}-{digest}"

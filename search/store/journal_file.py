"""optuna.journal read without Optuna: the records of a run for everybody who only reads.

The journal is the log of Optuna's JournalFileBackend: a JSON object per line, an operation each.
It is replayed here as Optuna does (`JournalStorageReplayResult`), with only the operations that a
run of headrace writes; a test holds it against Optuna itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

from search.errors import ResultsError
from search.store.records import State, StudyTrial, TrialRecord, record_of
from trainables.blocks import FlatValue
from trainables.data.bounded_files import load_json

_STATES = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")  # by Optuna's numbers


class _Operation(IntEnum):
    CREATE_STUDY = 0
    CREATE_TRIAL = 4
    SET_PARAM = 5
    SET_STATE = 6
    SET_VALUE = 7
    SET_ATTRIBUTE = 8


def read_records(
    path: Path, studies: Mapping[str, str], names: Sequence[str]
) -> dict[str, tuple[TrialRecord, ...]]:
    """Returns the started trials of the studies in a journal, by space.

    Raises:
        ResultsError: the journal cannot be read, or lacks a study.
    """
    found = _replay(path)
    missing = [study for study in studies.values() if study not in found]
    if missing:
        raise ResultsError(f"{path} holds no study {missing[0]!r}; copy the run whole")
    return {
        space: tuple(
            record_of(space, trial, names)
            for trial in found[study]
            if trial.state is not State.WAITING
        )
        for space, study in studies.items()
    }


def _replay(path: Path) -> dict[str, list[StudyTrial]]:
    """Returns the trials of every study, by its name."""
    studies: list[list[StudyTrial]] = []
    by_name: dict[str, list[StudyTrial]] = {}
    trials: list[StudyTrial] = []
    for entry in _entries(path):
        operation = entry["op_code"]
        if operation == _Operation.CREATE_STUDY:
            if entry["study_name"] not in by_name:
                studies.append(by_name.setdefault(entry["study_name"], []))
        elif operation == _Operation.CREATE_TRIAL:
            study = studies[entry["study_id"]]
            trial = StudyTrial(
                number=len(study),
                state=State(_STATES[entry.get("state", 0)]),
                started=_timestamp(entry["datetime_start"]),
            )
            study.append(trial)
            trials.append(trial)
        elif "trial_id" in entry:
            _apply(trials[entry["trial_id"]], entry)
    return by_name


def _apply(trial: StudyTrial, entry: Mapping[str, Any]) -> None:
    if trial.state in (State.COMPLETE, State.PRUNED, State.FAIL):
        return  # a finished trial is never changed
    operation = entry["op_code"]
    if operation == _Operation.SET_PARAM:
        distribution = load_json(entry["distribution"])
        trial.params[entry["param_name"]] = _external(distribution, entry["param_value_internal"])
    elif operation == _Operation.SET_STATE:
        trial.state = State(_STATES[entry["state"]])
        if trial.state is State.RUNNING:
            trial.started = _timestamp(entry["datetime_start"])
        if entry["values"] is not None:
            trial.value = float(entry["values"][0])
    elif operation == _Operation.SET_VALUE:
        trial.values[int(entry["step"])] = float(entry["intermediate_value"])
    elif operation == _Operation.SET_ATTRIBUTE:
        trial.attributes.update(entry["user_attr"])


def _entries(path: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ResultsError(f"{path} cannot be read: {error}; copy the run whole") from error
    lines.pop()  # what a killed driver did not write whole has no end of line
    for number, line in enumerate(lines, start=1):
        try:
            entry = load_json(line)
        except ValueError as error:
            if number == len(lines):
                return
            raise ResultsError(
                f"{path} line {number} is not JSON: {error}; copy the run whole"
            ) from error
        yield entry


def _external(distribution: Mapping[str, Any], internal: float) -> FlatValue:
    """Returns a parameter as the space suggested it."""
    attributes = distribution["attributes"]
    if distribution["name"] == "CategoricalDistribution":
        choice: FlatValue = attributes["choices"][int(internal)]
        return choice
    return int(internal) if distribution["name"] == "IntDistribution" else float(internal)


def _timestamp(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0

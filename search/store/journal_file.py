"""optuna.journal read without Optuna: the records of a run for everybody who only reads.

The journal is the log of Optuna's JournalFileBackend: a JSON object per line, an operation each.
It is replayed here as Optuna does (`JournalStorageReplayResult`), with only the operations that a
run of headrace writes; a test holds it against Optuna itself.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

from search.errors import ResultsError
from search.store.reading import reading
from search.store.records import State, StudyTrial, TrialRecord, record_of
from trainables.blocks import FlatValue
from trainables.data.bounded_files import load_json, read_bytes

logger = logging.getLogger(__name__)

MAX_JOURNAL_BYTES = 2**30
"""Of a journal: a hundred thousand trials."""
_WAY_OUT = "copy the run whole"
_CUT = (
    "copy the run whole, or delete that line and all after it, and trials.csv: a resumed run "
    "searches on from there"
)
_STATES = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")  # by Optuna's numbers


class _Operation(IntEnum):
    """What a line does, by Optuna's numbers; headrace deletes no study, which is 1."""

    CREATE_STUDY = 0
    SET_STUDY_ATTRIBUTE = 2
    SET_STUDY_NOTE = 3
    CREATE_TRIAL = 4
    SET_PARAM = 5
    SET_STATE = 6
    SET_VALUE = 7
    SET_ATTRIBUTE = 8
    SET_NOTE = 9


_OPERATIONS = frozenset(_Operation)
_OVER = (State.COMPLETE, State.PRUNED, State.FAIL)
_NEEDED = ("config", "seed")
"""What is noted of every trial before it is trained."""


def read_records(
    path: Path, studies: Mapping[str, str], names: Sequence[str], *, begun: bool = True
) -> dict[str, tuple[TrialRecord, ...]]:
    """Returns the started trials of the studies in a journal, by space.

    Args:
        path: of the journal.
        studies: name of every space's study.
        names: of all attributes of the data.
        begun: whether the studies must be there; else one that is not has no trials.

    Raises:
        ResultsError: the journal cannot be read, or lacks a study.
    """
    found = _replay(path) if begun or path.exists() else {}
    missing = [study for study in studies.values() if study not in found]
    if missing and begun:
        raise ResultsError(f"{path} holds no study {missing[0]!r}; {_WAY_OUT}")
    return {
        space: tuple(
            _record(path, space, trial, names)
            for trial in found.get(study, ())
            if trial.state is not State.WAITING
        )
        for space, study in studies.items()
    }


def torn_end(path: Path) -> int:
    """Returns the bytes of a last line that a killed driver did not write whole."""
    with reading(path, _WAY_OUT):
        data = read_bytes(path, MAX_JOURNAL_BYTES)
    whole = data.rfind(b"\n") + 1
    before = data.rfind(b"\n", 0, max(0, whole - 1)) + 1
    if whole and not _is_json(data[before:whole]):
        whole = before
    return len(data) - whole


def _is_json(line: bytes) -> bool:
    try:
        load_json(line)
    except (ValueError, RecursionError):
        return False
    return True


def _record(path: Path, space: str, trial: StudyTrial, names: Sequence[str]) -> TrialRecord:
    wrong = f"cannot be read: trial {trial.number} of {space}"
    with reading(path, _WAY_OUT, wrong=wrong):
        lost = [name for name in _NEEDED if name not in trial.attributes]
        if trial.state in _OVER and lost:
            raise ValueError(f"it is over and has no {lost[0]}: lines are lost")
        return record_of(space, trial, names)


def _replay(path: Path) -> dict[str, list[StudyTrial]]:
    """Returns the trials of every study, by its name."""
    with reading(path, _WAY_OUT):
        lines = read_bytes(path, MAX_JOURNAL_BYTES).split(b"\n")
    lines.pop()  # what a killed driver did not write whole has no end of line
    if lines and not _is_json(lines[-1]):
        logger.warning("the last line of %s, %d, is torn and passed over", path, len(lines))
        lines.pop()
    journal = _Journal()
    for number, line in enumerate(lines, start=1):
        with reading(path, _CUT, wrong=f"line {number} cannot be read"):
            try:
                entry = load_json(line)
            except ValueError as error:
                raise ValueError(f"it is not JSON: {error}") from error
            journal.apply(entry)
    return journal.by_name


@dataclass(slots=True)
class _Journal:
    """What the lines up to now say: trials of every study by its name, and all in their order."""

    by_name: dict[str, list[StudyTrial]] = field(default_factory=dict)
    studies: list[list[StudyTrial]] = field(default_factory=list)
    trials: list[StudyTrial] = field(default_factory=list)
    asked: set[tuple[object, ...]] = field(default_factory=set)

    def apply(self, entry: Mapping[str, Any]) -> None:
        """Applies a line; raises what its content makes it raise."""
        operation = _number(entry["op_code"])
        if operation not in _OPERATIONS:
            raise ValueError(f"headrace writes no operation {operation}")
        if operation == _Operation.CREATE_STUDY:
            if entry["study_name"] not in self.by_name:
                self.studies.append(self.by_name.setdefault(str(entry["study_name"]), []))
        elif operation in (_Operation.SET_STUDY_ATTRIBUTE, _Operation.SET_STUDY_NOTE):
            self._study(entry)
        elif operation == _Operation.CREATE_TRIAL:
            study = self._study_of_a_new_trial(entry)
            trial = StudyTrial(
                number=len(study),
                state=_state(entry.get("state", 0)),
                started=_timestamp(entry["datetime_start"]),
            )
            study.append(trial)
            self.trials.append(trial)
        elif operation >= _Operation.SET_PARAM:
            number = _number(entry["trial_id"])
            if number >= len(self.trials):
                raise ValueError(f"it is of trial {number} of all, which no line before it began")
            if operation != _Operation.SET_NOTE:
                _apply(self.trials[number], entry)

    def _study(self, entry: Mapping[str, Any]) -> list[StudyTrial]:
        """Returns the study that a line is of."""
        number = _number(entry["study_id"])
        if number >= len(self.studies):
            raise ValueError(f"it is of study {number}, which no line before it began")
        return self.studies[number]

    def _study_of_a_new_trial(self, entry: Mapping[str, Any]) -> list[StudyTrial]:
        study, began = self._study(entry), entry["datetime_start"]
        number = _number(entry["study_id"])
        # No two trials begin within a microsecond; those that wait have not begun.
        if began is not None and (number, began) in self.asked:
            raise ValueError(f"it begins the trial of {began} a second time")
        self.asked.add((number, began))
        return study


def _apply(trial: StudyTrial, entry: Mapping[str, Any]) -> None:
    operation = entry["op_code"]
    _check_turn(trial, operation, entry)
    if operation == _Operation.SET_PARAM:
        distribution = load_json(entry["distribution"])
        trial.params[entry["param_name"]] = _external(distribution, entry["param_value_internal"])
    elif operation == _Operation.SET_STATE:
        trial.state = _state(entry["state"])
        if trial.state is State.RUNNING:
            trial.started = _timestamp(entry["datetime_start"])
        if entry["values"] is not None:
            trial.value = _finite(entry["values"][0])
    elif operation == _Operation.SET_VALUE:
        trial.values[_number(entry["step"])] = _finite(entry["intermediate_value"])
    elif operation == _Operation.SET_ATTRIBUTE:
        trial.attributes.update(entry["user_attr"])


def _check_turn(trial: StudyTrial, operation: int, entry: Mapping[str, Any]) -> None:
    """Raises ValueError where headrace cannot have written a line after those before it.

    One driver writes a line once and in order, so such a line was copied, or others are lost.
    """
    said = f"trial {trial.number} of its study"
    if trial.state in _OVER:
        raise ValueError(f"{said} is over ({trial.state}): the line stands there twice")
    is_state = operation == _Operation.SET_STATE
    begins = is_state and _state(entry["state"]) is State.RUNNING
    if begins != (trial.state is State.WAITING):
        lost = "begins again" if begins else "has not begun: lines before are lost"
        raise ValueError(f"{said} {lost}")
    if operation == _Operation.SET_PARAM and entry["param_name"] in trial.params:
        raise ValueError(f"{said} has parameter {entry['param_name']!r} already")
    if operation == _Operation.SET_VALUE and _number(entry["step"]) in trial.values:
        raise ValueError(f"{said} has a value of epoch {entry['step']} already")


def _number(value: Any) -> int:
    """Returns a number from 0: below it, Python would count from the end."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"a number from 0 is needed, got {value!r}")
    return value


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"a finite number is needed, got {value!r}")
    return float(value)


def _state(value: Any) -> State:
    return State(_STATES[_number(value)])


def _external(distribution: Mapping[str, Any], internal: float) -> FlatValue:
    """Returns a parameter as the space suggested it."""
    attributes = distribution["attributes"]
    if distribution["name"] == "CategoricalDistribution":
        choice: FlatValue = attributes["choices"][_number(int(internal))]
        return choice
    return int(internal) if distribution["name"] == "IntDistribution" else _finite(internal)


def _timestamp(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0

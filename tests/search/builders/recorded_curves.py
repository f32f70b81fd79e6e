"""Learning curves of finished runs: a line of JSON per trial, in the order of their hand-out.

    {"run": "small", "commit": "ac8c8d6", "data": "5eff41c6...", "validated": 8, "space": "mask",
     "number": 0, "state": "COMPLETE", "seed": 1, "params": {...}, "config": {...},
     "values": [0.2, 0.3], "seconds": [1.1, 2.0], "asked": 0.0, "ended": 5.5}

`values` and `seconds` (on the worker's clock) are of every epoch; `asked` and `ended` are seconds
since the first trial of the run was asked for; `validated` counts the people the values are of.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from search.prepare.saved_run import load_run
from search.store.records import State
from search.store.run_store import RunStore
from tests.search.builders.virtual_run import Training

_SET_VALUE, _SET_ATTRIBUTE = 7, 8
_VALIDATED_SHARE = 0.2
"""Of the people: a quarter of those that are not held out of the search."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedTrial:
    """A trial of a finished run; the fields are those of its line."""

    run: str
    commit: str
    data: str
    validated: int
    space: str
    number: int
    state: str
    seed: int
    params: Mapping[str, Any]
    config: Mapping[str, Any]
    values: tuple[float, ...]
    seconds: tuple[float, ...]
    asked: float
    ended: float

    def training(self) -> Training:
        """Returns what its worker reported, and when.

        One that was stopped has an epoch more, which is never reached where it is stopped again.
        """
        start_s = self.ended - self.asked - self.seconds[-1]
        more = 0 if self.state == State.COMPLETE else 1
        seconds = (*self.seconds, *[2 * self.seconds[-1]] * more)
        return Training(start_s=start_s, seconds=seconds, values=(*self.values, *[0.0] * more))

    def line(self) -> str:
        """Returns its line."""
        return json.dumps(asdict(self), separators=(",", ":"))


def of_run(root: Path) -> tuple[RecordedTrial, ...]:
    """Returns the trials of a finished run that reported an epoch, in the order of their asking.

    Args:
        root: `results/NAME`.
    """
    store = RunStore(root)
    run, seconds = load_run(store), _seconds(store.journal)
    people = int(run.study["data"]["people"])
    began = min(record.started for record in run.records)
    found = [
        RecordedTrial(
            run=root.name,
            commit=str(run.study.get("git_commit", ""))[:7],
            data=str(run.study["data"]["fingerprint"]),
            validated=round(_VALIDATED_SHARE * people),
            space=record.space,
            number=record.number,
            state=record.state.value,
            seed=record.seed,
            params=record.params,
            config=record.config,
            values=tuple(record.values.values()),
            seconds=seconds[run.study["studies"][record.space], record.number],
            asked=round(record.started - began, 3),
            ended=round(max(record.ended, record.started) - began, 3),
        )
        for record in run.records
        if record.values
    ]
    return tuple(sorted(found, key=lambda trial: trial.asked))


def read_corpus(path: Path) -> tuple[RecordedTrial, ...]:
    """Returns the trials of a file of such lines."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(_read(json.loads(line)) for line in lines)


def write_corpus(path: Path, trials: Iterable[RecordedTrial]) -> None:
    """Writes the trials of some runs."""
    path.write_text("".join(f"{trial.line()}\n" for trial in trials), encoding="utf-8")


def _read(values: dict[str, Any]) -> RecordedTrial:
    lists = {name: tuple(values[name]) for name in ("values", "seconds")}
    config = {n: tuple(v) if isinstance(v, list) else v for n, v in values["config"].items()}
    return RecordedTrial(**{**values, **lists, "config": config})


def _seconds(journal: Path) -> dict[tuple[str, int], tuple[float, ...]]:
    """Returns the worker's seconds at the end of every epoch, by study and number of the trial."""
    studies: list[str] = []
    trials: list[tuple[str, int]] = []
    now: dict[int, float] = {}
    found: dict[tuple[str, int], tuple[float, ...]] = {}
    for entry in map(json.loads, journal.read_text(encoding="utf-8").splitlines()):
        if "study_name" in entry and entry["study_name"] not in studies:
            studies.append(entry["study_name"])
        elif "study_id" in entry and "datetime_start" in entry:
            study = studies[entry["study_id"]]
            trials.append((study, sum(name == study for name, _ in trials)))
        elif entry["op_code"] == _SET_ATTRIBUTE and "seconds" in entry.get("user_attr", {}):
            now[entry["trial_id"]] = float(entry["user_attr"]["seconds"])
        elif entry["op_code"] == _SET_VALUE:
            trial, second = entry["trial_id"], now.get(entry["trial_id"], 0.0)
            found[trials[trial]] = (*found.get(trials[trial], ()), round(second, 3))
    return found

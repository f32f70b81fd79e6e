"""What a run has finished, whether any of it is lost or done twice later, whether all is there.

Read from the files themselves wherever headrace's own readers could hide what is looked for.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from search.errors import ResultsError
from search.predict.spec import EnsembleSpec
from search.store.journal_file import read_records
from search.store.names import as_file
from tests.faults.chaos_run import NAME, ROOT, ChaosRun, read_json

_TOLD = 6  # Optuna's operation that sets a state
_FINISHED = (1, 2, 3)  # COMPLETE, PRUNED, FAIL, by Optuna's numbers
_OVER = ("COMPLETE", "PRUNED")
_NO_LONGER = ("heartbeats", "checkpoints", "predictions/heartbeats", "predictions/why/heartbeats")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run has finished.

    Attributes:
        trials: how every finished trial ended, by space and number.
        units: time and digest of every finished unit's file, by its name.
        journal: its whole lines.
    """

    trials: dict[tuple[str, int], tuple[Any, ...]] = field(default_factory=dict)
    units: dict[str, tuple[int, str]] = field(default_factory=dict)
    journal: bytes = b""

    @classmethod
    def of(cls, root: Path) -> "Finished":
        """Reads the folder of a run, which may be at work."""
        try:
            study = read_json(root / "study.json")
            journal = (root / "optuna.journal").read_bytes()
            records = read_records(
                root / "optuna.journal", study["studies"], _names(study), begun=False
            )
        except OSError:  # none yet
            return cls()
        except ResultsError as error:
            raise AssertionError(f"{root} cannot be read: {error}") from error
        return cls(
            trials={
                (space, r.number): (r.state, r.cause, r.objective, r.params, r.seed, r.values)
                for space, found in records.items()
                for r in found
                if r.is_finished
            },
            units=dict(_units(root)),
            journal=journal[: journal.rfind(b"\n") + 1],
        )

    def lost(self, now: "Finished") -> list[str]:
        """Returns what was finished and is not, or not as it was, any more."""
        gone = [
            f"{space} trial {number}: {end[:3]}, now {now.trials.get((space, number), ())[:3]}"
            for (space, number), end in self.trials.items()
            if now.trials.get((space, number)) != end
        ]
        gone += [f"unit {name} is gone" for name in self.units.keys() - now.units.keys()]
        if not now.journal.startswith(self.journal[: self.journal.rfind(b"\n", 0, -1) + 1]):
            gone.append("the journal does not begin as it did")
        return gone

    def doubled(self, now: "Finished") -> list[str]:
        """Returns what was finished and has been done again."""
        again = [
            f"unit {name} was written again"
            for name, before in self.units.items()
            if now.units.get(name, before) != before
        ]
        return again + now.repeated()

    def repeated(self) -> list[str]:
        """Returns what is there twice: a trial that was told twice, two trials of one config."""
        entries = [json.loads(line) for line in self.journal.splitlines() if line.endswith(b"}")]
        told = Counter(
            entry["trial_id"]
            for entry in entries
            if entry["op_code"] == _TOLD and entry["state"] in _FINISHED
        )
        found = [f"trial id {trial} was told {n} times" for trial, n in told.items() if n > 1]
        configs = Counter((space, repr(end[3])) for (space, _), end in self.trials.items())
        alike = [f"{n} trials of {space} with {p}" for (space, p), n in configs.items() if n > 1]
        return [*found, *alike]


def _names(study: dict[str, Any]) -> list[str]:
    return [attribute["name"] for attribute in study["data"]["schema"]["attributes"]]


def _units(root: Path) -> Iterator[tuple[str, tuple[int, str]]]:
    for folder in (root / "predictions").glob("**/parts"):
        for path in folder.glob("[!.]*.npz"):
            with suppress(FileNotFoundError):
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                name = str(path.relative_to(root / "predictions"))
                yield name, (path.stat().st_mtime_ns, digest)


def incomplete(run: ChaosRun) -> list[str]:
    """Returns what a run that has ended well lacks, or has too much of."""
    root = run.root
    missing = [n for n in ("verdict.json", "report.html", "report.md") if not (root / n).is_file()]
    found = [f"{name} is missing" for name in missing]
    found += [f"{name} is left" for name in _NO_LONGER if (root / name).exists()]
    found += [f"{path.relative_to(root)} is left" for path in root.rglob("*.draft")]
    found += [f"{path.relative_to(root)} is left" for path in root.rglob("*.died")]
    if run.options.get("why", "full") == "full":
        found += _why(root)
    return [*found, *_trials(run), *_refit(root), *_ensemble(root), *_verdict(run)]


def _trials(run: ChaosRun) -> Iterator[str]:
    study = read_json(run.root / "study.json")
    planned = list(range(int(str(run.options["trials"]))))
    records = read_records(run.root / "optuna.journal", study["studies"], _names(study))
    for space, found in records.items():
        if [record.number for record in found] != planned:
            yield f"{space} has trials {[record.number for record in found]}, planned {planned}"
        for record in found:
            if record.state not in _OVER:
                yield f"{space} trial {record.number} is {record.state} ({record.error})"


def _refit(root: Path) -> Iterator[str]:
    note = read_json(root / "predictions" / "refit.json")
    shape, there = note["shape"], {path.name for path in root.glob("predictions/parts/*.npz")}
    planned = {
        f"{as_file(name.rpartition('.')[0])}.{name.rpartition('.')[2]}.{seed}.{fold}.npz"
        for name in note["configs"]
        for seed in range(shape["seeds"])
        for fold in range(shape["folds"])
    }
    if there != planned:
        yield f"units of the refit that are missing or strange: {sorted(there ^ planned)}"
    if note["notes"] or not note["done"]:
        yield f"the refit is done: {note['done']}, and notes {note['notes']}"


def _why(root: Path) -> Iterator[str]:
    path = root / "predictions" / "why" / "why.json"
    if not path.is_file():
        yield "why.json is missing"
        return
    record = read_json(path)
    if record["notes"] or not record["controls"]:
        yield f"the controls note {record['notes']}"


def _ensemble(root: Path) -> Iterator[str]:
    try:
        spec = EnsembleSpec.read(root / "ensemble")
    except ResultsError as error:
        yield f"the ensemble cannot be read: {error}"
        return
    missing = [file for file in spec.files if not (root / "ensemble" / file).is_file()]
    if missing:
        yield f"the ensemble lacks {missing}"


def _verdict(run: ChaosRun) -> Iterator[str]:
    """Yields what is wrong with judging the run again."""
    path = run.root / "verdict.json"
    if not path.is_file():
        return
    before = path.read_bytes()
    again = subprocess.run(
        [sys.executable, "-m", "search", "verdict", NAME, "--results", str(run.root.parent)],
        cwd=run.folder,  # the commands that are recommended depend on it
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if again.returncode:
        yield f"headrace verdict ends with {again.returncode}: {again.stderr[-300:]}"
    elif path.read_bytes() != before:
        yield "headrace verdict gives another verdict.json"

"""What a search came to: its choices, how they got better, and what the time went into."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

Config = Mapping[str, Any]

HIGHEST = "highest score"


@dataclass(slots=True, kw_only=True)
class Work:
    """Photos that went through the networks, and the seconds of a device that this took."""

    photos: int = 0
    seconds: float = 0.0

    def add(self, photos: int, seconds: float) -> None:
        """Counts some more."""
        self.photos += photos
        self.seconds += seconds


@dataclass(slots=True, kw_only=True)
class Found:
    """The end of a search; times in seconds after its process was started.

    Attributes:
        started: when the first trial could begin: what comes before is start-up.
        ended: when the choices were made.
        choices: by space, the config that the method would have its user take; None where it has
            none.
        by_rule: what the method would choose by other rules, by rule and space; empty where it has
            none.
        curves: by space, steps (time, validation score of what the method would choose then).
        trials: number by how they ended: complete, stopped (early), cut_off (by the end of the
            time), failed.
        training: photos and device seconds of training.
        evaluation: of validation; of headrace's own command, with the set-up of trials.
    """

    started: float
    ended: float
    choices: dict[str, Config | None] = field(default_factory=dict)
    by_rule: dict[str, dict[str, Config | None]] = field(default_factory=dict)
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    trials: dict[str, int] = field(default_factory=dict)
    training: Work = field(default_factory=Work)
    evaluation: Work = field(default_factory=Work)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Reads `to_dict` back, also of before, when `highest` was the only other rule."""
        given = dict(given)
        if highest := given.pop("highest", None):
            given["by_rule"] = {HIGHEST: highest}
        work = {name: Work(**given[name]) for name in ("training", "evaluation")}
        return cls(**{**given, **work})

    def write(self, path: Path) -> None:
        """Writes a JSON file."""
        path.write_text(json.dumps(self.to_dict()), encoding="utf-8")

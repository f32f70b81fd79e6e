"""`best/<space>.yaml`: what is read of it, and the digest that a replay is compared by.

The search writes the trial that it chose. Where the refit chooses another config, the verdict
writes the trial of that one, and keeps what the search chose below `search_choice`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from search.errors import ResultsError
from search.store.reading import is_there, read_yaml, reading
from trainables.blocks import read_flat
from trainables.config import TrialConfig

SEARCH_CHOICE = "search_choice"
"""Name of what the search chose, where it is not what the file holds."""
_MAX_SIDE, _MAX_NUMBER = 2**16, 2**63
_NEEDED = (
    *("space", "trial", "seed", "config", "score.value", "score.interval", "score.probabilities"),
    *("data.path", "data.layout", "data.demo_people", "data.fingerprint", "data.split"),
    *("data.stored_size", "training.device", "training.num_threads", "training.weights_dir"),
)


class Rule(StrEnum):
    """By which a run chooses, `chosen_by`; it keeps to the one that it began with."""

    SCORE = ""
    """The highest score."""
    LEAD = "lead"
    """The largest lead over the default less 1.5 standard errors, of one fold or two."""
    ONE_ERROR = "lead_of_one_error"
    """As `LEAD`, but of one fold alone less 1 standard error."""
    DUNNETT = "lead_dunnett"
    """As `LEAD`, but of one fold alone less Dunnett's critical value for as many leads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BestFile:
    """The best trial of a space, as `search.tuning.best` or `search.verdict.winners` wrote it.

    Attributes:
        space: name of the space.
        trial: number in its study.
        seed: of the training.
        config: the chosen config, by sections.
        score: validation macro-F1 and the ends of its interval.
        search_trial: number of the trial that the search chose; the refit may choose another.
        search_score: its score.
        probabilities: digest of the validation probabilities.
        data: folder of the data; empty for the demo.
        layout: of the data; None was found by itself.
        corrections: files, or names of known sets, of corrected labels.
        added: folders of further data.
        score_added: whether people of these validate, too.
        demo_people: people of the demo; 0 for other data.
        fingerprint: of the samples.
        split: fingerprint of the split.
        content: digest of the bytes of all photos; empty for the demo, and in older runs.
        stored_size: (height, width) of the photos the network was shown crops of.
        device: "cpu" or "cuda".
        num_threads: of the training.
        weights_dir: folder of pretrained weights; empty is the model hub.
        by_lead: whether its run chooses by the lead over the default; earlier, by the score alone.
    """

    space: str
    trial: int
    seed: int
    config: Mapping[str, Any]
    score: tuple[float, float, float]
    search_trial: int
    search_score: tuple[float, float, float]
    probabilities: str
    data: str
    layout: str | None
    corrections: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    score_added: bool = False
    demo_people: int
    fingerprint: str
    split: str
    content: str = ""
    stored_size: tuple[int, int]
    device: str
    num_threads: int
    weights_dir: str
    by_lead: bool = False

    def __post_init__(self) -> None:
        for value, low, high in (self.score, self.search_score):
            if not low <= value <= high:
                raise ValueError(f"`low <= score <= high` must hold, got {low}, {value}, {high}")
        if not all(1 <= side <= _MAX_SIDE for side in self.stored_size):
            raise ValueError(
                f"stored_size must be pixels in [1, {_MAX_SIDE}], got {self.stored_size}"
            )
        if self.device not in ("cpu", "cuda"):
            raise ValueError(f"device must be cpu or cuda, got {self.device!r}")
        bounds = {"num_threads": 1, "trial": 0, "search_trial": 0, "seed": 0, "demo_people": 0}
        for name, least in bounds.items():
            if not least <= getattr(self, name) < _MAX_NUMBER:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")

    @classmethod
    def read(cls, path: Path) -> "BestFile":
        """Reads the file.

        Raises:
            ResultsError: there is none, it is not YAML, it lacks something, or a value is of
                another kind.
        """
        if not is_there(path):
            raise ResultsError(
                f"a best config must exist, got {path}; runs write best/<space>.yaml"
            )
        if path.is_dir():
            raise ResultsError(f"a best config must be a file, got the folder {path}; {_in(path)}")
        with reading(path, "resume its run", wrong="is not a best config of headrace"):
            tree = read_yaml(path)
            missing = [name for name in _NEEDED if not _has(tree, name)]
            if missing:
                raise ValueError(f"it lacks {', '.join(missing)}")
            return cls._of(tree)

    def trial_config(self, names: Sequence[str]) -> TrialConfig:
        """Returns the config, of this run or of an older one.

        Raises:
            ConfigError: it is of a headrace with other options.
        """
        flat = {
            f"{section}.{name}": value
            for section, values in self.config.items()
            for name, value in (values.items() if isinstance(values, Mapping) else ())
        }
        return TrialConfig.from_flat(read_flat(flat, names))

    @classmethod
    def _of(cls, tree: Mapping[str, Any]) -> "BestFile":
        score, data, training = tree["score"], tree["data"], tree["training"]
        searched = search_choice(tree)
        height, width = data["stored_size"]
        return cls(
            space=str(tree["space"]),
            trial=int(tree["trial"]),
            seed=int(tree["seed"]),
            config=dict(tree["config"]),
            score=_score(score),
            search_trial=searched["trial"],
            search_score=_score(searched["score"]),
            probabilities=str(score["probabilities"]),
            data=str(data["path"]),
            layout=None if data["layout"] is None else str(data["layout"]),
            corrections=tuple(map(str, data.get("corrections", ()))),
            added=tuple(map(str, data.get("added", ()))),
            score_added=bool(data.get("score_added", False)),
            demo_people=int(data["demo_people"] or 0),
            fingerprint=str(data["fingerprint"]),
            split=str(data["split"]),
            content=str(data.get("content", "")),
            stored_size=(int(height), int(width)),
            device=str(training["device"]),
            num_threads=int(training["num_threads"]),
            weights_dir=str(training["weights_dir"]),
            by_lead=bool(searched["score"].get("chosen_by")),
        )


def search_choice(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns `trial` and `score` of what the search chose, of what a best config holds."""
    known = tree.get(SEARCH_CHOICE, tree)
    return {"trial": int(known["trial"]), "score": known["score"]}


def score_values(
    score: tuple[float, float, float],
    probabilities: NDArray[np.float32],
    *,
    chosen_by: str,
    people: int,
    default: float | None,
    second: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns `score` of a best config.

    Args:
        score: macro-F1 of the validation predictions and the ends of its interval.
        probabilities: these predictions, float [n, K].
        chosen_by: the rule; empty is the highest score.
        people: who validated.
        default: score of the default config; None where it has none.
        second: scores on a second fold.
    """
    value, low, high = map(float, score)
    return {
        "metric": "macro_f1",
        **({"chosen_by": chosen_by} if chosen_by else {}),
        "value": value,
        "interval": [low, high],
        "people": people,
        "photos": len(probabilities),
        "default_config": default,
        **({} if second is None else {"second_fold": dict(second)}),
        "probabilities": digest(probabilities),
    }


def best_text(values: Mapping[str, Any]) -> str:
    """Returns the text of a best config."""
    return yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True)


def _score(values: Mapping[str, Any]) -> tuple[float, float, float]:
    low, high = values["interval"]
    return float(values["value"]), float(low), float(high)


def _in(folder: Path) -> str:
    """Returns which best configs lie in a folder, be it of a run or of best configs."""
    inside = (*sorted(folder.glob("best/*.yaml")), *sorted(folder.glob("*.yaml")))
    found = [str(path) for path in inside if path.parent.name == "best"]
    return f"give one of: {', '.join(found)}" if found else "runs write best/<space>.yaml"


def _has(tree: Any, dotted: str) -> bool:
    for name in dotted.split("."):
        if not isinstance(tree, dict) or name not in tree:
            return False
        tree = tree[name]
    return True


def digest(probabilities: NDArray[np.float32]) -> str:
    """Returns 16 hex digits of the probabilities, bit for bit."""
    data = np.ascontiguousarray(probabilities, dtype="<f4").tobytes()
    return hashlib.sha256(data).hexdigest()[:16]

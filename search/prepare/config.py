"""What the user asked for, as frozen values: budget, resources, study."""

import re
import shlex
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from search.errors import UsageError
from search.prepare.resources import check_fraction

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
DEFAULT_TRIALS = 24
DEFAULT_BUDGET_OF_ALL = "20m"
MAX_REFIT_SEEDS = 20


def parse_duration(text: str) -> float:
    """Returns the seconds of a duration such as `90s`, `6m`, `1h30m`.

    Raises:
        UsageError: not a duration, or not above zero.
    """
    if not _DURATION.fullmatch(text):
        raise UsageError(
            f"a duration is a number with s, m, h or d, such as 90s or 1h30m, got {text!r}"
        )
    seconds = sum(
        float(number) * _UNITS[unit]
        for number, unit in re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    )
    if seconds <= 0:
        raise UsageError(f"a duration must be above zero, got {text!r}")
    return seconds


def format_duration(seconds: float) -> str:
    """Returns seconds as people write them: `45s`, `6m 05s`, `2h 03m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """When the search ends: after a time, a number of trials a space, or whichever is first.

    Attributes:
        seconds: of wall-clock time after data preparation; None is no limit.
        trials: a space; None is no limit.
    """

    seconds: float | None = None
    trials: int | None = None

    def __post_init__(self) -> None:
        if self.seconds is None and self.trials is None:
            raise UsageError("a budget needs a time, a number of trials, or both")
        if self.trials is not None and self.trials < 1:
            raise UsageError(f"--trials must be at least 1, got {self.trials}")

    def minus(self, seconds: float) -> "Budget":
        """Returns the budget with `seconds` set aside, at least a tenth of it left."""
        if self.seconds is None:
            return self
        return Budget(seconds=max(self.seconds / 10, self.seconds - seconds), trials=self.trials)

    def part(self, share: float) -> "Budget":
        """Returns the budget with a share of its time."""
        if self.seconds is None:
            return self
        return Budget(seconds=self.seconds * share, trials=self.trials)

    def describe(self) -> str:
        """Returns the budget in words."""
        parts = []
        if self.trials is not None:
            parts.append(f"{self.trials} trials a space")
        if self.seconds is not None:
            parts.append(format_duration(self.seconds))
        return " or ".join(parts) + (", whichever ends first" if len(parts) > 1 else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Everything that decides a run; written to `study.json` and read back by `--resume`."""

    name: str
    spaces: tuple[str, ...]
    data: str
    """Folder of the data, absolute; empty for the demo."""
    layout: str | None
    people: int
    """Number of demo people; without meaning for other data."""
    budget_seconds: float | None
    trials: int | None
    max_epochs: int | None
    seed: int
    gpus_per_trial: str
    pretrained: bool | None
    weights_dir: str
    address: str
    margin: float = 0.005
    refit_seeds: int | None = None
    """Trainings of every finalist and fold; None is three, or what the budget affords."""
    pseudo_labels: str = ""
    """Folder of unlabelled photos to train the finalists with again, absolute; empty for none."""
    pseudo_thresholds: tuple[str, ...] = ()
    """ATTRIBUTE=SHARE, the least probability of a pseudo-label."""
    why: str = "predictions"
    """What reasons may come from: "predictions" that are there, or "full" with more trainings."""
    keep_models: bool = False
    """Whether fold models that the ensemble does not use are kept."""

    @property
    def budget(self) -> Budget:
        """When the search ends."""
        return Budget(seconds=self.budget_seconds, trials=self.trials)

    @property
    def weights_path(self) -> Path | None:
        """Folder of pretrained weights, or None."""
        return Path(self.weights_dir) if self.weights_dir else None

    def checked(self) -> "RunConfig":
        """Returns the config itself; raises UsageError where a value is none that it may be."""
        self.budget  # noqa: B018  building it checks it
        if self.refit_seeds is not None and not 1 <= self.refit_seeds <= MAX_REFIT_SEEDS:
            raise UsageError(
                f"--refit-seeds must be between 1 and {MAX_REFIT_SEEDS}, got {self.refit_seeds}"
            )
        check_fraction(self.gpus_per_trial)
        return self

    def changed(self, **given: Any) -> "RunConfig":
        """Returns the config with the values that are not None put in."""
        return replace(self, **{n: v for n, v in given.items() if v is not None}).checked()

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RunConfig":
        """Reads `to_dict` back."""
        lists = {n: tuple(v) for n, v in values.items() if isinstance(v, list)}
        return cls(**{**values, **lists})


def command_of(config: RunConfig) -> str:
    """Returns the command that makes this config again, but for name, folders and cluster."""
    given = {
        "--data": config.data,
        "--layout": config.layout,
        "--people": "" if config.data else config.people,
        "--weights-dir": config.weights_dir,
        "--budget": f"{config.budget_seconds:g}s" if config.budget_seconds else "",
        "--trials": config.trials,
        "--max-epochs": config.max_epochs,
        "--refit-seeds": config.refit_seeds,
        "--why": "full" if config.why == "full" else "",
        "--pseudo-labels": config.pseudo_labels,
        "--seed": config.seed,
    }
    words = ["headrace", "run", "--space", *config.spaces]
    for option, value in given.items():
        if value not in ("", None):
            words += [option, str(value)]
    if config.pseudo_thresholds:
        words += ["--pseudo-threshold", *config.pseudo_thresholds]
    if config.pretrained is not None and not config.weights_dir:
        words.append("--pretrained" if config.pretrained else "--no-pretrained")
    return shlex.join([*words, *(["--keep-models"] if config.keep_models else [])])

"""What the user asked for, as frozen values: budget, resources, study."""

import re
import shlex
from argparse import BooleanOptionalAction
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from search.errors import UsageError
from search.prepare import given
from search.prepare.option import (
    FirstData,
    Option,
    absolute,
    at_least,
    below_one,
    between,
    cluster,
    host_and_port,
    option,
)
from search.prepare.resources import check_fraction
from search.store.reading import typed

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
DEFAULT_TRIALS = 24
DEFAULT_PEOPLE = 300
MIN_PEOPLE = 40
DEFAULT_MARGIN = 0.005
MARGIN_HELP = "differences of macro-F1 within it are equivalent"
DEFAULT_ACCEPT_LOSS = 0.02
ACCEPT_LOSS_HELP = "macro-F1 that may be lost for an approach that is cheaper to serve"
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
    """When the search ends: after a time, a number of trials per space, or whichever is first.

    Attributes:
        seconds: of wall-clock time after data preparation; None is no limit.
        trials: per space; None is no limit.
    """

    seconds: float | None = None
    trials: int | None = None

    def __post_init__(self) -> None:
        if self.seconds is None and self.trials is None:
            raise UsageError("a budget needs a time, a number of trials, or both")
        if self.trials is not None:
            at_least(1)("--trials", self.trials)

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
            parts.append(f"{self.trials} trial{'' if self.trials == 1 else 's'} per space")
        if self.seconds is not None:
            parts.append(format_duration(self.seconds))
        return " or ".join(parts) + (", whichever ends first" if len(parts) > 1 else "")


def _budget_seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except UsageError as error:
        raise UsageError(f"--budget: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """Everything that decides a run; written to `study.json` and read back by `--resume`.

    Every field is given by an option: to add an option is to add a field. Those without a default
    are said in every command that makes a config again.
    """

    spaces: tuple[str, ...] = option(
        "--space",
        "attributes of the data (demo: age, gender, mask), joint, multihead, all, "
        "path/to/space.py, gender=path/to/space.py; several with blanks between them",
        read=given.absolute_spaces,
        action="extend",
        nargs="+",
        metavar="SPACE",
    )
    name: str = option("--name", "name of the run (default: spaces and time)", write=None)
    data: str = option(
        "--data",
        "folder of the data (default: the built-in demo); given again, folders that are added",
        default="",
        read=absolute,
        action=FirstData,
    )
    """Absolute; empty for the demo."""
    add_data: tuple[str, ...] = option(
        "--add-data",
        "folders of further data, which only trains: nobody in it is validated or held out",
        default=(),
        read=given.added,
        action="extend",
        nargs="+",
        metavar="DIR",
    )
    """Absolute."""
    score_added: bool = option(
        "--score-added",
        "validate and hold out people of added data, too",
        default=False,
        action="store_const",
        const=True,
    )
    layout: str | None = option(
        "--layout", "profiles or manifest (default: found by itself)", default=None
    )
    corrections: tuple[str, ...] = option(
        "--corrections",
        "CSV files group_or_path,attribute,label,reason, or competition, the known errors of its "
        "data (default: corrections.csv beside the data)",
        default=(),
        read=given.corrections,
        action="extend",
        nargs="+",
        metavar="FILE",
    )
    """Absolute paths, or names of known sets."""
    people: int = option(
        "--people",
        f"people of the demo (default: {DEFAULT_PEOPLE})",
        check=at_least(MIN_PEOPLE),
        type=int,
    )
    """Without meaning for other data than the demo."""
    budget_seconds: float | None = option(
        "--budget",
        "wall-clock time such as 6m or 2h (default: none; --space all of the demo: "
        f"{DEFAULT_BUDGET_OF_ALL})",
        default=None,
        read=_budget_seconds,
        on_top=True,
        write=lambda seconds: f"{seconds:.3f}".rstrip("0").rstrip(".") + "s",
        metavar="TIME",
    )
    trials: int | None = option(
        "--trials",
        f"trials per space (default: {DEFAULT_TRIALS}; with --budget or --space all none)",
        default=None,
        check=at_least(1),
        on_top=True,
        type=int,
    )
    max_epochs: int | None = option(
        "--max-epochs",
        "length of every trial's schedule",
        default=None,
        check=at_least(1),
        type=int,
    )
    refit_seeds: int | None = option(
        "--refit-seeds",
        "seeds of the refit of --space all, at most: it ends where all is decided (default: 6)",
        default=None,
        check=between(1, MAX_REFIT_SEEDS),
        on_top=True,
        type=int,
        metavar="N",
    )
    """None is six, or what the budget affords."""
    seed: int = option(
        "--seed", "of samplers and trainings (default: 0)", check=at_least(0), type=int
    )
    pretrained: bool | None = option(
        "--pretrained",
        "load ImageNet weights (default: on a GPU, or with --weights-dir)",
        default=None,
        action=BooleanOptionalAction,
    )
    weights_dir: str = option(
        "--weights-dir",
        "folder of <timm name>.safetensors (default: model hub)",
        default="",
        read=given.weights_dir,
        on_top=True,
    )
    """Absolute; empty is the model hub."""
    backbones: tuple[str, ...] = option(
        "--backbones",
        "timm models that the spaces offer, the first by default, or a screen.json "
        "(default: those of the device)",
        default=(),
        read=given.backbones,
        action="extend",
        nargs="+",
        metavar="NAME",
    )
    """Empty is what the device and the weights suggest."""
    why: str = option(
        "--why",
        "reasons from predictions (default) or from more, controlled trainings too",
        default="predictions",
        on_top=True,
        choices=("predictions", "full"),
    )
    margin: float = option(
        "--margin",
        f"{MARGIN_HELP} (default: {DEFAULT_MARGIN})",
        default=DEFAULT_MARGIN,
        check=below_one,
        on_top=True,
        type=float,
    )
    accept_loss: float = option(
        "--accept-loss",
        f"{ACCEPT_LOSS_HELP} (default: {DEFAULT_ACCEPT_LOSS})",
        default=DEFAULT_ACCEPT_LOSS,
        check=below_one,
        on_top=True,
        type=float,
    )
    pseudo_labels: str = option(
        "--pseudo-labels",
        "unlabelled photos to train the finalists with, used only where that wins",
        default="",
        read=given.photos_dir,
        on_top=True,
        metavar="DIR",
    )
    """Absolute; empty for none."""
    pseudo_thresholds: tuple[str, ...] = option(
        "--pseudo-threshold",
        "least probability of a pseudo-label (default: 0.9 for every attribute)",
        default=(),
        read=tuple,
        on_top=True,
        action="extend",
        nargs="+",
        metavar="ATTRIBUTE=SHARE",
    )
    race: bool = option(
        "--race",
        "end the search of an approach whose chance of being the best is below 5 %%, from ten "
        "trials a space on (fewer in one with a config at 0.98), and give its time to the others",
        default=False,
        read=lambda given: given or None,
        on_top=True,
        action="store_true",
    )
    warm_start: tuple[str, ...] = option(
        "--warm-start",
        "portfolios of other runs (headrace export NAME --to portfolio), whose configs are tried "
        "after the default",
        default=(),
        read=given.portfolios,
        action="extend",
        nargs="+",
        metavar="FILE",
    )
    """Absolute; empty for none."""
    bf16: bool = option(
        "--bf16",
        "on a CPU with instructions for it, train in bf16 what takes a tenth less time so; it may "
        "cost a little of the score (a GPU always does)",
        default=False,
        action="store_const",
        const=True,
    )
    keep_models: bool = option(
        "--keep-models",
        "keep the fold models that the ensemble does not use",
        default=False,
        read=lambda given: given or None,
        on_top=True,
        action="store_true",
    )
    no_photos: bool = option(
        "--no-photos",
        "no photos in the report, and none kept in the results",
        default=False,
        read=lambda given: given or None,
        on_top=True,
        action="store_true",
    )
    gpus_per_trial: str = option(
        "--gpus-per-trial",
        "share of a GPU that a trial holds: 1, 0.5, 1/3, 0.25, or measured: as small as "
        "pays (default: auto, which is 1)",
        default="auto",
        check=lambda _, value: check_fraction(value),
        on_top=True,
        write=None,
    )
    address: str = option(
        "--address",
        "HOST:PORT of a Ray cluster, auto, or local (default: this machine)",
        default="",
        read=cluster,
        check=host_and_port,
        on_top=True,
        write=None,
    )

    @property
    def budget(self) -> Budget:
        """When the search ends."""
        return Budget(seconds=self.budget_seconds, trials=self.trials)

    @property
    def weights_path(self) -> Path | None:
        """Folder of pretrained weights, or None."""
        return Path(self.weights_dir) if self.weights_dir else None

    def checked(self) -> "RunConfig":
        """Returns the config itself; raises UsageError where it cannot be one of its values."""
        for name, declared in OPTIONS.items():
            value = getattr(self, name)
            if declared.check is not None and value is not None:
                declared.check(declared.flag, value)
        self.budget  # noqa: B018  building it checks it
        return self

    def changed(self, **values: Any) -> "RunConfig":
        """Returns the config with the values that are not None put in."""
        return replace(self, **{n: v for n, v in values.items() if v is not None}).checked()

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RunConfig":
        """Reads `to_dict` back.

        Raises:
            TypeError, ValueError: a value is missing, unknown or of another type.
        """
        kinds = get_type_hints(cls)
        return cls(**{n: typed(kinds[n], v) if n in kinds else v for n, v in values.items()})


OPTIONS: dict[str, Option] = {e.name: e.metadata["option"] for e in fields(RunConfig)}
"""The option of every field, by its name."""


def command_of(config: RunConfig) -> str:
    """Returns the command that makes this config again, but for name, folders and cluster."""
    # Without meaning for data of one's own, and beside a folder of weights.
    left_out = {"people": config.data, "pretrained": config.weights_dir}
    words = ["headrace", "run"]
    for each in fields(config):
        value = getattr(config, each.name)
        if value not in (None, "", each.default) and not left_out.get(each.name):
            words += OPTIONS[each.name].words(value)
    return shlex.join(words)

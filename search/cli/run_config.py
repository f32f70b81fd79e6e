"""From the options of `run` to the config of a study."""

import argparse
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from search.cli.options import DEFAULT_PEOPLE
from search.errors import UsageError
from search.prepare.config import (
    DEFAULT_BUDGET_OF_ALL,
    DEFAULT_TRIALS,
    RunConfig,
    parse_duration,
)

_MIN_PEOPLE = 40
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")
# What a resumed run has for good: giving it again would change nothing, or the run.
_FIXED = ("space", "name", "data", "layout", "people", "max_epochs", "seed", "pretrained")


def check_not_empty(options: argparse.Namespace) -> None:
    """Raises UsageError where an option was given an empty value."""
    # `--data "$UNSET"` must not search the demo.
    for name, value in vars(options).items():
        if value == "" or (isinstance(value, list) and "" in value):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} must not be empty; give a value or leave {option} out")


def new_config(options: argparse.Namespace) -> RunConfig:
    """Returns the config of a new run; raises UsageError where options make none."""
    if not options.space:
        raise UsageError("run needs --space (or --resume NAME), such as --space age")
    if len(set(options.space)) < len(options.space):
        raise UsageError(f"--space must name every space once, got {' '.join(options.space)}")
    people = DEFAULT_PEOPLE if options.people is None else options.people
    if people < _MIN_PEOPLE:
        raise UsageError(f"--people must be at least {_MIN_PEOPLE}, got {people}")
    if options.data and options.people is not None:
        raise UsageError("--people is for the demo and means nothing with --data; drop one")
    if options.max_epochs is not None and options.max_epochs < 1:
        raise UsageError(f"--max-epochs must be at least 1, got {options.max_epochs}")
    _check_weights_dir(options.weights_dir)
    if options.weights_dir and options.pretrained is False:
        raise UsageError("--weights-dir and --no-pretrained contradict each other; drop one")
    trials, budget = options.trials, options.budget
    if trials is None and budget is None:
        if "all" in options.space:
            budget = _budget_of_all(options)
        else:
            trials = DEFAULT_TRIALS
    config = RunConfig(
        name=options.name or _default_name(options.space),
        spaces=tuple(_absolute_space(space) for space in options.space),
        data=absolute(options.data),
        layout=options.layout,
        people=people,
        budget_seconds=parse_duration(budget) if budget else None,
        trials=trials,
        max_epochs=options.max_epochs,
        seed=options.seed or 0,
        gpus_per_trial=options.gpus_per_trial or "auto",
        pretrained=options.pretrained,
        weights_dir=absolute(options.weights_dir),
        address=options.address or "",
        refit_seeds=options.refit_seeds,
        why=options.why or "predictions",
        keep_models=options.keep_models,
        **_pseudo(options),
    )
    return config.checked()


def _budget_of_all(options: argparse.Namespace) -> str:
    if options.data:
        raise UsageError(
            "--space all on your own data needs --budget TIME (such as 2h) or --trials N; the "
            f"default of {DEFAULT_BUDGET_OF_ALL} suits the demo"
        )
    return DEFAULT_BUDGET_OF_ALL


def resumed_config(options: argparse.Namespace) -> RunConfig:
    """Returns the stored config with what may change put in; raises UsageError, ResultsError."""
    from search.store.run_store import RunStore

    given = [name for name in _FIXED if getattr(options, name) is not None]
    if given:
        raise UsageError(
            f"--resume takes the run as it was; leave out --{given[0].replace('_', '-')}"
        )
    _check_weights_dir(options.weights_dir)
    study = RunStore.open(options.results, options.resume).read_study()
    stored = RunConfig.from_dict(study["config"])
    return stored.changed(
        name=options.resume,  # the folder may have been renamed or copied
        budget_seconds=parse_duration(options.budget) if options.budget else None,
        trials=options.trials,
        address=options.address,
        refit_seeds=options.refit_seeds,
        why=options.why,
        keep_models=options.keep_models or None,
        **{name: value or None for name, value in _pseudo(options).items()},
        gpus_per_trial=options.gpus_per_trial,
        weights_dir=absolute(options.weights_dir) or None,
    )


def _pseudo(options: argparse.Namespace) -> dict[str, Any]:
    folder, thresholds = options.pseudo_labels, options.pseudo_threshold
    if folder and not Path(folder).is_dir():
        raise UsageError(f"--pseudo-labels must be a folder of photos, got {folder}")
    if thresholds and not folder:
        raise UsageError("--pseudo-threshold needs --pseudo-labels DIR")
    return {"pseudo_labels": absolute(folder), "pseudo_thresholds": tuple(thresholds or ())}


def _check_weights_dir(folder: str | None) -> None:
    if folder and not Path(folder).is_dir():
        raise UsageError(f"--weights-dir must be a folder, got {folder}")
    if folder and not any(Path(folder).glob("*.safetensors")):
        raise UsageError(
            f"--weights-dir must hold files <timm name>.safetensors, {folder} has none; leave it "
            "out to use the model hub, or --no-pretrained to train from scratch"
        )


def absolute(path: str | None) -> str:
    """Returns an absolute path, or an empty string for none."""
    return str(Path(path).resolve()) if path else ""


def _absolute_space(space: str) -> str:
    # A resumed run may be started from another folder.
    name, given, file = space.rpartition("=")
    return f"{name}{given}{absolute(file)}" if file.endswith(".py") else space


def _default_name(spaces: Sequence[str]) -> str:
    # A space may be called anything, a run may not.
    stems = [_NOT_IN_NAMES.sub("", Path(s.rpartition("=")[2]).stem)[:15] for s in spaces]
    named = [stem for stem in stems if stem[:1].isalnum()]
    return "-".join([*(named or ["run"])[:5], time.strftime("%Y%m%d-%H%M%S")])

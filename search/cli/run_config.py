"""From the options of `run` to the config of a study."""

import argparse
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from search.errors import ResultsError, UsageError
from search.prepare.config import (
    DEFAULT_BUDGET_OF_ALL,
    DEFAULT_PEOPLE,
    DEFAULT_TRIALS,
    OPTIONS,
    RunConfig,
    format_duration,
    parse_duration,
)
from search.store.run_store import RunStore
from spaces import split_spec

FROZEN_OPTIONS = ("data", "layout", "corrections", "people", "pretrained", "weights_dir")
"""Fields of a run's config that the commands on frozen features take, too."""
AUDIT_OPTIONS = ("data", "layout", "people", "corrections")
"""Those that an audit takes, too."""
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")


def check_not_empty(options: argparse.Namespace) -> None:
    """Raises UsageError where an option was given an empty value."""
    # `--data "$UNSET"` must not search the demo.
    for name, value in vars(options).items():
        if value == "" or (isinstance(value, list) and "" in value):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} must not be empty; give a value or leave {option} out")


def new_config(options: argparse.Namespace) -> RunConfig:
    """Returns the config of a new run; raises UsageError where the options do not make one."""
    if not options.space:
        raise UsageError("run needs --space (or --resume NAME), such as --space age")
    if len(set(options.space)) < len(options.space):
        raise UsageError(f"--space must name every space once, got {' '.join(options.space)}")
    _check_contradictions(options)
    defaults = {
        "name": _default_name(options.space),
        "people": DEFAULT_PEOPLE,
        "seed": 0,
        **_default_end(options),
    }
    config = RunConfig(**{**defaults, **_given(options)}).checked()
    _check_refit(config, options)
    roots = (config.data, *config.add_data)
    if twice := [root for place, root in enumerate(roots) if root in roots[:place]]:
        raise UsageError(f"--data and --add-data must name a folder once, got {twice[0]} twice")
    return config


def frozen_config(options: argparse.Namespace) -> RunConfig:
    """Returns data and weights of a command that trains no network, as those of a run.

    Raises:
        UsageError: the options do not make one.
    """
    check_not_empty(options)
    _check_contradictions(options)
    raw = {name: getattr(options, OPTIONS[name].dest) for name in FROZEN_OPTIONS}
    given = {name: OPTIONS[name].read(value) for name, value in raw.items() if value is not None}
    defaults = {"people": DEFAULT_PEOPLE, "seed": 0, "trials": DEFAULT_TRIALS}
    return RunConfig(spaces=(), name=options.command, **{**defaults, **given}).checked()


def audit_config(options: argparse.Namespace, store: RunStore | None) -> RunConfig:
    """Returns the data of an audit as that of a run: of the options, or of a run that there is.

    Raises:
        UsageError: the options contradict each other.
        ResultsError: the run has no config.
    """
    raw = {name: getattr(options, OPTIONS[name].dest) for name in AUDIT_OPTIONS}
    given = {name: OPTIONS[name].read(value) for name, value in raw.items() if value is not None}
    if options.data and options.people is not None:
        raise UsageError("--people is for the demo and means nothing with --data; drop one")
    if store is None:
        if options.write_corrections is not None:
            raise UsageError("--write-corrections needs the models of a run: --run NAME")
        defaults = {"people": DEFAULT_PEOPLE, "seed": 0, "trials": DEFAULT_TRIALS}
        return RunConfig(spaces=(), name="audit", **{**defaults, **given}).checked()
    if set(given) - {"data"}:
        raise UsageError(
            "--run takes the data as the run did; leave out "
            f"{', '.join(OPTIONS[name].flag for name in given if name != 'data')}"
        )
    return RunConfig.from_dict(store.read_study()["config"]).changed(**given)


def _check_contradictions(options: argparse.Namespace) -> None:
    if options.data and options.people is not None:
        raise UsageError("--people is for the demo and means nothing with --data; drop one")
    if getattr(options, "add_data", None) and not options.data:
        raise UsageError("--add-data adds to data of your own; name that with --data first")
    if getattr(options, "score_added", None) and not options.add_data:
        raise UsageError("--score-added is about added data; add some (--add-data DIR)")
    if options.weights_dir and options.pretrained is False:
        raise UsageError("--weights-dir and --no-pretrained contradict each other; drop one")


def resumed_config(options: argparse.Namespace) -> RunConfig:
    """Returns the stored config with what may change put in; raises UsageError, ResultsError."""
    from search.store.reading import reading

    for option in OPTIONS.values():
        if not option.on_top and getattr(options, option.dest) is not None:
            raise UsageError(f"--resume takes the run as it was; leave out {option.flag}")
    given = _given(options)
    try:
        store = RunStore.open(options.results, options.resume)
    except ResultsError as error:
        if (options.results / options.resume).exists():
            raise
        raise ResultsError(
            f"{error}; a run that ended before its search began is started again with the same "
            "command"
        ) from error
    stored = store.read_study()["config"]
    with reading(store.root / "study.json", "copy the run whole, or start a new one"):
        # The folder may have been renamed or copied.
        config = RunConfig.from_dict(stored).changed(name=options.resume)
    config = replace(config, **_end_instead(config, given)).changed(**given)
    _check_refit(config, options)
    return config


def _end_instead(stored: RunConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what no longer ends a resumed run that gets another end than it had.

    With both, the old one would end it at once: 24 trials that are there, or a time that is over.

    Raises:
        UsageError: a run whose refit is planned by its time gets a number of trials alone.
    """
    if "budget_seconds" in given and "trials" not in given and stored.budget_seconds is None:
        return {"trials": None}
    if "trials" in given and "budget_seconds" not in given and stored.trials is None:
        if "all" in stored.spaces and stored.budget_seconds is not None:
            raise UsageError(
                "--trials alone does not lengthen a run with a refit that its time ends "
                f"({format_duration(stored.budget_seconds)}); give --budget, too"
            )
        return {"budget_seconds": None}
    return {}


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the values of the config's fields that the command line gives."""
    raw = {name: getattr(options, option.dest) for name, option in OPTIONS.items()}
    read = {name: OPTIONS[name].read(value) for name, value in raw.items() if value is not None}
    return {name: value for name, value in read.items() if value is not None}


def _check_refit(config: RunConfig, options: argparse.Namespace) -> None:
    """Raises UsageError where options of the refit are given to a run that has none."""
    if options.pseudo_threshold and not config.pseudo_labels:
        raise UsageError("--pseudo-threshold needs --pseudo-labels DIR")
    if "all" in config.spaces:
        return
    asked = {
        "--refit-seeds": options.refit_seeds is not None,
        "--why full": options.why == "full",
        "--pseudo-labels": bool(options.pseudo_labels),
    }
    if given := [flag for flag, is_given in asked.items() if is_given]:
        raise UsageError(
            f"{', '.join(given)} is about the refit of --space all, got --space "
            f"{' '.join(config.spaces)}; drop it, or run --space all"
        )


def _default_end(options: argparse.Namespace) -> dict[str, Any]:
    """Returns what ends a search that was given neither time nor trials."""
    if options.trials is not None or options.budget is not None:
        return {}
    if "all" not in options.space:
        return {"trials": DEFAULT_TRIALS}
    if options.data:
        raise UsageError(
            "--space all on your own data needs --budget TIME (such as 2h) or --trials N; the "
            f"default of {DEFAULT_BUDGET_OF_ALL} suits the demo"
        )
    return {"budget_seconds": parse_duration(DEFAULT_BUDGET_OF_ALL)}


def _default_name(spaces: Sequence[str]) -> str:
    # A space may be called anything, a run may not.
    files = (file or name for name, file in map(split_spec, spaces))
    stems = [_NOT_IN_NAMES.sub("", Path(file).stem)[:15] for file in files]
    named = [stem for stem in stems if stem[:1].isalnum()]
    return "-".join([*(named or ["run"])[:5], time.strftime("%Y%m%d-%H%M%S")])

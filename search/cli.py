"""The command line: options to values, errors to messages and exit codes.

Exit codes: 0 done, 1 some trials failed but the run finished, 2 bad input or usage, 130
interrupted and
resumable.
"""

import argparse
import os
import re
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from search import ray_settings
from search.config import (
    DEFAULT_BUDGET_OF_ALL,
    DEFAULT_TRIALS,
    StudyConfig,
    parse_duration,
)
from search.errors import SearchError, UsageError
from search.store import check_writable
from spaces.errors import SpaceError

OK, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
_MIN_PEOPLE = 40
_MARGIN_HELP = "differences of macro-F1 within it are equivalent (default: 0.005)"
_DEFAULT_PEOPLE = 300
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")
# What a resumed run has for good: giving it again would change nothing, or the run.
_FIXED = ("space", "name", "data", "layout", "people", "max_epochs", "seed", "pretrained")


def default_cache() -> Path:
    """Returns the cache folder: `$XDG_CACHE_HOME/headrace`, else `~/.cache/headrace`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "headrace"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see {self.prog} --help")


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of every command."""
    parser = _Parser(
        prog="headrace",
        description="Searches hyperparameters for separate, joint and multi-head models.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    _add_run(commands.add_parser("run", help="search one or more spaces", allow_abbrev=False))
    _add_concluding(commands)
    replay = commands.add_parser(
        "replay", help="train a best config again: the same score", allow_abbrev=False
    )
    replay.add_argument("best", type=Path, help="results/NAME/best/SPACE.yaml")
    replay.add_argument("--data", default="", help="where the data is now, if it was moved")
    replay.add_argument("--weights-dir", default="", help="where the weights are now")
    replay.add_argument("--cache", type=Path, default=None, help="folder of decoded images")
    return parser


def _add_concluding(commands: Any) -> None:
    for name, text in (
        ("verdict", "judge a refitted run again, from its predictions"),
        ("report", "write a run's verdict and report again"),
    ):
        command = commands.add_parser(name, help=text, allow_abbrev=False)
        command.add_argument("name", help="name of the run")
        command.add_argument(
            "--results", type=Path, default=Path("results"), help="folder of all runs"
        )
        command.add_argument("--margin", type=float, default=None, help=_MARGIN_HELP)
    compare = commands.add_parser(
        "compare", help="judge anybody's prediction files", allow_abbrev=False
    )
    compare.add_argument("--truth", type=Path, required=True, help="CSV sample,group,label")
    compare.add_argument(
        "predictions",
        nargs="+",
        metavar="NAME=CSV",
        help="CSV sample,p0,...,p{C-1} with optional seed",
    )
    compare.add_argument("--out", type=Path, default=Path("compared"), help="where to write")
    compare.add_argument("--margin", type=float, default=0.005, help=_MARGIN_HELP)
    compare.add_argument("--seed", type=int, default=0, help="of the resamples (default: 0)")


def _add_run(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--space",
        nargs="+",
        default=None,
        metavar="SPACE",
        help="age, gender, mask, joint, multihead, all, path/to/space.py, gender=path/to/space.py",
    )
    run.add_argument(
        "--plan", action="store_true", help="say what would run and how long; run nothing"
    )
    run.add_argument("--resume", default=None, metavar="NAME", help="go on with a run")
    run.add_argument("--name", default=None, help="name of the run (default: spaces and time)")
    run.add_argument(
        "--data", default=None, help="folder of the data (default: the built-in demo)"
    )
    run.add_argument(
        "--layout", default=None, help="profiles or manifest (default: found by itself)"
    )
    run.add_argument(
        "--people",
        type=int,
        default=None,
        help=f"people of the demo (default: {_DEFAULT_PEOPLE})",
    )
    _add_run_limits(run)


def _add_run_limits(run: argparse.ArgumentParser) -> None:
    run.add_argument(
        "--budget", default=None, metavar="TIME", help="wall-clock time such as 6m or 2h"
    )
    run.add_argument(
        "--trials", type=int, default=None, help=f"trials a space (default: {DEFAULT_TRIALS})"
    )
    run.add_argument(
        "--max-epochs", type=int, default=None, help="length of every trial's schedule"
    )
    run.add_argument(
        "--seed", type=int, default=None, help="of samplers and trainings (default: 0)"
    )
    run.add_argument(
        "--gpus-per-trial", default=None, help="auto, 1, 0.5, 1/3 or 0.25 (default: auto)"
    )
    run.add_argument(
        "--pretrained",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="load ImageNet weights (default: on a GPU, or with --weights-dir)",
    )
    run.add_argument(
        "--weights-dir",
        default=None,
        help="folder of <timm name>.safetensors (default: model hub)",
    )
    run.add_argument(
        "--address", default=None, help="address of a Ray cluster (default: this machine)"
    )
    run.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        help="folder of all runs (default: results)",
    )
    run.add_argument(
        "--cache", type=Path, default=None, help="folder of demo data and decoded images"
    )


def main(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit code."""
    try:
        options = build_parser().parse_args(arguments)
        command = _COMMANDS[options.command]
        return command(options)
    except (SearchError, SpaceError) as error:
        return _refuse(error)
    except Exception as error:
        # Importing torch just to name its errors would slow every usage error down.
        from trainables.errors import TrainablesError

        if isinstance(error, TrainablesError):
            return _refuse(error)
        raise
    except KeyboardInterrupt:
        print("headrace: interrupted", file=sys.stderr)
        return INTERRUPTED


def _refuse(error: Exception) -> int:
    # Some libraries spread their message over lines; the user gets one.
    text = " ".join(line.strip() for line in str(error).splitlines())
    print(f"headrace: {text}", file=sys.stderr)
    return BAD_INPUT


def entry() -> None:
    """Runs the installed command `headrace`."""
    sys.exit(main(sys.argv[1:]))


def _run(options: argparse.Namespace) -> int:
    _check_not_empty(options)
    config = _resumed(options) if options.resume else _new(options)
    cache = _writable_cache(options.cache)
    check_writable("--results", options.results)
    ray_settings.apply(one_machine=not config.address)
    from rich.console import Console

    from search.study import run_study

    end = run_study(
        config,
        options.results,
        cache,
        Console(),
        resume=bool(options.resume),
        forecast_only=options.plan,
    )
    if end.interrupted:
        return INTERRUPTED
    return SOME_FAILED if end.num_failed else OK


def _check_not_empty(options: argparse.Namespace) -> None:
    # `--data "$UNSET"` must not search the demo.
    for name, value in vars(options).items():
        if value == "" or (isinstance(value, list) and "" in value):
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} must not be empty; give a value or leave {option} out")


def _writable_cache(given: Path | None) -> Path:
    cache = given or default_cache()
    check_writable("--cache", cache)
    return cache


def _new(options: argparse.Namespace) -> StudyConfig:
    if not options.space:
        raise UsageError("run needs --space (or --resume NAME), such as --space age")
    if len(set(options.space)) < len(options.space):
        raise UsageError(f"--space must name every space once, got {' '.join(options.space)}")
    people = _DEFAULT_PEOPLE if options.people is None else options.people
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
    config = StudyConfig(
        name=options.name or _default_name(options.space),
        spaces=tuple(_absolute_space(space) for space in options.space),
        data=_absolute(options.data),
        layout=options.layout,
        people=people,
        budget_seconds=parse_duration(budget) if budget else None,
        trials=trials,
        max_epochs=options.max_epochs,
        seed=options.seed or 0,
        gpus_per_trial=options.gpus_per_trial or "auto",
        pretrained=options.pretrained,
        weights_dir=_absolute(options.weights_dir),
        address=options.address or "",
    )
    return config.checked()


def _budget_of_all(options: argparse.Namespace) -> str:
    if options.data:
        raise UsageError(
            "--space all on your own data needs --budget TIME (such as 2h) or --trials N; the "
            f"default of {DEFAULT_BUDGET_OF_ALL} suits the demo"
        )
    return DEFAULT_BUDGET_OF_ALL


def _resumed(options: argparse.Namespace) -> StudyConfig:
    from search.store import RunStore

    given = [name for name in _FIXED if getattr(options, name) is not None]
    if given:
        raise UsageError(
            f"--resume takes the run as it was; leave out --{given[0].replace('_', '-')}"
        )
    _check_weights_dir(options.weights_dir)
    study = RunStore.open(options.results, options.resume).read_study()
    stored = StudyConfig.from_dict(study["config"])
    return stored.changed(
        budget_seconds=parse_duration(options.budget) if options.budget else None,
        trials=options.trials,
        address=options.address,
        gpus_per_trial=options.gpus_per_trial,
        weights_dir=_absolute(options.weights_dir) or None,
    )


def _check_weights_dir(folder: str | None) -> None:
    if folder and not Path(folder).is_dir():
        raise UsageError(f"--weights-dir must be a folder, got {folder}")
    if folder and not any(Path(folder).glob("*.safetensors")):
        raise UsageError(
            f"--weights-dir must hold files <timm name>.safetensors, {folder} has none; leave it "
            "out to use the model hub, or --no-pretrained to train from scratch"
        )


def _replay(options: argparse.Namespace) -> int:
    ray_settings.apply(one_machine=True)
    from rich.console import Console

    from search.progress import StepBar
    from search.replay import replay

    console = Console()
    done = replay(
        options.best,
        _writable_cache(options.cache),
        partial(StepBar, console),
        data=options.data,
        weights_dir=_absolute(options.weights_dir),
    )
    same = "bit for bit the same" if done.same_bits else "not the same bits"
    print(f"recorded {done.recorded:.6f}, now {done.value:.6f}: {same}")
    return OK if done.value == done.recorded else SOME_FAILED


def _conclude(options: argparse.Namespace) -> int:
    from rich.console import Console

    from search.store import RunStore
    from search.verdict_stage import conclude_run

    store = RunStore.open(options.results, options.name)
    conclude_run(store, Console(), _margin(options.margin))
    return OK


def _compare(options: argparse.Namespace) -> int:
    from rich.console import Console

    from search.analysis.errors import AnalysisError
    from search.analysis.verdict import Rules
    from search.compare import compare
    from search.summary import print_verdict

    files = {}
    for given in options.predictions:
        name, equals, path = given.partition("=")
        if not (name and equals and path) or name in files:
            raise UsageError(f"predictions are given as NAME=CSV, every name once, got {given!r}")
        files[name] = Path(path)
    _margin(options.margin)
    rules = Rules(fixed_models=True, seed=options.seed, margin=options.margin)
    try:
        verdict = compare(options.truth, files, options.out, rules)
    except AnalysisError as error:
        raise UsageError(str(error)) from error
    print_verdict(Console(), verdict, options.out)
    return OK


def _margin(margin: float | None) -> float | None:
    if margin is not None and not 0 < margin < 1:
        raise UsageError(f"--margin must be between 0 and 1, got {margin:g}")
    return margin


def _absolute(path: str | None) -> str:
    return str(Path(path).resolve()) if path else ""


def _absolute_space(space: str) -> str:
    # A resumed run may be started from another folder.
    name, given, file = space.rpartition("=")
    return f"{name}{given}{_absolute(file)}" if file.endswith(".py") else space


def _default_name(spaces: Sequence[str]) -> str:
    # A space may be called anything, a run may not.
    stems = [_NOT_IN_NAMES.sub("", Path(s.rpartition("=")[2]).stem)[:15] for s in spaces]
    named = [stem for stem in stems if stem[:1].isalnum()]
    return "-".join([*(named or ["run"])[:5], time.strftime("%Y%m%d-%H%M%S")])


_COMMANDS = {
    "run": _run,
    "replay": _replay,
    "verdict": _conclude,
    "report": _conclude,
    "compare": _compare,
}

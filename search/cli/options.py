"""The options of every command; nothing but argparse. Those of a run stand in its config."""

import argparse
import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from search.cli.at_store import named_folder, place
from search.cli.parser import Parser, commands_of
from search.cli.run_config import AUDIT_OPTIONS, FROZEN_OPTIONS
from search.errors import UsageError
from search.export.formats import FORMATS
from search.prepare.config import (
    ACCEPT_LOSS_HELP,
    DEFAULT_MARGIN,
    MARGIN_HELP,
    OPTIONS,
)
from search.report.handin.template import TEMPLATES

_START = """\
start here:
  headrace run --space age                  one attribute of the built-in demo
  headrace run --space all --budget 20m     which approach wins, and why
  headrace predict NAME --images DIR --out answers.csv

headrace COMMAND --help has the options and examples of a command.
"""
_GROUPS = {
    "what is searched": (
        "--space",
        "--name",
        "--seed",
        "--max-epochs",
        "--backbones",
        "--warm-start",
    ),
    "how long": ("--budget", "--trials", "--race", "--plan", "--resume"),
    "the data": (
        *("--data", "--layout", "--corrections", "--add-data", "--score-added"),
        "--people",
    ),
    "weights of the models": ("--pretrained", "--weights-dir"),
    "refit and verdict of --space all": (
        *("--refit-seeds", "--margin", "--accept-loss", "--why"),
        *("--pseudo-labels", "--pseudo-threshold", "--keep-models", "--no-photos"),
    ),
    "machine and folders": ("--gpus-per-trial", "--bf16", "--address", "--results", "--cache"),
}
"""Of `headrace run`: the headings of its help, each with its options."""
_DATA_HELP = "folder of the data (default: the built-in demo)"
_RESULTS_HELP = "folder of all runs, or s3://BUCKET/PREFIX (default: results)"
_CACHE_HELP = "(default: ~/.cache/headrace, or below $XDG_CACHE_HOME)"
_OWN = "(default: the run's own)"
_SHELLS = ("bash", "zsh", "tcsh")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Says the versions of what decides a result."""
        from search.store.provenance import package_versions

        headrace, *others = (f"{name} {text}" for name, text in _versions(package_versions()))
        sys.stdout.write(f"{headrace} ({', '.join(others)})\n")
        parser.exit()


def _versions(found: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(found.items(), key=lambda pair: pair[0] != "headrace")


class _Completion(argparse.Action):
    def __call__(
        self, parser: argparse.ArgumentParser, _namespace: object, shell: Any, *_: object
    ) -> None:
        """Writes the completion script of a shell."""
        try:
            import shtab
        except ImportError as error:
            raise UsageError(
                "--print-completion needs the package shtab, which is not installed; run: "
                f"{shlex.quote(sys.executable)} -m pip install shtab"
            ) from error
        for command in commands_of(parser).values():
            for action in command._actions:
                if action.type in (Path, place, _needed_folder) or action.dest in (
                    "data",
                    "weights_dir",
                    "pseudo_labels",
                ):
                    action.complete = shtab.FILE  # type: ignore[attr-defined]
        sys.stdout.write(shtab.complete(parser, shell) + "\n")
        parser.exit()


def build_parser() -> argparse.ArgumentParser:
    """Returns the parser of every command."""
    parser = Parser(
        prog="headrace",
        description="Searches hyperparameters for separate, joint and multi-head models.",
        epilog=_START,
    )
    parser.add_argument(
        "--version", action=_Version, nargs=0, help="the versions of headrace and its packages"
    )
    parser.add_argument(
        "--print-completion",
        action=_Completion,
        choices=_SHELLS,
        metavar="SHELL",
        help=f"a script that completes commands and options in {', '.join(_SHELLS)}",
    )
    commands = parser.add_subparsers(
        dest="command", parser_class=Parser, title="commands", metavar="COMMAND"
    )
    _add_run(_command(commands, "run", "search one or more spaces"))
    _add_audit(commands)
    _add_frozen(commands)
    _add_concluding(commands)
    replay = _command(commands, "replay", "train a best config again: the same score")
    replay.add_argument("best", type=Path, help="results/NAME/best/SPACE.yaml")
    replay.add_argument("--data", default="", help="where the data is now, if it was moved")
    replay.add_argument("--weights-dir", default="", help="where the weights are now")
    replay.add_argument(
        "--corrections",
        action="extend",
        nargs="+",
        default=[],
        metavar="FILE",
        help="where corrections are now",
    )
    replay.add_argument(
        "--cache", type=named_folder, default=None, help=f"folder of decoded images {_CACHE_HELP}"
    )
    return parser


def _add_audit(commands: Any) -> None:
    audit = _command(commands, "audit", "find what is wrong with a data folder, before training")
    _add_of_a_run(audit, AUDIT_OPTIONS)
    audit.add_argument(
        "--diff",
        type=Path,
        nargs=2,
        default=None,
        metavar=("OLD", "NEW"),
        help="say what changed between two versions of a data folder, instead",
    )
    audit.add_argument(
        "--run", default=None, metavar="NAME", help="whose models say which labels they doubt"
    )
    audit.add_argument("--results", type=place, default=Path("results"), help=_RESULTS_HELP)
    audit.add_argument(
        "--write-corrections",
        type=Path,
        default=None,
        metavar="FILE",
        help="propose the labels of the models as corrections, in a new file",
    )
    audit.add_argument(
        "--out",
        type=Path,
        default=None,
        help="folder to write (default: audit; with --run that of the run, RESULTS/NAME/audit)",
    )
    audit.add_argument(
        "--no-photos",
        action="store_true",
        help="no photos in the page; nor in that of a run that was started so",
    )
    audit.add_argument(
        "--cache",
        type=named_folder,
        default=None,
        help=f"folder of demo data and small photos {_CACHE_HELP}",
    )


def _add_of_a_run(command: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Adds options of a run to a command that takes one data folder."""
    for name in names:
        option = OPTIONS[name]
        text = _DATA_HELP if name == "data" else option.help
        command.add_argument(option.flag, help=text, **option.arguments)


def _command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    """Returns the parser of a command; `text` stands in the list of all, and in its own help."""
    said = f"{text[:1].upper()}{text[1:]}."
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=said)
    return parser


def _add_frozen(commands: Any) -> None:
    screen = _command(commands, "screen", "rank backbones by their frozen features")
    screen.add_argument(
        "--models",
        required=True,
        metavar="PATTERNS",
        help="timm models, as 'mobilenet*,resnet18'",
    )
    quick = _command(commands, "quick", "a first answer from frozen features, in minutes")
    quick.add_argument(
        "--backbone",
        default=None,
        metavar="NAME",
        help="timm model (default: the first that a run would offer)",
    )
    for command, out in ((screen, "screen.json"), (quick, "quick.json")):
        _add_of_a_run(command, FROZEN_OPTIONS)
        command.add_argument(
            "--out", type=Path, default=Path(out), help=f"file to write (default: {out})"
        )
        command.add_argument(
            "--cache",
            type=named_folder,
            default=None,
            help=f"folder of demo data, photos and features {_CACHE_HELP}",
        )


def _add_concluding(commands: Any) -> None:
    for name, text in (
        ("verdict", "judge a refitted run again, and write its report"),
        ("report", "as verdict, or fill in a form to hand in"),
    ):
        command = _of_a_run(commands, name, text)
        command.add_argument("--margin", type=float, default=None, help=f"{MARGIN_HELP} {_OWN}")
        command.add_argument(
            "--accept-loss", type=float, default=None, help=f"{ACCEPT_LOSS_HELP} {_OWN}"
        )
        command.add_argument("--no-photos", action="store_true", help="no photos in the report")
        if name == "report":
            command.add_argument(
                "--template",
                choices=TEMPLATES,
                default=None,
                help="write a form to hand in instead, from the stored results, into the run's "
                "folder",
            )
    _add_ensemble(commands)
    compare = _command(commands, "compare", "judge anybody's prediction files")
    of_margin = f"{MARGIN_HELP} (default: {DEFAULT_MARGIN})"
    compare.add_argument(
        "--truth",
        type=Path,
        required=True,
        help="CSV sample,label, with group (the person) and fold where there are some",
    )
    compare.add_argument(
        "predictions",
        nargs="+",
        metavar="NAME=CSV",
        help="CSV sample,p0,...,p{C-1} with optional seed",
    )
    compare.add_argument(
        "--out", type=Path, default=Path("compared"), help="folder to write (default: compared)"
    )
    compare.add_argument("--margin", type=float, default=DEFAULT_MARGIN, help=of_margin)
    compare.add_argument("--seed", type=int, default=0, help="of the resamples (default: 0)")


def _needed_folder(text: str) -> Path:
    if not text:  # `--images "$UNSET"` must not answer the photos of this folder
        raise argparse.ArgumentTypeError("must not be empty; give a folder")
    return Path(text)


def _add_ensemble(commands: Any) -> None:
    ensemble = _of_a_run(commands, "ensemble", "choose the ensemble of a refitted run again")
    ensemble.add_argument(
        "--max-members",
        type=int,
        default=None,
        help="members at most: a config with one seed each, all its folds together; needs a run "
        "with --keep-models",
    )
    ensemble.add_argument(
        "--max-ms", type=float, default=None, help="milliseconds at most to serve a photo here"
    )
    predict = _of_a_run(commands, "predict", "answer a folder of photos with a run's ensemble")
    predict.add_argument("--images", type=_needed_folder, required=True, help="folder of photos")
    predict.add_argument("--out", type=Path, required=True, help="CSV ImageID,ans to write")
    predict.add_argument(
        "--probabilities",
        action="store_true",
        help="add a column p0, p1, ... per class; the answer is chosen after class biases, for "
        "macro-F1, and need not be the class of the largest",
    )
    predict.add_argument(
        "--labels",
        action="store_true",
        help="add a column per attribute with its class, and the confidence: the probability of "
        "the answer, which need not be the largest",
    )
    predict.add_argument(
        "--label-shift",
        choices=("report", "correct"),
        default=None,
        help="compare the folder's classes with those of training; correct: and answer for them",
    )
    predict.add_argument(
        "--device", default=None, help="cpu or cuda (default: the GPU where there is one)"
    )
    export = _of_a_run(commands, "export", "write a run's winners for other tools")
    export.add_argument(
        "--to",
        required=True,
        choices=FORMATS,
        help="what to write; trials go to trackio, mlflow or wandb",
    )
    export.add_argument(
        "--space",
        action="extend",
        nargs="+",
        default=None,
        help="whose configs go to timm or into the portfolio (default: all)",
    )
    export.add_argument(
        "--cache",
        type=named_folder,
        default=None,
        help=f"folder of demo data, for the comparison {_CACHE_HELP}",
    )


def _of_a_run(commands: Any, command: str, text: str) -> argparse.ArgumentParser:
    parser = _command(commands, command, text)
    parser.add_argument("name", help="name of the run")
    parser.add_argument("--results", type=place, default=Path("results"), help=_RESULTS_HELP)
    return parser


def _add_run(run: argparse.ArgumentParser) -> None:
    run.usage = "headrace run (--space SPACE [SPACE ...] | --resume NAME) [options]"
    groups: dict[str, Any] = {}
    for title, flags in _GROUPS.items():
        groups |= dict.fromkeys(flags, run.add_argument_group(title))
    for option in OPTIONS.values():
        place = groups.get(option.flag, run)
        place.add_argument(option.flag, help=option.help, **option.arguments)
    for flag, more in _OF_A_START.items():
        groups[flag].add_argument(flag, **more)


_OF_A_START: dict[str, dict[str, Any]] = {
    "--plan": {
        "action": "store_true",
        "help": "say what would run and how long; run nothing",
    },
    "--resume": {"default": None, "metavar": "NAME", "help": "go on with a run"},
    "--results": {
        "type": place,
        "default": Path("results"),
        "help": _RESULTS_HELP,
    },
    "--cache": {
        "type": named_folder,
        "default": None,
        "help": f"folder of demo data and decoded images {_CACHE_HELP}",
    },
}
"""Options of `headrace run` that are no part of its config."""

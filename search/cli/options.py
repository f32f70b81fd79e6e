"""The options of every command; nothing but argparse. Those of a run stand in its config."""

import argparse
from pathlib import Path
from typing import Any, NoReturn

from search.cli.run_config import FROZEN_OPTIONS
from search.errors import UsageError
from search.prepare.config import (
    ACCEPT_LOSS_HELP,
    DEFAULT_MARGIN,
    MARGIN_HELP,
    OPTIONS,
)


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
    _add_frozen(commands)
    _add_concluding(commands)
    replay = commands.add_parser(
        "replay", help="train a best config again: the same score", allow_abbrev=False
    )
    replay.add_argument("best", type=Path, help="results/NAME/best/SPACE.yaml")
    replay.add_argument("--data", default="", help="where the data is now, if it was moved")
    replay.add_argument("--weights-dir", default="", help="where the weights are now")
    replay.add_argument("--cache", type=Path, default=None, help="folder of decoded images")
    return parser


def _add_frozen(commands: Any) -> None:
    screen = commands.add_parser(
        "screen", help="rank backbones by their frozen features", allow_abbrev=False
    )
    screen.add_argument(
        "--models",
        required=True,
        metavar="PATTERNS",
        help="timm models, as 'mobilenet*,resnet18'",
    )
    quick = commands.add_parser(
        "quick", help="a first answer in two minutes, from frozen features", allow_abbrev=False
    )
    quick.add_argument(
        "--backbone",
        default=None,
        metavar="NAME",
        help="timm model (default: the first that a run would offer)",
    )
    for command, out in ((screen, "screen.json"), (quick, "quick.json")):
        for name in FROZEN_OPTIONS:
            option = OPTIONS[name]
            command.add_argument(option.flag, help=option.help, **option.arguments)
        command.add_argument(
            "--out", type=Path, default=Path(out), help=f"file to write (default: {out})"
        )
        command.add_argument(
            "--cache", type=Path, default=None, help="folder of demo data, photos and features"
        )


def _add_concluding(commands: Any) -> None:
    for name, text in (
        ("verdict", "judge a refitted run again, from its predictions"),
        ("report", "write a run's verdict and report again"),
    ):
        command = _of_a_run(commands, name, text)
        command.add_argument("--margin", type=float, default=None, help=MARGIN_HELP)
        command.add_argument("--accept-loss", type=float, default=None, help=ACCEPT_LOSS_HELP)
    _add_ensemble(commands)
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
    compare.add_argument("--margin", type=float, default=DEFAULT_MARGIN, help=MARGIN_HELP)
    compare.add_argument("--seed", type=int, default=0, help="of the resamples (default: 0)")


def _add_ensemble(commands: Any) -> None:
    ensemble = _of_a_run(commands, "ensemble", "choose the ensemble of a refitted run again")
    ensemble.add_argument(
        "--max-members", type=int, default=None, help="different models at most, a model per seed"
    )
    ensemble.add_argument(
        "--max-ms", type=float, default=None, help="milliseconds at most to serve a photo here"
    )
    predict = _of_a_run(commands, "predict", "answer a folder of photos with a run's ensemble")
    predict.add_argument("--images", type=Path, required=True, help="folder of photos")
    predict.add_argument("--out", type=Path, required=True, help="CSV ImageID,ans to write")
    predict.add_argument(
        "--probabilities", action="store_true", help="add a column p0, p1, ... per class"
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
        "--to", required=True, choices=("timm", "onnx", "portfolio"), help="what to write"
    )
    export.add_argument(
        "--space",
        nargs="+",
        default=None,
        help="whose configs go to timm or into the portfolio (default: all)",
    )
    export.add_argument(
        "--cache", type=Path, default=None, help="folder of demo data, for the comparison"
    )


def _of_a_run(commands: Any, command: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(command, help=text, allow_abbrev=False)
    parser.add_argument("name", help="name of the run")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of all runs")
    return parser


def _add_run(run: argparse.ArgumentParser) -> None:
    for option in OPTIONS.values():
        run.add_argument(option.flag, help=option.help, **option.arguments)
    run.add_argument(
        "--plan", action="store_true", help="say what would run and how long; run nothing"
    )
    run.add_argument("--resume", default=None, metavar="NAME", help="go on with a run")
    run.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        help="folder of all runs (default: results)",
    )
    run.add_argument(
        "--cache", type=Path, default=None, help="folder of demo data and decoded images"
    )

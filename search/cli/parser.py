"""The parser of every command: it refuses in one sentence, with what may have been meant."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from search.errors import UsageError, near

_EXAMPLES = {
    "run": """\
examples:
  headrace run --space age                        four minutes on two cores
  headrace run --space all --budget 2h --plan     says how long, runs nothing
  headrace run --space all --data photos --budget 2h
  headrace run --resume NAME --budget 3h          goes on, to more
""",
    "verdict": "example:\n  headrace verdict NAME --margin 0.01\n",
    "report": """\
examples:
  headrace report NAME                        # writes results/NAME/report.html
  headrace report NAME --template wrapup-ko   # writes results/NAME/wrapup-ko.md
  headrace report NAME --template paper       # writes results/NAME/paper.tex
""",
    "ensemble": "example:\n  headrace ensemble NAME --max-members 5 --max-ms 20\n",
    "predict": "example:\n  headrace predict NAME --images DIR --out answers.csv\n",
    "export": """\
examples:
  headrace export NAME --to timm
  headrace export NAME --to onnx
  headrace export NAME --to mlflow        # its trials, into results/NAME/mlflow
""",
    "compare": "example:\n  headrace compare --truth truth.csv A=a.csv B=b.csv\n",
    "audit": "example:\n  headrace audit --data DIR        # writes audit/audit.html\n",
    "screen": "example:\n  headrace screen --models 'mobilenet*,resnet18' --data DIR\n",
    "quick": "example:\n  headrace quick --data DIR\n",
    "replay": "example:\n  headrace replay results/NAME/best/age.yaml\n",
}
_UNITS = ("s", "m", "h", "d")
"""Of a time, which are no words by themselves."""
_NUMBERS: dict[Any, str] = {int: "a whole number", float: "a number"}


class Parser(argparse.ArgumentParser):
    """Refuses in one sentence with the nearest names and the help that lists them."""

    def __init__(self, **given: Any) -> None:
        name = str(given.get("prog", "")).rpartition(" ")[2]
        options = {
            "formatter_class": argparse.RawDescriptionHelpFormatter,
            "allow_abbrev": False,
            "epilog": _EXAMPLES.get(name),
        }
        super().__init__(**{**options, **given})

    def error(self, message: str) -> NoReturn:
        """Raises UsageError with the help that lists what there is."""
        raise UsageError(f"{message.removeprefix('argument ')}; see {self.prog} --help")

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Refuses what this parser does not know: the one above it has another help."""
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            flags = [flag for action in self._actions for flag in action.option_strings]
            # A word without its dashes may be meant for an option.
            word = rest[0].partition("=")[0]
            hint = near(word if word.startswith("-") else f"--{word}", flags)
            if word in _UNITS:
                hint = f" (a time has no blank in it: 3{word})"
            if flag := self._switch_before(rest[0], args):
                hint = f" ({flag} takes no value)"
            self.error(f"unrecognized arguments: {' '.join(rest)}{hint}")
        if getattr(found, "command", "") is None:
            self.error(f"a command is needed, one of {', '.join(commands_of(self))}")
        return found, rest

    def _switch_before(self, word: str, args: Sequence[str] | None) -> str:
        """Returns the option without a value that stands before a word; empty where none does."""
        given = list(sys.argv[1:] if args is None else args)
        before = given[given.index(word, 1) - 1] if word in given[1:] else ""
        action = self._option_string_actions.get(before)
        return before if action and action.nargs == 0 and not word.startswith("-") else ""

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            if action.type not in _NUMBERS:
                raise
            text = f"must be {_NUMBERS[action.type]}, got {arg_string!r}"
            raise argparse.ArgumentError(action, text) from error

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            hint = near(str(value), map(str, action.choices or ()))
            raise argparse.ArgumentError(action, f"{error.message}{hint}") from error


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Returns the parser of every command by its name."""
    (found,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return dict(found.choices)

"""Progress of steps in the terminal."""

import re
import sys
from collections.abc import Callable
from datetime import timedelta

from rich.console import Console
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

_COMMAND = re.compile(r"(^|[\s/])headrace | --[a-z]")
_LONG = 40
"""Characters of a word that is a path."""


def say(console: Console, text: str, style: str | None = None) -> None:
    """Prints a line as it is: brackets are no markup.

    In a terminal a long one goes on after a word, as far in as it began. What is there to be
    copied, a command or a long path, stays one line, which the terminal alone wraps.
    """
    copied = _COMMAND.search(text) or any(len(word) > _LONG for word in text.split())
    if copied or not console.is_terminal:
        console.print(text, style=style, highlight=False, soft_wrap=True, markup=False)
    else:
        words = text.lstrip(" ")
        indented = Padding.indent(Text(words, style=style or ""), len(text) - len(words))
        console.print(indented, highlight=False)


def loading(console: Console | None = None) -> Console:
    """Returns a console on which it says why nothing happens at first.

    PyTorch takes seconds to be loaded, the first time many.

    Args:
        console: None is the terminal.
    """
    shown = Console() if console is None else console
    if "torch" not in sys.modules:
        say(shown, "loading PyTorch ...")
    return shown


def is_live(console: Console) -> bool:
    """Returns whether a display that changes in place can be shown; a dumb terminal has none."""
    return console.is_terminal and not console.is_dumb_terminal


class _LeftOfRun(ProgressColumn):
    """About how long the whole run still takes: this step, and what follows it."""

    def __init__(self, left_s: Callable[[], float | None]) -> None:
        super().__init__(table_column=Column(no_wrap=True))
        self._left_s = left_s

    def render(self, task: Task) -> Text:  # noqa: ARG002
        """Returns the time, once it is known."""
        left = self._left_s()
        if left is None:
            return Text("")
        return Text(f"the run about {timedelta(seconds=round(left))}", style="dim")


class StepBar:
    """A progress bar for one step: drawing the demo, decoding photos, trainings of a round.

    Args:
        console: where to show it.
        text: what is being done.
        left_s: returns the seconds that the whole run still takes, None where nobody knows.
    """

    def __init__(
        self, console: Console, text: str, left_s: Callable[[], float | None] | None = None
    ) -> None:
        self._console = console
        self._text = text
        self._left_s = left_s
        self._bar: Progress | None = None
        self._said = False

    def __call__(self, done: int, total: int) -> None:
        """Shows that `done` of `total` parts are finished."""
        if not is_live(self._console):
            if not self._said:
                say(self._console, f"{self._text} ...")
                self._said = True
            return
        if self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
                *([] if self._left_s is None else [_LeftOfRun(self._left_s)]),
                console=self._console,
            )
            self._bar.start()
            self._bar.add_task(self._text, total=total)
        self._bar.update(self._bar.task_ids[0], completed=done)
        if done >= total:
            self.close()

    def close(self) -> None:
        """Ends the bar, also where the step ends early."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

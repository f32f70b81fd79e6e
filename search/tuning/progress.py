"""What a person sees while a search runs: one live table, or plain lines without a terminal."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from search.console import is_live, say
from search.ending.faults import FaultError
from search.prepare.config import Budget, format_duration
from search.prepare.config_words import in_words
from search.prepare.timeline import Timeline
from search.store.records import DEFAULT_NUMBER, Cause, State, TrialRecord
from search.tuning.journal import Asked

SHARE_OF_EPOCHS = 0.45
"""That a trial trains: early stopping ends most after their first rung (demo and real photos)."""
_REFRESHES_PER_SECOND = 2
_MOST_NAMED = 1
"""Running trials of a space that are shown one by one."""
_STARTING = "workers start and load PyTorch before the first epoch"


@dataclass(slots=True)
class _SpaceCounts:
    max_epochs: int
    running: dict[int, tuple[int, float]] = field(default_factory=dict)
    complete: int = 0
    stopped: int = 0
    failed: int = 0
    cut: int = 0
    best: float = -1.0
    best_number: int = -1
    best_words: str = ""
    device_seconds: float = 0.0
    default_s: float | None = None
    seconds: list[float] = field(default_factory=list)

    @property
    def trial_s(self) -> float | None:
        """Of a trial to come: not the default's, which nothing stops early."""
        if self.seconds:
            return sum(self.seconds) / len(self.seconds)
        return None if self.default_s is None else SHARE_OF_EPOCHS * self.default_s

    @property
    def ended(self) -> int:
        """Trials that ended by themselves."""
        return self.complete + self.stopped + self.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What the display needs to know of the run beside its trials.

    Attributes:
        photos: that an epoch trains.
        num_devices: that work at once.
        approaches: name -> its spaces, with the same time for each.
        later: seconds that the run takes after the search, given the trials that have ended; None
            where nobody knows.
        timeline: of the run; None begins with the search.
    """

    photos: int = 0
    num_devices: float = 1.0
    approaches: Mapping[str, Sequence[str]] = field(default_factory=dict)
    later: Callable[[Sequence[TrialRecord]], float | None] = lambda _: 0.0
    timeline: Timeline | None = None


class SearchProgress:
    """Listens to the search and shows it; `past` are the records of an earlier start."""

    def __init__(
        self,
        console: Console,
        max_epochs: Mapping[str, int],
        budget: Budget,
        slots: int,
        past: tuple[TrialRecord, ...] = (),
        outlook: Outlook | None = None,
    ) -> None:
        self._console = console
        self._budget = budget
        self._slots = slots
        self._lock = threading.Lock()
        self._spaces = {name: _SpaceCounts(epochs) for name, epochs in max_epochs.items()}
        self._outlook = outlook or Outlook()
        self._timeline = self._outlook.timeline or Timeline(began=time.monotonic())
        self.seconds_left: Callable[[], float] = lambda: float("inf")
        self._live: Live | None = None
        self._reports: list[float] = []
        self._records: list[TrialRecord] = []
        for record in past:
            if record.is_finished:
                self._count(record)
        self._look()

    def __enter__(self) -> "SearchProgress":
        if not is_live(self._console):
            say(self._console, f"{self._since()} {_STARTING}")
        else:
            self._live = Live(
                get_renderable=self._render,
                console=self._console,
                refresh_per_second=_REFRESHES_PER_SECOND,
            )
            self._live.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        if self._live is not None:
            self._live.__exit__(None, None, None)
            self._live = None

    def trial_started(self, asked: Asked) -> None:
        """A trial was handed to a worker."""
        with self._lock:
            self._spaces[asked.space].running[asked.number] = (0, -1.0)

    def trial_reported(self, space: str, number: int, epoch: int, value: float) -> None:
        """A trial finished an epoch."""
        with self._lock:
            self._reports.append(time.monotonic())
            if number in self._spaces[space].running:
                self._spaces[space].running[number] = (epoch, value)

    def trial_lost(self, asked: Asked, why: str) -> None:
        """A trial lost its worker and begins again."""
        with self._lock:
            self._spaces[asked.space].running.pop(asked.number, None)
        say(self._console, f"{self._since()} {asked.space} trial {asked.number}: {why}")

    def trial_ended(self, record: TrialRecord) -> None:
        """A trial ended; a plain line where there is no live table."""
        with self._lock:
            self._spaces[record.space].running.pop(record.number, None)
            self._count(record)
        self._look()
        if self._live is None:
            say(self._console, self._line(record))

    def trial_kept(self, asked: Asked, fault: FaultError) -> None:
        """The machine failed a trial: a line about it, beside a live table, too."""
        with self._lock:
            self._spaces[asked.space].running.pop(asked.number, None)
        say(self._console, f"{asked.space} trial {asked.number} stays to be run: {fault}")

    def _look(self) -> None:
        """Estimates anew what follows the search; too dear for every picture of a live table."""
        self._timeline = self._timeline.before(self._outlook.later(self._records))

    def _count(self, record: TrialRecord) -> None:
        self._records.append(record)
        counts = self._spaces[record.space]
        counts.device_seconds += record.device_seconds
        if record.cause is Cause.BUDGET:
            counts.cut += 1
            return
        if record.number == DEFAULT_NUMBER:
            counts.default_s = record.seconds
        else:
            counts.seconds.append(record.seconds)
        if record.state is State.PRUNED:
            counts.stopped += 1
        elif record.state is State.COMPLETE and record.cause is Cause.NONE:
            counts.complete += 1
            if record.objective is not None and record.objective > counts.best:
                counts.best, counts.best_number = record.objective, record.number
                counts.best_words = in_words(record.config)
        else:
            counts.failed += 1

    def _since(self) -> str:
        return self._timeline.stamp(self._eta())

    def _line(self, record: TrialRecord) -> str:
        counts = self._spaces[record.space]
        head = f"{self._since()} {record.space} trial {record.number}: "
        epochs = f"epoch {record.epochs}/{counts.max_epochs}"
        last = f"{record.values[record.epochs]:.4f}" if record.values else "no value"
        if record.state is State.PRUNED:
            return f"{head}stopped at {epochs}, {last}"
        if record.state is State.COMPLETE and record.cause is Cause.NONE:
            is_best = " (best so far)" if record.number == counts.best_number else ""
            return f"{head}complete, {last}{is_best}"
        if record.cause is Cause.BUDGET:
            return f"{head}cut off by the end of the budget at {epochs}, {last}"
        if record.cause is Cause.OUT_OF_MEMORY:
            return f"{head}too large for the memory, at {epochs}"
        first = record.error.splitlines()[0] if record.error else record.cause.value
        return f"{head}FAILED at {epochs}: {first}"

    def _render(self) -> Group:
        with self._lock:
            table = Table(title=None, pad_edge=False, header_style="bold")
            table.add_column("space", overflow="fold")
            for name in ("done", "stopped", "failed", "running", "best", "device time"):
                table.add_column(name, justify="right", no_wrap=True)
            for name, counts in self._spaces.items():
                table.add_row(escape(name), *self._cells(counts))
            lines = [self._footer(), self._used(), *self._bests()]
        return Group(table, *(Text(line, style="dim") for line in lines if line))

    def _cells(self, counts: _SpaceCounts) -> tuple[str, ...]:
        live = ", ".join(
            f"#{number} {epoch}/{counts.max_epochs}"
            for number, (epoch, _) in counts.running.items()
        )
        if len(counts.running) > _MOST_NAMED:  # the figures of 80 columns have no room beside more
            live = f"{len(counts.running)} trials"
        best = f"{counts.best:.4f} (#{counts.best_number})" if counts.best_number >= 0 else "-"
        return (
            str(counts.complete),
            str(counts.stopped),
            str(counts.failed),
            live or "-",
            best,
            format_duration(counts.device_seconds),
        )

    def _footer(self) -> str:
        elapsed = time.monotonic() - self._timeline.began
        eta = self._eta()
        whole, left = self._timeline.left(eta), ""
        if eta is not None and (whole or round(eta)):  # the last picture stays
            left = f"about {format_duration(eta)} left, "
            if whole is not None and whole > eta:
                left = f"about {format_duration(whole)} left, {format_duration(eta)} of search, "
        begun = self._speed() if self._reports else f"; {_STARTING}"
        return f"{left}{format_duration(elapsed)} elapsed{begun}"

    def _speed(self) -> str:
        """Returns the photos a second since the first epoch ended; nothing before the second."""
        took = self._reports[-1] - self._reports[0]
        if took <= 0 or not self._outlook.photos:
            return ""
        return f", {(len(self._reports) - 1) * self._outlook.photos / took:,.0f} photos/s"

    def _used(self) -> str:
        """Returns the share of its device time that every approach has used, of a budget."""
        look, seconds = self._outlook, self._budget.seconds
        if not seconds or len(look.approaches) < 2:
            return ""
        each = seconds * look.num_devices / len(look.approaches)
        shares = [
            f"{name} {sum(self._spaces[s].device_seconds for s in spaces) / each:.0%}"
            for name, spaces in look.approaches.items()
        ]
        return f"device time used: {', '.join(shares)}"

    def _bests(self) -> list[str]:
        return [f"best of {n}: {c.best_words}" for n, c in self._spaces.items() if c.best_words]

    def _eta(self) -> float | None:
        candidates = []
        if self._budget.seconds is not None:
            candidates.append(max(0.0, self.seconds_left()))
        every = self._spaces.values()
        known = [counts.trial_s for counts in every if counts.trial_s is not None]
        if self._budget.trials is not None and known:
            typical = sum(known) / len(known)
            missing = sum(
                max(0, self._budget.trials - counts.ended) * (counts.trial_s or typical)
                for counts in every
            )
            candidates.append(missing / self._slots)
        return min(candidates, default=None)

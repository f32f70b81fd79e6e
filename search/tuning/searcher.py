"""Optuna behind Ray's Searcher: several studies in one Tune run, told what really happened.

Why a trial ended is taken from who ended it: our scheduler (PRUNED), the worker (last epoch, an
error, out of memory), or the end of the budget (FAIL, cause budget). Nothing is guessed from the
number of epochs. A trial whose worker or node was lost has not ended: it is handed out again and
goes on from its checkpoint. Nor has one for which the machine failed: it stays to be run.
"""

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

from search.ending.faults import Fault, FaultError, fault_of
from search.prepare.config import Budget
from search.refit.retries import Retries
from search.store.heartbeat import Pulse, heartbeat_path
from search.store.records import CUT_OFF, DEFAULT_NUMBER, Cause, State, seconds_under_way
from search.tuning.fair_share import Solved, Usage, least_spent, next_space, part_of, share_of_each
from search.tuning.journal import Asked, StudyJournal
from search.tuning.live import Listener, Live, SameFailures, usage_of
from search.tuning.lost_trials import WORKER_DIED, Fate, Loss, LostTrials
from search.tuning.scheduler import MultiSpaceScheduler

logger = logging.getLogger(__name__)


class StudySearcher(Searcher):  # type: ignore[misc]
    """Suggests the next trial of the space furthest behind, and tells every study the truth.

    Args:
        journals: study of every space, by name; the order breaks ties.
        scheduler: of the same spaces; knows which trials it stopped.
        budget: ends the search.
        shares: spaces of every approach, each of which gets the same device time.
        slots: trials at once; `follow` changes them.
        device_share: share of a device that a trial holds.
        retries: decides which trials begin again after their worker was lost.
        heartbeats: folder of the workers' signs of life; None looks at none.
        host: returns what people call a node, given its name in Ray.
        leave: leaves a node alone, and returns whether others have room (`Fleet.leave`).
        asks: returns what a trial asks of Ray now (`Fleet.asks`).
        listeners: hear of every event.
        left: approaches that get no more time, what they lack the others get; it may grow.
        started: clock time from which the budget's seconds count.
        clock: seconds, rising.
    """

    def __init__(
        self,
        journals: Mapping[str, StudyJournal],
        scheduler: MultiSpaceScheduler,
        budget: Budget,
        shares: Mapping[str, Collection[str]],
        *,
        slots: int,
        device_share: float,
        retries: Retries,
        heartbeats: Path | None = None,
        host: Callable[[str], str] = lambda _: "",
        leave: Callable[[str], bool] = lambda _: False,
        asks: Callable[[], Mapping[str, Any]] = dict,
        listeners: Iterable[Listener] = (),
        left: Collection[str] = (),
        started: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(metric="value", mode="max")
        self._journals = dict(journals)
        self._together = next(iter(self._journals.values())).together
        self._scheduler = scheduler
        self._budget = budget
        self._slots = slots
        self._device_share = device_share
        self._listeners = tuple(listeners)
        self._clock = clock
        self._started = clock() if started is None else started
        self._lost = LostTrials(retries, host, leave, clock)
        self._asks = asks
        self._heartbeats = heartbeats
        self._offered, self._offered_until = 0.0, self._started
        self._live: dict[str, Live] = {}
        self._waiting = deque(a for journal in journals.values() for a in journal.reattach())
        past = {name: journal.records() for name, journal in journals.items()}
        self._shares, self._left = shares, left
        self.solved = Solved(past)
        self._finished = {
            name: [r.device_seconds for r in records if r.is_finished]
            for name, records in past.items()
        }
        self._counted = {name: sum(r.counts for r in rs) for name, rs in past.items()}
        self._before = sum(sum(seconds) for seconds in self._finished.values())
        self._before += sum(asked.device_seconds for asked in self._waiting)
        self._seconds_before = seconds_under_way(r for records in past.values() for r in records)
        self._failures = SameFailures(record for records in past.values() for record in records)
        for name, records in past.items():
            if records and records[DEFAULT_NUMBER].epochs:
                default = records[DEFAULT_NUMBER]
                self._suit(name, default.device_seconds / default.epochs)
        self.interrupted = False
        self.broken = ""
        """The last error where all trials so far ended alike, which stops the search."""

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Returns the next trial for a worker, None while all slots are taken, or FINISHED."""
        try:
            with self._together():
                return self._next(trial_id)
        except OSError as error:  # of the journal
            self._lost.fault = fault_of(error)
            return str(Searcher.FINISHED)

    def _next(self, trial_id: str) -> dict[str, Any] | str | None:
        if self.is_over():
            return str(Searcher.FINISHED)
        if len(self._live) >= self._slots:
            return None
        if self._waiting:
            return self._start(trial_id, self._waiting.popleft())
        space = next_space(self.usage(), self._racing(), self._eligible(), self.solved())
        if space is None:
            return None if self._live else str(Searcher.FINISHED)
        journal = self._journals[space]
        before = journal.broken_draws
        asked = journal.ask()
        self._counted[space] += journal.broken_draws - before
        return self._start(trial_id, asked)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Stores an epoch; cuts the trial off where its approach has used up its share."""
        live = self._live.get(trial_id)
        if live is None:
            return
        with self._stopping_on_faults():
            self._store(live, result)
        if live.asked.number == DEFAULT_NUMBER and result.get("epoch"):
            self._suit(live.asked.space, live.device_seconds / result["epoch"])
        share = self._share()
        if share is not None and self._least_spent(live.asked.space) >= share:
            self._scheduler.cut.add(trial_id)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Tells the study how the trial ended; a second call for a trial changes nothing."""
        live = self._live.pop(trial_id, None)
        if live is None:
            return
        with self._stopping_on_faults():
            if result:
                self._store(live, result)
            died = self._scheduler.errors.get(trial_id, "") if error else None
            loss = self._lost.of(trial_id, live, result or {}, died)
            if loss is not None and loss.fate is not Fate.GIVEN_UP:
                self._keep(live, loss)
                return
            self._finished[live.asked.space].append(live.device_seconds)
            self._tell(trial_id, live, result or {}, loss)
            self._announce_end(live.asked)

    def interrupt(self) -> None:
        """Ends the search; what is running is gone on with by `--resume`."""
        self.interrupted = True

    def is_over(self) -> bool:
        """Returns whether no trial may run any more: cut short, broken, or the time is up."""
        return self._is_cut_short or bool(self.broken) or self.seconds_left() <= 0

    @property
    def fault(self) -> FaultError | None:
        """What the machine did again and again, which stops the search."""
        return self._lost.fault

    @property
    def stalled(self) -> str:
        """Why the machines do not let the search go on; else empty."""
        return self._lost.stalled

    def stall(self, why: str) -> None:
        """Ends the search, as the machines do not let it go on; nothing is lost."""
        self._lost.stalled = why

    @property
    def _is_cut_short(self) -> bool:
        """Whether the search ended before its time, and what is running stays to be run."""
        return self.interrupted or bool(self.stalled) or self.fault is not None

    @property
    def is_idle(self) -> bool:
        """Returns whether no trial is with a worker."""
        return not self._live

    def follow(self, slots: int) -> None:
        """Takes over how many trials the nodes have room for now."""
        now = self._clock()
        self._offered += self._slots * (now - self._offered_until)
        self._slots, self._offered_until = slots, now

    def end_silent(self) -> None:
        """Has the scheduler end the trials that make no step; they begin again."""
        self._scheduler.silent.update(self._lost.silent(self._live.items()))

    def seconds_left(self) -> float:
        """Returns what is left of the budget's time in seconds; infinite without one."""
        if self._budget.seconds is None:
            return math.inf
        return self._budget.seconds - self._seconds_before - (self._clock() - self._started)

    def usage(self) -> dict[str, Usage]:
        """Returns what every space has used up to now."""
        now, waiting = self._clock(), self._waiting
        return usage_of(self._finished, self._live.values(), waiting, now, self._device_share)

    def close(self) -> None:
        """Settles the trials that the end of the run cut off.

        After an interruption or a fault of the machine they stay RUNNING, and `--resume` goes on
        with them; at the end of the budget they are told FAIL with their values kept, but for the
        default config, by which all others are judged: that goes on where the run has more time.
        """
        if self._is_cut_short:
            return
        for live in self._live.values():
            self._cut_off(live.asked)
            self._announce_end(live.asked)
        for asked in self._waiting:
            self._cut_off(asked)
        self._live.clear()
        self._waiting.clear()

    def _cut_off(self, asked: Asked) -> None:
        journal = self._journals[asked.space]
        if asked.number == DEFAULT_NUMBER:
            journal.note(asked.number, **{CUT_OFF: 1.0})
        else:
            journal.fail(asked.number, Cause.BUDGET)

    def save(self, checkpoint_path: str) -> None:
        """Saves nothing: the journal is the record."""

    def restore(self, checkpoint_path: str) -> None:
        """Restores nothing: a run is resumed from the journal."""

    def _start(self, trial_id: str, asked: Asked) -> dict[str, Any]:
        spent = asked.device_seconds
        live = Live(asked, self._clock(), device_seconds=spent, seconds=asked.seconds)
        self._live[trial_id] = live
        if spent:
            self._journals[asked.space].note_going_on(asked.number)
        heartbeat = ""
        if self._heartbeats is not None:
            path = heartbeat_path(self._heartbeats, live.name)
            live.pulse, heartbeat = Pulse(path, self._clock), str(path)
        for listener in self._listeners:
            listener.trial_started(asked)
        return {
            "heartbeat": heartbeat,
            "space": asked.space,
            "number": asked.number,
            "config": dict(asked.config),
            "seed": asked.seed,
            "asks": self._asks(),
        }

    def _keep(self, live: Live, loss: Loss) -> None:
        """Sees to it that a lost trial is run, by this start or the next one."""
        asked = live.going_on
        if loss.fate is Fate.BEGINS_AGAIN:
            self._waiting.appendleft(asked)
        elif loss.fate is Fate.WAITS:
            self._waiting.append(asked)
        else:
            self._journals[asked.space].note(asked.number, deaths=1)
            self._counted[asked.space] += 1
            self._finished[asked.space].append(live.device_seconds)
        for listener in self._listeners:
            if loss.fault is None:
                listener.trial_lost(asked, loss.why)
            else:
                listener.trial_kept(asked, loss.fault)

    def _eligible(self) -> set[str]:
        share = self._share()
        found = set()
        for name in {name for spaces in self._racing().values() for name in spaces}:
            live = sum(entry.asked.space == name for entry in self._live.values())
            trials = self._counted[name] + live
            enough_trials = self._budget.trials is not None and trials >= self._budget.trials
            enough_time = share is not None and self._least_spent(name) >= share
            if not (enough_trials or enough_time):
                found.add(name)
        return found

    def _share(self) -> float | None:
        # Equal device seconds per approach hold wherever the budget is a time.
        if self._budget.seconds is None:
            return None
        so_far = self._offered + self._slots * (self._clock() - self._offered_until)
        slot_seconds = so_far + self._slots * max(0.0, self.seconds_left())
        seconds = self._before + self._device_share * slot_seconds
        return share_of_each(seconds, self.usage(), self._shares, self._racing())

    def _suit(self, space: str, epoch_s: float) -> None:
        if (share := self._share()) is not None:
            self._scheduler.suit(space, part_of(space, share, self._shares), epoch_s)

    def _racing(self) -> dict[str, Collection[str]]:
        return {name: its for name, its in self._shares.items() if name not in self._left}

    def _least_spent(self, space: str) -> float:
        return least_spent(space, self.usage(), self._racing())

    def _store(self, live: Live, result: Mapping[str, Any]) -> None:
        asked = live.asked
        journal = self._journals[asked.space]
        live.spend(result, self._device_share)
        journal.note(asked.number, device_seconds=live.device_seconds, seconds=live.seconds)
        if "value" not in result or "epoch" not in result:
            return
        epoch, value = int(result["epoch"]), float(result["value"])
        stored = journal.report(asked.number, epoch, value)
        journal.note(asked.number, **live.news(result))
        if stored:
            for listener in self._listeners:
                listener.trial_reported(asked.space, asked.number, epoch, value)

    def _tell(
        self, trial_id: str, live: Live, result: Mapping[str, Any], loss: Loss | None
    ) -> None:
        asked = live.asked
        journal = self._journals[asked.space]
        counted = True
        value = float(result.get("value", math.nan))
        if loss is not None and loss.fault is not None and loss.fault.kind is Fault.MEMORY:
            said = f"{loss.fault.kind.value} ({loss.fault.detail})"
            journal.fail(asked.number, Cause.OUT_OF_MEMORY, said)
        elif loss is not None:
            journal.fail(asked.number, Cause.WORKER_DIED, WORKER_DIED)
            self._note_failure(Cause.WORKER_DIED, WORKER_DIED)
        elif result.get("cause"):
            cause, text = Cause(result["cause"]), str(result.get("error", ""))
            journal.fail(asked.number, cause, text)
            if cause is Cause.ERROR:
                self._note_failure(text.partition(":")[0], text)
        elif not math.isfinite(value) and "value" in result:
            journal.fail(asked.number, Cause.NOT_FINITE, f"the objective was {value}")
        elif trial_id in self._scheduler.stopped:
            journal.prune(asked.number)
            self._lost.forget_faults(live)
        elif result.get("last_epoch"):
            journal.complete(asked.number, value)
            self.solved.note(asked.space, value)
            self._lost.forget_faults(live)
        else:
            self._cut_off(asked)
            counted = False
        self._counted[asked.space] += counted

    @contextmanager
    def _stopping_on_faults(self) -> Iterator[None]:
        # The journal's own disk may fail, and Ray would show what it raises as a text.
        try:
            with self._together():
                yield
        except OSError as error:
            self._lost.fault = fault_of(error)

    def _note_failure(self, kind: str, error: str) -> None:
        if self._failures.are_all(kind, sum(len(each) for each in self._finished.values())):
            self.broken = error

    def _announce_end(self, asked: Asked) -> None:
        if not self._listeners:
            return
        record = self._journals[asked.space].record(asked.number)
        if record.state is State.RUNNING and record.cause is not Cause.BUDGET:
            logger.warning("trial %s %d was not told how it ended", asked.space, asked.number)
        for listener in self._listeners:
            listener.trial_ended(record)

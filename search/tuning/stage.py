"""Stage 1: the search of every space in one Tune run, and its files."""

import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from search.console import say
from search.ending.faults import Fault, FaultError
from search.errors import ResultsError, StalledError, UsageError
from search.prepare.config import Budget
from search.prepare.prepared import Prepared
from search.prepare.space_result import SpaceResult
from search.prepare.timeline import Timeline
from search.refit.approaches import Lineup
from search.refit.fleet import Fleet
from search.refit.retries import Retries
from search.store.journal_file import read_records
from search.store.known_trials import check_whole
from search.store.reading import reading
from search.store.records import DEFAULT_NUMBER, Cause, State, TrialRecord
from search.store.run_store import running
from search.tuning.best import write_best
from search.tuning.choice import chosen_record, rule_of
from search.tuning.hparams import forget_hparams, write_hparams
from search.tuning.importance import importances_of
from search.tuning.journal import StudyJournal, clear_leftovers, open_storage, study_name
from search.tuning.progress import Outlook, SearchProgress
from search.tuning.race import Race
from search.tuning.scheduler import MultiSpaceScheduler
from search.tuning.searcher import StudySearcher
from search.tuning.second_fold import SecondFold, train_again
from search.tuning.tune_run import run_trials

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchEnd:
    """How the search ended; `judged` where a refit followed that needs no trial to finish."""

    results: tuple[SpaceResult, ...]
    interrupted: bool
    judged: bool = False

    @property
    def num_failed(self) -> int:
        """Trials that broke or whose workers died, and spaces that were left without a result."""
        broken = sum(
            (record.state is State.FAIL and record.cause is not Cause.BUDGET)
            or (record.state is State.RUNNING and record.deaths > 0)
            for result in self.results
            for record in result.records
        )
        return broken + sum(result.best is None and not self.judged for result in self.results)


def run_search(
    run: Prepared,
    console: Console,
    budget: Budget,
    later: Callable[[Sequence[TrialRecord]], float | None] = lambda _: 0.0,
    timeline: Timeline | None = None,
    again_s: float = 0.0,
) -> SearchEnd:
    """Searches until the budget ends and writes trials.csv and the best configs.

    Args:
        run: data, spaces and devices.
        console: where to show progress.
        budget: of the search.
        later: seconds that the run takes after the search, given the trials that have ended; None
            where nobody knows.
        timeline: of the run, for what is shown; None begins now.
        again_s: wall-clock time after the budget in which the leaders are trained on a second
            fold; infinite is no limit, with 0 none is.

    Raises:
        UsageError: every trial fails in the same way.
        StalledError: the machines do not let it go on; nothing is lost.
        FaultError: the machine failed again and again; no trial is lost.
    """
    began = time.monotonic()
    timeline = timeline or Timeline(began=began)
    journals = open_journals(run)
    forget_hparams(run.store)
    past = _records(journals)
    scheduler = MultiSpaceScheduler(run.epochs)
    scheduler.refill(past)
    resources = run.resources
    shares = Lineup.of(run.schema, run.spaces).shares
    outlook = Outlook(
        photos=len(run.dataset.split.search_train),
        num_devices=resources.num_devices,
        approaches=shares,
        later=later,
        timeline=timeline,
    )
    progress = SearchProgress(console, run.epochs, budget, resources.slots, past, outlook)
    fleet = Fleet(resources)
    race = _race(run, journals, console)
    heartbeats = run.store.root.resolve() / "heartbeats"
    searcher = StudySearcher(
        journals,
        scheduler,
        budget,
        shares,
        left={} if race is None else race.left,
        slots=resources.slots,
        device_share=resources.device_share,
        retries=Retries(fleet.is_alive),
        heartbeats=heartbeats,
        host=fleet.host,
        leave=fleet.leave,
        asks=lambda: fleet.asks,
        listeners=(progress,) if race is None else (progress, race),
        started=began,
    )
    progress.seconds_left = searcher.seconds_left
    with progress:
        run_trials(searcher, scheduler, run.setting, fleet)
        searcher.close()
    shutil.rmtree(heartbeats, ignore_errors=True)
    end = _ended(run, journals, searcher)
    if again_s <= 0 or end.interrupted:
        return end
    if budget.seconds is not None:  # what winding down took is not there any more
        again_s = min(again_s, began + budget.seconds + again_s - time.monotonic())
    is_whole = _train_again(run, console, end.results, again_s, timeline)
    return SearchEnd(results=_choose(run, journals), interrupted=not is_whole)


def _train_again(
    run: Prepared,
    console: Console,
    results: Sequence[SpaceResult],
    seconds: float,
    timeline: Timeline,
) -> bool:
    """Trains the leaders on a second fold; returns whether the machines let it come to its end."""
    try:
        train_again(run, console, [each.records for each in results], seconds, timeline)
    except (StalledError, FaultError) as error:
        if isinstance(error, FaultError) and error.kind is not Fault.WORKER:
            raise
        # The search has ended, and what it found is to be shown.
        say(console, f"Stopped: {error}.")
        return False
    return True


def _ended(run: Prepared, journals: dict[str, StudyJournal], searcher: StudySearcher) -> SearchEnd:
    """Writes what was found and returns how the search ended; raises as `run_search`."""
    if searcher.fault is not None:
        raise searcher.fault
    end = SearchEnd(results=_write(run, journals), interrupted=searcher.interrupted)
    if searcher.stalled:
        raise StalledError(searcher.stalled)
    if searcher.broken:
        raise UsageError(
            f"every trial fails in the same way, so the search was stopped: {searcher.broken}"
        )
    return end


def _race(run: Prepared, journals: dict[str, StudyJournal], console: Console) -> Race | None:
    """Returns the race of the approaches, where one is wanted."""
    lineup = Lineup.of(run.schema, run.spaces)
    if not run.config.race:
        return None
    whole = run.dataset.whole
    return Race(
        run.store,
        lineup,
        Race.validators(whole.table, whole.split.search_val),
        {name: journal.records() for name, journal in journals.items()},
        lambda text: say(console, text),
        run.config.seed,
        whole.table.num_samples,
    )


def open_journals(run: Prepared) -> dict[str, StudyJournal]:
    """Opens the study of every space in the run's journal; the caller holds the run.

    Raises:
        ResultsError: the journal cannot be read, or is shorter than it was.
    """
    clear_leftovers(run.store.journal)
    names = {
        space.name: study_name(space, run.schema, run.scale, run.dataset.fingerprint)
        for space in run.spaces
    }
    # Optuna would say of a broken line neither the file nor the way out.
    check_whole(run.store, read_records(run.store.journal, names, run.schema.names, begun=False))
    storage, portfolio = open_storage(run.store.journal), run.portfolio
    return {
        space.name: StudyJournal(
            storage,
            space,
            run.schema,
            run.scale,
            run.dataset.fingerprint,
            run.config.seed,
            portfolio,
            run.dataset.name,
        )
        for space in run.spaces
    }


def _records(journals: dict[str, StudyJournal]) -> tuple[TrialRecord, ...]:
    return tuple(record for journal in journals.values() for record in journal.records())


def _write(run: Prepared, journals: dict[str, StudyJournal]) -> tuple[SpaceResult, ...]:
    store, records = run.store, _records(journals)
    store.write_trials(records)
    store.keep_predictions(record for record in records if record.state is State.COMPLETE)
    found = _choose(run, journals)
    _write_hparams(run, records, _importance(run, journals))
    store.drop_checkpoints(running(records))
    return found


def _choose(run: Prepared, journals: Mapping[str, StudyJournal]) -> tuple[SpaceResult, ...]:
    """Chooses a trial of every space and writes it; by two folds where there is a second."""
    store, table = run.store, run.dataset.table
    second = SecondFold.of(store, table)
    lineup, found = Lineup.of(run.schema, run.spaces), []
    for name, journal in journals.items():
        attributes = lineup.blocks[name].attributes
        rule = rule_of(store, journal.records())
        best = chosen_record(store, table, attributes, journal.records(), second, rule)
        interval, scores = None, None
        if best is not None:
            scores = second.scores(best, journal.records()[DEFAULT_NUMBER])
            interval = write_best(run, journal, best, rule, scores)
        result = SpaceResult(
            name=name, records=journal.records(), best=best, interval=interval, second=scores
        )
        if best is not None:
            journal.note_choice(best, result.passed_over)
        found.append(result)
    return tuple(found)


def _importance(
    run: Prepared, journals: Mapping[str, StudyJournal]
) -> Mapping[str, Mapping[str, float]]:
    """Writes and returns which parameters mattered, by space; nothing where it is not known."""
    store = run.store
    studies = {name: journal.name for name, journal in journals.items()}
    wrong = "does not tell which parameters mattered"
    try:
        # What a search has found does not depend on them.
        with reading(store.journal, "that is left out", wrong=wrong):
            found = importances_of(store.journal, studies, run.config.seed)
    except ResultsError as error:
        logger.warning("%s", error)
        return {}
    store.write_importance(found)
    return found


def _write_hparams(
    run: Prepared,
    records: Sequence[TrialRecord],
    importance: Mapping[str, Mapping[str, float]],
) -> None:
    """Writes the HParams tab; it is for the eye, and a search is whole without it."""
    blocks = Lineup.of(run.schema, run.spaces).blocks
    labels = {
        space: tuple(dict.fromkeys((block.label(run.schema), *block.attributes)))
        for space, block in blocks.items()
    }
    try:
        write_hparams(run.store, records, importance, labels)
    except OSError:
        logger.warning("the HParams of the trials were not written whole", exc_info=True)

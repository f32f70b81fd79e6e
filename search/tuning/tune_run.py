"""One Tune run over all spaces, from the first trial to the end of the budget."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ray import tune
from ray.tune import TuneError

from search.ending.signals import under_way
from search.errors import StalledError
from search.prepare.setting import TrialSetting
from search.refit.fleet import Fleet
from search.tuning.scheduler import MultiSpaceScheduler
from search.tuning.searcher import StudySearcher
from search.tuning.worker import Worker
from search.tuning.workplace import workplace

# Ray would count the death of a node as a failure of its trials, and at once twice where a worker
# was about to take one up. The searcher hands them out again.
_MAX_FAILURES = 0
_LOOK_EVERY_S = 1.0
# More than any cluster has slots: the searcher hands out no trial that has no room.
_MOST_PENDING = 10_000


class _EndOfSearch(tune.Stopper):  # type: ignore[misc]
    """Asked by Ray at every turn of its loop: keeps the searcher to the nodes that there are."""

    def __init__(self, searcher: StudySearcher, fleet: Fleet) -> None:
        self._searcher = searcher
        self._fleet = fleet
        self._looked = time.monotonic()
        self._was_idle = False

    def __call__(self, trial_id: str, result: dict[str, object]) -> bool:  # noqa: ARG002
        return False

    def stop_all(self) -> bool:
        """Returns whether the search is over, and looks now and then which nodes there are."""
        if time.monotonic() - self._looked >= _LOOK_EVERY_S:
            self._look()
            self._looked = time.monotonic()
        # Ray's loop waits for workers alone, and must not spin where there is none; but at the
        # first turn after the last trial a worker waits for the next one.
        was_idle, self._was_idle = self._was_idle, self._searcher.is_idle
        if was_idle and self._was_idle:
            time.sleep(0.1)
        return self._searcher.is_over()

    def _look(self) -> None:
        self._searcher.follow(self._fleet.slots)
        self._searcher.end_silent()
        try:
            self._fleet.check()
        except StalledError as error:
            self._searcher.stall(str(error))

    def __getstate__(self) -> dict[str, object]:
        # Tune pickles the stopper into a snapshot that is never read.
        return {}


def run_trials(
    searcher: StudySearcher,
    scheduler: MultiSpaceScheduler,
    setting: TrialSetting,
    fleet: Fleet,
) -> None:
    """Runs trials until the searcher has finished, the budget ends, or a signal asks to stop.

    Args:
        searcher: names the trials and records how they end.
        scheduler: stops weak trials.
        setting: sent to every worker.
        fleet: the nodes of the cluster, which the searcher follows.
    """
    with (
        workplace() as scratch,  # that Tune insists on for its own state, which nothing reads
        _workers_starting_together(),
        _raising_what_was_raised(),
        under_way().gently(searcher.interrupt),
    ):
        tune.run(
            tune.with_parameters(Worker, setting=setting),
            name="search",
            storage_path=str(scratch),
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=-1,
            stop=_EndOfSearch(searcher, fleet),
            max_failures=_MAX_FAILURES,
            reuse_actors=True,
            raise_on_failed_trial=False,
            trial_name_creator=_trial_name,
            trial_dirname_creator=_trial_name,
            verbose=0,
        )


@contextmanager
def _raising_what_was_raised() -> Iterator[None]:
    # Tune hides what was raised in this process behind its text.
    try:
        yield
    except TuneError as error:
        raise (error.__context__ or error) from None


def _trial_name(trial: object) -> str:
    return str(getattr(trial, "trial_id", trial))


@contextmanager
def _workers_starting_together() -> Iterator[None]:
    # By default Tune lets one trial wait at a time. A short trial then ends while the next worker
    # still starts, Tune cancels that start for the warm one, and a single worker does it all.
    name = "TUNE_MAX_PENDING_TRIALS_PG"
    before = os.environ.get(name)
    os.environ[name] = str(_MOST_PENDING)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before

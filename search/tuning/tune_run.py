"""One Tune run over all spaces, from the first trial to the end of the budget."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ray import tune
from ray.tune import TuneError

from search.prepare.resources import Resources
from search.prepare.setting import TrialSetting
from search.signals import under_way
from search.tuning.scheduler import MultiSpaceScheduler
from search.tuning.searcher import StudySearcher
from search.tuning.worker import Worker

_MAX_FAILURES = 2


class _EndOfSearch(tune.Stopper):  # type: ignore[misc]
    def __init__(self, searcher: StudySearcher) -> None:
        self._searcher = searcher

    def __call__(self, trial_id: str, result: dict[str, object]) -> bool:  # noqa: ARG002
        return False

    def stop_all(self) -> bool:
        return self._searcher.is_over()

    def __getstate__(self) -> dict[str, object]:
        # Tune pickles the stopper into a snapshot that is never read.
        return {}


def run_trials(
    searcher: StudySearcher,
    scheduler: MultiSpaceScheduler,
    setting: TrialSetting,
    resources: Resources,
    shared_storage: Path | None = None,
) -> None:
    """Runs trials until the searcher has finished, the budget ends, or a signal asks to stop.

    Args:
        searcher: names the trials and records how they end.
        scheduler: stops weak trials.
        setting: sent to every worker.
        resources: of a trial.
        shared_storage: folder that every node of a cluster sees; None on one machine.
    """
    # Tune insists on a folder for its own state, which nothing of ours ever reads.
    scratch = Path(tempfile.mkdtemp(prefix="headrace-tune-", dir=shared_storage))
    per_trial = {"cpu": resources.cpus_per_trial}
    if resources.gpus_per_trial:
        per_trial["gpu"] = resources.gpus_per_trial  # type: ignore[assignment]
    try:
        with _workers_starting_together(resources.slots), under_way().gently(searcher.interrupt):
            tune.run(
                tune.with_parameters(Worker, setting=setting),
                name="search",
                storage_path=str(scratch),
                search_alg=searcher,
                scheduler=scheduler,
                num_samples=-1,
                resources_per_trial=per_trial,
                stop=_EndOfSearch(searcher),
                max_failures=_MAX_FAILURES,
                reuse_actors=True,
                raise_on_failed_trial=False,
                trial_name_creator=_trial_name,
                trial_dirname_creator=_trial_name,
                verbose=0,
            )
    except TuneError as error:
        # Tune hides what was raised in this process behind its text.
        raise (error.__context__ or error) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _trial_name(trial: object) -> str:
    return str(getattr(trial, "trial_id", trial))


@contextmanager
def _workers_starting_together(slots: int) -> Iterator[None]:
    # By default Tune lets one trial wait at a time. A short trial then ends while the next worker
    # still starts, Tune cancels that start for the warm one, and a single worker does it all.
    name = "TUNE_MAX_PENDING_TRIALS_PG"
    before = os.environ.get(name)
    os.environ[name] = str(slots)
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before

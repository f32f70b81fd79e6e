"""`python -m tests.search.builders.held_run FILE run ...` is held in the middle of its search.

A driver hands out every epoch, so the whole search stands still while it waits: whoever kills or
interrupts it then has no race to lose. It waits once a trial has ended and another has gone on
after its first epoch; FILE is there from then on. It goes on when it is asked to end.
"""

import sys
import time
from pathlib import Path
from typing import Any

from search import ray_settings
from search.cli.commands import main
from search.store.records import State, TrialRecord

# Ray reads them when it is imported.
ray_settings.apply(one_machine=True)

from search.tuning.searcher import StudySearcher  # noqa: E402


class HeldSearcher(StudySearcher):
    """Waits after the report of an epoch."""

    marker: Path

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Stores the epoch, and waits where the module says."""
        super().on_trial_result(trial_id, result)
        (journal,) = self._journals.values()
        if is_in_the_middle(journal.records(), self._budget.trials):
            self.marker.touch()
            while not self.interrupted:
                time.sleep(0.05)


def is_in_the_middle(records: tuple[TrialRecord, ...], num_trials: int | None) -> bool:
    """Returns whether a trial has ended and another has gone on after its first epoch.

    Of the last trial any epoch will do: the others may all have ended early.
    """
    running = [record.epochs for record in records if record.state is State.RUNNING]
    ended = any(record.is_finished for record in records)
    return ended and max(running, default=0) >= (1 if len(records) == num_trials else 2)


if __name__ == "__main__":
    from search.store import mirror, mirroring
    from search.tuning import stage

    # Nothing changes any more while it is held, and nobody waits for the store to hear of it.
    mirror._GROWING_EVERY_S = mirroring.EVERY_S = 0.5

    HeldSearcher.marker = Path(sys.argv[1])
    stage.StudySearcher = HeldSearcher
    sys.exit(main(sys.argv[2:]))

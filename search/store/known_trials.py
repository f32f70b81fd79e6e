"""Whether a journal holds the trials that other files of its run know of.

A journal that was cut at the end of a line reads well, and the run would search again what it has
found, or crown another config. `trials.csv` and `refit.json` were written from the whole one.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence

from search.errors import ResultsError
from search.store.reading import reading
from search.store.records import State, TrialRecord
from search.store.run_store import RunStore
from trainables.data.csv_cells import original

_FINISHED = (State.COMPLETE, State.PRUNED, State.FAIL)


def check_whole(store: RunStore, records: Mapping[str, Sequence[TrialRecord]]) -> None:
    """Raises ResultsError where other files of a run know more than its journal.

    Args:
        store: of the run.
        records: trials by space, as the journal has them.
    """
    states = {(space, r.number): r.state for space, found in records.items() for r in found}
    for space, number, state in _listed(store):
        if state in _FINISHED and states.get((space, number)) is not state:
            has = states.get((space, number), "is not in the journal")
            raise _shorter(
                store, "trials.csv", f"trial {number} of {space} ended {state}, now: {has}"
            )
    refitted = _refitted(store)
    for space, found in records.items():
        complete = sum(record.state is State.COMPLETE for record in found)
        if refitted.count(space) > complete:
            told = f"{refitted.count(space)} configs of {space}, the journal {complete}"
            raise _shorter(store, "predictions/refit.json", told)


def _listed(store: RunStore) -> Iterator[tuple[str, int, State]]:
    """Yields space, number and state of every trial of `trials.csv`; none without it."""
    path = store.root / "trials.csv"
    if not path.is_file():
        return
    with reading(path, "delete it: the run writes it anew from its journal"):
        text = path.read_text(encoding="utf-8")
        for row in csv.DictReader(io.StringIO(text, newline="")):
            yield original(row["space"]), int(row["number"]), State(row["state"])


def _refitted(store: RunStore) -> list[str]:
    """Returns the space of every config of the search that was refitted."""
    if not (store.predictions / "refit.json").is_file():
        return []
    configs = store.read_json("predictions/refit.json").get("configs", {})
    with reading(store.predictions / "refit.json", "copy the run whole"):
        names = [name.rpartition(".") for name in dict(configs)]
    return [space for space, _, config_id in names if config_id.isdigit()]


def _shorter(store: RunStore, file: str, told: str) -> ResultsError:
    return ResultsError(
        f"{store.journal} is shorter than when {store.root / file} was written ({told}); copy the "
        "run whole, or start a new one"
    )

"""The trial that a space's search chooses, by what all complete trials predicted."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from search.analysis.choice import PENALTY, errors_of_leads
from search.analysis.people import People
from search.errors import ResultsError
from search.store.best_file import BestFile
from search.store.reading import is_there
from search.store.records import (
    DEFAULT_NUMBER,
    TrialRecord,
    best_record,
    complete_records,
    late_score,
)
from search.store.run_store import RunStore
from trainables.data.sample_table import SampleTable


def chosen_record(
    store: RunStore, table: SampleTable, attributes: Sequence[str], records: Sequence[TrialRecord]
) -> TrialRecord | None:
    """Returns the trial to take: the default's, unless another leads it by more than luck.

    Of those it is the one whose lead is the largest less its standard errors; its last epoch must
    score higher, too. One whose predictions are missing, or not of the same photos, is passed
    over. Where the default did not end or its predictions are missing it is the best score; so it
    is where a run chose it so before and no trial has scored higher since: other configs would
    be other trainings of its refit.

    Args:
        store: keeps what complete trials predicted.
        table: true labels and people.
        attributes: whose label is predicted together.
        records: trials of the space.

    Returns:
        None where no trial is complete.
    """
    complete = complete_records(records)
    best = best_record(complete)
    default = next((r for r in complete if r.number == DEFAULT_NUMBER), None)
    if best is None or default is None or _is_kept(store, best):
        return best
    try:
        indices, given = store.read_validation(default.space, DEFAULT_NUMBER)
    except ResultsError:
        return best
    challengers, predicted = [], []
    for record in complete:
        if (record.objective or 0.0) <= (default.objective or 0.0):
            continue
        with suppress(ResultsError):
            found = store.read_validation(record.space, record.number)
            if np.array_equal(found.indices, indices):
                challengers.append(record)
                predicted.append(found.probabilities.argmax(axis=1))
    people = People(
        label=table.schema.codes(table.labels, attributes)[indices],
        person=table.group_index[indices],
        num_classes=table.schema.only(attributes).num_joint,
    )
    leads = np.array([late_score(record) - late_score(default) for record in challengers])
    surely = leads - PENALTY * errors_of_leads(people, given.argmax(axis=1), predicted)
    return default if surely.max(initial=0.0) <= 0 else challengers[int(surely.argmax())]


def _is_kept(store: RunStore, best: TrialRecord) -> bool:
    """Returns whether an earlier headrace chose the best score, and it is the best still."""
    path = store.best_path(best.space)
    if not is_there(path):
        return False
    with suppress(ResultsError):
        file = BestFile.read(path)
        return file.trial == best.number and not file.by_lead
    return False

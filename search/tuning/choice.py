"""The trial that a space's search chooses, by what all complete trials predicted."""

from collections.abc import Sequence

import numpy as np

from search.analysis.choice import PENALTY, errors_of_leads
from search.analysis.people import People
from search.errors import ResultsError
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

    Of those it is the one whose lead is the largest less its standard errors. Where the default
    did not end, or predictions are missing or not of the same photos, it is the best score.

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
    if best is None or default is None:
        return best
    leads = {r.number: late_score(r) - late_score(default) for r in complete}
    above = [r for r in complete if leads[r.number] > 0]
    try:
        indices, given = store.read_validation(default.space, DEFAULT_NUMBER)
        others = [store.read_validation(r.space, r.number) for r in above]
    except ResultsError:
        return best
    if any(not np.array_equal(other.indices, indices) for other in others):
        return best
    people = People(
        label=table.schema.codes(table.labels, attributes)[indices],
        person=table.group_index[indices],
        num_classes=table.schema.only(attributes).num_joint,
    )
    predicted = (other.probabilities.argmax(axis=1) for other in others)
    errors = errors_of_leads(people, given.argmax(axis=1), predicted)
    surely = np.array([leads[r.number] for r in above]) - PENALTY * errors
    return default if surely.max(initial=0.0) <= 0 else above[int(surely.argmax())]

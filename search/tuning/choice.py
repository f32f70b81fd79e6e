"""The trial that a space's search chooses, by what all complete trials predicted.

Notation: T challengers, which scored higher than the default config.
"""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from search.analysis.choice import (
    OF_ONE_FOLD,
    OF_TWO_FOLDS,
    errors_held_back,
    errors_of_leads,
)
from search.analysis.metrics import Floats, Ints, macro_f1
from search.analysis.people import People
from search.errors import ResultsError
from search.store.best_file import BestFile, Rule
from search.store.reading import is_there
from search.store.records import (
    DEFAULT_NUMBER,
    TrialRecord,
    best_record,
    complete_records,
    late_score,
)
from search.store.run_store import RunStore
from search.tuning.second_fold import SecondFold, people_of
from trainables.data.sample_table import SampleTable


def chosen_record(
    store: RunStore,
    table: SampleTable,
    attributes: Sequence[str],
    records: Sequence[TrialRecord],
    second: SecondFold | None = None,
    rule: Rule = Rule.DUNNETT,
) -> TrialRecord | None:
    """Returns the trial to take: the default's, unless another leads it by more than luck.

    Of those it is the one whose lead is the largest less its standard errors; its last epoch must
    score higher, too. One whose predictions are missing, or not of the same photos, is passed
    over. Where the default and the one so found were trained on a second fold, the lead is the
    mean of both folds, with the error of that mean, and who was not trained there is not taken,
    but for a better trial that came later, or broke there: it is found by the first.

    Where the default did not end or its predictions are missing it is the highest score.

    Args:
        store: keeps what complete trials predicted.
        table: true labels and people.
        attributes: whose label is predicted together.
        records: trials of the space.
        second: trainings on a second fold; None where there are none.
        rule: by which the run chooses.

    Returns:
        None where no trial is complete.
    """
    complete = complete_records(records)
    best = best_record(complete)
    default = next((r for r in complete if r.number == DEFAULT_NUMBER), None)
    if best is None or default is None or rule is Rule.SCORE:
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
    people = people_of(table, attributes, indices)
    leads = np.array([late_score(record) - late_score(default) for record in challengers])
    errors = errors_of_leads(people, given.argmax(axis=1), predicted)
    again = second and _second_leads(second, attributes, default, challengers)
    if again and rule is Rule.DUNNETT:
        errors[_are_behind(leads, again[0])] = np.inf
    surest = _surest(leads, errors, _held_back(rule, leads, is_alone=not again))
    if again and (surest is None or np.isfinite(again[0][surest])):
        surest = _surest((leads + again[0]) / 2, np.hypot(errors, again[1]) / 2, OF_TWO_FOLDS)
    return default if surest is None else challengers[surest]


def _held_back(rule: Rule, leads: Floats, *, is_alone: bool) -> float:
    """Returns the standard errors that leads on one fold count less."""
    errors = {
        Rule.DUNNETT: errors_held_back(int((leads > 0).sum())),
        Rule.ONE_ERROR: OF_ONE_FOLD,
    }.get(rule, OF_TWO_FOLDS)
    # Where leaders were trained again, who was not must not have it easier than those who were.
    return errors if is_alone else max(errors, OF_TWO_FOLDS)


def _are_behind(leads: Floats, again: Floats) -> NDArray[np.bool_]:
    """Returns who was not trained again, and ranks behind those who were."""
    is_again = np.isfinite(again)
    behind = ~is_again & (leads <= leads[is_again].min())
    return np.asarray(behind)


def _surest(leads: Floats, errors: Floats, held_back: float) -> int | None:
    """Returns who leads by the most less so many errors; None where nobody does."""
    surely = np.nan_to_num(leads - held_back * errors, nan=-np.inf)
    return int(surely.argmax()) if surely.max(initial=0.0) > 0 else None


def _second_leads(
    second: SecondFold,
    attributes: Sequence[str],
    default: TrialRecord,
    challengers: Sequence[TrialRecord],
) -> tuple[Floats, Floats] | None:
    """Returns leads over the default on a second fold and their errors, float [T] each.

    They are NaN for who was not trained there; None where the default was not, or all were not.
    """
    given = second.predicted(default)
    if given is None:
        return None
    rows, of_default = given
    people = people_of(second.table, attributes, rows)
    found = [second.predicted(record) for record in challengers]
    is_there = np.array([each is not None for each in found], dtype=bool)
    if not is_there.any():
        return None
    predicted = [each[1] for each in found if each is not None]
    leads, errors = np.full((2, len(challengers)), np.nan)
    leads[is_there] = [_score(people, each) - _score(people, of_default) for each in predicted]
    errors[is_there] = errors_of_leads(people, of_default, predicted)
    return leads, errors


def _score(people: People, predicted: Ints) -> float:
    return macro_f1(people.label, predicted, people.num_classes)


def rule_in_study(store: RunStore) -> Rule | None:
    """Returns the rule that the study of a run says; None where it says none, as older ones.

    Raises:
        ResultsError: it is one that this headrace does not know.
    """
    told = store.read_study().get("chosen_by")
    if not told:
        return None
    if told not in (known := [rule for rule in Rule if rule]):
        raise ResultsError(
            f"chosen_by in {store.root / 'study.json'} must be one of {', '.join(known)}, got "
            f"{told!r}; resume the run with the headrace that began it"
        )
    return Rule(told)


def rule_of(store: RunStore, records: Sequence[TrialRecord]) -> Rule:
    """Returns the rule by which a run chooses a trial of a space.

    It is the one that the run began with: another config would be another training of its refit.
    An older run that does not say it chose by the highest score while that is the trial of the
    space's file, which says nothing of a lead, and by `Rule.LEAD` else.

    Args:
        store: of the run.
        records: trials of the space.

    Raises:
        ResultsError: the rule is one that this headrace does not know.
    """
    if told := rule_in_study(store):
        return told
    best = best_record(records)
    if best is not None and is_there(path := store.best_path(best.space)):
        with suppress(ResultsError):
            file = BestFile.read(path)
            if not file.by_lead and file.search_trial == best.number:
                return Rule.SCORE
    return Rule.LEAD

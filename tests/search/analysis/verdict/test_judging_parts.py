"""The verdict on people by whom the search chose something, and on the others."""

import numpy as np
import pytest

from search.analysis.metrics import macro_f1
from search.analysis.verdict.rules import (
    Caveat,
    Outcome,
)
from tests.search.builders.judged import FIXED, approaches_of, judged, people_with_errors
from tests.search.builders.simulated_errors import NUM_CLASSES
from tests.search.builders.simulated_people import Sample


def _turned(sample, mask):
    """The two approaches change places on some samples."""
    swapped = np.where(mask, sample.predicted[::-1], sample.predicted)
    return Sample(y=sample.y, g=sample.g, predicted=swapped)


def test_a_winner_that_is_behind_on_the_people_who_chose_nothing_is_none():
    sample = people_with_errors(factors=(0.1, 1.0))
    nothing = sample.g % 5 == 0
    turned = _turned(sample, nothing)
    pair = judged(turned, chose=~nothing).pairs[0]
    for found, mask in ((pair.chose_nothing, nothing), (pair.chose, ~nothing)):
        first, second = (
            np.mean([macro_f1(turned.y[mask], row[mask], NUM_CLASSES) for row in rows])
            for rows in turned.predicted
        )
        assert found.estimate.difference == pytest.approx(first - second)
    assert pair.chose_nothing.difference.value < 0 < pair.headline.difference.value
    assert pair.headline.p_adjusted < 0.05
    assert (pair.outcome, pair.winner) == (Outcome.UNDECIDED, None)
    assert pair.caveat is Caveat.CHOSEN_BY
    assert pair.would_decide is None  # more of the same people would not
    unknown = judged(turned).pairs[0]
    assert (unknown.winner, unknown.caveat) == ("a", Caveat.NONE)
    other_side = judged(turned, approaches=approaches_of(turned)[::-1], chose=~nothing).pairs[0]
    assert (other_side.outcome, other_side.caveat) == (Outcome.UNDECIDED, Caveat.CHOSEN_BY)


def test_a_winner_that_is_level_on_the_people_who_chose_nothing_is_none():
    sample = people_with_errors(factors=(0.1, 1.0))
    nothing = sample.g % 5 == 0
    level = np.where(nothing, sample.predicted[:1], sample.predicted)
    same = Sample(y=sample.y, g=sample.g, predicted=level)
    pair = judged(same, chose=~nothing).pairs[0]
    assert pair.chose_nothing.difference.value == 0
    assert (pair.outcome, pair.caveat) == (Outcome.UNDECIDED, Caveat.CHOSEN_BY)


def test_a_winner_ahead_on_the_people_who_chose_nothing_stays_one_without_significance_there():
    sample = people_with_errors(factors=(0.1, 1.0))
    chose = sample.g % 100 != 1  # three people are left, who prove nothing
    pair = judged(sample, chose=chose).pairs[0]
    assert pair.chose_nothing.outcome is Outcome.UNDECIDED
    assert (pair.winner, pair.caveat) == ("a", Caveat.NONE)
    behind = judged(_turned(sample, ~chose), chose=~chose).pairs[0]  # on those it was chosen by
    assert behind.chose.difference.value < 0 < behind.chose_nothing.difference.value
    assert behind.winner == "a"


def test_fixed_models_lose_a_win_by_the_people_who_chose_nothing_too():
    sample = people_with_errors(factors=(0.1, 1.0))
    nothing = sample.g % 5 == 0
    pair = judged(_turned(sample, nothing), FIXED, chose=~nothing).pairs[0]
    assert (pair.outcome, pair.caveat) == (Outcome.UNDECIDED, Caveat.CHOSEN_BY)


def test_a_part_of_one_person_is_not_judged():
    sample = people_with_errors(60)
    pair = judged(sample, chose=sample.g == 3).pairs[0]
    assert pair.chose is None
    assert pair.chose_nothing is not None
    turned = judged(sample, chose=sample.g != 3).pairs[0]
    assert turned.chose_nothing is None

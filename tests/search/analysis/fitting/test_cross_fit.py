import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.errors import AnalysisError
from search.analysis.fitting.cross_fit import CrossFit


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(2, 6), st.booleans())
def test_rounds_cover_everybody_once_and_nobody_decides_about_himself(seed, num_folds, has_part):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(4 * num_folds), 3)
    held = np.isin(g, rng.choice(g, 2)) & has_part & (g >= 2 * num_folds)
    cross_fit = CrossFit.of_people(g % num_folds, g, held)
    applied = np.zeros(len(g), dtype=int)
    for fit, apply in cross_fit.rounds():
        applied += apply
        assert not set(g[fit]) & set(g[apply])
        assert not (fit & held).any()
        assert fit.any()
    assert np.array_equal(applied, np.ones(len(g)))


def test_held_out_people_are_decided_by_all_search_people_whatever_their_fold():
    folds, held = np.array([0, 0, 1, 1]), np.array([False, True, False, True])
    fit, apply = list(CrossFit(folds=folds, held_out=held).rounds())[-1]
    assert fit.tolist() == [True, False, True, False]
    assert apply.tolist() == held.tolist()


def test_a_person_in_two_folds_or_parts_is_named():
    with pytest.raises(AnalysisError, match="got 1 people in several, the first is ann; split"):
        CrossFit.of_people([0, 1, 1], ["ann", "ann", "bob"])
    with pytest.raises(AnalysisError, match="the first is bob"):
        CrossFit.of_people([0, 1, 1], ["ann", "bob", "bob"], [False, False, True])


def test_folds_that_cannot_work_are_refused():
    with pytest.raises(AnalysisError, match="at least 2 folds, got 1"):
        CrossFit.of_people([0, 0, 1], [0, 1, 2], [False, False, True])
    with pytest.raises(AnalysisError, match=r"one length, got shapes \(3,\) and \(2,\)"):
        CrossFit(folds=np.arange(3), held_out=np.zeros(2, dtype=bool))
    with pytest.raises(AnalysisError, match=r"one length, got \(2,\) and \(3,\)"):
        CrossFit.of_people([0, 1, 2], [0, 1])

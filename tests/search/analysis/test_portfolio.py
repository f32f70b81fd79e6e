"""A portfolio: the best config first, then those that cover the other good ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis.errors import AnalysisError
from search.analysis.portfolio import cover, likeness


def test_the_best_config_comes_first_then_a_good_one_that_is_unlike_it():
    configs = [
        {"backbone": "a", "lr": 0.010},
        {"backbone": "a", "lr": 0.011},
        {"backbone": "b", "lr": 0.500},
        {"backbone": "c", "lr": 0.012},
    ]
    assert cover(configs, [0.90, 0.89, 0.80, 0.10], size=2) == (0, 2)


def test_it_begins_with_a_named_config_whatever_its_score():
    configs = [{"lr": 0.1}, {"lr": 0.2}, {"lr": 0.9}]
    assert cover(configs, [0.9, 0.8, 0.1], size=2, first=2) == (2, 0)


def test_a_copy_of_the_first_with_a_higher_score_keeps_no_other_out():
    configs = [{"model": "a"}, {"model": "a"}, {"model": "b"}]
    assert cover(configs, [0.1, 0.9, 0.5], size=3, first=0) == (0, 2)


def test_a_copy_is_never_taken_twice():
    assert cover([{"lr": 0.1}] * 3, [0.5, 0.7, 0.6], size=3) == (1,)


def test_without_configs_it_is_empty():
    assert cover([], [], size=3) == ()


def test_every_config_needs_a_score():
    with pytest.raises(AnalysisError, match="got 1 for 2 configs"):
        cover([{}, {}], [0.5], size=1)


def test_what_only_one_of_two_configs_has_makes_them_unlike():
    alike = likeness([{"loss": "ce"}, {"loss": "focal", "gamma": 2.0}, {"loss": "ce"}])
    assert alike.tolist() == [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 1.0]]


def test_numbers_are_unlike_by_their_ranks_and_switches_by_being_others():
    alike = likeness([{"lr": 1e-4}, {"lr": 1e-3}, {"lr": 1.0}])
    assert alike[0].tolist() == [1.0, 0.5, 0.0]
    assert likeness([{"on": True}, {"on": False}])[0].tolist() == [1.0, 0.0]


config = st.fixed_dictionaries(
    {"lr": st.sampled_from([0.1, 0.2, 0.3])},
    optional={"loss": st.sampled_from(["ce", "focal"]), "size": st.integers(1, 3)},
)


@given(st.lists(st.tuples(config, st.floats(0, 1)), min_size=1, max_size=8), st.integers(1, 8))
def test_it_holds_the_best_config_and_no_two_alike(trials, size):
    configs, scores = [config for config, _ in trials], [score for _, score in trials]
    chosen = cover(configs, scores, size)
    assert scores[chosen[0]] == max(scores)
    assert 1 <= len(chosen) <= size
    assert all(configs[a] != configs[b] for a in chosen for b in chosen if a != b)
    alike = likeness(configs)
    assert np.allclose(alike, alike.T)
    assert ((alike >= 0) & (alike <= 1)).all()

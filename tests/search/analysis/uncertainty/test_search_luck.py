"""The luck of the search, from finalists whose true luck is known."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest

from search.analysis.approaches.approach import Approach
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.search_luck import SearchLuck, search_luck
from search.analysis.verdict.judging import estimates_of, judge
from search.analysis.verdict.rules import (
    Rules,
)
from tests.search.builders.simulated_people import World, simulate

QUICK = Rules(num_resamples=100)


def _finalists(search_sd, num, seed, num_people=300, num_seeds=2):
    """Equal configs of one space, each with the luck of its own that a search would have had."""
    world = World(
        num_people=num_people,
        shared=0.8,
        num_seeds=num_seeds,
        seed_sd=0.005,
        error_factors=(1.0,) * num,
        search_sd=search_sd,
    )
    return simulate(world, np.random.default_rng([num, seed]))


@pytest.mark.parametrize("search_sd", [0.0, 0.03])
def test_what_finalists_differ_by_is_their_luck_less_what_is_counted_already(search_sd):
    lucks = []
    for seed in range(60):
        sample = _finalists(search_sd, 3, seed)
        lucks.append(search_luck(sample.predicted, sample.people))
    found = [luck.variance - luck.counted for luck in lucks]
    error = np.std(found) / len(found) ** 0.5
    assert np.mean(found) == pytest.approx(search_sd**2, abs=3 * error)
    # Uncorrected, people and trainings would be taken for luck of the search.
    assert np.mean([luck.counted for luck in lucks]) > 5 * error or search_sd > 0
    assert {luck.degrees for luck in lucks} == {2.0}


def test_finalists_that_predict_alike_have_no_luck():
    sample = _finalists(0.0, 2, 0)
    same = np.stack([sample.predicted[0]] * 3)
    luck = search_luck(same, sample.people)
    assert (luck.variance, luck.counted >= 0, luck.excess) == (0.0, True, 0.0)


def _searched(sample, first, num):
    """The approach that took the first of some finalists."""
    rows = sample.predicted[first : first + num]
    return Approach(name=str(first), predicted=rows[0], variants=(rows,))


def test_equal_searches_are_called_different_without_their_luck_and_not_with_it():
    """Two searches of one space: each takes one of its three finalists."""
    plain, ours = 0, 0
    for seed in range(60):
        sample = _finalists(0.03, 6, seed, num_people=900)
        pair = [_searched(sample, 0, 3), _searched(sample, 3, 3)]
        ours += judge(pair, sample.people, rules=QUICK).pairs[0].winner is not None
        bare = [replace(part, variants=()) for part in pair]
        plain += judge(bare, sample.people, rules=QUICK).pairs[0].winner is not None
    assert binomtest(plain, 60).proportion_ci().low > 0.05
    assert not binomtest(ours, 60).proportion_ci().low > 0.05


def test_an_estimate_counts_the_luck_of_both_searches_once():
    plain = PairEstimate(
        difference=0.1, people_variance=1e-4, people_degrees=80.0, num_differing=90
    )
    none = SearchLuck(variance=1e-4, counted=2e-4, degrees=2.0)
    some = SearchLuck(variance=5e-4, counted=2e-4, degrees=2.0)
    assert replace(plain, search=(none,)).variance == plain.variance
    assert replace(plain, search=(none,)).degrees == 80.0
    both = replace(plain, search=(some, some, none))
    assert both.search_excess == pytest.approx(6e-4)
    assert both.variance == pytest.approx(7e-4)
    assert both.limit_variance == pytest.approx(7e-4)
    assert both.degrees == pytest.approx(49e-8 / (1e-8 / 80 + 25e-8))
    more = both.with_more(people=100, seeds=50)
    assert more.search_excess == both.search_excess  # neither people nor seeds take it away


def test_the_luck_of_a_models_config_is_estimated_from_the_finalists_of_all_models():
    """Two finalists leave one degree of freedom, five models with two of them leave five."""
    sample = _finalists(0.03, 6, 2)
    parts = [_searched(sample, first, 2) for first in (0, 2, 4)]
    single = [search_luck(part.variants[0], sample.people) for part in parts]
    for estimate in estimates_of(parts, sample.people).values():
        (luck,) = estimate.search  # of the two models of the pair
        assert luck.degrees == 3
        assert luck.variance == pytest.approx(2 * np.mean([each.variance for each in single]))
        assert luck.counted == pytest.approx(2 * np.mean([each.counted for each in single]))
    two_models = replace(parts[0], variants=(*parts[0].variants, parts[1].variants[0]))
    found = estimates_of([two_models, parts[2]], sample.people)
    assert found["0", "4"].search[0].variance == pytest.approx(3 * luck.variance / 2)


def test_fixed_models_and_equal_predictions_have_no_luck_of_the_search():
    sample = _finalists(0.03, 3, 1)
    first = _searched(sample, 0, 3)
    same = replace(first, name="same")
    other = replace(first, name="other", predicted=sample.predicted[1])
    found = estimates_of([first, same, other], sample.people)
    assert {pair: len(each.search) for pair, each in found.items()} == dict(
        zip(combinations(["0", "same", "other"], 2), (0, 1, 1), strict=True)
    )
    fixed = estimates_of([first, other], sample.people, fixed_models=True)
    assert fixed["0", "other"].search == ()

"""The error that all looks at a pair take together, and what an end leaves of it."""

import numpy as np
import pytest
from scipy import stats

from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.verdict.rounds import (
    LOOKS,
    Standing,
    error_of_looks,
    next_look,
)
from tests.search.builders.looks import THIRD, luck_of_seeds, rounds_of


@pytest.mark.parametrize(
    ("full", "looks"),
    [
        (2, [2]),
        (3, [2, 3]),
        (5, [2, 3, 4, 5]),
        (6, [2, 3, 4, 6]),
        (12, [2, 3, 4, 6, 9, 12]),
        (20, [2, 3, 4, 6, 9, 12, 15, 18, 20]),
    ],
)
def test_looks_come_after_these_seeds(full, looks):
    found = [next_look(0, full)]
    while found[-1] < full:
        found.append(next_look(found[-1], full))
    assert found == looks
    assert next_look(full, full) == full
    assert LOOKS[:4] == (2, 3, 4, 6)


def _variances(ratio, looks):
    """P + Q / S, P = 1, Q / P the ratio."""
    return [1 + ratio / seeds for seeds in looks]


def _simulated_error(shares, variances, level, num=400_000):
    """How often any of the looks calls equal approaches different, drawn step by step."""
    rng = np.random.default_rng(0)
    information = 1 / np.array(variances)
    sums, different, before = np.zeros(num), np.zeros(num, dtype=bool), 0.0
    for share, now in zip(shares, information, strict=True):
        sums = sums + rng.normal(0, (now - before) ** 0.5, num)
        different |= np.abs(sums) / now**0.5 > stats.norm.isf(share * level / 2)
        before = now
    return different.mean()


@pytest.mark.parametrize("ratio", [0.2, 5.0, 100.0])
@pytest.mark.parametrize(
    ("looks", "shares", "level"),
    [
        ((2,), (1.0,), 0.05),
        ((2, 6), (1.0, 1.0), 0.05),
        ((2, 3, 4, 6), (0.1, 0.1, 0.1, 0.9), THIRD),
        ((2, 3, 4, 6, 9, 12), (0.1, 0.1, 0.1, 0.1, 0.1, 0.85), 0.05),
        ((3, 6, 9), (1.0, 0.1, 0.4), 0.05),
    ],
)
def test_the_error_of_looks_is_that_of_correlated_normal_differences(ratio, looks, shares, level):
    variances = _variances(ratio, looks)
    found = error_of_looks(shares, variances, level)
    drawn = _simulated_error(shares, variances, level)
    assert found == pytest.approx(drawn, abs=4 * (drawn / 400_000) ** 0.5)


def test_looks_at_the_same_data_err_as_one():
    assert error_of_looks([1.0], [3.0], 0.05) == pytest.approx(0.05, rel=1e-9)
    again = error_of_looks([0.5, 1.0, 1.0], [1.0, 1.0, 1.0], 0.05)
    assert 0.05 <= again < 0.0505  # the grid errs a little to the high side
    apart = error_of_looks([1.0, 1.0], [1e9, 1.0], 0.05)
    assert apart == pytest.approx(1 - 0.95**2, rel=1e-4)


@pytest.mark.parametrize("ratio", [0.2, 5.0, 30.0, 1000.0])
@pytest.mark.parametrize(
    ("looks", "ends"),
    [
        ((2, 3, 4, 6), (6,)),
        ((2, 3, 4, 6, 9, 12), (12,)),
        ((2, 3, 4, 6, 9, 12, 15, 18, 20), (20,)),
        ((2, 3, 6), (3, 6)),
        ((2, 3, 4, 6, 9), (2, 3, 4, 6, 9)),
        ((2, 3, 4, 6, 9, 12), (2, 12)),
    ],
)
def test_all_looks_together_take_at_most_a_fiftieth_more_than_the_level(ratio, looks, ends):
    """A pair that keeps a p of 0.0505 at all looks, so that none is cut short."""
    rounds = rounds_of("ab", full=max(looks), margin=1e-9)
    pair, shares, variances = rounds.pairs[0], [], _variances(ratio, looks)
    for seeds in looks:
        estimate = luck_of_seeds(float(stats.norm.isf(0.02525)), ratio, seeds)
        rounds.look({pair: estimate}, ended=seeds in ends)
        assert rounds.closings[pair].standing is Standing.OPEN
        shares.append(rounds.closings[pair].share)
    assert error_of_looks(shares, variances, 0.05) <= 1.02 * 0.05 * (1 + 1e-9)
    drawn = _simulated_error(shares, variances, 0.05)
    assert drawn <= 1.02 * 0.05 + 4 * (0.05 / 400_000) ** 0.5
    assert shares[0] == (0.9 if looks[0] in ends else 0.1)
    assert max(shares[1:]) <= 0.9


def test_an_end_after_an_end_takes_all_that_is_left_of_the_level():
    rounds = rounds_of("ab", margin=1e-9)
    pair = rounds.pairs[0]
    shares = []
    for seeds in (2, 6):
        estimate = luck_of_seeds(1.9, 1.0, seeds)
        rounds.look({pair: estimate}, ended=True)
        shares.append(rounds.closings[pair].share)
    assert shares[0] == 0.9
    error = error_of_looks(shares, _variances(1.0, (2, 6)), 0.05)
    assert error == pytest.approx(1.02 * 0.05, rel=1e-3)
    assert 0.1 < shares[1] < 0.9


def test_after_an_end_only_the_next_end_takes_of_the_level():
    rounds = rounds_of("ab", full=2, margin=1e-9)
    (pair,) = rounds.pairs
    shares = []
    for seeds in (2, 3, 4, 6):
        estimate = luck_of_seeds(1.9, 1.0, seeds)
        if seeds == 6:
            promised = rounds.share_left(pair, estimate)
        rounds.look({pair: estimate}, ended=seeds in (2, 6))
        rounds.reopen(6)
        shares.append(rounds.closings[pair].share)
    assert shares[:3] == [1.0, 0.0, 0.0]
    assert shares[3] == promised > 0.1


def test_a_pair_without_any_luck_has_all_of_the_level():
    rounds = rounds_of("ab", full=6)
    (pair,) = rounds.pairs
    same = PairEstimate(difference=0.0, people_variance=0.0, people_degrees=9.0, num_differing=0)
    rounds.look({pair: same}, ended=False)
    assert rounds.share_left(pair, same) == 0.9


def test_what_has_nothing_left_of_the_level_cannot_win():
    rounds = rounds_of("ab", full=12, margin=1e-9)
    pair = rounds.pairs[0]
    for seeds in (2, 3, 4, 6, 9):
        estimate = luck_of_seeds(1.9, 1000.0, seeds)
        rounds.look({pair: estimate}, ended=True)
    found = rounds.closings[pair]
    assert found.share == 0
    assert found.p_value == 1
    assert found.standing is Standing.OPEN

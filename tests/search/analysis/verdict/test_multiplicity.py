"""p-values of several pairs, against every way in which approaches can be equal."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis.verdict.multiplicity import holm, possibly_equal, shaffer


def _groupings(names):
    """Every way to part names into groups of equals."""
    if not names:
        yield []
        return
    first, rest = names[0], names[1:]
    for found in _groupings(rest):
        yield [[first], *found]
        for place, group in enumerate(found):
            yield [*found[:place], [first, *group], *found[place + 1 :]]


def _by_brute_force(num):
    """How many of all pairs can be equal at most, once 0, 1, 2, ... differ."""
    numbers = {
        sum(len(group) * (len(group) - 1) // 2 for group in found)
        for found in _groupings(list(range(num)))
    }
    pairs = num * (num - 1) // 2
    return tuple(max(n for n in numbers if n <= pairs - done) for done in range(pairs))


def test_holm_multiplies_by_the_tests_left_and_never_falls():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.02, 0.03]) == pytest.approx([0.04, 0.04])
    assert holm([0.9, 0.8, 0.001]) == pytest.approx([1.0, 1.0, 0.003])
    assert holm([]) == []


def test_equalities_left_are_those_of_shaffers_table():
    assert possibly_equal(2) == (1,)
    assert possibly_equal(3) == (3, 1, 1)
    assert possibly_equal(4) == (6, 3, 3, 3, 2, 1)
    assert possibly_equal(5) == (10, 6, 6, 6, 6, 4, 4, 3, 2, 1)


@pytest.mark.parametrize("num", [2, 3, 4, 5, 6])
def test_equalities_left_are_those_of_all_groups_of_equal_approaches(num):
    assert possibly_equal(num) == _by_brute_force(num)


def test_shaffer_multiplies_by_the_pairs_that_can_still_be_equal_and_never_falls():
    assert shaffer([0.01, 0.04, 0.03], 3) == pytest.approx([0.03, 0.04, 0.03])
    assert shaffer([0.02, 0.03, 0.9], 3) == pytest.approx([0.06, 0.06, 0.9])
    assert shaffer([0.4], 2) == [0.4]
    p_values = [0.001, 0.002, 0.003, 0.004, 0.005, 0.006]
    expected = [0.006, 0.006, 0.009, 0.012, 0.012, 0.012]
    assert shaffer(p_values, 4) == pytest.approx(expected)


@given(st.integers(2, 5).flatmap(lambda n: st.tuples(st.just(n), _p_values(n))))
def test_shaffer_is_at_least_the_raw_p_and_at_most_holms(given_p):
    num, p_values = given_p
    adjusted = shaffer(p_values, num)
    for raw, ours, holms in zip(p_values, adjusted, holm(p_values), strict=True):
        assert raw <= ours <= holms
    ranked = sorted(range(len(p_values)), key=lambda i: p_values[i])
    assert [adjusted[i] for i in ranked] == sorted(adjusted)


def _p_values(num):
    pairs = len(list(combinations(range(num), 2)))
    return st.lists(st.floats(0, 1), min_size=pairs, max_size=pairs)

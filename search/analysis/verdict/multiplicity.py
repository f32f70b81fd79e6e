"""p-values adjusted for their number."""

from collections.abc import Sequence
from functools import cache


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values adjusted for their number (Holm 1979), in the given order."""
    num = len(p_values)
    return _stepped_down(p_values, range(num, 0, -1))


def shaffer(p_values: Sequence[float], num_approaches: int) -> list[float]:
    """Returns the p-values of all pairs adjusted for their number, in the given order.

    Where one pair differs, not all others can be equal: of three approaches either all three pairs
    are, or one, or none. So the second p is adjusted for one pair where Holm adjusts for two
    (Shaffer 1986, Modified sequentially rejective multiple test procedures, method S1).

    Args:
        p_values: of all pairs of the approaches.
        num_approaches: that were compared.
    """
    return _stepped_down(p_values, possibly_equal(num_approaches))


@cache
def possibly_equal(num_approaches: int) -> tuple[int, ...]:
    """Returns how many pairs can still be equal once 0, 1, 2, ... of them differ.

    3, 1, 1 for three approaches; 6, 3, 3, 3, 2, 1 for four.
    """
    num_pairs = num_approaches * (num_approaches - 1) // 2
    numbers = _numbers_equal(num_approaches)
    return tuple(max(n for n in numbers if n <= num_pairs - done) for done in range(num_pairs))


@cache
def _numbers_equal(num_approaches: int) -> frozenset[int]:
    """Returns the numbers of equal pairs there can be: approaches fall into groups of equals."""
    if num_approaches < 2:
        return frozenset({0})
    return frozenset(
        size * (size - 1) // 2 + rest
        for size in range(1, num_approaches + 1)
        for rest in _numbers_equal(num_approaches - size)
    )


def _stepped_down(p_values: Sequence[float], factors: Sequence[int]) -> list[float]:
    adjusted, worst = [0.0] * len(p_values), 0.0
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for index, factor in zip(order, factors, strict=True):
        worst = max(worst, min(1.0, p_values[index] * factor))
        adjusted[index] = worst
    return adjusted

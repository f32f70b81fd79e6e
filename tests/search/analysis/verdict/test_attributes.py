from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest

from search.analysis.approaches.approach import Approach
from search.analysis.metrics import macro_f1
from search.analysis.recombine import attribute_classes
from search.analysis.verdict.attributes import attribute_scores
from search.analysis.verdict.multiplicity import holm
from tests.search.builders.simulated_errors import ATTRIBUTES
from tests.search.builders.simulated_people import World, simulate

SIZES = {name: len(classes) for name, classes in ATTRIBUTES.items()}
EQUAL_DATA_SETS = 300


def _judged(world, seed_or_rng, decided=(True, True, True)):
    sample = simulate(world, np.random.default_rng(seed_or_rng))
    parts = [Approach(name=str(i), predicted=rows) for i, rows in enumerate(sample.predicted)]
    found = attribute_scores(parts, sample.people, SIZES, decided, fixed_models=False)
    return sample, found


def _world(*factors, num_people=100):
    return World(num_people=num_people, shared=0.5, num_seeds=2, error_factors=factors)


def test_differences_are_those_of_the_attributes_macro_f1():
    sample, found = _judged(_world(0.1, 1.0, 1.0, num_people=300), 0)
    true = attribute_classes(sample.y, (3, 2, 3))
    for (a, b), rows in zip(combinations(range(3), 2), found, strict=True):
        assert [row.name for row in rows] == ["mask", "gender", "age"]
        for axis, row in enumerate(rows):
            score = [
                np.mean(
                    [
                        macro_f1(true[:, axis], attribute_classes(seed, (3, 2, 3))[:, axis], size)
                        for seed in sample.predicted[side]
                    ]
                )
                for side, size in ((a, row_size(row)), (b, row_size(row)))
            ]
            assert row.difference.value == pytest.approx(score[0] - score[1])
    by_name = {row.name: row for row in found[0]}
    assert by_name["gender"].supported
    assert by_name["age"].supported
    assert not by_name["mask"].supported  # no approach errs less there


def row_size(row):
    return SIZES[row.name]


def test_attributes_are_given_for_decided_pairs_alone_and_adjusted_for_those_together():
    _, every = _judged(_world(0.6, 1.0, 1.0), 0)
    _, two = _judged(_world(0.6, 1.0, 1.0), 0, (True, False, True))
    assert [len(rows) for rows in two] == [3, 0, 3]
    flat = [row for rows in two for row in rows]
    assert [row.p_adjusted for row in flat] == holm([row.difference.p_value for row in flat])
    p_of_two = {row.p_adjusted for row in two[0]}
    assert p_of_two != {row.p_adjusted for row in every[0]}
    assert _judged(_world(0.6, 1.0, 1.0), 0, (False,) * 3)[1] == [(), (), ()]


def test_equally_good_approaches_have_a_different_attribute_in_at_most_five_percent():
    rng = np.random.default_rng(1)
    declared = sum(
        any(
            row.supported
            for rows in _judged(_world(1.0, 1.0, 1.0, num_people=60), rng)[1]
            for row in rows
        )
        for _ in range(EQUAL_DATA_SETS)
    )
    assert binomtest(declared, EQUAL_DATA_SETS, 0.05, alternative="greater").pvalue > 0.025


def test_the_luck_of_choosing_widens_every_attribute():
    sample = simulate(_world(1.0, 1.0), np.random.default_rng(0))
    widths = []
    for luck in (0.0, 0.001):
        parts = [
            Approach(name=str(i), predicted=rows, choice_variance=luck)
            for i, rows in enumerate(sample.predicted)
        ]
        (rows,) = attribute_scores(parts, sample.people, SIZES, [True], fixed_models=False)
        widths.append([row.difference.high - row.difference.low for row in rows])
    assert all(wide > plain for plain, wide in zip(*widths, strict=True))

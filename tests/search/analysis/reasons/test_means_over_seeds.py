"""Figures of reasons as means over seeds: the luck of training is counted by folds."""

from dataclasses import replace

import numpy as np
import pytest

from search.analysis.approaches.approach import Approach
from search.analysis.metrics import macro_f1_of_counts
from search.analysis.reasons.attribution import attribution
from search.analysis.reasons.evidence import Evidence
from search.analysis.uncertainty.bootstrap import influence, side_by_side
from search.analysis.uncertainty.score_sheet import score_sheet
from tests.search.builders.labelled_people import half_width
from tests.search.builders.simulated_errors import ATTRIBUTES
from tests.search.builders.simulated_people import World, simulate
from tests.search.builders.verdict_cells import above_five_percent


def _sample(seed, num_people=150, num_seeds=2, seed_sd=0.03):
    world = World(num_people=num_people, shared=0.8, num_seeds=num_seeds, seed_sd=seed_sd)
    return simulate(world, np.random.default_rng([7, seed]))


def _evidence(sample, people=None, num_resamples=200):
    parts = [
        Approach(name=name, predicted=rows)
        for name, rows in zip("ab", sample.predicted, strict=True)
    ]
    return Evidence.of(parts, people or sample.people, ATTRIBUTES, num_resamples=num_resamples)


def _difference(evidence, sample):
    """The difference of macro-F1 itself, as a figure of two approaches."""
    pairs = np.moveaxis(sample.predicted, 1, 0)  # [S, 2, N]
    counts = np.ascontiguousarray(evidence.people.counts(pairs))

    def statistic(sums):
        scores = macro_f1_of_counts(sums.reshape(len(sums), 2, 3, -1))
        return (scores[:, 0] - scores[:, 1])[:, None]

    effects = influence(counts).mean(axis=0)
    seeds = map(side_by_side, counts)
    return evidence.means_over_seeds(seeds, statistic, effects[0] - effects[1])[0]


@pytest.mark.parametrize("num_seeds", [2, 3, 6])
def test_the_difference_of_macro_f1_has_the_interval_of_the_verdict(num_seeds):
    """About: the figure is of differences seed by seed, which have half the degrees of freedom."""
    ratios = []
    for seed in range(12):
        sample = _sample(seed, num_people=300, num_seeds=num_seeds)
        found = _difference(_evidence(sample, num_resamples=800), sample)
        pair = score_sheet(list(sample.predicted), sample.people).pair(0, 1, fixed_models=False)
        assert found.value == pytest.approx(pair.difference)
        ratios.append(half_width(found) / half_width(pair.interval))
    assert 0.95 < np.mean(ratios) < 1.15


def test_equal_approaches_have_a_reason_in_at_most_five_percent_whatever_the_luck():
    found = [attribution(_evidence(sample), "a", "b") for sample in map(_sample, range(60))]
    for place in range(len(ATTRIBUTES) + 1):
        assert not above_five_percent([each[place].effect.excludes_zero for each in found])


def test_two_seeds_tell_the_luck_by_folds_and_next_to_nothing_without():
    """By whole seeds two of them leave half a degree of freedom."""
    by_folds, by_seeds = [], []
    for seed in range(8):
        sample = _sample(seed, seed_sd=0.06)
        whole = replace(sample.people, fold=None)
        by_folds.append(half_width(_difference(_evidence(sample), sample)))
        by_seeds.append(half_width(_difference(_evidence(sample, whole), sample)))
    assert np.median(by_seeds) > 2 * np.median(by_folds)
    # Two seeds that come out alike by luck would be taken for a training without any.
    assert max(by_seeds) / min(by_seeds) > 2 * max(by_folds) / min(by_folds)


def test_seeds_that_predict_alike_have_no_luck():
    sample = _sample(0, num_seeds=3)
    same = replace(sample, predicted=np.repeat(sample.predicted[:, :1], 3, axis=1))
    alone = replace(sample, predicted=sample.predicted[:, :1])
    assert half_width(_difference(_evidence(same), same)) == pytest.approx(
        half_width(_difference(_evidence(alone), alone))
    )

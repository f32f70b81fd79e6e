"""The people's part of our variance against a cluster-robust sandwich of our own making.

The clustered delta method for macro-F1 (arXiv 2606.03656): the influence of every photo on the
score, summed by person; the squares of these totals with the finite-cluster factor G / (G - 1). It
knows no strata. Its stratified version takes them about the mean of each stratum, with
n_h / (n_h - 1) in place of that factor.
"""

import numpy as np
import pytest

from search.analysis.uncertainty.score_sheet import score_sheet
from tests.search.builders.simulated_errors import NUM_CLASSES
from tests.search.builders.simulated_people import World, simulate


def _influence(y, predicted):
    """What every photo adds to the macro-F1, by the quotient rule; sums to 0 over photos."""
    effect = np.zeros(len(y))
    for c in range(NUM_CLASSES):
        both = (y == c).sum() + (predicted == c).sum()
        if both:
            f1 = 2 * ((y == c) & (predicted == c)).sum() / both
            hit = 2.0 * ((y == c) & (predicted == c))
            effect += (hit - f1 * (1.0 * (y == c) + (predicted == c))) / both / NUM_CLASSES
    return effect


def _sandwich(totals, stratum):
    """Sum over strata of n / (n - 1) times the squares about the stratum's mean."""
    variance = 0.0
    for name in np.unique(stratum):
        inside = totals[stratum == name]
        variance += len(inside) / (len(inside) - 1) * ((inside - inside.mean()) ** 2).sum()
    return variance


def _standard_errors(seed, factors):
    """Ours, and the sandwich without strata and with those of gender and age."""
    world = World(num_people=2_700, shared=0.8, num_seeds=3, seed_sd=0.01, error_factors=factors)
    sample = simulate(world, np.random.default_rng(seed))
    gaps = [
        _influence(sample.y, one) - _influence(sample.y, two)
        for one, two in zip(*sample.predicted, strict=True)
    ]
    totals = np.bincount(sample.g, np.mean(gaps, axis=0))
    gender_and_age = sample.y.reshape(-1, 7)[:, 0] % 6
    sheet = score_sheet(
        list(sample.predicted),
        sample.people,
        num_resamples=10_000,
        rng=np.random.default_rng(0),
    )
    ours = sheet.pair(0, 1, fixed_models=False).people_variance
    everybody = _sandwich(totals, np.zeros(len(totals)))
    return np.sqrt([ours, everybody, _sandwich(totals, gender_and_age)])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_standard_error_over_people_is_that_of_a_cluster_robust_sandwich(seed):
    """Of equal approaches, where the strata explain little."""
    ours, everybody, stratified = _standard_errors(seed, (1.0, 1.0))
    assert ours == pytest.approx(everybody, rel=0.03)
    assert ours == pytest.approx(stratified, rel=0.02)


def test_only_the_stratified_sandwich_agrees_where_the_approaches_differ():
    ours, everybody, stratified = _standard_errors(3, (0.05, 1.0))
    assert ours == pytest.approx(stratified, rel=0.01)
    assert ours != pytest.approx(everybody, rel=0.01)

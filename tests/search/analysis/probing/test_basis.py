"""The basis of features: the leading directions, of the training samples alone."""

import numpy as np
import pytest

from search.analysis.errors import AnalysisError
from search.analysis.probing.basis import Basis, Moments


def features(seed, num=300, width=40):
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((num, 6)) * np.geomspace(8, 1, 6) @ rng.standard_normal((6, width))
    return (mixed + 0.05 * rng.standard_normal((num, width)) + 3).astype(np.float32)


def test_the_moments_of_the_others_are_the_whole_less_a_part(seed):
    x = features(seed)
    rest = Moments.of(x, np.arange(300)) - Moments.of(x, np.arange(100))
    direct = Moments.of(x, np.arange(100, 300))
    assert rest.num == direct.num
    np.testing.assert_allclose(rest.products, direct.products, rtol=1e-9)


@pytest.mark.parametrize("num", [4, 40])
def test_coordinates_are_the_leading_principal_components(seed, num):
    x = features(seed)
    basis = Basis.of(Moments.of(x, np.arange(300)), num)
    found = basis.coordinates(x, np.arange(300)).astype(np.float64)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    singular = np.linalg.svd(standard / np.sqrt(300 * 40), compute_uv=False)[:num]
    np.testing.assert_allclose(np.sqrt((found**2).mean(axis=0)), singular, atol=1e-4)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-5)


def test_the_squares_of_all_coordinates_sum_to_one_on_average(seed):
    x = features(seed)
    found = Basis.of(Moments.of(x, np.arange(300))).coordinates(x, np.arange(300))
    assert (found**2).sum(axis=1).mean() == pytest.approx(1, abs=1e-3)


def test_a_feature_that_never_differs_is_left_out(seed):
    x = features(seed)
    x[:, 3] = 1e6
    found = Basis.of(Moments.of(x, np.arange(200))).coordinates(x, np.arange(300))
    assert np.isfinite(found).all()
    x[250, 3] = 0
    changed = Basis.of(Moments.of(x, np.arange(200))).coordinates(x, np.arange(300))
    np.testing.assert_array_equal(found, changed)


def test_a_single_sample_has_no_basis():
    with pytest.raises(AnalysisError, match="two samples or more, got 1"):
        Basis.of(Moments.of(np.ones((1, 3), np.float32), np.arange(1)))

"""A probe of people that it never saw: neither their labels nor the strength they would choose."""

import numpy as np
import pytest

from search.analysis.probing.basis import Moments
from search.analysis.probing.probe import STRENGTHS, Division, divisions, strongest

NUM, WIDTH = 300, 20


def planted(seed, signal=1.5):
    """Returns features that tell one of two classes, the label, and the fold of every sample."""
    rng = np.random.default_rng(seed)
    label, fold = rng.integers(0, 2, NUM), np.arange(NUM) % 5
    features = rng.standard_normal((NUM, WIDTH))
    features[:, 0] += signal * (2 * label - 1)
    return features.astype(np.float32), label, fold


def out_of_fold(features, label, fold, validated=4):
    moments, found, chosen = Moments.of(features, np.arange(NUM)), np.empty((NUM, 2)), []
    for make in divisions(features, moments, fold, validated):
        division = make()
        chosen.append(strongest(division.losses(label, 2)))
        found[division.out] = division.fitted(label, 2, chosen[-1])
    return found, chosen


def test_a_probe_finds_what_features_tell(seed):
    features, label, fold = planted(seed)
    found, _ = out_of_fold(features, label, fold)
    assert (found.argmax(axis=1) == label).mean() > 0.85


def test_the_labels_of_a_fold_do_not_reach_its_own_probabilities(seed):
    features, label, fold = planted(seed)
    found, _ = out_of_fold(features, label, fold)
    changed, _ = out_of_fold(features, np.where(fold == 2, 1 - label, label), fold)
    np.testing.assert_array_equal(found[fold == 2], changed[fold == 2])
    assert np.abs(found[fold != 2] - changed[fold != 2]).max() > 0.05


def test_the_features_of_a_fold_do_not_make_the_basis_of_its_probe(seed):
    features, _, fold = planted(seed)
    other = features.copy()
    other[fold == 1] *= 9
    first, changed = (
        Division.of(x, Moments.of(x, np.arange(NUM)), fold, 1, 4) for x in (features, other)
    )
    np.testing.assert_allclose(np.abs(first.x), np.abs(changed.x), atol=1e-4)


def test_features_that_tell_nothing_get_the_strongest_ridge(seed):
    rng = np.random.default_rng(seed)
    features, label, fold = planted(seed, signal=0.0)
    _, chosen = out_of_fold(features, rng.permutation(label), fold)
    assert np.median(chosen) == max(STRENGTHS)


@pytest.mark.parametrize(("out", "validated"), [(0, (1, 2)), (4, (0, 1))])
def test_the_folds_that_follow_choose_the_strength(seed, out, validated):
    features, _, fold = planted(seed)
    moments = Moments.of(features, np.arange(NUM))
    assert Division.of(features, moments, fold, out, 2).validated == validated


def test_of_equal_losses_the_strongest_ridge_is_taken():
    assert strongest(np.zeros(len(STRENGTHS))) == STRENGTHS[-1]
    assert strongest(np.arange(len(STRENGTHS), dtype=float)) == STRENGTHS[0]

"""Small heads: they learn what no straight cut can, fold by fold, the same from the same seed."""

import numpy as np
import pytest
import torch

from trainables.errors import ConfigError
from trainables.small_heads import SmallHeads


def corners(seed, folds=2, num=512):
    """Returns points of a plane and which two opposite quarters they are in, of every fold."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((folds, num, 2)).astype(np.float32)
    return torch.from_numpy(x), torch.from_numpy((x[..., 0] * x[..., 1] > 0).astype(np.int64))


def fitted(x, labels, sizes, seed=0):
    heads = SmallHeads(len(x), x.shape[2], sizes, seed)
    heads.fit(x, labels)
    folds = [heads.probabilities(own, fold) for fold, own in enumerate(x)]
    return [np.stack(each) for each in zip(*folds, strict=True)]


def test_small_heads_learn_what_no_straight_cut_tells(seed):
    x, label = corners(seed)
    (probs,) = fitted(x, [label], [2])
    right = probs.argmax(axis=-1) == label.numpy()
    assert right.mean(axis=1).min() > 0.85
    np.testing.assert_allclose(probs.sum(axis=-1), 1, atol=1e-5)


def test_a_fold_learns_from_its_own_samples_alone(seed):
    x, label = corners(seed)
    (probs,) = fitted(x, [label], [2])
    other = label.clone()
    other[1] = 1 - other[1]
    (changed,) = fitted(x, [other], [2])
    np.testing.assert_allclose(changed[0], probs[0], atol=1e-5)
    assert np.abs(changed[1] - probs[1]).mean() > 0.3


def test_heads_share_the_hidden_layer_and_have_classes_of_their_own(seed):
    x, label = corners(seed)
    side = (x[..., 0] > 0).long() + (x[..., 0] > 1).long()
    one, two = fitted(x, [label, side], [2, 3])
    assert (one.shape, two.shape) == ((2, 512, 2), (2, 512, 3))
    assert (two.argmax(axis=-1) == side.numpy()).mean() > 0.85


def test_the_same_seed_gives_the_same_heads_and_another_seed_others(seed):
    x, label = corners(seed, num=64)
    first, again, other = (fitted(x, [label], [2], each)[0] for each in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_labels_that_do_not_fit_are_refused():
    x, label = corners(0, num=8)
    with pytest.raises(ConfigError, match=r"2 heads need as many labels of shape \(2, 8\)"):
        fitted(x, [label], [2, 2])

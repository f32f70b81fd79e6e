"""Sampling of an epoch: a permutation, balanced classes, and everything between."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.sampler import batches, epoch_order, num_batches

CLASSES = np.repeat(np.arange(3), [700, 250, 50])


@settings(max_examples=25)
@given(count=st.integers(1, 200), seed=st.integers(0, 2**31))
def test_power_zero_visits_every_sample_once(count, seed):
    classes = np.random.default_rng(seed).integers(0, 3, count)
    order = epoch_order(classes, 0.0, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.sort(order), np.arange(count))


def test_power_zero_shuffles(seed):
    order = epoch_order(CLASSES, 0.0, np.random.default_rng(seed))
    assert not np.array_equal(order, np.sort(order))


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0])
def test_classes_are_drawn_by_their_count_to_the_power_of_one_minus_power(power, seed):
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([CLASSES[epoch_order(CLASSES, power, rng)] for _ in range(20)])
    counts = np.bincount(CLASSES).astype(float) ** (1 - power)
    np.testing.assert_allclose(np.bincount(drawn) / len(drawn), counts / counts.sum(), atol=0.02)


def test_an_epoch_is_as_long_as_the_training_set_whatever_the_power(seed):
    order = epoch_order(CLASSES, 1.0, np.random.default_rng(seed))
    assert order.shape == CLASSES.shape
    assert order.min() >= 0
    assert order.max() < len(CLASSES)


def test_a_class_that_never_occurs_is_no_obstacle(seed):
    classes = np.array([0, 0, 4, 4, 4])
    order = epoch_order(classes, 1.0, np.random.default_rng(seed))
    assert set(classes[order]) <= {0, 4}


def test_the_same_generator_gives_the_same_order(seed):
    orders = [epoch_order(CLASSES, 0.5, np.random.default_rng(seed)) for _ in range(2)]
    np.testing.assert_array_equal(*orders)


@settings(max_examples=200)
@given(count=st.integers(2, 300), batch_size=st.integers(2, 70))
def test_batches_hold_everything_in_order_and_none_has_one_sample(count, batch_size):
    parts = batches(torch.arange(count), batch_size)
    np.testing.assert_array_equal(torch.cat(parts), np.arange(count))
    sizes = {len(part) for part in parts}
    assert len(parts) == num_batches(count, batch_size)
    assert min(sizes) >= 2
    assert max(sizes) - min(sizes) <= 1


@settings(max_examples=200)
@given(count=st.integers(2, 300), batch_size=st.integers(3, 70))
def test_no_batch_is_larger_than_asked(count, batch_size):
    assert max(len(part) for part in batches(torch.arange(count), batch_size)) <= batch_size


@pytest.mark.parametrize("count", [3, 5, 7])
def test_an_odd_number_in_pairs_makes_one_batch_of_three(count):
    assert sorted(len(part) for part in batches(torch.arange(count), 2)) == [2] * (
        count // 2 - 1
    ) + [3]


@settings(max_examples=50)
@given(count=st.integers(2, 300), batch_size=st.integers(2, 70))
def test_there_are_no_more_batches_than_needed(count, batch_size):
    assert num_batches(count, batch_size) <= -(-count // batch_size)

"""Metrics against scikit-learn, and the two ways between attributes and joint label."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix as sklearn_confusion
from sklearn.metrics import f1_score

from search.analysis.metrics import class_counts, confusion_matrix, f1_of_counts, macro_f1
from search.analysis.recombine import marginals, recombine

NUM_CLASSES = 4

labels = st.lists(
    st.tuples(st.integers(0, NUM_CLASSES - 1), st.integers(0, NUM_CLASSES - 1)),
    min_size=1,
    max_size=40,
).map(lambda pairs: tuple(np.array(pairs, dtype=np.int64).T))


@settings(max_examples=50)
@given(pair=labels)
def test_confusion_and_scores_are_those_of_scikit_learn(pair):
    truth, predicted = pair
    classes = range(NUM_CLASSES)
    matrix = confusion_matrix(truth, predicted, NUM_CLASSES)
    np.testing.assert_array_equal(matrix, sklearn_confusion(truth, predicted, labels=classes))
    each = f1_score(truth, predicted, labels=classes, average=None, zero_division=0)
    np.testing.assert_allclose(f1_of_counts(class_counts(truth, predicted, NUM_CLASSES)), each)
    whole = f1_score(truth, predicted, labels=classes, average="macro", zero_division=0)
    assert macro_f1(truth, predicted, NUM_CLASSES) == pytest.approx(whole)


@settings(max_examples=25)
@given(pair=labels, parts=st.integers(2, 4))
def test_counts_of_parts_add_up_to_those_of_the_whole(pair, parts):
    whole = confusion_matrix(*pair, NUM_CLASSES)
    split = zip(*(np.array_split(values, parts) for values in pair), strict=True)
    added = sum(confusion_matrix(*part, NUM_CLASSES) for part in split)
    np.testing.assert_array_equal(added, whole)


def test_scores_of_nothing_are_zero():
    empty = np.zeros(0, dtype=np.int64)
    assert confusion_matrix(empty, empty, 3).shape == (3, 3)
    assert macro_f1(empty, empty, 3) == 0


def probabilities(rng, count, num_classes):
    values = rng.random((count, num_classes)) + 0.01
    return values / values.sum(axis=1, keepdims=True)


@settings(max_examples=25)
@given(
    sizes=st.lists(st.integers(2, 4), min_size=1, max_size=3),
    count=st.integers(0, 5),
    seed=st.integers(0, 2**31),
)
def test_attributes_of_a_product_are_its_factors(sizes, count, seed):
    rng = np.random.default_rng(seed)
    parts = [probabilities(rng, count, size) for size in sizes]
    joint = recombine(parts)
    assert joint.shape == (count, np.prod(sizes))
    np.testing.assert_allclose(joint.sum(axis=1), 1)
    for part, found in zip(parts, marginals(joint, sizes), strict=True):
        np.testing.assert_allclose(found, part)


def test_the_joint_label_counts_the_last_attribute_fastest():
    mask, gender, age = np.eye(3)[[2]], np.eye(2)[[1]], np.eye(3)[[0]]
    joint = recombine([mask, gender, age])
    assert joint.argmax() == 6 * 2 + 3 * 1 + 0


def test_joint_probabilities_are_double_precision():
    parts = [np.full((1, 2), 0.5, dtype=np.float32)] * 2
    assert recombine(parts).dtype == np.float64

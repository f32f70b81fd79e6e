import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.errors import AnalysisError
from search.analysis.recombine import attribute_classes, joint_classes, marginals, recombine

SIZES = (3, 2, 3)


def _probs(rng, *shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


def test_the_joint_code_is_that_of_the_founding_case():
    for mask, gender, age in itertools.product(range(3), range(2), range(3)):
        assert joint_classes([mask, gender, age], SIZES) == 6 * mask + 3 * gender + age


@settings(max_examples=25)
@given(st.lists(st.integers(2, 4), min_size=1, max_size=4), st.integers(0, 10**6))
def test_joint_and_attribute_classes_are_inverse(sizes, seed):
    joint = np.random.default_rng(seed).integers(0, np.prod(sizes), (2, 7))
    labels = attribute_classes(joint, sizes)
    assert labels.shape == (2, 7, len(sizes))
    assert np.array_equal(joint_classes(labels, sizes), joint)


@settings(max_examples=25)
@given(st.lists(st.integers(2, 4), min_size=1, max_size=3), st.integers(0, 10**6))
def test_a_product_sums_to_one_has_its_parts_as_marginals_and_their_classes(sizes, seed):
    rng = np.random.default_rng(seed)
    parts = [_probs(rng, 2, 6, size) for size in sizes]
    joint = recombine(parts)
    assert joint.shape == (2, 6, np.prod(sizes))
    assert joint.sum(axis=-1) == pytest.approx(1.0)
    for part, marginal in zip(parts, marginals(joint, sizes), strict=True):
        assert marginal == pytest.approx(part)
    expected = np.stack([part.argmax(axis=-1) for part in parts], axis=-1)
    assert np.array_equal(attribute_classes(joint.argmax(axis=-1), sizes), expected)


def test_each_entry_of_a_product_is_that_of_its_attribute_classes():
    rng = np.random.default_rng(0)
    parts = [_probs(rng, 1, size) for size in SIZES]
    joint = recombine(parts)
    for classes in itertools.product(*map(range, SIZES)):
        expected = np.prod([part[0, code] for part, code in zip(parts, classes, strict=True)])
        assert joint[0, joint_classes(classes, SIZES)] == pytest.approx(expected)


def test_input_that_does_not_fit_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(AnalysisError, match=r"got shapes \[\(2, 3\), \(4, 3\)\]"):
        recombine([_probs(rng, 2, 3), _probs(rng, 4, 3)])
    with pytest.raises(AnalysisError, match=r"got shapes \[\]"):
        recombine([])
    with pytest.raises(AnalysisError, match=r"18 classes for attributes of \(3, 2, 3\), got 4"):
        marginals(_probs(rng, 5, 4), SIZES)
    with pytest.raises(AnalysisError, match=r"classes of attribute 1 must lie in \[0, 2\)"):
        joint_classes([0, 2, 0], SIZES)

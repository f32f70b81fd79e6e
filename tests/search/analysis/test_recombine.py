import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.errors import AnalysisError
from search.analysis.recombine import (
    HeadLayout,
    attribute_classes,
    joint_classes,
    marginals,
    recombine,
)

SIZES = (3, 2, 3)


def _probs(rng, *shape):
    return rng.dirichlet(np.ones(shape[-1]), shape[:-1])


@st.composite
def _layouts(draw):
    """Heads that decide some or all attributes, in any order and grouping."""
    sizes = tuple(draw(st.lists(st.integers(2, 3), min_size=1, max_size=4)))
    order = draw(st.permutations(range(len(sizes))))
    kept = order[: draw(st.integers(1, len(order)))]
    cuts = [at for at in range(1, len(kept)) if draw(st.booleans())]
    bounds = itertools.pairwise([0, *cuts, len(kept)])
    return HeadLayout(sizes, tuple(tuple(sorted(kept[start:end])) for start, end in bounds))


def _multiplied(layout, parts):
    """The slow twin of `joint`: one class after the other, looked up by its attributes."""
    sizes, joint = layout.sizes, []
    for classes in itertools.product(*(range(sizes[axis]) for axis in layout.attributes)):
        of = dict(zip(layout.attributes, classes, strict=True))
        product = 1.0
        for axes, part in zip(layout.covers, parts, strict=True):
            code = 0
            for axis in axes:
                code = sizes[axis] * code + of[axis]
            product = product * part[..., code]
        joint.append(product)
    return np.stack(joint, axis=-1)


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


@settings(max_examples=60)
@given(_layouts(), st.integers(0, 10**6))
def test_heads_in_any_order_multiply_to_what_a_loop_over_the_classes_gives(layout, seed):
    rng = np.random.default_rng(seed)
    parts = [_probs(rng, 2, 3, size) for size in layout.head_sizes]
    joint = layout.joint(parts)
    assert joint.shape == (2, 3, layout.num_classes)
    np.testing.assert_allclose(joint, _multiplied(layout, parts), rtol=1e-12)
    assert joint.sum(axis=-1) == pytest.approx(1.0)


@settings(max_examples=60)
@given(_layouts())
def test_labels_of_heads_and_of_all_of_them_have_the_attribute_classes_of_the_data(layout):
    sizes = layout.sizes
    y = np.arange(np.prod(sizes)).reshape(sizes)  # every joint class of the data once
    columns = attribute_classes(y, sizes)
    label, heads = layout.label(y), layout.head_labels(y)
    for codes, axes in zip((label, *heads), (layout.attributes, *layout.covers), strict=True):
        assert codes.shape == y.shape
        own = attribute_classes(codes, [sizes[axis] for axis in axes])
        assert np.array_equal(own, columns[..., list(axes)])
    assert np.array_equal(np.unique(label), np.arange(layout.num_classes))
    assert np.array_equal(layout.classes(heads), label)
    assert layout.is_whole == (layout.num_classes == y.size)
    if layout.is_whole:
        assert np.array_equal(label, y)


@settings(max_examples=60)
@given(_layouts(), st.integers(0, 10**6))
def test_the_likeliest_class_is_that_of_the_likeliest_class_of_every_head(layout, seed):
    rng = np.random.default_rng(seed)
    parts = [_probs(rng, 5, size) for size in layout.head_sizes]
    likeliest = layout.classes([part.argmax(axis=-1) for part in parts])
    assert np.array_equal(layout.joint(parts).argmax(axis=-1), likeliest)


def test_heads_in_the_order_of_the_data_multiply_as_attributes_do():
    rng = np.random.default_rng(0)
    parts = [_probs(rng, 4, size) for size in SIZES]
    each = HeadLayout(SIZES, ((0,), (1,), (2,)))
    assert np.array_equal(each.joint(parts), recombine(parts))
    joint = _probs(rng, 4, 18)
    assert np.array_equal(HeadLayout(SIZES, ((0, 1, 2),)).joint([joint]), joint)


@pytest.mark.parametrize("covers", [(), ((0,), ()), ((0,), (1, 0)), ((1, 0),), ((0, 0),)])
def test_heads_without_attributes_of_their_own_in_order_are_refused(covers):
    with pytest.raises(AnalysisError, match="heads need different attributes, got positions"):
        HeadLayout(SIZES, covers)


@pytest.mark.parametrize("covers", [((0, 3),), ((-1,),)])
def test_heads_of_attributes_that_the_data_has_not_are_refused(covers):
    with pytest.raises(AnalysisError, match=r"must decide attributes in \[0, 3\), got"):
        HeadLayout(SIZES, covers)


def test_heads_and_labels_that_do_not_fit_a_layout_are_refused():
    rng = np.random.default_rng(0)
    layout = HeadLayout(SIZES, ((0, 2), (1,)))
    with pytest.raises(AnalysisError, match=r"got shapes \[\(2, 9\), \(4, 2\)\]"):
        layout.joint([_probs(rng, 2, 9), _probs(rng, 4, 2)])
    with pytest.raises(AnalysisError, match=r"joint classes must lie in \[0, 18\)"):
        layout.label([18])
    with pytest.raises(AnalysisError, match=r"joint classes must lie in \[0, 9\)"):
        layout.classes([[9], [0]])

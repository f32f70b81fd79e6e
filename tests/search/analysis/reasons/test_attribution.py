import itertools
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.approaches.approach import Approach
from search.analysis.reasons.attribution import attribute_tables, attribution, independent_macro_f1
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.read import read_reason
from search.analysis.recombine import attribute_classes, joint_classes, recombine
from tests.search.builders.labelled_people import people_of

ATTRIBUTES = {"gender": ("male", "female"), "age": ("young", "middle", "old")}
SIZES = (2, 3)


def _evidence(labels, first, second, photos=2, num_resamples=300):
    """Approaches a and b from attribute classes [N, 2] (or [S, N, 2])."""
    parts = [
        Approach(name=name, predicted=np.atleast_2d(joint_classes(classes, SIZES)))
        for name, classes in (("a", first), ("b", second))
    ]
    g = np.arange(len(labels)) // photos
    people = people_of(joint_classes(labels, SIZES), g, 6)
    return Evidence.of(parts, people, ATTRIBUTES, num_resamples=num_resamples)


def _labels(rng, num=400):
    people = np.stack([rng.integers(0, size, num // 2) for size in SIZES], axis=1)
    return np.repeat(people, 2, axis=0)


def _spoiled(rng, labels, axis, rate):
    classes = labels.copy()
    wrong = rng.random(len(labels)) < rate
    classes[wrong, axis] = (classes[wrong, axis] + 1) % SIZES[axis]
    return classes


@settings(max_examples=25)
@given(st.integers(0, 10**6))
def test_the_parts_sum_exactly_to_the_difference(seed):
    rng = np.random.default_rng(seed)
    labels = _labels(rng, 60)
    first, second = (rng.integers(0, SIZES, (2, 60, 2)) for _ in range(2))
    evidence = _evidence(labels, first, second, num_resamples=20)
    parts = attribution(evidence, "a", "b")
    difference = evidence.score(evidence.predicted("a")) - evidence.score(evidence.predicted("b"))
    assert sum(part.effect.value for part in parts) == pytest.approx(difference, abs=1e-12)
    assert [part.key for part in parts] == [
        "attribution.gender",
        "attribution.age",
        "attribution.coupling",
    ]


def test_a_better_model_of_age_is_told_to_be_one():
    rng = np.random.default_rng(0)
    labels = _labels(rng)
    noisy = _spoiled(rng, labels, 0, 0.1)
    first, second = _spoiled(rng, noisy, 1, 0.05), _spoiled(rng, noisy, 1, 0.3)
    gender, age, coupling = attribution(_evidence(labels, first, second), "a", "b")
    assert age.effect.value > 0.15
    assert age.supported
    assert "comes from age." in age.sentence
    assert not gender.supported
    assert gender.sentence.endswith("Not supported by this data.")
    assert abs(gender.effect.value) < 0.02
    assert abs(coupling.effect.value) < 0.03


def test_the_other_of_the_two_is_told_the_same_with_the_other_sign():
    rng = np.random.default_rng(0)
    labels = _labels(rng)
    first, second = _spoiled(rng, labels, 1, 0.3), _spoiled(rng, labels, 1, 0.05)
    evidence = _evidence(labels, first, second)
    behind, ahead = attribution(evidence, "a", "b"), attribution(evidence, "b", "a")
    total = sum(part.effect.value for part in ahead)
    assert total > 0.15
    for part, other in zip(behind[:2], ahead[:2], strict=True):
        turned = part.turned()
        assert turned.about == ("b", "a")
        assert turned.effect == part.effect.negated()
        assert turned.effect.value == pytest.approx(other.effect.value)
        assert turned.figures.parts["age"] == -part.figures.parts["age"]
        assert f"Of the difference of {total:+.4f} between b and a, " in turned.sentence
        assert f"{turned.effect:+.4f} comes from {turned.part}." in turned.sentence
        assert turned.heading == part.heading or not part.supported
        assert turned.turned() == part
    assert behind[2].turned().sentence == behind[2].sentence  # names whom it favours


def test_where_one_has_more_seeds_the_difference_is_said_to_be_of_as_many():
    rng = np.random.default_rng(0)
    labels = _labels(rng)
    first = np.stack([_spoiled(rng, labels, 1, 0.05) for _ in range(2)])
    second = np.stack([_spoiled(rng, labels, 1, share) for share in (0.3, 0.3, 0.9)])
    evidence = _evidence(labels, first, second)
    _, age, _ = attribution(evidence, "a", "b")
    both = evidence.score(first_two := evidence.predicted("a")) - evidence.score(
        evidence.predicted("b")[: len(first_two)]
    )
    said = f"Of the difference of {both:+.4f} between a and b over the first 2 seeds of each, "
    assert age.sentence.startswith(said)
    assert age.turned().sentence.startswith(
        f"Of the difference of {-both:+.4f} between b and a over the first 2 seeds of each, "
    )
    assert read_reason(json.loads(json.dumps(age.to_dict()))) == age


def test_attributes_that_can_only_be_told_jointly_show_as_coupling():
    """Planted: half the photos are either (male, old) or (female, young). `a` gets both attributes
    right together or wrong together, `b` tells each as well but by itself."""
    rng = np.random.default_rng(1)
    num = 600
    swap = np.repeat(rng.integers(0, 2, num // 2), 2)
    labels = np.stack([swap, np.where(swap == 0, 2, 0)], axis=1)
    together = rng.random(num) < 0.7
    first = np.where(together[:, None], labels, np.stack([1 - swap, np.where(swap, 2, 0)], axis=1))
    right = rng.random((num, 2)) < 0.7
    second = np.where(right, labels, np.stack([1 - swap, np.where(swap, 2, 0)], axis=1))
    gender, age, coupling = attribution(_evidence(labels, first, second), "a", "b")
    assert coupling.supported
    assert coupling.effect.value > 2 * max(abs(gender.effect.value), abs(age.effect.value))
    assert coupling.mechanism == "M9"
    assert f"is worth {coupling.effect.value:+.4f} [" in coupling.sentence
    assert "macro-F1 to a against b" in coupling.sentence
    turned = attribution(_evidence(labels, second, first), "a", "b")[2]
    low, high = -turned.effect.high, -turned.effect.low
    assert f"{-turned.effect.value:+.4f} [{low:+.4f}, {high:+.4f}]" in turned.sentence
    assert turned.effect.value < 0
    assert "macro-F1 to b against a" in turned.sentence


def test_independent_errors_give_the_macro_f1_of_the_product_of_confusions():
    """Against a slow loop over all pairs of attribute classes."""
    rng = np.random.default_rng(2)
    labels = _labels(rng, 200)
    classes = rng.integers(0, SIZES, (200, 2))
    evidence = _evidence(labels, classes, classes)
    tables = attribute_tables(evidence, joint_classes(classes, SIZES)).sum(axis=0)
    joint = np.zeros((6, 6))
    for true in range(6):
        total = tables[true, :2].sum()
        for predicted in range(6):
            gender, age = attribute_classes(predicted, SIZES)
            joint[true, predicted] = tables[true, gender] * tables[true, 2 + age] / max(total, 1)
    f1 = 2 * joint.diagonal() / (joint.sum(axis=0) + joint.sum(axis=1))
    assert independent_macro_f1(tables, SIZES) == pytest.approx(f1.mean())


def test_equal_approaches_have_no_parts_and_perfect_ones_no_coupling():
    rng = np.random.default_rng(3)
    labels = _labels(rng)
    same = _spoiled(rng, labels, 1, 0.2)
    for part in attribution(_evidence(labels, same, same), "a", "b"):
        assert part.effect.value == pytest.approx(0, abs=1e-12)
        assert not part.supported
    evidence = _evidence(labels, labels, labels)
    tables = attribute_tables(evidence, evidence.people.label).sum(axis=0)
    assert independent_macro_f1(tables, SIZES) == pytest.approx(1.0)


def test_with_three_attributes_the_shares_are_averages_over_all_orders_of_swapping():
    """Against the definition: every order, one attribute at a time, from b's tables to a's."""
    rng = np.random.default_rng(4)
    sizes, names = (2, 2, 3), ("x", "y", "z")
    labels, first, second = (rng.integers(0, sizes, (150, 3)) for _ in range(3))
    attributes = {name: tuple("abc"[:size]) for name, size in zip(names, sizes, strict=True)}
    parts = [
        Approach(name=name, predicted=joint_classes(classes, sizes)[None])
        for name, classes in (("a", first), ("b", second))
    ]
    y = joint_classes(labels, sizes)
    people = people_of(y, np.arange(150) // 2, 12)
    evidence = Evidence.of(parts, people, attributes, num_resamples=20)
    tables = [attribute_tables(evidence, part.predicted[0]).sum(axis=0) for part in parts]
    starts = np.cumsum((0, *sizes))
    shares = np.zeros(3)
    for order in itertools.permutations(range(3)):
        now = tables[1].copy()
        for axis in order:
            before = independent_macro_f1(now, sizes)
            columns = slice(starts[axis], starts[axis + 1])
            now[:, columns] = tables[0][:, columns]
            shares[axis] += (independent_macro_f1(now, sizes) - before) / 6
    found = [reason.effect.value for reason in attribution(evidence, "a", "b")[:3]]
    assert found == pytest.approx(shares.tolist())


@pytest.mark.parametrize("sizes", [(5,), (3, 2), (2, 2, 3), (2, 3, 2, 2), (2, 2, 2, 2, 2)])
def test_the_halves_of_the_attributes_give_the_whole_product_of_confusions(sizes):
    """Against the expected confusion matrix itself, [C, C], in resamples side by side."""
    rng = np.random.default_rng(5)
    num = int(np.prod(sizes))
    actual = rng.integers(1, 9, (4, num)).astype(float)
    parts = [rng.dirichlet(np.ones(size), (4, num)) * actual[..., None] for size in sizes]
    tables = np.concatenate(parts, axis=-1)
    cells = recombine([part / actual[..., None] for part in parts]) * actual[..., None]
    hits = np.diagonal(cells, axis1=1, axis2=2)
    expected = (2 * hits / (cells.sum(axis=1) + actual)).mean(axis=-1)
    assert independent_macro_f1(tables, sizes) == pytest.approx(expected)


def test_many_joint_classes_never_make_a_table_of_classes_by_classes_for_every_resample():
    """Three attributes of six classes: 216 x 216 cells in 300 resamples were 112 MB at once."""
    rng = np.random.default_rng(6)
    sizes = (6, 6, 6)
    labels, first, second = (rng.integers(0, sizes, (120, 3)) for _ in range(3))
    attributes = {name: tuple("abcdef") for name in "xyz"}
    parts = [
        Approach(name=name, predicted=joint_classes(classes, sizes)[None])
        for name, classes in (("a", first), ("b", second))
    ]
    people = people_of(joint_classes(labels, sizes), np.arange(120) // 2, 216)
    evidence = Evidence.of(parts, people, attributes, num_resamples=300)
    tracemalloc.start()
    attribution(evidence, "a", "b")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000_000

"""What each head learns; the true labels are never touched."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainables import tiny
from tests.trainables.data.folders import COLOUR_SCHEMA, MASK_SCHEMA
from trainables.config import AGE_DROPS
from trainables.data.schema import Attribute, LabelSchema, UnknownTargetError
from trainables.errors import ConfigError
from trainables.targets import AUXILIARY, head_shapes, kept, sampling_classes, training_targets

AGES = np.array([18.0, 26, 27, 29, 30, 54, 55, 56, 57, 58, 59, 60, 60])
LABELS = np.stack(
    [np.arange(13) % 3, np.arange(13) % 2, MASK_SCHEMA["age"].encode_raw(AGES)], axis=1
)
RAW = {"age": AGES}
TRAIN = np.arange(10)


def targets(*changes, schema=MASK_SCHEMA, labels=LABELS, raw=RAW, train=TRAIN):
    return training_targets(tiny.config(*changes), schema, labels, raw, train)


def age(**values):
    return {**tiny.AGE, **{f"age.{name}": value for name, value in values.items()}}


def test_an_attribute_target_is_its_column():
    found = targets()
    assert list(found) == ["gender"]
    np.testing.assert_array_equal(found["gender"].classes, LABELS[:, 1])
    assert found["gender"].num_classes == 2


def test_the_joint_target_is_the_mixed_radix_code():
    found = targets(tiny.JOINT)
    assert list(found) == ["joint"]
    assert found["joint"].num_classes == 18
    np.testing.assert_array_equal(found["joint"].classes, LABELS @ [6, 3, 1])


def test_multihead_has_a_target_an_attribute_with_its_weight():
    found = targets(tiny.MULTIHEAD)
    weights = {name: target.weight for name, target in found.items()}
    assert weights == {"mask": 1.0, "gender": 0.5, "age": 2.0}
    for column, name in enumerate(MASK_SCHEMA):
        np.testing.assert_array_equal(found[name].classes, LABELS[:, column])


@pytest.mark.parametrize(("old_from", "num_old"), [(60, 2), (59, 3), (58, 4), (57, 5)])
@pytest.mark.parametrize("kind", [tiny.AGE_TARGET, tiny.JOINT, tiny.MULTIHEAD], ids=str)
def test_the_cut_moves_people_to_the_oldest_class(kind, old_from, num_old):
    before = LABELS.copy()
    found = targets(kind, age(old_from=old_from))
    classes = found.get("age", found.get("joint")).classes % 3
    assert int((classes == 2).sum()) == num_old
    np.testing.assert_array_equal(classes == 0, LABELS[:, 2] == 0)
    np.testing.assert_array_equal(LABELS, before)


def test_the_cut_at_the_true_boundary_changes_nothing():
    np.testing.assert_array_equal(targets(tiny.AGE_TARGET)["age"].classes, LABELS[:, 2])


def test_a_cut_below_the_boundary_before_it_is_refused():
    with pytest.raises(
        ConfigError, match=r"old_from must exceed the boundary below it, 30, got 30"
    ):
        targets(tiny.AGE_TARGET, age(old_from=30))


@pytest.mark.parametrize(
    ("drop", "left_out"),
    [
        ("57-59", [57, 58, 59]),
        ("55-59", [55, 56, 57, 58, 59]),
        ("57-59,27-29", [27, 29, 57, 58, 59]),
    ],
)
def test_ages_to_drop_are_left_out_to_the_whole_year(drop, left_out):
    config = tiny.config(tiny.AGE_TARGET, age(drop=drop))
    mask = kept(config, RAW, MASK_SCHEMA)
    assert sorted(AGES[~mask]) == left_out
    assert kept(config, {"age": AGES + 0.9}, MASK_SCHEMA).tolist() == mask.tolist()


@pytest.mark.parametrize(
    ("edges", "drop", "left_out"),
    [
        ((30, 55, 60), "55-59", []),  # all of a class
        ((30, 58, 60), "57-59", []),  # more than a class
        ((30, 55, 60), "57-59", [57, 58, 59]),
        ((60,), "57-59,27-29", [57, 58, 59]),  # nothing ends at 30
        ((40, 65), "57-59,27-29", []),
        ((30, 65), "57-59,27-29", [27, 29]),
        ((29.5, 59.5), "57-59,27-29", [27, 29, 57, 58, 59]),
        ((30, 54.5, 60), "55-59", []),
    ],
)
def test_ages_are_left_out_below_a_boundary_and_never_a_whole_class(edges, drop, left_out):
    classes = tuple(map(str, range(len(edges) + 1)))
    schema = LabelSchema(
        name="own", attributes=(Attribute(name="age", classes=classes, edges=edges),)
    )
    mask = kept(tiny.config(tiny.AGE_TARGET, age(drop=drop)), RAW, schema)
    assert sorted(AGES[~mask]) == left_out


def test_nothing_is_dropped_unless_asked():
    assert kept(tiny.config(tiny.AGE_TARGET), RAW, MASK_SCHEMA) is None
    assert kept(tiny.config(), RAW, MASK_SCHEMA) is None
    assert AGE_DROPS["none"] == ()


@pytest.mark.parametrize("drop", ["none", "57-59"])
def test_age_options_without_raw_ages_are_refused(drop):
    plain = LabelSchema(
        name="plain", attributes=(Attribute(name="age", classes=("young", "old")),)
    )
    config = tiny.config(tiny.AGE_TARGET, age(drop=drop))
    with pytest.raises(ConfigError, match=r"needs an attribute 'age' with raw numbers.*leave age"):
        kept(config, {}, plain) or training_targets(config, plain, LABELS[:, :1] % 2, {}, TRAIN)


def test_a_regression_target_is_standardised_by_the_training_samples_alone():
    found = targets(tiny.AGE_TARGET, tiny.REGRESSION)["age"]
    assert found.raw_mean == pytest.approx(AGES[TRAIN].mean())
    assert found.raw_std == pytest.approx(AGES[TRAIN].std())
    np.testing.assert_allclose(found.raw[TRAIN].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(found.raw * found.raw_std + found.raw_mean, AGES, rtol=1e-5)


def test_whole_years_are_decided_half_way_between_the_classes():
    found = targets(tiny.AGE_TARGET, tiny.REGRESSION, age(old_from=58))["age"]
    assert found.edges == (29.5, 57.5)


def test_a_cut_between_whole_years_is_decided_where_it_was_written():
    cut = replace(MASK_SCHEMA["age"], edges=(29.5, 59.5))
    others = [each for each in MASK_SCHEMA.attributes if each.name != "age"]
    schema = replace(MASK_SCHEMA, attributes=(*others, cut))
    found = targets(tiny.AGE_TARGET, tiny.REGRESSION, schema=schema)["age"]
    assert found.edges == (29.5, 59.5)


def test_fractional_numbers_are_decided_at_the_boundary():
    found = targets(tiny.AGE_TARGET, tiny.REGRESSION, raw={"age": AGES + 0.25})["age"]
    assert found.edges == (30.0, 60.0)


def test_equal_ages_do_not_divide_by_zero():
    same = {"age": np.full(13, 40.0)}
    found = targets(tiny.AGE_TARGET, tiny.REGRESSION, raw=same)["age"]
    np.testing.assert_array_equal(found.raw, 0)
    assert found.raw_std == 1.0


@pytest.mark.parametrize("kind", [tiny.AGE_TARGET, tiny.JOINT, tiny.MULTIHEAD], ids=str)
def test_an_auxiliary_head_regresses_the_age_with_its_weight(kind):
    found = targets(kind, age(aux_weight=0.2))
    assert found[AUXILIARY].kind == "regression"
    assert found[AUXILIARY].weight == 0.2
    np.testing.assert_allclose(
        found[AUXILIARY].raw, (AGES - AGES[TRAIN].mean()) / AGES[TRAIN].std(), rtol=1e-5
    )
    assert AUXILIARY not in targets(kind, tiny.AGE)


def test_the_sampler_balances_the_joint_of_the_main_heads():
    data_joint = sampling_classes(targets(tiny.JOINT))
    heads = sampling_classes(targets(tiny.MULTIHEAD, age(aux_weight=0.2)))
    np.testing.assert_array_equal(heads, data_joint)
    np.testing.assert_array_equal(sampling_classes(targets()), LABELS[:, 1])
    # However many combinations of classes there might be, only those that there are are counted.
    assert data_joint.max() + 1 == len(np.unique(LABELS, axis=0))


def test_an_attribute_that_the_data_lacks_is_refused():
    with pytest.raises(UnknownTargetError, match="unknown attribute 'gender'; available: colour"):
        targets(schema=COLOUR_SCHEMA, labels=LABELS[:, :1])


@pytest.mark.parametrize(
    "changes", [{"task_weight.age": None}, {"task_weight.hair": 1.0}], ids=["missing", "unknown"]
)
def test_task_weights_name_every_attribute_and_no_other(changes):
    with pytest.raises(ConfigError, match=r"must name every attribute \(mask, gender, age\)"):
        targets(tiny.MULTIHEAD, changes)


@settings(max_examples=25)
@given(
    ages=st.lists(st.integers(18, 60), min_size=13, max_size=13),
    old_from=st.integers(31, 60),
    drop=st.sampled_from(sorted(AGE_DROPS)),
)
def test_raw_numbers_outside_training_change_no_training_target(ages, old_from, drop):
    changes = (tiny.AGE_TARGET, tiny.REGRESSION, age(old_from=old_from, drop=drop))
    poisoned = AGES.copy()
    poisoned[10:] = ages[10:]
    labels = LABELS.copy()
    labels[10:] = labels[10:][::-1]
    found = targets(*changes)["age"]
    other = targets(*changes, labels=labels, raw={"age": poisoned})["age"]
    np.testing.assert_array_equal(found.classes[TRAIN], other.classes[TRAIN])
    np.testing.assert_array_equal(found.raw[TRAIN], other.raw[TRAIN])
    assert (found.edges, found.raw_mean, found.raw_std) == (
        other.edges,
        other.raw_mean,
        other.raw_std,
    )


def test_a_few_halves_of_years_move_no_boundary():
    ages = np.arange(18.0, 58.0)
    whole = np.tile(ages, 3)
    edges = []
    for number in (whole[0], 18.5):
        raw = {"age": np.array([number, *whole[1:]])}
        classes = MASK_SCHEMA["age"].encode_raw(raw["age"])
        labels = np.stack([classes * 0, classes * 0, classes], axis=1)
        changes = (tiny.AGE_TARGET, tiny.REGRESSION)
        found = targets(*changes, labels=labels, raw=raw, train=np.arange(len(whole)))
        edges.append(found["age"].edges)
    assert edges[0] == edges[1] == (29.5, 59.5)


def test_the_cut_of_the_age_is_no_other_number_s():
    schema = LabelSchema(
        name="x",
        attributes=(
            Attribute(name="age", classes=("a", "b", "c"), edges=(30, 60)),
            Attribute(name="weight", classes=("light", "heavy"), edges=(70,)),
        ),
    )
    config = tiny.config({"target.attributes": ("weight",)}, tiny.REGRESSION, tiny.AGE)
    assert head_shapes(config, schema)["weight"].edges == (70,)

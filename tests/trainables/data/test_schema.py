import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainables.data.folders import MASK_SCHEMA
from trainables.data.schema import Attribute, LabelSchema, UnknownTargetError, own_name
from trainables.errors import DataError


@st.composite
def schemas(draw: st.DrawFn) -> LabelSchema:
    sizes = draw(st.lists(st.integers(2, 5), min_size=1, max_size=4))
    return LabelSchema(
        name="drawn",
        attributes=tuple(
            Attribute(name=f"a{i}", classes=tuple(f"c{k}" for k in range(size)))
            for i, size in enumerate(sizes)
        ),
    )


@settings(max_examples=25)
@given(schema=schemas())
def test_joint_codes_and_attribute_codes_undo_each_other(schema):
    joint = np.arange(schema.num_joint)
    labels = schema.attribute_codes(joint)
    assert labels.shape == (schema.num_joint, len(schema.attributes))
    assert len({tuple(row) for row in labels.tolist()}) == schema.num_joint
    np.testing.assert_array_equal(schema.joint_code(labels), joint)


@settings(max_examples=25)
@given(schema=schemas())
def test_joint_names_agree_with_the_attribute_codes(schema):
    labels = schema.attribute_codes(np.arange(schema.num_joint))
    spelled = tuple(
        " ".join(a.classes[code] for a, code in zip(schema.attributes, row, strict=True))
        for row in labels
    )
    assert schema.joint_names == spelled


def test_a_joint_label_that_no_number_can_tell_is_refused():
    many = tuple(Attribute(name=f"a{n}", classes=("no", "yes")) for n in range(70))
    with pytest.raises(DataError, match=r"at most 2\^62 classes, got about 10\^21; leave"):
        LabelSchema(name="many", attributes=many)
    assert LabelSchema(name="some", attributes=many[:62]).num_joint == 2**62


def test_the_founding_case_is_six_mask_plus_three_gender_plus_age():
    labels = np.array([(m, g, a) for m in range(3) for g in range(2) for a in range(3)])
    joint = MASK_SCHEMA.joint_code(labels)
    np.testing.assert_array_equal(joint, 6 * labels[:, 0] + 3 * labels[:, 1] + labels[:, 2])
    assert joint.dtype == np.int64
    assert MASK_SCHEMA.num_joint == 18
    assert MASK_SCHEMA.joint_names[0] == "wear male <30"
    assert MASK_SCHEMA.joint_names[11] == "incorrect female >=60"


@pytest.mark.parametrize(
    ("age", "code"),
    [(-5.0, 0), (18, 0), (29.999, 0), (30, 1), (59, 1), (59.999, 1), (60, 2), (110, 2)],
)
def test_a_raw_number_on_an_edge_is_in_the_upper_class(age, code):
    codes = MASK_SCHEMA["age"].encode_raw(np.array([age]))
    assert codes.tolist() == [code]
    assert codes.dtype == np.int64


def test_edges_make_an_attribute_ordered_with_raw_numbers():
    age = MASK_SCHEMA["age"]
    assert age.ordered
    assert age.has_raw
    assert age.edges == (30.0, 60.0)
    assert not MASK_SCHEMA["mask"].has_raw
    assert not MASK_SCHEMA["mask"].ordered


def test_raw_numbers_without_edges_are_refused():
    with pytest.raises(DataError, match="attribute 'mask' has no edges"):
        MASK_SCHEMA["mask"].encode_raw(np.array([1.0]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_raw_number_that_is_not_finite_is_refused(value):
    with pytest.raises(DataError, match="raw values of attribute 'age' must be finite"):
        MASK_SCHEMA["age"].encode_raw(np.array([20.0, value]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": ""}, "needs a name other than 'joint'"),
        ({"name": "joint"}, "needs a name other than 'joint' .*rename it"),
        ({"classes": ("a",)}, "at least two different classes, got \\['a'\\]"),
        ({"classes": ("a", "b", "a")}, "at least two different classes"),
        ({"classes": ("a", "")}, "class without a name"),
        ({"edges": (1.0, 2.0)}, "with 2 classes needs 1 edges, got \\[1.0, 2.0\\]"),
        ({"classes": ("a", "b", "c"), "edges": (2, 2)}, "must be increasing finite"),
        ({"classes": ("a", "b", "c"), "edges": (3, 2)}, "must be increasing finite"),
        ({"edges": (np.nan,)}, "must be increasing finite"),
    ],
)
def test_an_attribute_that_breaks_a_rule_cannot_be_made(values, message):
    with pytest.raises(DataError, match=message):
        Attribute(**{"name": "colour", "classes": ("a", "b"), **values})


@pytest.mark.parametrize("count", [0, 2])
def test_a_schema_needs_attributes_with_different_names(count):
    attributes = (MASK_SCHEMA["mask"],) * count
    with pytest.raises(DataError, match="one or more attributes with different names"):
        LabelSchema(name="bad", attributes=attributes)


def test_attributes_are_found_by_name():
    assert MASK_SCHEMA["gender"].classes == ("male", "female")
    assert "gender" in MASK_SCHEMA
    assert "joint" not in MASK_SCHEMA
    assert list(MASK_SCHEMA) == ["mask", "gender", "age"]
    assert MASK_SCHEMA.names == ("mask", "gender", "age")


def test_an_unknown_attribute_is_a_key_error_that_lists_what_there_is():
    with pytest.raises(KeyError) as caught:
        MASK_SCHEMA["agee"]
    assert isinstance(caught.value, DataError)
    assert str(caught.value) == (
        "unknown attribute 'agee' (did you mean age?); available: mask, gender, age"
    )


def test_targets_are_attributes_and_the_joint_label():
    assert MASK_SCHEMA.num_classes("age") == 3
    assert MASK_SCHEMA.num_classes("joint") == 18
    assert MASK_SCHEMA.class_names("mask") == ("wear", "incorrect", "normal")
    assert MASK_SCHEMA.class_names("joint") == MASK_SCHEMA.joint_names
    with pytest.raises(UnknownTargetError, match="'jont'; available: mask, gender, age, joint"):
        MASK_SCHEMA.num_classes("jont")


@pytest.mark.parametrize("labels", [[[3, 0, 0]], [[0, -2, 0]]])
def test_labels_out_of_range_have_no_joint_code(labels):
    with pytest.raises(DataError, match=r"labels of mask, gender, age must be below \[3, 2, 3\]"):
        MASK_SCHEMA.joint_code(np.array(labels))


@pytest.mark.parametrize("shape", [(4,), (4, 2)])
def test_labels_of_another_shape_have_no_joint_code(shape):
    with pytest.raises(DataError, match=r"must have the shape \[N, 3\]"):
        MASK_SCHEMA.joint_code(np.zeros(shape, dtype=np.int64))


@pytest.mark.parametrize("code", [-1, 18])
def test_a_joint_label_out_of_range_has_no_attributes(code):
    with pytest.raises(DataError, match=r"joint labels must be in \[0, 18\)"):
        MASK_SCHEMA.attribute_codes(np.array([code]))


def test_a_schema_survives_json_and_pickle():
    stored = json.loads(json.dumps(MASK_SCHEMA.to_dict()))
    assert LabelSchema.from_dict(stored) == MASK_SCHEMA
    assert pickle.loads(pickle.dumps(MASK_SCHEMA)) == MASK_SCHEMA


@pytest.mark.parametrize(
    "stored", [{}, {"name": "x"}, {"name": "x", "attributes": [{"title": "mask"}]}]
)
def test_something_else_is_not_read_as_a_schema(stored):
    with pytest.raises(DataError, match="not a stored label schema"):
        LabelSchema.from_dict(stored)


@pytest.mark.parametrize("sign", ["\x07", "\u202e", "\u200b", "\ufeff", "\u2066", "\u2028"])
def test_a_name_with_signs_that_cannot_be_seen_is_refused_and_they_are_spelled_out(sign):
    with pytest.raises(DataError, match="signs that cannot be seen") as caught:
        own_name(f"ag{sign}e")
    assert ascii(f"ag{sign}e") in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_name_in_any_script_is_one():
    for name in ("\u5e74\u9f84", "\u0412\u043e\u0437\u0440\u0430\u0441\u0442", "\u00e2ge"):
        assert own_name(name) == name

"""Photos worth looking at."""

import numpy as np
import pytest

from search.analysis.examples import pick
from search.analysis.recombine import joint_classes
from search.analysis.wording import percent

ATTRIBUTES = {"mask": ("on", "off"), "age": ("<30", "30-59", ">=60")}
CODES = np.array([(m, a) for m in range(2) for a in range(3)] * 4)
LABEL = joint_classes(CODES, (2, 3))
PERSON = np.arange(len(LABEL)) // 2


def certain(label, *, share=0.9):
    """Returns probabilities that give a class a share, and the others the rest."""
    probs = np.full((len(label), 6), (1 - share) / 5)
    probs[np.arange(len(label)), label] = share
    return probs


def picked(**probs):
    return pick(LABEL, PERSON, ATTRIBUTES, probs, leader=next(iter(probs)))


def test_every_class_shows_photos_of_different_people():
    groups = picked(a=certain(LABEL)).classes
    assert [group.title for group in groups][:2] == ["on, <30", "on, 30-59"]
    for group in groups:
        people = [PERSON[each.sample] for each in group.examples]
        assert len(set(people)) == len(people) == 3


def test_of_many_classes_those_of_the_attributes_are_shown():
    many = {"one": tuple("abcdef"), "two": tuple("uvwxyz")}
    codes = np.array([(i, j) for i in range(6) for j in range(6)])
    label = joint_classes(codes, (6, 6))
    found = pick(label, np.arange(36), many, {"a": np.eye(36)[label]}, leader="a")
    assert [group.title for group in found.classes] == [*"abcdef", *"uvwxyz"]


def test_the_surest_error_of_every_confusion_comes_first():
    said = LABEL.copy()
    young = np.flatnonzero((CODES == (0, 0)).all(axis=1))
    said[young[:3]] = 1  # on, 30-59
    probs = certain(said)
    probs[young[1]] = certain(said, share=0.99)[young[1]]
    (group,) = picked(a=probs).errors
    assert group.title == "age: <30 taken for 30-59 (3 photos)"
    assert group.examples[0].sample == young[1]
    assert group.examples[0].text.startswith("99")
    assert picked(a=certain(LABEL)).errors == ()


def test_photos_on_which_approaches_part_say_what_each_says():
    other = LABEL.copy()
    other[[4, 5]] = 0  # of one person: one of them is shown
    (group,) = picked(a=certain(LABEL), b=certain(other)).parted
    (example,) = group.examples
    assert example.sample == 4
    assert group.title.startswith("Approaches part on 8.3")
    assert example.text == "true: off, 30-59; a: off, 30-59; b: on, <30"
    assert picked(a=certain(LABEL)).parted == ()


def test_every_photo_is_named_once():
    other = LABEL.copy()
    other[4] = 0
    samples = picked(a=certain(other), b=certain(LABEL)).samples
    assert samples[0] == 4
    assert len(set(samples)) == len(samples)


def test_classes_without_a_photo_have_no_group():
    part = CODES[:, 1] < 2
    found = pick(LABEL[part], PERSON[part], ATTRIBUTES, {"a": certain(LABEL[part])}, leader="a")
    assert len(found.classes) == 4


@pytest.mark.parametrize("approaches", ["ab", "abc"])
def test_what_all_say_alike_is_no_disagreement(approaches):
    assert picked(**dict.fromkeys(approaches, certain(LABEL))).parted == ()


def test_an_error_is_one_of_the_joint_class_that_is_scored():
    """The likeliest class of an attribute alone may be another one."""
    right = np.array([0.34, 0, 0, 0.22, 0.22, 0.22])
    probs = np.array([right, [0, 0, 0, 1, 0, 0]])
    people, label = np.array([0, 1]), np.array([0, 0])
    (group,) = pick(label, people, ATTRIBUTES, {"joint": probs}, "joint").errors
    assert (group.title, group.examples[0].text) == (
        "mask: on taken for off (1 photo)",
        f"{percent(1.0)} sure",
    )
    assert [each.sample for each in group.examples] == [1]

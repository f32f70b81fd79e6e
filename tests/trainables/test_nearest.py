"""The nearest names to a mistyped one."""

import unicodedata

import pytest

from trainables.nearest import near


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("mael", ("male", "female"), "male"),
        ("FEMALE", ("male", "female"), "female"),
        ("male", ("Male", "Female"), "Male"),
        ("30-95", ("<30", "30-59", ">=60"), "30-59"),
        ("1", ("000002", "000001", "0010"), "000001?"),
        ("p1/normal", ("p01/normal", "p1/normally"), "p01/normal?"),
        ("10", ("1", "010"), "010?"),
        (unicodedata.normalize("NFD", "남성분"), ("남성", "여성"), "남성"),
    ],
)
def test_a_mistyped_name_is_answered_by_the_nearest(word, known, meant):
    assert near(word, known).startswith(f" (did you mean {meant}")


@pytest.mark.parametrize("word", ["", "dog", "7", "x" * 100_000])
def test_what_is_like_nothing_is_answered_by_nothing(word):
    assert near(word, ("male", "female")) == ""

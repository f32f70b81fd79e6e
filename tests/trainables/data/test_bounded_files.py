"""JSON and YAML that are small and stand for much, or that break Python's own limits."""

import os
from contextlib import suppress
from datetime import date

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from trainables.data.bounded_files import MAX_DEPTH, load_json, load_yaml, read_text

LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)
)
"""Two to the power of 60 in 60 lines."""

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(), parts, max_size=3),
    max_leaves=8,
)


@given(plain)
def test_what_safe_dump_writes_is_read_as_safe_load_reads_it(value):
    text = yaml.safe_dump(value, allow_unicode=True)
    assert load_yaml(text) == yaml.safe_load(text)


@given(st.text())
def test_any_text_is_a_value_or_a_value_error(text):
    for load in (load_yaml, load_json):
        with suppress(ValueError):
            load(text)


def test_few_aliases_of_one_value_are_as_good_as_the_value():
    assert load_yaml("a: &a [1, 2]\nb: *a\nc: {<<: {d: 1}, e: *a}") == {
        "a": [1, 2],
        "b": [1, 2],
        "c": {"d": 1, "e": [1, 2]},
    }
    assert load_yaml("2026-11-28") == date(2026, 11, 28)


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        "a: &a " + "x" * 100_000 + "\nb: [" + "*a, " * 1_000 + "]",
        "&a [*a]",
        "&a {b: {c: *a}}",
        "<<: &a {b: 1, <<: *a}",
        "[" * 10_000,
        "a0: &a0 []\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 2 * MAX_DEPTH)),
        "0x" + "f" * 5_000,
        "1" * 5_000,
        "1:" * 5_000 + "1",
        "2026-99-99",
        "!!python/object/apply:os.system [ls]",
        "? [a]\n: b",
        "\x00",
        "!!int x",
        "!!float x",
        "!!timestamp x",
        "!!binary é",
        "a: b: c",
    ],
    ids=lambda text: text[:24],
)
def test_yaml_that_is_out_of_bounds_is_a_short_value_error(text):
    with pytest.raises(ValueError, match=r"\S") as caught:
        load_yaml(text)
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "every key once, got 'a' again, first in line 1; keep one .*line 3"),
        ("x: {0: a, 1: b, 0: c}", "got '0' again"),
        ("x: [{y: {a: 1, a: 1}}]", "got 'a' again"),
        ("{1: a, 1.0: b}", "got '1.0' again"),
        ("{1: a, yes: b}", "got 'yes' again"),
        ("{=: a, =: b}", "got '=' again"),
        ("{a: 1, 'a': 2}", "got 'a' again"),
        ("bins: [3_0.5]", "numbers written in digits, got 3_0.5; put a text in quotes"),
        ("bins: [1:30.5]", "numbers written in digits, got 1:30.5"),
    ],
)
def test_what_yaml_would_make_another_thing_of_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        load_yaml(text)


def test_a_key_beside_the_same_of_a_merged_mapping_is_no_repeat():
    text = "x: {y: &a {<<: {k: 1}, k: 2}}\nc: {<<: *a, k: 3}\nd: {1: a, '1': b}"
    assert load_yaml(text) == {"x": {"y": {"k": 2}}, "c": {"k": 3}, "d": {1: "a", "1": "b"}}
    assert load_yaml("[1.5e+3, .5, -30.]") == [1500, 0.5, -30]


def test_json_that_is_nested_too_deeply_is_a_value_error():
    with pytest.raises(ValueError, match="nested too deeply"):
        load_json("[" * 200_000)


def test_a_file_is_read_up_to_its_bound(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + b"12345")
    assert read_text(path, 8) == "12345"
    with pytest.raises(ValueError, match="at most 7 bytes"):
        read_text(path, 7)
    path.write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        read_text(path)


def test_a_pipe_is_no_file_to_wait_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(OSError, match="plain file"):
        read_text(tmp_path / "a.json")
    with pytest.raises(FileNotFoundError):
        read_text(tmp_path / "absent.json")

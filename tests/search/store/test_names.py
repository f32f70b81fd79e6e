"""Names of the user in file names and keys: never twice the same, never one of ours."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.store.names import as_file, as_key, from_key, spellings, stored

HARD = (
    *("label", "key", "file", "validation", "refit", "validation.age", "..", ".hidden", "a.b"),
    *("a/b", "a\\b", "fit [wide]", "*", "?", "a=b", "a,b", 'say "x"', "it's", "a|b", "a:b", "%2E"),
    *("Größe", "성별", "🙂", "Å", "Å", "x" * 200, "x" * 199 + "y", "가" * 200, "a" * 103 + "~"),
    *("mask+gender", "two words", "tab\there", "~", "-", "_"),
)
NAMES = st.one_of(st.sampled_from(HARD), st.text(min_size=1, max_size=200))


@given(st.sets(NAMES, min_size=2, max_size=20))
def test_two_names_are_never_written_the_same_way(names):
    assert len({as_key(name) for name in names}) == len({as_file(name) for name in names})
    assert len({as_file(name) for name in names}) == len(names)


@given(NAMES)
def test_a_key_is_read_back(name):
    assert from_key(as_key(name)) == name
    assert "." not in as_key(name)
    assert "/" not in as_key(name)


@given(NAMES)
def test_a_file_name_is_one_part_of_a_path_and_no_pattern(name):
    found = as_file(name)
    assert Path(found).name == found
    assert not set(found) & set('./\\[]*?"<>|:\0')
    assert len(found.encode()) <= 120
    assert found not in ("validation", "refit")


@pytest.mark.parametrize("name", ["age", "mask+gender", "two words", "gender-heads", "Größe"])
def test_a_harmless_name_is_written_as_it_is(name):
    assert as_file(name) == as_key(name) == name
    assert spellings(name) == (name,)


@given(st.lists(NAMES, min_size=2, max_size=2, unique=True))
def test_what_an_older_run_may_have_written_is_no_other_name_of_today(names):
    one, other = names
    assert as_file(other) not in spellings(one)


@pytest.mark.parametrize("name", [name for name in HARD if len(spellings(name)) > 1])
def test_a_file_of_an_older_run_is_found_and_one_of_today_before_it(tmp_path, name):
    older = tmp_path / f"{name}.yaml"
    older.touch()
    assert stored(tmp_path, "", name, ".yaml") == older
    today = tmp_path / f"{as_file(name)}.yaml"
    today.touch()
    assert stored(tmp_path, "", name, ".yaml") == today

"""Names from data never act as formulas in a spreadsheet, and come back as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.data.csv_cells import harmless, original

names = st.text(alphabet="'=+-@\t\r\n＝a0. ", max_size=8) | st.text(max_size=8)  # noqa: RUF001


@given(names)
def test_every_name_comes_back(name):
    assert original(harmless(name)) == name


@given(names)
def test_no_cell_starts_a_formula(name):
    assert not harmless(name).startswith(tuple("=+-@\t\r\n＝＋－＠"))  # noqa: RUF001


@given(names, names)
def test_different_names_are_different_cells(one, other):
    assert (harmless(one) == harmless(other)) == (one == other)


@pytest.mark.parametrize(
    "name", ["", "a.jpg", "0042.png", "'a.jpg", "a=b", "<30", ">=60", "O'Neil"]
)
def test_usual_names_stay_as_they_are(name):
    assert harmless(name) == original(name) == name

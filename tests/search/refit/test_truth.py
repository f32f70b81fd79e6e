"""predictions/truth.csv: what is written of a table, and what comes back."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest

from search.refit.truth import Truth, write_truth
from search.refit.units import Folds
from tests.trainables.data.folders import colour_table

FOLDS = Folds(of_sample=np.array([0, 1, 0, 1]), num_folds=2)


def test_no_cell_of_the_truth_is_a_formula_and_people_come_back(tmp_path):
    people = ["=1+1", "-2", "'@a", "plain"]
    table = colour_table(tmp_path, people)
    nobody = np.empty(0, dtype=np.int64)
    split = SimpleNamespace(held_out=nobody, search_val=nobody)
    write_truth(tmp_path, table, FOLDS, split)
    with (tmp_path / "truth.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["group"] for row in rows] == ["'=1+1", "'-2", "''@a", "plain"]
    assert Truth.read(tmp_path).group.tolist() == people


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused(number):
    with pytest.raises(ValueError, match="numbers of 'age' must be finite, got NaN or infinity"):
        Truth(
            label=np.array([0, 1]),
            group=np.array(["a", "b"]),
            fold=np.array([0, 1]),
            held_out=np.array([False, False]),
            raw={"age": np.array([30.0, number])},
        )

"""oof.npz: what is written is read back; what is torn or wrong is named."""

from dataclasses import replace

import numpy as np
import pytest

from search.errors import ResultsError
from search.predict.oof import OutOfFold
from search.predict.spec import OOF_FILE
from tests.search.builders.ensembles import made_oof
from tests.trainables.tiny import assert_same

NAMES = ("label", "person", "probs", "predicted")


def test_predictions_are_read_back_equal_and_nothing_else_is_left(tmp_path):
    made_oof().write(tmp_path)
    found = OutOfFold.read(tmp_path)
    for name in NAMES:
        assert_same(getattr(found, name), getattr(made_oof(), name))
    assert [path.name for path in tmp_path.iterdir()] == [OOF_FILE]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(
        ResultsError, match=r"oof\.npz cannot be read: .*; copy the .* folder whole"
    ):
        OutOfFold.read(tmp_path)


@pytest.mark.parametrize("size", [0, 10, 1000])
def test_a_torn_file_is_named(tmp_path, size):
    made_oof().write(tmp_path)
    path = tmp_path / OOF_FILE
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ResultsError, match=r"oof\.npz cannot be read"):
        OutOfFold.read(tmp_path)


@pytest.mark.parametrize("kind", ["text", "one array"])
def test_a_file_of_another_kind_is_named_and_nobody_is_told_to_trust_it(tmp_path, kind):
    path = tmp_path / OOF_FILE
    if kind == "text":
        path.write_text("hi")
    else:
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    with pytest.raises(ResultsError, match=r"oof\.npz cannot be read: .*zip.*build it again"):
        OutOfFold.read(tmp_path)


def test_predictions_of_other_classes_are_refused():
    made_oof().check_classes(18)
    with pytest.raises(ResultsError, match="must have the ensemble's 6 classes, got 18; copy"):
        made_oof().check_classes(6)


def test_a_file_without_an_array_is_named(tmp_path):
    np.savez(tmp_path / OOF_FILE, label=np.zeros(3))
    with pytest.raises(ResultsError, match=r"oof\.npz cannot be read: .*person"):
        OutOfFold.read(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"person": np.zeros(3, dtype=np.int64)}, r"arrays \[N\] and probs \[N, C\], N >= 1"),
        ({"probs": np.zeros(72, dtype=np.float32)}, r"arrays \[N\] and probs \[N, C\]"),
        ({"label": np.full(72, 18)}, r"label .* must be in \[0, 18\), got 18 to 18"),
        ({"predicted": np.full(72, -1)}, r"predicted .* must be in \[0, 18\), got -1 to -1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ResultsError, match=message):
        replace(made_oof(), **changes)


def test_no_photos_are_refused():
    with pytest.raises(ResultsError, match="N >= 1"):
        replace(made_oof(), **{name: getattr(made_oof(), name)[:0] for name in NAMES})

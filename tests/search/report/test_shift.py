from dataclasses import replace

import pytest

from search.report.errors import ReportError
from search.report.shift import Shift

SHIFT = Shift(
    name="age",
    classes=("young", "old"),
    training=(1.0, 0.0),
    predicted=(0.9, 0.1),
    averaged=(0.8, 0.2),
    estimated=(0.5, 0.5),
    low=(0.4, 0.3),
    high=(0.7, 0.6),
    validated=(0.8, 0.2),
)


@pytest.mark.parametrize(
    "what", ["training", "predicted", "averaged", "estimated", "low", "high", "validated"]
)
def test_a_distribution_needs_a_share_a_class(what):
    with pytest.raises(ReportError, match=f"'age' needs a share per class, got 1 {what} for 2"):
        replace(SHIFT, **{what: (1.0,)})


def test_an_estimate_lies_in_its_interval():
    with pytest.raises(ReportError, match="share of 'age' must lie in its interval"):
        replace(SHIFT, low=(0.6, 0.3))


def test_a_ratio_is_the_estimate_over_the_training_share():
    assert SHIFT.ratio(0) == (0.5, 0.4, 0.7)
    assert SHIFT.ratio(1) is None  # nobody old in training: no ratio


def test_a_shift_survives_its_dict():
    assert Shift.of(SHIFT.to_dict()) == SHIFT
    assert SHIFT.to_dict()["classes"][0]["ratio_interval"] == [0.4, 0.7]


def test_predictions_have_a_ratio_to_those_out_of_fold():
    assert SHIFT.predicted_ratio(0) == pytest.approx(0.9 / 0.8)
    assert replace(SHIFT, validated=(1.0, 0.0)).predicted_ratio(1) is None


def test_a_shift_that_was_written_before_validation_was_counted_is_read():
    data = SHIFT.to_dict()
    for row in data["classes"]:
        del row["validation"], row["predicted_ratio"]
    assert Shift.of(data) == replace(SHIFT, validated=())
    assert Shift.of(data).predicted_ratio(0) is None


def test_a_dict_that_lacks_something_is_refused():
    data = SHIFT.to_dict()
    del data["classes"][1]["interval"]
    with pytest.raises(ReportError, match="an entry without 'interval'; run it again"):
        Shift.of(data)

import json

import numpy as np
import pytest

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.metrics import macro_f1
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.of_attributes import (
    StateScore,
    error_budget,
    scores_by_state,
)
from search.analysis.recombine import joint_classes
from tests.search.builders.labelled_people import people_of

ATTRIBUTES = {"mask": ("worn", "none"), "age": ("<30", "30-59", ">=60")}
SIZES = (2, 3)


def _evidence(labels, *predicted):
    rows = np.stack([joint_classes(classes, SIZES) for classes in predicted])
    return Evidence.of(
        [Approach(name="a", predicted=rows)],
        people_of(joint_classes(labels, SIZES), np.arange(len(labels)) // 2, 6),
        ATTRIBUTES,
    )


def _labels(num=120):
    return np.stack([np.arange(num) % 2, np.arange(num) // 2 % 3], axis=1)


def test_the_budget_says_what_each_perfect_attribute_would_give():
    labels = _labels()
    predicted = labels.copy()
    predicted[::4, 1] = (predicted[::4, 1] + 1) % 3  # a quarter of the ages wrong
    predicted[1::12, 0] = 1 - predicted[1::12, 0]
    budget = error_budget(_evidence(labels, predicted), "a")
    with_age = joint_classes(np.stack([predicted[:, 0], labels[:, 1]], axis=1), SIZES)
    with_mask = joint_classes(np.stack([labels[:, 0], predicted[:, 1]], axis=1), SIZES)
    y = joint_classes(labels, SIZES)
    assert budget.figures.perfect["age"] == pytest.approx(macro_f1(y, with_age, 6))
    assert budget.figures.perfect["mask"] == pytest.approx(macro_f1(y, with_mask, 6))
    score = macro_f1(y, joint_classes(predicted, SIZES), 6)
    assert budget.figures.cost["age"] == pytest.approx(macro_f1(y, with_age, 6) - score)
    assert budget.sentence.endswith("age costs most.")
    json.dumps(budget.to_dict())


def test_an_attribute_is_scored_in_every_state_of_the_others():
    labels = _labels()
    predicted = labels.copy()
    worn = labels[:, 0] == 0
    predicted[worn, 1] = np.where(np.arange(worn.sum()) % 2, labels[worn, 1], 0)
    reason = scores_by_state(_evidence(labels, predicted), "a", "age")
    states = reason.figures.states["mask"]
    expected = macro_f1(labels[worn, 1], predicted[worn, 1], 3)
    assert states["worn"] == StateScore(macro_f1=pytest.approx(expected), samples=60)
    assert states["none"].macro_f1 == 1
    assert "best where mask none (1.000) and worst where mask worn" in reason.sentence


def test_a_class_that_a_state_lacks_does_not_count_there():
    labels = _labels()
    labels = labels[~((labels[:, 0] == 0) & (labels[:, 1] == 2))]
    predicted = labels.copy()
    predicted[labels[:, 0] == 1, 1] = 0
    reason = scores_by_state(_evidence(labels, predicted), "a", "age")
    assert reason.figures.states["mask"]["worn"].macro_f1 == 1


def test_an_only_attribute_has_no_states():
    evidence = Evidence.of(
        [Approach(name="a", predicted=np.array([[0, 1, 0, 1]]))],
        people_of([0, 1, 1, 0], np.arange(4), 2),
        {"age": ("young", "old")},
    )
    assert scores_by_state(evidence, "a", "age") is None


def test_of_states_that_are_all_alike_nothing_is_said():
    labels = _labels()
    assert scores_by_state(_evidence(labels, labels), "a", "age") is None


def test_attributes_that_cost_the_same_are_not_ranked():
    labels = _labels()
    reason = error_budget(_evidence(labels, labels), "a")
    assert reason.sentence.endswith(": every attribute costs the same.")
    assert reason.heading == "Every attribute costs a the same"


def test_input_that_does_not_fit_is_refused():
    labels = _labels()
    evidence = _evidence(labels, labels)
    with pytest.raises(AnalysisError, match="unknown attribute 'race'; available: mask, age"):
        scores_by_state(evidence, "a", "race")

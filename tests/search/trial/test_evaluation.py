from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from search.analysis.metrics import macro_f1
from search.trial.trial_run import evaluate
from tests.trainables import tiny
from trainables.blocks import Block, Form
from trainables.data.schema import UNKNOWN

EPOCHS = int(tiny.FLAT["schedule.epochs"])


MULTIHEAD = {
    "target.attributes": ("gender", "mask"),
    "target.form": "heads",
    "task_weight.gender": 1.0,
    "task_weight.mask": 1.0,
}


def test_a_multihead_trial_is_scored_on_the_joint_label(start, images):
    run = start(MULTIHEAD)
    value = run.epoch()["value"]
    setting = images.setting
    truth = setting.table.joint[setting.split.search_val]
    assert value == macro_f1(truth, run.last.probabilities.argmax(axis=1), 4)
    assert set(run.last.confusions) == {"gender", "mask", "joint"}
    assert any(name.startswith("val/mask/") for name in run.last.scalars)


def test_joint_probabilities_are_scored_on_every_attribute_too(images):
    table = images.setting.table
    indices = np.arange(8)
    rng = np.random.default_rng(0)
    joint = rng.dirichlet(np.ones(4), size=8).astype(np.float32)
    scored = evaluate({"joint": joint}, table, indices, Block(table.schema.names, Form.SOFTMAX))
    gender = joint.reshape(8, 2, 2).sum(axis=2).argmax(axis=1)
    truth = table.labels[indices, 0]
    assert scored.scalars["val/gender/macro_f1"] == pytest.approx(macro_f1(truth, gender, 2))
    accuracy = accuracy_score(truth, gender)
    assert scored.scalars["val/gender/accuracy"] == pytest.approx(accuracy)
    assert scored.value == scored.scalars["val/joint/macro_f1"]


@pytest.fixture
def partly(images):
    """The images where a third of the people have no gender."""
    setting = images.setting
    labels = setting.table.labels.copy()
    labels[setting.table.group_index % 3 == 0, 0] = UNKNOWN
    table = replace(setting.table, labels=labels)
    images.setting = replace(setting, table=table)
    return images


def test_every_label_is_scored_on_the_photos_that_have_it(partly):
    table = partly.setting.table
    indices = np.arange(12)
    rng = np.random.default_rng(0)
    predictions = {
        name: rng.dirichlet(np.ones(2), size=12).astype(np.float32) for name in table.schema
    }
    scored = evaluate(predictions, table, indices, Block(table.schema.names, Form.HEADS))
    known = table.labels[indices, 0] != UNKNOWN
    assert 0 < known.sum() < 12
    truth, found = table.labels[indices][known, 0], predictions["gender"][known].argmax(axis=1)
    assert scored.scalars["val/gender/macro_f1"] == macro_f1(truth, found, 2)
    assert scored.confusions["gender"].sum() == known.sum()
    assert scored.confusions["mask"].sum() == 12
    assert scored.confusions["joint"].sum() == known.sum()
    assert scored.probabilities.shape == (known.sum(), 4)


@pytest.mark.parametrize(
    ("changes", "attributes"), [({}, ("gender",)), (MULTIHEAD, ("gender", "mask"))]
)
def test_a_trial_keeps_the_predictions_of_the_photos_that_have_its_labels(
    partly, start, changes, attributes
):
    run = start(changes)
    for _ in range(EPOCHS):
        value = run.epoch()["value"]
    setting = partly.setting
    indices = setting.table.with_labels(setting.split.search_val, attributes)
    assert 0 < len(indices) < len(setting.split.search_val)
    with np.load(run.predictions_path) as saved:
        np.testing.assert_array_equal(saved["indices"], indices)
        found = saved["probabilities"].argmax(axis=1)
    truth = setting.table.schema.codes(setting.table.labels, attributes)[indices]
    assert value == macro_f1(truth, found, 2 ** len(attributes))

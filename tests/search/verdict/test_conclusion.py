from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from search.analysis.metrics import macro_f1
from search.analysis.reasons.reason import Reason
from search.analysis.uncertainty.interval import Interval
from search.analysis.verdict.rules import (
    Rules,
)
from search.analysis.verdict.sentence import answer
from search.errors import ResultsError
from search.refit.approaches import Lineup
from search.refit.files import RefitNote
from search.refit.plan import Shape
from search.refit.refitted import Refitted
from search.refit.truth import Truth
from search.store.run_store import RunStore
from search.verdict.conclusion import conclude
from trainables.blocks import Block, Form
from trainables.data.schema import Attribute, LabelSchema

SCHEMA = LabelSchema(
    name="two",
    attributes=(
        Attribute(name="gender", classes=("male", "female")),
        Attribute(name="age", classes=("<30", "30-59", ">=60"), edges=(30, 60)),
    ),
)
BLOCKS = {
    "gender": Block(("gender",), Form.SOFTMAX),
    "age": Block(("age",), Form.SOFTMAX),
    "joint": Block(SCHEMA.names, Form.SOFTMAX),
    "multihead": Block(SCHEMA.names, Form.HEADS),
}
PHOTOS, PEOPLE, SEEDS = 4, 90, 2


@pytest.fixture
def truth():
    rng = np.random.default_rng(0)
    age = rng.integers(18, 80, PEOPLE)
    label = SCHEMA.joint_code(
        np.stack([rng.integers(0, 2, PEOPLE), np.digitize(age, [30, 60])], 1)
    )
    return Truth(
        label=np.repeat(label, PHOTOS),
        group=np.repeat([f"p{n}" for n in range(PEOPLE)], PHOTOS),
        fold=np.repeat(np.arange(PEOPLE) % 3, PHOTOS),
        held_out=np.repeat(np.arange(PEOPLE) % 5 == 0, PHOTOS),
        chose=np.repeat(np.arange(PEOPLE) % 5 == 1, PHOTOS),
        raw={"age": np.repeat(age, PHOTOS).astype(float)},
    )


def noisy(classes, num_classes, accuracy, rng):
    """Probabilities [S, N, K] that point at the true class with the given probability."""
    right = rng.random((SEEDS, len(classes))) < accuracy
    other = (classes + rng.integers(1, num_classes, (SEEDS, len(classes)))) % num_classes
    guess = np.where(right, classes, other)
    return 0.1 / num_classes + 0.9 * np.eye(num_classes)[guess]


def predictions_of(truth, joint_accuracy, attribute_accuracy=0.95):
    rng = np.random.default_rng(1)
    labels = SCHEMA.attribute_codes(truth.label)
    parts = {
        name: noisy(labels[:, axis], SCHEMA.num_classes(name), attribute_accuracy, rng)
        for axis, name in enumerate(SCHEMA.names)
    }
    joint = noisy(truth.label, SCHEMA.num_joint, joint_accuracy, rng)
    return {
        **{name: {"default": {name: part}} for name, part in parts.items()},
        "joint": {"default": {"joint": joint}},
        "multihead": {"default": dict(parts)},
    }


def refitted_of(truth, joint_accuracy, spaces=tuple(BLOCKS)):
    predictions = predictions_of(truth, joint_accuracy)
    return Refitted(
        store=RunStore(Path("no-run")),
        lineup=Lineup(schema=SCHEMA, blocks={space: BLOCKS[space] for space in spaces}),
        truth=truth,
        note=RefitNote(shape=Shape(folds=3, seeds=SEEDS, configs=0), notes=(), configs={}),
        seeds=tuple(range(SEEDS)),
        predictions={space: predictions[space] for space in spaces},
    )


def concluded(truth, joint_accuracy):
    return conclude(refitted_of(truth, joint_accuracy), Rules(num_resamples=400))


def test_approaches_need_all_their_spaces(truth):
    rules = Rules(num_resamples=100)
    whole = conclude(refitted_of(truth, 0.5, ("gender", "age", "joint")), rules)
    assert [part.name for part in whole.built] == ["separate", "joint"]
    torn = conclude(refitted_of(truth, 0.5, ("gender", "joint", "multihead")), rules)
    assert [part.name for part in torn.built] == ["joint", "multihead"]


@pytest.mark.parametrize(
    ("spaces", "there"), [(("gender", "joint"), "joint"), (("gender",), "none")]
)
def test_one_approach_is_no_verdict(truth, spaces, there):
    with pytest.raises(ResultsError, match=f"needs two approaches, got {there}; run --space all"):
        conclude(refitted_of(truth, 0.5, spaces), Rules())


def test_a_much_worse_joint_model_loses_and_the_sentence_says_so(truth):
    conclusion = concluded(truth, joint_accuracy=0.4)
    assert conclusion.findings.verdict.pair("separate", "joint").winner == "separate"
    sentence = answer(conclusion.findings.verdict)
    assert "beats joint" in sentence or "above joint" in sentence


def test_heads_with_the_predictions_of_separate_models_never_win(truth):
    pair = concluded(truth, joint_accuracy=0.4).findings.verdict.pair("separate", "multihead")
    assert pair.winner is None


def test_the_verdict_file_has_every_pair_and_part(truth):
    values = concluded(truth, 0.9).findings.to_dict()
    assert len(values["pairs"]) == 3
    assert {"chose_nothing", "chose"} == set(values["pairs"][0]["parts"])
    assert set(values["scores"]) == {"separate", "joint", "multihead"}
    assert values["reasons"]
    assert values["choices"]["joint"] == {"joint": ["default"] * 4}


def test_differences_have_the_parts_of_the_people(truth):
    conclusion = concluded(truth, 0.9)
    found = conclusion.findings.to_dict()["pairs"]
    probs = {part.name: part.probs for part in conclusion.built}
    for part, mask in (("chose_nothing", ~truth.chose), ("chose", truth.chose)):
        scores = {
            name: np.mean(
                [
                    macro_f1(truth.label[mask], row, SCHEMA.num_joint)
                    for row in each[:, mask].argmax(axis=-1)
                ]
            )
            for name, each in probs.items()
        }
        for pair in found:
            expected = scores[pair["a"]] - scores[pair["b"]]
            assert pair["parts"][part]["difference"] == pytest.approx(expected, abs=1e-12)
            low, high = pair["parts"][part]["interval"]
            assert low <= expected <= high


def test_a_run_that_did_not_note_who_chose_has_their_validation_predictions(truth, tmp_path):
    refitted = refitted_of(truth, 0.9)
    assert refitted.chose.tolist() == truth.chose.tolist()
    store = RunStore(tmp_path)
    older = replace(refitted, truth=replace(truth, chose=None), store=store)
    assert older.chose is None
    assert conclude(older, Rules(num_resamples=100)).findings.verdict.pairs[0].chose is None
    store.predictions.mkdir()
    chose = np.flatnonzero(truth.chose)
    kept = {"indices": chose, "probabilities": np.full((len(chose), 3), 1 / 3)}
    np.savez(store.validation_path("age", 3), **kept)
    assert older.chose.tolist() == truth.chose.tolist()


def test_every_fold_of_the_refit_tells_of_the_luck_of_training(truth):
    """Three folds of two seeds are six trainings, not two."""
    estimate = concluded(truth, 0.9).findings.verdict.pairs[0].headline.estimate
    assert all(1 < side.folds <= 3 for side in estimate.training)


def reason(key, about, effect=None):
    return Reason(key=key, mechanism="", about=about, sentence=".", effect=effect)


def test_more_reasons_join_their_pair_by_rank_and_their_approach_at_the_end(truth):
    known = concluded(truth, 0.4).findings
    large = Interval(value=0.9, low=0.8, high=1.0)
    pair = ("separate", "joint")
    found = known.with_reasons(
        [
            reason("shared_config", pair, large),
            reason("learning_curve", pair),
            reason("overtuning", ("joint",)),
        ]
    )
    keys = [each.key for each in found.reasons[pair]]
    assert (keys[0], keys[-1]) == ("shared_config", "learning_curve")
    assert len(keys) == len(known.reasons[pair]) + 2
    assert found.descriptions["joint"][-1].key == "overtuning"
    others = {name: rows for name, rows in found.reasons.items() if name != pair}
    assert all(rows == known.reasons[name] for name, rows in others.items())
    assert found.descriptions["separate"] == known.descriptions["separate"]

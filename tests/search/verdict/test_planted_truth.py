"""Worlds whose truth is known: their arithmetic, the verdict on them, and one whole run."""

import csv
import json

import numpy as np
import pytest

from search.analysis.approaches.approach import Approach
from search.analysis.metrics import macro_f1
from search.analysis.people import People
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.gather import reasons_of_pair
from search.analysis.recombine import attribute_classes, joint_classes
from search.analysis.verdict.judging import judge
from search.cli.commands import main
from tests.search.builders.equal_searches import Size, one_repeat
from tests.search.builders.planted_pictures import (
    World,
    best_answers,
    best_scores,
    conditional_world,
    draw_people,
    even_world,
    starved_world,
    write_world,
)
from tests.search.builders.planted_runs import Plant, command, plants, read_pairs
from trainables.data import layouts

CONDITIONAL = conditional_world(people_a_class=20, photos=6)
STARVED = starved_world(side=6, common_people=6, photos=3)
EVEN = even_world(people_a_class=40, photos=4)


def test_best_scores_are_those_of_a_hand_computed_case():
    """Clear photos are always right (1/4); of the others the joint answer is right with 0.4, and
    the product of likeliest attributes never."""
    best = best_scores(CONDITIONAL)
    assert best.joint == pytest.approx(0.25 + 0.75 * 0.4)
    assert best.product == pytest.approx(0.25)
    starved = best_scores(STARVED)
    assert (starved.joint, starved.product) == (0.5, 1.0)
    even = best_scores(EVEN)
    assert even.joint == even.product == pytest.approx(0.85**2)


@pytest.mark.parametrize("world", [CONDITIONAL, EVEN], ids=lambda world: world.name)
def test_best_scores_are_reached_by_the_best_answers_to_drawn_photos(world):
    rng = np.random.default_rng(0)
    drawn = [draw_people(world, rng) for _ in range(60)]
    y = np.concatenate([np.repeat(cells, world.photos) for cells, _ in drawn])
    looks = np.concatenate([looks.ravel() for _, looks in drawn])
    best = best_scores(world)
    for answer, expected in zip(best_answers(world), (best.joint, best.product), strict=True):
        assert macro_f1(y, answer[looks], len(world.people)) == pytest.approx(expected, abs=0.01)


def test_no_rule_by_attributes_beats_the_best_product_in_the_conditional_world():
    """Slow twin: every pair of attribute answers to one ambiguous look, by expected hits."""
    ambiguous = CONDITIONAL.looks[:, 8].reshape(2, 4)  # of (female, child)
    hits = ambiguous / ambiguous.sum()
    assert hits.sum(axis=1).argmax() == 1  # likelier a man
    assert hits.sum(axis=0).argmax() == 0  # likeliest a child
    assert hits[1, 0] == 0  # but never a boy
    assert np.unravel_index(hits.argmax(), hits.shape) == (0, 0)


@pytest.mark.parametrize("plant", plants(), ids=lambda plant: plant.world.name)
def test_best_predictions_are_judged_as_planted_with_the_planted_reason_on_top(plant):
    evidence, pair = _judged_best(plant.world)
    winner = plant.winners.get(("separate", "joint"))
    assert pair.winner == winner
    top = reasons_of_pair(evidence, "separate", "joint")[0]
    assert (top.key if top.supported else "") == plant.reason
    if winner:
        best = best_scores(plant.world)
        low, high = pair.headline.estimate.interval.low, pair.headline.estimate.interval.high
        assert abs(best.joint - best.product) >= 3 * (high - low) / 2


def test_pictures_are_read_back_as_the_people_they_were_drawn_for(tmp_path):
    root = write_world(EVEN, tmp_path / "data", np.random.default_rng(3))
    table = layouts.load(root, None)
    cells, looks = draw_people(EVEN, np.random.default_rng(3))
    assert table.joint.tolist()[:: EVEN.photos] != sorted(table.joint.tolist()[:: EVEN.photos])
    assert np.bincount(table.joint).tolist() == (EVEN.people * EVEN.photos).tolist()
    assert table.schema.names == tuple(EVEN.attributes)
    assert table.num_samples == looks.size
    assert table.num_groups == len(cells)
    with (root / "manifest.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file)) == ["path", "group", "hair", "coat"]


def test_a_world_must_add_up():
    good = {field: getattr(EVEN, field) for field in EVEN.__slots__}
    with pytest.raises(ValueError, match="rows of looks must sum to 1"):
        World(**{**good, "looks": EVEN.looks / 2})
    with pytest.raises(ValueError, match="4 joint classes and 4 looks"):
        World(**{**good, "people": EVEN.people[:3]})


def test_a_winner_where_none_was_planted_is_told():
    pair = {"a": "separate", "b": "joint", "difference": 0.1, "interval": [0.05, 0.15]}
    reason = {"pair": ["separate", "joint"], "key": "k", "supported": True, "sentence": "S."}
    even = next(plant for plant in plants() if not plant.winners)
    starved = next(plant for plant in plants() if plant.world.name == "starved")
    for verdict, plant, key, expected in (
        ("a_wins", even, "k", False),
        ("undecided", even, "k", True),
        ("a_wins", starved, "class_size", True),
        ("a_wins", starved, "attribution.hair", False),
        ("b_wins", starved, "class_size", False),
        ("undecided", starved, "class_size", False),
    ):
        found = {"pairs": [{**pair, "verdict": verdict}], "reasons": [{**reason, "key": key}]}
        assert read_pairs(plant, found)[0].as_planted is expected


@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_a_whole_run_on_starved_classes_says_that_separate_beats_joint_and_why(tmp_path, capsys):
    world = starved_world(side=4, common_people=3, photos=3)
    plant = Plant(
        world=world,
        winners={("separate", "joint"): "separate"},
        reason="class_size",
        epochs=8,
        batch=8,
    )
    data = write_world(world, tmp_path / "data", np.random.default_rng(0))
    words = command(plant, data, tmp_path / "runs", "planted", seed=0, trials=1)
    assert main(["run", *words, "--refit-seeds", "2"]) == 0
    path = tmp_path / "runs" / "results" / "planted" / "verdict.json"
    verdict = json.loads(path.read_text(encoding="utf-8"))
    pairs = read_pairs(plant, verdict)
    assert len(pairs) == 3
    planted = {(pair.a, pair.b): pair.as_planted for pair in pairs}
    assert planted.pop(("separate", "joint")), pairs
    assert set(planted.values()) == {None}
    said = capsys.readouterr().out.replace("\n", " ")
    assert verdict["answer"] in said
    assert "beats joint" in said or "above joint" in said


@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_two_searches_of_one_space_are_judged_on_the_same_people_and_repeat(tmp_path):
    size = Size(people_a_class=5, trials=1, epochs=1, configs=1, folds=2, seeds=2)
    pair = one_repeat(size, tmp_path, 0)
    assert (pair.a, pair.b) == ("first", "second")
    assert pair.headline.estimate.num_differing > 0  # their seeds differ, so their answers do
    assert pair.winner is None
    first, second = (tmp_path / "results" / name / "parts" for name in ("aa0", "aa1"))
    for part in first.iterdir():
        with np.load(part) as one, np.load(second / part.name) as other:
            assert one["indices"].tolist() == other["indices"].tolist()
            assert one["head:joint"].tobytes() != other["head:joint"].tobytes()
    again = one_repeat(size, tmp_path, 0)  # from its files
    assert again.headline.estimate.difference == pair.headline.estimate.difference


def _judged_best(world):
    """The verdict on separate and joint that answer as well as can be, three equal seeds each."""
    cells, looks = draw_people(world, np.random.default_rng(1))
    y, g = np.repeat(cells, world.photos), np.repeat(np.arange(len(cells)), world.photos)
    joint, product = best_answers(world)
    # A class without training people is taken for one that shares its hair, or else its coat.
    hair, coat = attribute_classes(joint, world.sizes).T
    shared = joint_classes(np.where(hair % 2, [hair ^ 1, coat], [hair, coat ^ 1]).T, world.sizes)
    joint = np.where(world.people[joint] > 1, joint, shared)
    parts = [
        Approach(name=name, predicted=np.stack([answer[looks.ravel()]] * 3))
        for name, answer in (("separate", product), ("joint", joint))
    ]
    people = People(label=y, person=g, num_classes=len(world.people))
    evidence = Evidence.of(parts, people, world.attributes, num_resamples=400)
    return evidence, judge(parts, people).pairs[0]

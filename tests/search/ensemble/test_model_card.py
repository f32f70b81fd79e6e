"""The card says what the folder holds, with the figures of its out-of-fold predictions."""

import re
from dataclasses import replace

import numpy as np
import pytest
import yaml

from search.analysis.uncertainty.bootstrap import person_bootstrap_interval
from search.ensemble.model_card import model_card, write_model_card
from search.errors import ResultsError
from search.predict.oof import OutOfFold
from search.predict.spec import EnsembleSpec, Member
from tests.search.builders.ensembles import SCHEMA, made_members, made_oof, made_part, made_spec
from tests.search.builders.labelled_people import people_of
from tests.trainables import tiny
from trainables.data.schema import Attribute, LabelSchema


def rows(card, heading):
    """Returns the cells of the table under a heading, without its head."""
    section = card.partition(f"## {heading}\n\n")[2].partition("\n\n")[0]
    return [line.strip("| ").split(" | ") for line in section.splitlines()[2:]]


@pytest.fixture
def card():
    return model_card(made_spec(), made_oof())


def test_scores_are_of_the_joint_label_and_of_every_attribute(card):
    joint, *attributes = rows(card, "How good it is")
    assert joint[:3] == ["joint (18 classes)", "0.610", "0.550 to 0.670"]
    assert [row[0].split()[0] for row in attributes] == list(SCHEMA.names)
    oof = made_oof()
    age = [codes % 3 for codes in (oof.label, oof.predicted)]
    expected = person_bootstrap_interval(people_of(age[0], oof.person, 3), age[1])
    assert attributes[2] == [
        "age (3 classes)",
        f"{expected.value:.3f}",
        f"{expected.low:.3f} to {expected.high:.3f}",
        f"{np.mean(age[0] == age[1]):.3f}",
    ]


def test_every_class_has_a_row_with_its_photos_and_people(card):
    found = rows(card, "By class")
    assert [row[0].replace("&lt;", "<") for row in found] == list(SCHEMA.joint_names)
    assert sum(int(row[3]) for row in found) == len(made_oof().label)
    assert all(int(row[4]) <= int(row[3]) for row in found)


def test_every_member_has_a_row_with_its_weight_and_networks(card):
    found = rows(card, "Members")
    assert [(row[0], row[1], row[2]) for row in found] == [
        (member.name, member.approach, f"{member.weight:.3f}") for member in made_members()
    ]
    assert "mask.1.0: test_resnet at 32 px" in found[0][3]
    assert [row[4] for row in found] == ["6", "2", "2"]


@pytest.mark.parametrize(
    "text",
    [
        "# Ensemble of the run made\n",
        "72 photos of 24 people",
        "`0123456789abcdef`",
        "30 x 40 pixels",
        'Ensemble.load("results/made/ensemble")',
        "headrace predict made --images DIR --out ans.csv",
        "no better than the\n  calibration error above",
        "only the search for configs has seen four fifths of the people",
        "It must not be used",
        "to identify or track a person",
        "Nothing in it is a pickle",
        "safetensors",
        "(0.60 to 1.70)",
        "headrace 0.1.0",
        "and its mirror image",
        "Class biases are added",
    ],
)
def test_the_card_says(card, text):
    assert text in card


def test_a_hub_reads_what_the_model_is_and_how_good(card):
    _, metadata, text = card.split("---\n", 2)
    found = yaml.safe_load(metadata)
    assert text.startswith("\n# Ensemble of the run made\n")
    assert (found["library_name"], found["pipeline_tag"]) == ("headrace", "image-classification")
    assert {"mask", "gender", "age"} <= set(found["tags"])
    (model,) = found["model-index"]
    (metric,) = model["results"][0]["metrics"]
    assert (model["name"], metric["type"]) == ("made", "f1")
    assert metric["value"] == pytest.approx(made_spec().score["value"], abs=5e-5)


def test_what_is_not_used_is_not_claimed():
    plain = made_spec(mirrored=False, biases=(0.0,) * SCHEMA.num_joint)
    card = model_card(plain, made_oof())
    assert "mirror image" not in card
    assert "No class biases are used" in card


def test_the_gain_is_told_where_it_is_known():
    score = {"value": 0.6, "interval": [0.5, 0.7], "gain": 0.0123, "best_approach": "separate"}
    known = made_spec(score={**score, "gain_interval": [-0.01, 0.03]})
    told = "Gain over separate (its seeds averaged), both without class biases: +0.0123 [-0.0100, "
    assert f"{told}+0.0300]." in model_card(known, made_oof())
    assert "Gain" not in model_card(made_spec(score=score), made_oof())


def test_what_fell_back_to_one_approach_claims_no_gain():
    score = {"value": 0.6, "interval": [0.5, 0.7], "gain": -0.0041, "best_approach": "joint"}
    fell_back = {**score, "gain_interval": [-0.01, 0.002], "fell_back": True}
    card = model_card(made_spec(score=fell_back), made_oof())
    assert "No ensemble across approaches gained over joint; this is joint alone." in card
    assert "-0.0041" not in card


def test_names_that_mean_something_to_markdown_stay_what_they_are():
    attribute = Attribute(name="a|b", classes=("<b>", "x&y"))
    labels = LabelSchema(name="odd", attributes=(*SCHEMA.attributes[:1], attribute))
    oof = made_oof()
    probs = np.full((len(oof.label), 6), 1 / 6, dtype=np.float32)
    odd = replace(oof, label=oof.label % 6, predicted=oof.predicted % 6, probs=probs)
    joint = made_part("joint", config=tiny.flat({"target.attributes": ("mask", "a|b")}))
    member = Member(name="joint.1.0", approach="joint", weight=1.0, parts=(joint,))
    spec = made_spec(labels=labels, biases=(0.0,) * 6, members=(member,))
    card = model_card(spec, odd)
    assert "a\\|b (2 classes)" in card
    assert "wear &lt;b>" in card
    assert "x&amp;y" in card


def test_a_card_is_written_from_the_files_of_the_folder(tmp_path):
    made_spec().write(tmp_path)
    made_oof().write(tmp_path)
    write_model_card(tmp_path)
    spec, oof = EnsembleSpec.read(tmp_path), OutOfFold.read(tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == model_card(spec, oof)
    assert not list(tmp_path.glob(".README*"))


def test_a_folder_without_predictions_is_refused(tmp_path):
    made_spec().write(tmp_path)
    with pytest.raises(ResultsError, match=r"oof\.npz cannot be read"):
        write_model_card(tmp_path)
    assert not (tmp_path / "README.md").exists()


def test_predictions_of_other_classes_are_refused():
    oof = made_oof()
    other = replace(oof, probs=np.pad(oof.probs, ((0, 0), (0, 2))))
    with pytest.raises(ResultsError, match="must have the ensemble's 18 classes, got 20"):
        model_card(made_spec(), other)


EVIL = (
    "[a](https://evil.example) <img src=x> ![b](//evil.example)\n\n# `c`\r| *d* www.evil.example"
)


def test_names_become_no_links_tags_lines_or_headings():
    labels = LabelSchema(
        name="t",
        attributes=(
            Attribute(name="mask", classes=(EVIL, "incorrect", "normal")),
            Attribute(name="gender", classes=("male", "female")),
            Attribute(name="age", classes=("<30", "30-59", ">=60")),
        ),
    )
    spec = made_spec()
    evil = replace(spec, labels=labels, run=EVIL, fingerprint=EVIL, versions={EVIL: EVIL})
    plain, card = model_card(spec, made_oof()), model_card(evil, made_oof())
    assert len(card.splitlines()) == len(plain.splitlines())
    assert card.count("```") == plain.count("```")
    assert [line[:3] for line in card.splitlines() if line.startswith("#")] == [
        line[:3] for line in plain.splitlines() if line.startswith("#")
    ]
    shown = [line for line in card.splitlines() if "](" in line or "\\]" in line]
    assert len(shown) > 6
    for line in shown:
        odd = re.search(r"(?<!\\)[\[\]`*]|<|(?<!\\):(?=//)|(?<=www)\.", line.removeprefix("* "))
        assert odd is None, line


@pytest.mark.parametrize("name", ["# a", "> a", "- a", "+ a", "12. a", "1) a", "=="])
def test_the_name_of_an_attribute_begins_no_block(name):
    mask, gender = SCHEMA.attributes[:2]
    labels = LabelSchema(name="t", attributes=(replace(mask, name=name), gender))
    oof = made_oof()
    probs = np.full((len(oof.label), 6), 1 / 6, dtype=np.float32)
    few = replace(oof, label=oof.label % 6, predicted=oof.predicted % 6, probs=probs)
    joint = made_part("joint", config=tiny.flat({"target.attributes": (name, "gender")}))
    member = Member(name="joint.1.0", approach="joint", weight=1.0, parts=(joint,))
    card = model_card(made_spec(labels=labels, biases=(0.0,) * 6, members=(member,)), few)
    assert f"\n* &#{ord(name[0])};" in card

"""ensemble.yaml: what is written is read back; what is torn or wrong is named."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from search.errors import ResultsError
from search.predict.spec import ENSEMBLE_FILE, EnsembleSpec, Member
from search.store.run_store import TRUTH_FILE
from tests.search.builders.ensembles import (
    SCHEMA,
    SPACES,
    made_member,
    made_members,
    made_part,
    made_spec,
    with_weights,
)
from tests.trainables import tiny
from trainables.blocks import as_before_blocks


def test_a_spec_is_read_back_equal(tmp_path):
    made_spec().write(tmp_path)
    assert EnsembleSpec.read(tmp_path) == made_spec()


def test_the_file_is_plain_yaml_without_places_of_this_machine(tmp_path):
    made_spec().write(tmp_path)
    text = (tmp_path / ENSEMBLE_FILE).read_text(encoding="utf-8")
    config = {**tiny.flat(tiny.JOINT), "target.attributes": list(tiny.ALL)}
    assert yaml.safe_load(text)["members"][1]["parts"][0]["config"] == config
    assert "!!" not in text
    assert str(tmp_path) not in text


def test_numbers_of_numpy_are_written_as_plain_ones(tmp_path):
    scores = {"value": np.float64(0.5), "interval": np.array([0.4, 0.6]), "by": {"n": np.int64(3)}}
    biases = tuple(np.zeros(18))
    made_spec(score=scores, biases=biases, people=np.int64(24)).write(tmp_path)
    found = EnsembleSpec.read(tmp_path)
    assert found.score == {"value": 0.5, "interval": [0.4, 0.6], "by": {"n": 3}}
    assert (found.biases, found.people) == ((0.0,) * 18, 24)


@settings(max_examples=20)
@given(
    shares=st.lists(st.floats(1e-6, 1.0), min_size=3, max_size=3),
    temperature=st.floats(0.05, 20.0),
    bias=st.floats(-30, 30),
    config_id=st.sampled_from(["1", "2", "default", "07"]),
)
def test_every_number_survives_the_file(tmp_path_factory, shares, temperature, bias, config_id):
    folder = tmp_path_factory.mktemp("spec")
    members = with_weights(made_members(), *(share / sum(shares) for share in shares))
    part = made_part("joint", temperatures=(temperature,), config_id=config_id)
    spec = made_spec(
        members=(members[0], replace(members[1], parts=(part,)), members[2]),
        biases=(bias,) * 18,
    )
    spec.write(folder)
    assert EnsembleSpec.read(folder) == spec


def test_files_are_listed_once_though_members_share_them():
    first, *rest = with_weights(made_members(), 0.25, 0.2, 0.3)
    twin = replace(first, name="separate.chosen.0")
    spec = made_spec(members=(first, twin, *rest))
    assert spec.files == made_spec().files
    assert len(spec.parts) == len(made_spec().parts) + 3


def test_a_part_is_called_as_the_files_of_the_refit():
    assert made_part("age", config_id="default", seed=2).name == "age.default.2"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"temperatures": (1.0, 2.0)},
            r"joint\.1\.0 needs one temperature per head.*\[1.0, 2.0\]",
        ),
        ({"heads": (), "temperatures": ()}, r"needs one temperature per head, got heads \[\]"),
        ({"temperatures": (0.0,)}, r"must be positive and finite, got \[0.0\]"),
        ({"temperatures": (float("nan"),)}, r"must be positive and finite, got \[nan\]"),
        ({"std": (0.0, 1.0, 1.0)}, r"std of part joint.1.0 must be positive"),
        ({"files": ()}, "needs one weights file per fold"),
        ({"files": ("members/a.safetensors",) * 2}, "needs one weights file per fold"),
        ({"files": ("/etc/a.safetensors",)}, r"inside the folder .* got '/etc/a"),
        ({"files": ("members/../../a.safetensors",)}, "inside the folder of the ensemble"),
        ({"files": ("members/a.pkl",)}, "must be .safetensors files"),
    ],
)
def test_a_part_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ResultsError, match=message):
        made_part("joint", **changes)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_a_weight_is_positive_and_finite(weight):
    with pytest.raises(ResultsError, match=r"weight of member a must be above 0, got"):
        Member(name="a", approach="joint", weight=weight, parts=(made_part("joint"),))


def test_parts_of_a_member_have_the_same_folds():
    age = made_part("age", files=("members/a.safetensors",))
    with pytest.raises(ResultsError, match=r"same number of folds.*'age.1.0': 1"):
        Member(name="a", approach="separate", weight=1.0, parts=(made_part("mask"), age))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"members": made_members()[:2]}, r"must sum to 1, got 0\.7"),
        ({"members": ()}, "must sum to 1, got 0"),
        ({"biases": (0.0,) * 6}, "one finite bias for each of 18 classes"),
        ({"biases": (float("nan"),) * 18}, "one finite bias"),
        ({"stored_size": (40, 0)}, r"height and width in pixels, got \[40, 0\]"),
        ({"people": 0}, "1 <= people <= photos .* people=0, photos=72"),
        ({"people": 73}, "1 <= people <= photos .* people=73, photos=72"),
        ({"selection": "best"}, "one of greedy, cma_es, single, got 'best'"),
    ],
)
def test_an_ensemble_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ResultsError, match=message):
        made_spec(**changes)


@pytest.mark.parametrize(
    "spaces", [("mask", "gender"), ("joint", "age"), ("mask", "gender", "age", "age")]
)
def test_heads_of_a_member_decide_every_attribute_once(spaces):
    member = made_member("odd", *spaces)
    message = (
        r"heads of member odd\.1\.0 must decide every attribute of mask, gender, age once, "
        rf"got {', '.join(spaces)}$"
    )
    with pytest.raises(ResultsError, match=message):
        made_spec(members=(member,))


def test_heads_of_a_member_may_decide_blocks_in_any_order(tmp_path):
    shuffled = made_member("separate", "age", "mask", "gender", weight=0.4)
    grouped = made_member("mask+age | gender", "mask+age", "gender", weight=0.6)
    spec = made_spec(members=(shuffled, grouped))
    assert spec.layout(shuffled).covers == ((2,), (0,), (1,))
    assert spec.layout(grouped).covers == ((0, 2), (1,))
    assert grouped.parts[0].decides(SCHEMA) == {"mask+age": ("mask", "age")}
    spec.write(tmp_path)
    assert EnsembleSpec.read(tmp_path) == spec


def test_an_ensemble_of_a_headrace_before_blocks_is_read(tmp_path):
    made_spec().write(tmp_path)
    path = tmp_path / ENSEMBLE_FILE
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    for member in values["members"]:
        for part in member["parts"]:
            part["config"] = as_before_blocks(tiny.flat(*SPACES[part["space"]]))
    assert {"target.kind": "multihead"}.items() <= values["members"][2]["parts"][0][
        "config"
    ].items()
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    assert EnsembleSpec.read(tmp_path) == made_spec()


def test_no_ensemble_is_named_with_the_command_that_makes_one(tmp_path):
    with pytest.raises(ResultsError, match=r"no file .*ensemble\.yaml; .*headrace ensemble NAME"):
        EnsembleSpec.read(tmp_path / "none")
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(ResultsError, match="predictions that it is built from are not here eith"):
        EnsembleSpec.read(tmp_path / "ensemble")
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / TRUTH_FILE).touch()
    with pytest.raises(ResultsError) as caught:
        EnsembleSpec.read(tmp_path / "ensemble")
    command = f"ensemble {tmp_path.name} --results {tmp_path.parent}"
    assert str(caught.value).endswith(command)


def test_a_run_that_refitted_nothing_is_no_way_to_an_ensemble(tmp_path):
    (tmp_path / "study.json").write_text('{"schema": 1, "config": {"spaces": ["age", "mask"]}}')
    with pytest.raises(ResultsError) as caught:
        EnsembleSpec.read(tmp_path / "ensemble")
    assert str(caught.value).endswith(
        "; this run searched age, mask and refitted nothing; a run of --space all makes one"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no key 'schema'"),
        ("- 1\n- 2\n", "has no key 'schema'"),
        ("schema: [", "(?s)it is not YAML: .*; copy .* or build it again"),
        ("schema: 2\n", "must have schema 1, got 2; a newer headrace wrote it: update headrace"),
        ("schema: one\n", "must have schema 1, got 'one'; it is not a file of headrace: copy"),
        ("schema: 1\nrun: a\n", "not a whole ensemble: it lacks 'stored_size'; copy"),
    ],
)
def test_a_file_that_is_no_ensemble_is_named(tmp_path, text, message):
    (tmp_path / ENSEMBLE_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError, match=message):
        EnsembleSpec.read(tmp_path)


def test_no_line_short_of_the_last_section_makes_an_ensemble(tmp_path):
    made_spec().write(tmp_path)
    lines = (tmp_path / ENSEMBLE_FILE).read_text(encoding="utf-8").splitlines(keepends=True)
    last = lines.index("versions:\n")
    for end in range(0, last, 7):
        (tmp_path / ENSEMBLE_FILE).write_text("".join(lines[:end]), encoding="utf-8")
        with pytest.raises(ResultsError, match=r"ensemble\.yaml"):
            EnsembleSpec.read(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("labels", {"name": "x"}),
        ("labels", None),
        ("members", 3),
        ("members", [{"name": "a"}]),
        ("biases", ["a"]),
        ("stored_size", [1, 2, 3]),
        ("people", "many"),
        ("score", 1),
    ],
)
def test_a_value_of_another_kind_is_refused(tmp_path, name, value):
    made_spec().write(tmp_path)
    path = tmp_path / ENSEMBLE_FILE
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**values, name: value}), encoding="utf-8")
    with pytest.raises(ResultsError, match="is not a whole ensemble"):
        EnsembleSpec.read(tmp_path)


def test_missing_weights_are_counted_and_the_first_is_named(tmp_path):
    spec = made_spec()
    (tmp_path / "members").mkdir()
    for file in spec.files[2:]:
        (tmp_path / file).touch()
    with pytest.raises(
        ResultsError,
        match=rf"{spec.files[0]} \(2 of {len(spec.files)} files\); copy the ensemble's folder",
    ):
        spec.check_files(tmp_path)
    for file in spec.files:
        (tmp_path / file).touch()
    spec.check_files(tmp_path)

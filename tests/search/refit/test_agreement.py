"""What the files of a refit say twice: they agree, or one sentence names the file in doubt."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from search.errors import ResultsError
from search.refit.files import RefitFiles, RefitNote
from search.refit.refitted import Refitted
from tests.search.builders.made_refit import LINEUP, SCHEMA, write_refit

EVEN = dict.fromkeys(LINEUP.blocks, 0.7)


@pytest.fixture
def store(tmp_path):
    return write_refit(tmp_path / "run", EVEN)


def read(store, lineup=LINEUP):
    return Refitted.read(store, lineup)


def told(store):
    """Lets the note of a refit name its predictions, as today's do."""
    note = RefitNote.read(store, SCHEMA.names)
    merged = tuple(f"{name}.{seed}" for name in note.configs for seed in range(2))
    replace(note, merged=merged).write(store)


def arrays_of(path):
    with np.load(path) as file:
        return dict(file)


def edit_note(store, **changes):
    path = store.root / RefitNote.FILE
    values = json.loads(path.read_text(encoding="utf-8"))
    shape = {n: v for n, v in changes.items() if n in values["shape"] and n != "configs"}
    values["shape"] |= shape
    values |= {name: value for name, value in changes.items() if name not in shape}
    path.write_text(json.dumps(values), encoding="utf-8")


def edit_truth(store, **changes):
    path = store.predictions / "truth.csv"
    frame = pd.read_csv(path, dtype=str)
    frame.assign(**{name: change(frame) for name, change in changes.items()}).to_csv(
        path, index=False
    )


@pytest.mark.parametrize("name", ["multihead.1.0", "joint.1.1", "age.default.0"])
@pytest.mark.parametrize("is_told", [False, True])
def test_lost_predictions_are_put_together_again_from_their_trainings(store, name, is_told):
    if is_told:
        told(store)
    path = store.predictions / f"{name}.npz"
    before, expected = arrays_of(path), read(store)
    path.unlink()
    found = read(store)
    assert found.seeds == expected.seeds
    heads, turned = {}, {}
    space, config_id, seed = name.split(".")
    files = RefitFiles(store.predictions)
    heads = files.heads(space, config_id, [int(seed)])
    turned = files.heads(space, config_id, [int(seed)], mirrored=True)
    for head, probs in heads.items():
        np.testing.assert_array_equal(probs[0], before[head])
        np.testing.assert_array_equal(turned[head][0], before[f"mirrored.{head}"])


@pytest.mark.parametrize("is_told", [False, True])
def test_predictions_that_are_lost_with_a_training_are_named(store, is_told):
    if is_told:
        told(store)
    (store.predictions / "multihead.1.0.npz").unlink()
    (store.predictions / "parts" / "multihead.1.0.2.npz").unlink()
    said = r"multihead\.1\.0\.npz is missing, .*; 2 of its 3 trainings .*; copy .* --resume run"
    with pytest.raises(ResultsError, match=said):
        read(store)


@pytest.mark.parametrize("name", ["mask.2.0", "joint.2.0", "joint.1.2", "joint.1.²", "joint.1.00"])
def test_files_that_the_note_does_not_know_are_left_out(store, name):
    expected = read(store)
    shutil.copy(store.predictions / "joint.1.0.npz", store.predictions / f"{name}.npz")
    found = read(store)
    assert (found.seeds, found.trained) == (expected.seeds, expected.trained)


@pytest.mark.parametrize("is_told", [False, True])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seeds": 99}, r"joint|refit\.json says 99 seeds|is missing"),
        ({"seeds": 1}, r"refit\.json "),
        ({"folds": 5}, r"truth\.csv has 3 folds, and refit\.json beside it says 5; copy"),
        ({"configs": {}}, r"refit\.json cannot be read: .*configs"),
    ],
)
def test_a_note_that_contradicts_the_files_is_refused(store, changes, said, is_told):
    if is_told:
        told(store)
    edit_note(store, **changes)
    with pytest.raises(ResultsError, match=said):
        read(store)


def test_a_config_that_the_note_has_lost_is_told_by_its_trainings(store):
    configs = RefitNote.read(store, SCHEMA.names).configs
    replace(
        RefitNote.read(store, SCHEMA.names),
        configs={name: config for name, config in configs.items() if name != "joint.1"},
    ).write(store)
    with pytest.raises(ResultsError, match=r"refit\.json must know .* lacks seed 0 of joint\.1"):
        read(store)


def test_a_config_of_another_space_is_refused(store):
    configs = dict(RefitNote.read(store, SCHEMA.names).configs)
    configs["joint.1"] = configs["age.1"]
    replace(RefitNote.read(store, SCHEMA.names), configs=configs).write(store)
    with pytest.raises(ResultsError, match=r"config joint\.1 of age by softmax, and study\.json"):
        read(store)


def first(values, value):
    changed = values.copy()
    changed[0] = value
    return changed


WRONG = {
    "zeros": lambda probs: 0 * probs,
    "negative": lambda probs: first(probs, -1),
    "huge": lambda probs: first(probs, 1e30),
    "not a number": lambda probs: first(probs, np.nan),
    "infinite": lambda probs: first(probs, np.inf),
    "percent": lambda probs: 100 * probs,
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("head", ["joint", "mirrored.joint"])
def test_what_are_no_probabilities_is_refused(store, wrong, head):
    path = store.predictions / "joint.1.0.npz"
    arrays = arrays_of(path)
    np.savez(path, **{**arrays, head: WRONG[wrong](arrays[head])})
    said = r"joint\.1\.0\.npz cannot be read: .* numbers from 0 that sum to 1, got .*; resume"
    with pytest.raises(ResultsError, match=said):
        read(store)


def test_a_training_without_probabilities_is_refused(store):
    path = store.predictions / "parts" / "joint.1.0.1.npz"
    arrays = arrays_of(path)
    np.savez(path, **{**arrays, "joint": 0 * arrays["joint"]})
    with pytest.raises(ResultsError, match=r"joint\.1\.0\.1\.npz cannot be read: .*; resume"):
        read(store)


@pytest.mark.parametrize("head", ["joint", "mirrored.joint"])
def test_rows_in_another_order_than_their_trainings_are_refused(store, head):
    path = store.predictions / "joint.1.0.npz"
    arrays = arrays_of(path)
    np.savez(path, **{**arrays, head: arrays[head][::-1]})
    said = r"joint\.1\.0\.npz must hold the probabilities of its trainings .*; delete it, and"
    with pytest.raises(ResultsError, match=said):
        read(store)
    path.unlink()
    read(store)


@pytest.mark.parametrize("with_parts", [False, True])
def test_a_seed_that_is_a_copy_of_another_is_refused(store, with_parts):
    folder = store.predictions
    shutil.copy(folder / "joint.1.0.npz", folder / "joint.1.1.npz")
    for fold in range(3 if with_parts else 0):
        shutil.copy(folder / f"parts/joint.1.0.{fold}.npz", folder / f"parts/joint.1.1.{fold}.npz")
    said = "a training of its own" if with_parts else "must hold the probabilities of its"
    with pytest.raises(ResultsError, match=rf"joint\.1\.1\.npz.* {said}"):
        read(store)


def test_seeds_that_learnt_nothing_may_say_the_same(store):
    for seed in range(2):
        for path in (
            store.predictions / f"joint.1.{seed}.npz",
            *(store.predictions / "parts").glob(f"joint.1.{seed}.*.npz"),
        ):
            arrays = arrays_of(path)
            own = {name: np.full_like(arrays[name], 1 / 6) for name in arrays if "joint" in name}
            np.savez(path, **{**arrays, **own})
    assert read(store).seeds == (0, 1)


def test_a_training_of_other_people_is_refused(store):
    folder = store.predictions / "parts"
    shutil.copy(folder / "joint.1.0.0.npz", folder / "joint.1.0.1.npz")
    with pytest.raises(ResultsError, match=r"joint\.1\.0\.1\.npz must predict the people of fold"):
        read(store)


def other(frame, name, value):
    return first(frame[name].to_numpy(dtype=object), value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"label": lambda f: "0"}, "row 5: its label must be that of its attributes"),
        ({"label": lambda f: f["label"].to_numpy()[::-1]}, "row 2: its label must be that"),
        ({"label": lambda f: other(f, "label", "0.5")}, "0.5"),
        ({"attribute:age": lambda f: other(f, "attribute:age", ">=60")}, "row 2: its label"),
        ({"attribute:age": lambda f: other(f, "attribute:age", "old")}, "row 2: 'age' must be"),
        ({"attribute:age": lambda f: other(f, "attribute:age", ">60")}, "'>60' .did you mean >=6"),
        ({"sample": lambda f: "a"}, "row 3: every sample must be listed once, got 'a' again"),
        ({"held_out": lambda f: "2"}, "row 2: held_out must be 0 or 1, got '2'"),
        ({"held_out": lambda f: other(f, "held_out", "1")}, "on one side of the split, got 'p00'"),
        ({"chose": lambda f: "1"}, "the search cannot choose by who is held out"),
        ({"chose": lambda f: "yes"}, "row 2: chose must be 0 or 1, got 'yes'"),
        ({"group": lambda f: other(f, "group", "new")}, "has 61 people, and .*study.json says 60"),
    ],
)
def test_a_truth_that_contradicts_itself_is_refused(store, changes, said):
    edit_truth(store, **changes)
    with pytest.raises(ResultsError, match=rf"truth\.csv .*{said}.*; copy"):
        read(store)


def test_a_truth_without_an_attribute_is_refused(store):
    path = store.predictions / "truth.csv"
    pd.read_csv(path, dtype=str).drop(columns="attribute:age").to_csv(path, index=False)
    with pytest.raises(ResultsError, match=r"truth\.csv .*it lacks 'attribute:age'; copy"):
        read(store)


def test_a_truth_whose_rows_have_a_cell_too_many_is_refused(store):
    path = store.predictions / "truth.csv"
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([head, *(f"x,{row}" for row in rows)]), encoding="utf-8")
    with pytest.raises(ResultsError, match=r"truth\.csv .*more cells than the header; copy"):
        read(store)


@pytest.mark.parametrize("what", ["attributes", "classes"])
def test_labels_in_another_order_than_the_study_has_them_are_refused(store, what):
    attributes = SCHEMA.attributes
    if what == "attributes":
        attributes = attributes[::-1]
    else:
        attributes = (replace(attributes[0], classes=attributes[0].classes[::-1]), attributes[1])
    lineup = replace(LINEUP, schema=replace(SCHEMA, attributes=attributes))
    with pytest.raises(ResultsError, match=r"truth\.csv .*row \d+: .* by study\.json, .*; copy"):
        read(store, lineup)


def test_a_split_that_is_not_that_of_the_study_is_refused(store):
    edit_truth(store, chose=lambda f: ((f["held_out"] == "0") & (f["fold"] == "0")).astype(int))
    study = json.loads((store.root / "study.json").read_text(encoding="utf-8"))
    study["data"]["split"] = "0123456789abcdef"
    store.write_study({name: value for name, value in study.items() if name != "schema"})
    with pytest.raises(ResultsError, match=r"truth\.csv .*split of study\.json, 0123.*; copy"):
        read(store)


def test_a_space_that_the_study_has_lost_is_told_by_its_configs(store):
    blocks = {name: block for name, block in LINEUP.to_dict().items() if name != "joint"}
    study = json.loads((store.root / "study.json").read_text(encoding="utf-8"))
    store.write_study({**{n: v for n, v in study.items() if n != "schema"}, "blocks": blocks})
    lineup = replace(LINEUP, blocks={n: b for n, b in LINEUP.blocks.items() if n != "joint"})
    with pytest.raises(ResultsError, match=r"refit\.json has a config joint\..*, and .*study"):
        read(store, lineup)


@pytest.mark.parametrize("attributes", [[0.5], [True, "age"], "age"])
def test_a_config_of_no_attributes_is_named(store, attributes):
    values = json.loads((store.root / RefitNote.FILE).read_text(encoding="utf-8"))
    configs = {name: dict(config) for name, config in values["configs"].items()}
    configs["joint.1"]["target.attributes"] = attributes
    edit_note(store, configs=configs)
    with pytest.raises(ResultsError, match=r"refit\.json .*target\.attributes must be a list of"):
        read(store)

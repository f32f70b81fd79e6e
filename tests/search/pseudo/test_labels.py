"""Which unlabelled photos get a label, from whom, and what a training then reads."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from search.errors import UsageError
from search.prepare.setting import SharedImages
from search.pseudo import labels as pseudo_labels
from search.pseudo.labels import BothTables, PseudoLabels, sure
from search.pseudo.stage import check_unlabelled
from search.refit.files import RefitFiles
from search.refit.train import train_unit
from search.refit.units import Folds, Unit
from tests.search.builders.people import trial_setting, write_people
from tests.search.refit.test_pool import config_of, three_folds
from tests.trainables import tiny
from trainables.config import Input
from trainables.data.layouts import flat
from trainables.data.schema import JOINT, UNKNOWN

ANY = {"gender": 0.01, "mask": 0.01}


@pytest.fixture
def people(tmp_path, one_torch_thread):
    return trial_setting(write_people(tmp_path / "data"), tmp_path / "cache", tmp_path / "results")


@pytest.fixture
def unlabelled(tmp_path):
    return flat.read(write_people(tmp_path / "more", num_people=5) / "photos")


def test_photos_that_have_labels_are_no_unlabelled_ones(people, unlabelled, tmp_path):
    check_unlabelled(unlabelled, people.table)
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "a.png").symlink_to(people.table.root / people.table.paths[0])
    with pytest.raises(UsageError, match=r"must be .* other photos .* got 1 of .*such as a\.png"):
        check_unlabelled(flat.read(linked), people.table)


def trained(setting, folds, tmp_path, space="joint"):
    unit = Unit(space=space, config_id="1", seed=0, fold=0, config=config_of(space, setting.table))
    files = RefitFiles(tmp_path)
    train_unit(unit, folds, SharedImages(setting), 0, files, tmp_path / "models")
    return unit


def change_of(setting, unit, unlabelled, tmp_path, thresholds=ANY, name="0"):
    return PseudoLabels(
        unlabelled=unlabelled,
        stored_size=setting.stored_size,
        cache_dir=setting.cache_dir,
        thresholds=tuple(thresholds.items()),
        config=tuple(sorted(unit.config.items())),
        models=(tmp_path / "models" / f"{unit.name}.safetensors",),
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
        labels=tmp_path / "labels" / f"{name}.npz",
    )


def data_of(setting, folds, fold=0):
    data = SharedImages(setting).training_data(setting.split.search_train)
    return replace(data, train=folds.train(fold))


def schema_of(setting):
    return setting.table.schema


def test_a_photo_needs_every_attribute_of_the_model_above_its_threshold(people):
    heads = {
        "gender": np.array([[0.95, 0.05], [0.95, 0.05], [0.3, 0.7]]),
        "mask": np.array([[0.1, 0.9], [0.4, 0.6], [0.1, 0.9]]),
    }
    each = {"gender": ("gender",), "mask": ("mask",)}
    rows, labels = sure(heads, each, schema_of(people), {"gender": 0.8, "mask": 0.7})
    assert rows.tolist() == [0]
    assert labels.tolist() == [[0, 1]]


def test_a_model_of_one_attribute_needs_that_one_alone(people):
    heads = {"mask": np.array([[0.1, 0.9], [0.4, 0.6]])}
    own = {"mask": ("mask",)}
    rows, labels = sure(heads, own, schema_of(people), {"gender": 1.0, "mask": 0.7})
    assert (rows.tolist(), labels.tolist()) == ([0], [[0, 1]])


def test_a_joint_model_is_asked_for_its_marginals(people):
    # gender 0 has 0.5 + 0.4, mask 1 has 0.4 + 0.1: sure of gender, not of mask.
    heads = {JOINT: np.array([[0.5, 0.4, 0.0, 0.1]])}
    all_in_one = {JOINT: ("gender", "mask")}

    def rows(**thresholds):
        return sure(heads, all_in_one, schema_of(people), thresholds)[0].tolist()

    assert rows(gender=0.9, mask=0.5) == [0]
    assert rows(gender=0.9, mask=0.6) == []


def test_sure_photos_join_the_training_and_nothing_else_changes(people, unlabelled, tmp_path):
    folds = three_folds(people)
    unit = trained(people, folds, tmp_path)
    data = data_of(people, folds)
    more = change_of(people, unit, unlabelled, tmp_path).apply(data, people.table)
    num = people.table.num_samples
    assert more.train.tolist() == [*data.train, *range(num, num + unlabelled.num_samples)]
    both, one = more.images.stored, data.images.stored
    assert both.shape == (num + unlabelled.num_samples, *one.shape[1:])
    assert (both[:num] == one).all()
    kept = more.images.at(Input(size=32, crop="full"))
    assert kept.dtype == torch.float32  # as those of the search: of all photos
    assert len(kept) == len(both)
    assert (more.labels[:num] == data.labels).all()
    assert not set(folds.out(0)) & set(more.train)


def test_where_no_photo_is_sure_the_training_is_as_it_was(people, unlabelled, tmp_path):
    folds = three_folds(people)
    unit = trained(people, folds, tmp_path)
    never = {"gender": 1.0, "mask": 1.0}
    data = data_of(people, folds)
    more = change_of(people, unit, unlabelled, tmp_path, never).apply(data, people.table)
    assert more.train.tolist() == data.train.tolist()


def test_labels_of_the_out_fold_never_reach_the_pseudo_labels(people, unlabelled, tmp_path):
    folds = three_folds(people)
    labels = people.table.labels.copy()
    labels[folds.out(0)] = 1 - labels[folds.out(0)]
    poisoned = replace(people, table=replace(people.table, labels=labels))
    found = []
    for number, setting in enumerate((people, poisoned)):
        unit = trained(setting, folds, tmp_path / str(number))
        change = change_of(setting, unit, unlabelled, tmp_path / str(number))
        more = change.apply(data_of(setting, folds), setting.table)
        found.append(more.labels[people.table.num_samples :])
    assert (found[0] == found[1]).all()


def test_labels_are_made_once_and_anew_for_other_thresholds(
    people, unlabelled, tmp_path, monkeypatch
):
    folds = three_folds(people)
    unit, data = trained(people, folds, tmp_path), data_of(people, folds)
    change_of(people, unit, unlabelled, tmp_path).apply(data, people.table)
    made = []
    monkeypatch.setattr(pseudo_labels, "sure", lambda *given: made.append(1) or sure(*given))
    change_of(people, unit, unlabelled, tmp_path).apply(data, people.table)
    assert made == []
    other = {"gender": 0.02, "mask": 0.01}
    change_of(people, unit, unlabelled, tmp_path, other).apply(data, people.table)
    assert made == [1]


def test_other_thresholds_are_another_training(people, unlabelled, tmp_path):
    folds: Folds = three_folds(people)
    unit = trained(people, folds, tmp_path)
    keys = {
        folds.key(replace(unit, change=change))
        for change in (
            None,
            change_of(people, unit, unlabelled, tmp_path),
            change_of(people, unit, unlabelled, tmp_path / "elsewhere"),
            change_of(people, unit, unlabelled, tmp_path, {"gender": 0.5, "mask": 0.5}),
        )
    }
    assert len(keys) == 3


def test_both_tables_are_one_for_the_image_store(people, unlabelled):
    both = BothTables(labelled=people.table, unlabelled=unlabelled)
    assert len(both.paths) == len(both.source_rows) == 48 + 10
    assert all((both.root / path).is_file() for path in both.paths)
    assert both.fingerprint not in (people.table.fingerprint, unlabelled.fingerprint)
    both.check_files()


def test_the_number_of_a_class_is_the_mean_of_those_who_have_a_label():
    data = tiny.training_data()
    labels, age = data.labels.copy(), data.raw["age"].copy()
    labels[:5, 2], age[:5] = UNKNOWN, np.nan
    partly = replace(data, labels=labels, raw={"age": age})
    found = pseudo_labels._typical(age, partly, "age")
    known = np.arange(5, len(data.train))
    for number in range(3):
        mine = known[labels[known, 2] == number]
        assert found[number] == pytest.approx(age[mine].mean() if len(mine) else age[known].mean())

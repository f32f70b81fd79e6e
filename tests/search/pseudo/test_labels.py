"""Which unlabelled photos get a label, from whom, and what a training then reads."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from search.errors import UsageError
from search.prepare.setting import Away, Decoded, SharedImages
from search.pseudo import labels as pseudo_labels
from search.pseudo.labels import PseudoLabels, sure
from search.pseudo.stage import check_unlabelled
from search.refit.files import RefitFiles
from search.refit.train import train_unit
from search.refit.units import Folds, Unit
from search.store.outputs import ResultsFolder
from tests.search.builders.people import trial_setting, write_people
from tests.search.refit.test_pool import config_of, three_folds
from tests.trainables import tiny
from trainables.config import Input
from trainables.data.both_tables import BothTables
from trainables.data.image_store import ImageStore
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
        unlabelled=unlabelled.fingerprint,
        thresholds=tuple(thresholds.items()),
        config=tuple(sorted(unit.config.items())),
        models=(tmp_path / "models" / f"{unit.name}.safetensors",),
        mean=(0.5,) * 3,
        std=(0.25,) * 3,
        labels=tmp_path / "labels" / f"{name}.npz",
    )


def applied(change, setting, unlabelled, folds, fold=0):
    """Returns what a fold trains on after a change."""
    images = SharedImages(replace(setting, unlabelled=unlabelled))
    return change.apply(images.training_data(folds.train(fold)), setting.table, images.outputs)


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
    data = SharedImages(people).training_data(folds.train(0))
    more = applied(change_of(people, unit, unlabelled, tmp_path), people, unlabelled, folds)
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
    change = change_of(people, unit, unlabelled, tmp_path, never)
    more = applied(change, people, unlabelled, folds)
    assert more.train.tolist() == folds.train(0).tolist()


def test_labels_of_the_out_fold_never_reach_the_pseudo_labels(people, unlabelled, tmp_path):
    folds = three_folds(people)
    labels = people.table.labels.copy()
    labels[folds.out(0)] = 1 - labels[folds.out(0)]
    poisoned = replace(people, table=replace(people.table, labels=labels))
    found = []
    for number, setting in enumerate((people, poisoned)):
        unit = trained(setting, folds, tmp_path / str(number))
        change = change_of(setting, unit, unlabelled, tmp_path / str(number))
        more = applied(change, setting, unlabelled, folds)
        found.append(more.labels[people.table.num_samples :])
    assert (found[0] == found[1]).all()


def test_labels_are_made_once_and_anew_for_other_thresholds(
    people, unlabelled, tmp_path, monkeypatch
):
    folds = three_folds(people)
    unit = trained(people, folds, tmp_path)
    applied(change_of(people, unit, unlabelled, tmp_path), people, unlabelled, folds)
    made = []
    monkeypatch.setattr(pseudo_labels, "sure", lambda *given: made.append(1) or sure(*given))
    applied(change_of(people, unit, unlabelled, tmp_path), people, unlabelled, folds)
    assert made == []
    other = {"gender": 0.02, "mask": 0.01}
    applied(change_of(people, unit, unlabelled, tmp_path, other), people, unlabelled, folds)
    assert made == [1]


class ToFolder(ResultsFolder):
    """A link to a driver in this process, with decoded images and without weights."""

    def __init__(self, folder, images):
        super().__init__(folder)
        self.asked, self._images = [], images

    def images(self, contents, on_step):
        self.asked.append(contents)
        return self._images

    def read(self, name, start):
        self.asked.append(name)
        return super().read(name, start)


@pytest.fixture
def far(people, unlabelled, tmp_path):
    """Of a node that sees neither photos nor results nor the cache; its link is to a driver."""
    table, folder = people.table, tmp_path / "driver"
    store = ImageStore.open(
        BothTables(labelled=table, unlabelled=unlabelled),
        people.stored_size,
        tmp_path / "cache",
        num_threads=1,
    )
    images = np.array(store.array)
    gone = Decoded(path=tmp_path / "gone" / store.path.name, contents=store.contents)
    away = Away(link=ToFolder(folder, images), images=gone, with_unlabelled=gone, weights="")
    (tmp_path / "node").mkdir()
    return replace(
        people,
        table=replace(table, root=tmp_path / "gone"),
        unlabelled=replace(unlabelled, root=tmp_path / "gone"),
        cache_dir=tmp_path / "node",
        results_dir=folder,
        away=away,
    )


def test_a_node_that_sees_no_folder_labels_and_trains_as_the_driver_would(
    people, far, unlabelled, tmp_path
):
    folds = three_folds(people)
    plain = trained(people, folds, tmp_path / "results")
    (tmp_path / "driver" / "models").mkdir(parents=True)
    weights = f"models/{plain.name}.safetensors"
    shutil.copy(tmp_path / "results" / weights, tmp_path / "driver" / weights)
    half = {"gender": 0.501, "mask": 0.501}
    found = []
    for setting in (replace(people, unlabelled=unlabelled), far):
        root = setting.results_dir
        change = change_of(setting, plain, unlabelled, root, half)
        unit = replace(plain, config_id="pseudo", change=change)
        images = SharedImages(setting)
        here = images.outputs.here
        train_unit(unit, folds, images, 0, RefitFiles(here(root)), here(root / "models"))
        part = RefitFiles(root).read_unit(unit)
        model = root / "models" / f"{unit.name}.safetensors"
        with np.load(change.labels) as labels:
            found.append((part.key, labels["rows"], labels["labels"], model.read_bytes()))
    alone, away = found
    assert len(alone[1]) > 0
    assert away[0] == alone[0]
    assert (away[1] == alone[1]).all()
    assert (away[2] == alone[2]).all()
    assert away[3] == alone[3]
    assert weights in far.away.link.asked
    # Labels of another seed's training are there for this one.
    far.away.link.asked.clear()
    applied(change, far, far.unlabelled, folds)
    assert weights not in far.away.link.asked
    assert list((tmp_path / "node").rglob("*.safetensors")) == []


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


def test_the_number_of_a_class_is_one_in_the_middle_of_those_who_have_a_label():
    data = tiny.training_data()
    labels, age = data.labels.copy(), data.raw["age"].copy()
    labels[:5, 2], age[:5] = UNKNOWN, np.nan
    partly = replace(data, labels=labels, raw={"age": age})
    found = pseudo_labels._typical(age, partly, "age")
    known = np.arange(5, len(data.train))
    for number in range(3):
        mine = known[labels[known, 2] == number]
        mine = np.sort(age[mine if len(mine) else known])
        assert found[number] == mine[(len(mine) - 1) // 2]


def test_a_photo_gets_no_number_that_its_training_leaves_out(monkeypatch, tmp_path):
    """Else all photos of its class would be left out with those who have such a number."""
    data = tiny.training_data()
    middle = data.labels[:, 2] == 1
    age = np.where(middle, 58.0, data.raw["age"])
    age[np.flatnonzero(middle & np.isin(np.arange(len(age)), data.train))[0]] = 40.0
    data = replace(data, raw={"age": age})
    given = np.array([[0, 0, 1], [0, 0, 1]])
    monkeypatch.setattr(PseudoLabels, "_labelled", lambda *_: (np.arange(2), given))
    table = SimpleNamespace(num_samples=len(age) - 2)
    for drop, number in (("none", 58.0), ("57-59", 40.0)):
        change = PseudoLabels(
            unlabelled="",
            thresholds=(),
            config=tuple(tiny.flat(tiny.AGE_TARGET, {"age.drop": drop}).items()),
            models=(),
            mean=(0.5,) * 3,
            std=(0.25,) * 3,
            labels=tmp_path / "0.npz",
        )
        changed = change.apply(data, table, outputs=None)
        assert changed.raw["age"][-2:].tolist() == [number] * 2

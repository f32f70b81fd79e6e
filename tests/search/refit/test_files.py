"""The files of trainings: what they are called, what of them belongs together."""

import errno
import json
import os

import numpy as np
import pytest

from search.ending.faults import Fault, FaultError
from search.errors import ResultsError
from search.refit import unit_file
from search.refit.files import RefitFiles
from search.refit.unit_file import TrainedUnit
from search.refit.units import Folds, Unit
from tests.search.builders.logged_run import made_run, write_part

FOLDS = Folds(of_sample=np.array([0, 1, 0, 1]), num_folds=2)


@pytest.fixture
def files(tmp_path):
    return RefitFiles(tmp_path / "predictions")


def unit(space="age", config_id="1", seed=0, fold=0, lr=0.1):
    return Unit(space=space, config_id=config_id, seed=seed, fold=fold, config=config(lr))


def config(lr):
    return {"target.attributes": ("age",), "target.form": "softmax", "optim.lr": lr}


def write(files, *units):
    """Writes what units would leave: other probabilities for mirrored photos."""
    for each in units:
        out = FOLDS.out(each.fold)
        one = np.full((len(out), 2), 0.5, dtype=np.float32)
        turned = np.tile(np.float32([0.25, 0.75]), (len(out), 1))
        trained = TrainedUnit(
            indices=out,
            seconds=2.5,
            key=FOLDS.key(each),
            note={"parameters": 7},
            heads={"age": one},
            mirrored={"age": turned},
        )
        files.write_unit(each, trained)


def test_what_a_training_left_survives_the_disk(files):
    write(files, unit(fold=1))
    found = files.read_unit(unit(fold=1))
    assert (found.indices.tolist(), found.seconds, found.note) == ([1, 3], 2.5, {"parameters": 7})
    assert found.key == FOLDS.key(unit(fold=1))
    assert {head: probs.tolist() for head, probs in found.heads.items()} == {
        "age": [[0.5, 0.5], [0.5, 0.5]]
    }
    assert {head: probs.tolist() for head, probs in found.mirrored.items()} == {
        "age": [[0.25, 0.75], [0.25, 0.75]]
    }


def test_a_training_that_is_not_there_or_torn_is_named(files):
    with pytest.raises(ResultsError, match=r"age\.1\.0\.0\.npz cannot be read: .*; resume"):
        files.read_unit(unit())
    write(files, unit())
    path = files.folder / "parts" / "age.1.0.0.npz"
    assert files.is_done(unit(), FOLDS)
    path.write_bytes(path.read_bytes()[:50])
    for read in (
        lambda: files.read_unit(unit()),
        lambda: files.notes("age", "1", [0], 1),
    ):
        with pytest.raises(ResultsError, match=r"age\.1\.0\.0\.npz cannot be read: .*; resume"):
            read()
    assert not files.is_done(unit(), FOLDS)  # so it is trained again
    assert files.seconds("age") == ()  # and nothing before stops at it


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE, errno.EACCES])
def test_a_training_that_the_disk_does_not_give_is_not_taken_for_torn(files, monkeypatch, number):
    write(files, unit())

    def fail(path, *names):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(unit_file, "read_arrays", fail)
    with pytest.raises(FaultError) as caught:
        files.is_done(unit(), FOLDS)
    assert caught.value.kind in (Fault.DISK, Fault.FILES, Fault.CLOSED)


def test_a_training_that_is_torn_in_its_middle_is_trained_again(files):
    write(files, unit())
    assert files.is_done(unit(), FOLDS)
    path = files.folder / "parts" / "age.1.0.0.npz"
    content = path.read_bytes()
    place = content.index(np.full((2, 2), 0.5, dtype=np.float32).tobytes())
    path.write_bytes(content[:place] + b"torn" + content[place + 4 :])
    assert not files.is_done(unit(), FOLDS)


def test_a_training_of_a_run_before_blocks_stays_done(files):
    each = unit()
    before = {"target.kind": "attribute", "target.attribute": "age", "optim.lr": 0.1}
    old = Unit(space="age", config_id="1", seed=0, fold=0, config=before)
    trained = TrainedUnit(
        indices=FOLDS.out(0),
        seconds=1.0,
        key=FOLDS.key(old),
        note={},
        heads={"age": np.full((2, 2), 0.5)},
    )
    files.write_unit(each, trained)
    assert files.is_done(each, FOLDS)
    assert not files.is_done(unit(lr=0.2), FOLDS)


def test_trainings_of_a_seed_make_its_predictions_and_what_was_there_before_goes(files):
    units = [unit(fold=fold, seed=seed) for seed in (0, 1) for fold in (0, 1)]
    write(files, *units, unit(seed=2))
    files.merge([*units, unit(seed=2), unit(seed=2, fold=1)], FOLDS)
    assert files.seeds("age", "1") == {0, 1}  # a fold of the third is missing
    (files.folder / "validation.age.0.npz").touch()
    files.merge(units[:2], FOLDS)
    assert files.seeds("age", "1") == {0}
    assert (files.folder / "validation.age.0.npz").exists()  # of the search


def test_heads_of_seeds_are_stacked_the_plain_ones_or_the_mirrored_ones(files):
    units = [unit(fold=fold, seed=seed) for seed in (0, 1) for fold in (0, 1)]
    write(files, *units)
    files.merge(units, FOLDS)
    plain = files.heads("age", "1", [0, 1])
    mirrored = files.heads("age", "1", [0, 1], mirrored=True)
    np.testing.assert_array_equal(plain["age"], np.full((2, 4, 2), 0.5))
    np.testing.assert_array_equal(mirrored["age"], np.full((2, 4, 2), [0.25, 0.75]))
    assert set(plain) == set(mirrored) == {"age"}


def test_folds_that_were_not_trained_are_nan_where_that_is_wanted(files):
    write(files, unit(fold=1))
    files.merge([unit(fold=0), unit(fold=1)], FOLDS, whole=False, mirrored=False)
    with np.load(files.folder / "age.1.0.npz") as merged:
        assert merged.files == ["head:age"]
        assert np.isfinite(merged["head:age"]).all(axis=1).tolist() == [False, True, False, True]


def test_configs_of_a_space_are_those_with_predictions_the_default_last(files):
    units = [
        unit(space=space, config_id=config_id, fold=fold)
        for space, config_id in (("age", "default"), ("age", "2"), ("age", "1"), ("age.b", "1"))
        for fold in (0, 1)
    ]
    write(files, *units)
    files.merge(units, FOLDS)
    assert files.config_ids("age") == ("1", "2", "default")
    assert files.config_ids("age.b") == ("1",)
    assert files.config_ids("gender") == ()


def test_a_config_is_dropped_without_its_trainings_and_copied_with_them(files, tmp_path):
    units = [unit(config_id=config_id, fold=fold) for config_id in "12" for fold in (0, 1)]
    write(files, *units)
    files.merge(units, FOLDS)
    other = RefitFiles(tmp_path / "other")
    (other.folder / "parts").mkdir(parents=True)
    files.copy("age", "2", other)
    files.drop("age", "2")
    assert (files.config_ids("age"), other.config_ids("age")) == (("1",), ("2",))
    assert all(files.has(each) for each in units)
    assert [other.has(each) for each in units] == [False, False, True, True]


def test_forgotten_trainings_are_gone_wherever_they_lie(files):
    more = RefitFiles(files.folder / "pseudo")
    write(files, unit(fold=0), unit(fold=1))
    write(more, unit(config_id="pseudo"))
    files.forget(["age.1.0.0", "age.pseudo.0.0"])
    assert [files.has(unit(fold=0)), files.has(unit(fold=1))] == [False, True]
    assert not more.has(unit(config_id="pseudo"))


def test_notes_are_those_of_the_refit_there_is(tmp_path):
    logged = made_run(tmp_path)
    for seed, fold in ((0, 0), (0, 1), (1, 0), (2, 0), (0, 2)):
        write_part(logged, "joint", "1", seed, fold, parameters=10 * seed + fold)
    write_part(logged, "joint", "2", 0, 0, parameters=99)
    write_part(logged, "joint", "1", 1, 1)  # of an older headrace
    notes = logged.refitted.files.notes("joint", "1", seeds=range(2), num_folds=2)
    assert [note["parameters"] for note in notes] == [0, 1, 10]


def test_seconds_are_those_of_all_configs_of_the_space_or_of_one(tmp_path):
    logged = made_run(tmp_path)
    for space, config_id in (("joint", "1"), ("joint", "default"), ("multihead", "1")):
        write_part(logged, space, config_id, 0, 0)
    files = logged.refitted.files
    assert files.seconds("joint") == (2.5, 2.5)
    assert files.seconds("joint", "1") == (2.5,)
    assert files.seconds("gender") == ()


def test_time_of_a_refit_is_that_of_the_clock_however_many_were_trained_at_once(tmp_path):
    files = RefitFiles(tmp_path)
    parts = tmp_path / "parts"
    parts.mkdir()

    def training(space, config_id, fold, seconds, **note):
        arrays = {"seconds": seconds, **({"note": json.dumps(note)} if note else {})}
        np.savez(parts / f"{space}.{config_id}.0.{fold}.npz", **arrays)

    for fold in range(4):  # four at once, of a start that had four slots
        training("gender", "1", fold, 60.0, ended=1000.0 + fold)
    assert files.wall_clock(["gender"], slots=2) == pytest.approx(63.0)
    training("gender", "pseudo", 0, 60.0, ended=5000.0)  # an adopted copy
    assert files.wall_clock(["gender"], 2, without="pseudo") == pytest.approx(63.0)
    training("mask", "1", 0, 60.0)  # of a headrace that did not note when it ended
    assert files.wall_clock(["gender", "mask"], 2, without="pseudo") == pytest.approx(93.0)

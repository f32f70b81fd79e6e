"""Units without Ray: what they read, what they write; and the pool with the session's Ray."""

import errno
import time
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
import torch

from search.ending.faults import Fault, FaultError, fault_of
from search.prepare.resources import Resources
from search.prepare.setting import SharedImages
from search.refit import train
from search.refit.files import RefitFiles
from search.refit.lost_units import Lost, UnitEnd
from search.refit.pool import run_units
from search.refit.train import train_unit
from search.refit.truth import Truth, write_truth
from search.refit.units import Folds, Unit
from spaces import load
from spaces.scale import choose_scale
from tests.search.builders.later_stages import failing_with
from tests.search.builders.people import trial_setting, write_people
from trainables.data.resized_store import ResizedStores
from trainables.data.splits import make_folds


@pytest.fixture
def people(tmp_path, one_torch_thread):
    data = write_people(tmp_path / "data")
    return trial_setting(data, tmp_path / "cache", tmp_path / "results")


def config_of(space, table):
    scale = choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=1)
    config = load(space, table.schema).default_config(table.schema, scale)
    return {**config, "input.size": 32, "backbone.name": "test_efficientnet"}


def unit_of(setting, space="joint", fold=0, **changes):
    config = {**config_of(space, setting.table), **changes}
    return Unit(space=space, config_id="default", seed=0, fold=fold, config=config)


def three_folds(setting):
    return Folds(of_sample=make_folds(setting.table, 3, 1), num_folds=3)


def trained(setting, unit, folds, tmp_path):
    files = RefitFiles(tmp_path)
    train_unit(unit, folds, SharedImages(setting), 0, files, tmp_path / "models")
    return files.read_unit(unit)


def test_decoding_and_resizing_are_no_device_time_of_a_unit(people, tmp_path, monkeypatch):
    late, now, make = [], time.perf_counter, ResizedStores._make

    def slow(self, *given):
        late.append(3600.0)
        return make(self, *given)

    monkeypatch.setattr(ResizedStores, "_make", slow)
    monkeypatch.setattr(train.time, "perf_counter", lambda: now() + sum(late))
    part = trained(people, unit_of(people), three_folds(people), tmp_path)
    assert part.seconds < 3600.0
    assert len(late) == 1


def test_a_unit_predicts_its_own_fold_alone(people, tmp_path):
    folds = three_folds(people)
    part = trained(people, unit_of(people, fold=1), folds, tmp_path)
    joint = part.heads["joint"]
    assert part.indices.tolist() == np.flatnonzero(folds.of_sample == 1).tolist()
    assert joint.shape == (len(part.indices), people.table.schema.num_joint)
    np.testing.assert_allclose(joint.sum(axis=1), 1, atol=1e-5)


def test_poisoned_labels_of_the_out_fold_change_no_probability(people, tmp_path):
    folds = three_folds(people)
    labels = people.table.labels.copy()
    labels[folds.out(0)] = 1 - labels[folds.out(0)]
    poisoned = replace(people, table=replace(people.table, labels=labels))
    honest = trained(people, unit_of(people), folds, tmp_path / "a")
    same = trained(poisoned, unit_of(people), folds, tmp_path / "b")
    assert honest.heads["joint"].tobytes() == same.heads["joint"].tobytes()


def test_labels_inside_the_training_folds_do_change_it(people, tmp_path):
    folds = three_folds(people)
    labels = people.table.labels.copy()
    labels[folds.train(0)] = 1 - labels[folds.train(0)]
    turned = replace(people, table=replace(people.table, labels=labels))
    honest = trained(people, unit_of(people), folds, tmp_path / "a")
    other = trained(turned, unit_of(people), folds, tmp_path / "b")
    assert honest.heads["joint"].tobytes() != other.heads["joint"].tobytes()


def test_every_fold_of_every_seed_is_trained_by_a_luck_of_its_own(people, tmp_path, monkeypatch):
    """The verdict takes folds times seeds for that many independent trainings."""

    class BegunError(Exception):
        pass

    given = []

    def begin(*_, seed, **options):
        given.append(seed)
        raise BegunError

    monkeypatch.setattr(train, "ImageClassifier", begin)
    folds, files = three_folds(people), RefitFiles(tmp_path)
    images = SharedImages(people)
    whats = list(product(("joint", "gender"), ("default", "1"), range(4), range(3)))

    def begin_all(run_seed):
        for space, config_id, seed, fold in whats:
            unit = replace(unit_of(people, space, fold), config_id=config_id, seed=seed)
            with pytest.raises(BegunError):
                train_unit(unit, folds, images, run_seed, files, tmp_path / "models")

    begin_all(0)
    begin_all(1)
    assert len(set(given)) == len(given) == 2 * len(whats)
    begin_all(0)
    assert given[2 * len(whats) :] == given[: len(whats)]


def test_another_fold_or_seed_is_another_training_from_the_first_step_on(
    people, tmp_path, monkeypatch
):
    """What is drawn at first, the weights of the new head, is not the same in two folds."""
    starts = {}

    class Noting(train.ImageClassifier):
        def __init__(self, *given, **options):
            super().__init__(*given, **options)
            starts[unit.name] = {name: value.clone() for name, value in self.weights().items()}

    monkeypatch.setattr(train, "ImageClassifier", Noting)
    folds, files = three_folds(people), RefitFiles(tmp_path)
    images = SharedImages(people)
    for seed, fold in ((0, 0), (0, 1), (1, 0), (1, 1)):
        unit = replace(unit_of(people, fold=fold), seed=seed)
        train_unit(unit, folds, images, 0, files, tmp_path / "models")
    for one, two in combinations(starts.values(), 2):
        drawn = [name for name, value in one.items() if value.unique().numel() > 1]
        assert any(name.endswith("weight") for name in drawn)
        assert not any(torch.equal(one[name], two[name]) for name in drawn)


def test_merged_folds_cover_every_sample_once(people, tmp_path):
    folds = three_folds(people)
    units = [unit_of(people, "multihead", fold) for fold in range(3)]
    for unit in units:
        trained(people, unit, folds, tmp_path)
    shown, mirrored = RefitFiles(tmp_path).merged(units, folds)
    assert set(shown) == set(mirrored) == set(people.table.schema.names)
    for probabilities in (*shown.values(), *mirrored.values()):
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)


def test_predictions_and_truth_survive_the_disk(people, tmp_path):
    folds = three_folds(people)
    units = [unit_of(people, "joint", fold) for fold in range(3)]
    for unit in units:
        trained(people, unit, folds, tmp_path)
    files = RefitFiles(tmp_path)
    files.merge(units, folds)
    write_truth(tmp_path, people.table, folds, people.split)
    found = files.heads("joint", "default", [0])["joint"]
    truth = Truth.read(tmp_path)
    assert found.shape == (1, people.table.num_samples, people.table.schema.num_joint)
    assert truth.label.tolist() == people.table.joint.tolist()
    assert truth.group.tolist() == list(people.table.groups)
    assert truth.fold.tolist() == folds.of_sample.tolist()
    assert np.flatnonzero(truth.held_out).tolist() == people.split.held_out.tolist()
    assert np.flatnonzero(truth.chose).tolist() == sorted(people.split.search_val.tolist())


def test_a_seed_with_a_missing_fold_is_not_merged(people, tmp_path):
    folds = three_folds(people)
    units = [unit_of(people, "joint", fold) for fold in range(3)]
    trained(people, units[0], folds, tmp_path)
    RefitFiles(tmp_path).merge(units, folds)
    assert not list(tmp_path.glob("joint.*.npz"))


def test_a_unit_of_another_config_or_other_folds_is_not_done(people, tmp_path):
    folds = three_folds(people)
    unit = unit_of(people)
    trained(people, unit, folds, tmp_path)
    other = replace(unit, config={**unit.config, "optim.lr": 0.5})
    moved = Folds(of_sample=make_folds(people.table, 3, 2), num_folds=3)
    files = RefitFiles(tmp_path)
    assert files.is_done(unit, folds)
    assert not files.is_done(other, folds)
    assert not files.is_done(unit, moved)


class ScriptedPool:
    """Ends every unit at once, in the ways that the test says."""

    def __init__(self, *faults):
        self.faults = list(faults)
        self.running = []
        self.busy = self.closed = False
        self.started = []

    @property
    def has_room(self):
        return not self.running

    def start(self, unit, files, models):
        self.started.append(unit.fold)
        self.running.append(unit)
        self.busy = True

    def stop(self, is_over):
        pass

    def is_alive(self, node):
        return True

    def host(self, node):
        return ""

    def leave(self, node):
        return False

    def wait(self):
        unit, self.running = self.running[0], []
        self.busy = False
        if not self.faults:
            return [UnitEnd(unit=unit, seconds=1.0)]
        fault = self.faults.pop(0)
        return [Lost(unit=unit, error=str(fault), node="one", after_s=1.0, fault=fault)]

    def close(self):
        self.closed = True


def ends(pool, units, setting, tmp_path):
    found = run_units(
        units,
        three_folds(setting),
        setting,
        None,
        seed=0,
        files=RefitFiles(tmp_path),
        models=tmp_path / "models",
        is_over=lambda unit: False,
        pool=pool,
    )
    return [end.unit.fold for end in found]


def test_a_unit_that_the_machine_failed_is_trained_again_and_is_no_failure(people, tmp_path):
    pool = ScriptedPool(FaultError(Fault.DISK, "x"), FaultError(Fault.WORKER, "y"))
    units = [unit_of(people, fold=fold) for fold in range(2)]
    assert ends(pool, units, people, tmp_path) == [0, 1]
    assert pool.started == [0, 0, 0, 1]


def test_a_machine_that_goes_on_failing_ends_the_refit_and_names_it(people, tmp_path):
    pool = ScriptedPool(*[FaultError(Fault.DISK_FULL, "No space left on device")] * 3)
    units = [unit_of(people, fold=fold) for fold in range(3)]
    with pytest.raises(FaultError, match="no space is left on the disk"):
        ends(pool, units, people, tmp_path)
    assert pool.started == [0, 0, 0]


def test_a_unit_that_no_memory_is_enough_for_is_given_up_by_the_next_start(people, tmp_path):
    units = [unit_of(people, fold=fold) for fold in range(2)]
    memory = FaultError(Fault.MEMORY, "Cannot allocate memory")
    with pytest.raises(FaultError, match="memory of the machine ran out"):
        ends(ScriptedPool(*[memory] * 3), units, people, tmp_path)
    pool = ScriptedPool(*[memory] * 3)
    assert ends(pool, units, people, tmp_path) == [0, 1]
    assert pool.started == [0, 0, 0, 1]


def test_weights_that_cannot_be_written_are_named_and_leave_no_draft(
    people, tmp_path, monkeypatch
):
    monkeypatch.setattr(train, "written", failing_with(errno.ENOSPC))
    unit = unit_of(people)
    with pytest.raises(OSError, match=r"left on device: '.*/models/joint\..*safet") as caught:
        trained(people, unit, three_folds(people), tmp_path)
    assert fault_of(caught.value).kind is Fault.DISK_FULL
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.ray
def test_units_run_on_warm_workers_and_finished_ones_are_not_repeated(
    people, tmp_path, ray_runtime
):
    folds = three_folds(people)
    units = [unit_of(people, "joint", fold) for fold in range(3)]
    broken = replace(
        units[0], config_id="1", config={**units[0].config, "backbone.name": "no_such"}
    )
    resources = Resources(slots=2, cpus_per_trial=1, gpus_per_trial=0.0, num_cpus=2, num_gpus=0)
    files = RefitFiles(tmp_path)
    ends = [
        list(
            run_units(
                [*units, broken],
                folds,
                people,
                resources,
                seed=0,
                files=files,
                models=tmp_path / "models",
                is_over=lambda unit: False,
            )
        )
        for _ in range(2)
    ]
    assert {end.unit.name for end in ends[0] if not end.error} == {unit.name for unit in units}
    assert ["unknown timm model" in end.error for end in ends[0] if end.error] == [True]
    assert sum(end.seconds == 0.0 for end in ends[1]) == 4
    alone = trained(people, units[2], folds, tmp_path / "alone")
    part = files.read_unit(units[2])
    assert part.heads["joint"].tobytes() == alone.heads["joint"].tobytes()
    assert torch.get_num_threads() == 1

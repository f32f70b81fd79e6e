"""A trial without Ray: what it reports, what it leaves on disk, how it breaks and goes on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from search.analysis.metrics import macro_f1
from search.ending.faults import Fault, FaultError
from search.prepare.setting import SharedImages
from search.store.records import Cause
from search.trial import trial_run
from search.trial.trial_run import TrialRun
from tests.trainables import tiny
from trainables.checkpoint import load_checkpoint, save_checkpoint
from trainables.errors import NonFiniteLossError, OutOfMemoryError

pytestmark = pytest.mark.usefixtures("one_torch_thread")

EPOCHS = int(tiny.FLAT["schedule.epochs"])
MULTIHEAD = {
    "target.attributes": ("gender", "mask"),
    "target.form": "heads",
    "task_weight.gender": 1.0,
    "task_weight.mask": 1.0,
}


def told(result):
    return {name: result[name] for name in ("epoch", "value", "last_epoch", "done")}


def test_every_epoch_reports_its_value_and_the_last_one_says_so(start):
    run = start()
    results = [run.epoch() for _ in range(EPOCHS)]
    assert [r["epoch"] for r in results] == [1, 2, 3]
    assert [r["last_epoch"] for r in results] == [False, False, True]
    assert [r["done"] for r in results] == [False, False, True]
    assert all(0.0 <= r["value"] <= 1.0 for r in results)
    assert 0 < results[0]["seconds"] < results[1]["seconds"] < results[2]["seconds"]
    assert len({r["started"] for r in results}) == 1


def test_the_value_is_the_macro_f1_of_the_validation_people(start, images):
    run = start()
    value = run.epoch()["value"]
    setting = images.setting
    truth = setting.table.labels[setting.split.search_val, 0]
    predicted = run.last.probabilities.argmax(axis=1)
    assert value == macro_f1(truth, predicted, 2)


def test_the_same_seed_gives_the_same_trial_and_another_seed_another(start, tmp_path):
    def probabilities(seed):
        run = start(write=False, seed=seed)
        run.epoch()
        return run.last.probabilities

    first = probabilities(5)
    np.testing.assert_array_equal(probabilities(5), first)
    assert not np.array_equal(probabilities(6), first)


def test_a_finished_trial_leaves_its_predictions_and_its_curves(start, tmp_path, images):
    run = start()
    for _ in range(EPOCHS):
        run.epoch()
    run.close()
    with np.load(run.predictions_path) as saved:
        np.testing.assert_array_equal(saved["probabilities"], run.last.probabilities)
        np.testing.assert_array_equal(saved["indices"], images.setting.split.search_val)
    assert len(list((tmp_path / "tensorboard" / "gender" / "0003").iterdir())) == 1


def test_without_writing_a_trial_leaves_no_files(start, tmp_path):
    run = start(write=False)
    for _ in range(EPOCHS):
        run.epoch()
    run.close()
    assert list(tmp_path.iterdir()) == []


def test_a_trial_that_goes_on_from_its_checkpoint_ends_like_an_uninterrupted_one(start):
    whole = start(write=False)
    expected = [told(whole.epoch()) for _ in range(EPOCHS)]
    first = start()
    assert told(first.epoch()) == expected[0]
    again = start()
    # The report of the checkpoint's epoch may have been lost: it comes again.
    assert [told(again.epoch()) for _ in range(EPOCHS)] == expected
    np.testing.assert_array_equal(again.last.probabilities, whole.last.probabilities)


def test_a_report_that_the_driver_never_got_comes_again(start):
    first = start()
    reports = [told(first.epoch()) for _ in range(2)]
    again = start()
    assert told(again.epoch()) == reports[1]
    assert again.epoch()["epoch"] == reports[1]["epoch"] + 1


def test_a_last_report_that_the_driver_never_got_comes_again(start):
    first = start()
    last = [told(first.epoch()) for _ in range(EPOCHS)][-1]
    again = start()
    assert told(again.epoch()) == last
    with np.load(again.predictions_path) as saved:
        np.testing.assert_array_equal(saved["probabilities"], first.last.probabilities)


def test_a_trial_that_ended_leaves_no_weights(start, tmp_path):
    run = start()
    run.epoch()
    assert "classifier" in load_checkpoint(tmp_path / "checkpoints" / "gender-3.pt")
    for _ in range(EPOCHS - 1):
        run.epoch()
    assert "classifier" not in load_checkpoint(tmp_path / "checkpoints" / "gender-3.pt")


def test_a_torn_checkpoint_starts_the_trial_again(start, tmp_path, caplog):
    first = start()
    expected = told(first.epoch())
    path = tmp_path / "checkpoints" / "gender-3.pt"
    path.write_bytes(path.read_bytes()[:1000])
    again = start()
    assert told(again.epoch()) == expected
    assert "the trial starts again" in caplog.text
    assert again.epoch()["epoch"] == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backbone.name": "no_such_model"}, "no_such_model"),
        ({"optim.lr": -1.0}, "-1.0"),
        ({"target.attributes": ("height",)}, "height"),
    ],
)
def test_a_broken_config_ends_the_trial_with_its_error(start, changes, said, tmp_path):
    result = start(changes).epoch()
    assert result["cause"] == Cause.ERROR
    assert said in result["error"]
    assert result["done"]
    assert result["seconds"] > 0
    assert "value" not in result
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OutOfMemoryError("a batch of 2 does not fit"), Cause.OUT_OF_MEMORY),
        (NonFiniteLossError("the training loss must stay finite"), Cause.NOT_FINITE),
        (RuntimeError("channels do not divide"), Cause.ERROR),
    ],
)
def test_what_breaks_in_training_is_told_with_its_cause(start, monkeypatch, error, cause):
    run = start()
    run.epoch()

    def fail(self):
        raise error

    monkeypatch.setattr("search.trial.trial_run.ImageClassifier.train_epoch", fail)
    result = run.epoch()
    assert result["cause"] == cause.value
    assert str(error) in result["error"]
    assert result["done"]


def test_a_learning_rate_that_diverges_is_not_finite(start):
    result = start(
        {"optim.name": "sgd", "optim.momentum": 0.9, "optim.lr": 1.0},
        {"optim.clip_norm": 0.0, "optim.warmup": 0.0, "optim.head_lr_ratio": 100.0},
        {"optim.weight_decay": 1.0, "optim.batch_size": 2},  # weights grow 99-fold in a step
    ).epoch()
    assert result["cause"] == Cause.NOT_FINITE


def test_a_broken_trial_leaves_no_checkpoint(start, monkeypatch, tmp_path):
    run = start()
    run.epoch()
    assert (tmp_path / "checkpoints" / "gender-3.pt").exists()
    monkeypatch.setattr("search.trial.trial_run.evaluate", lambda *given: 1 / 0)
    assert "ZeroDivisionError" in run.epoch()["error"]
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_trials_of_a_process_share_the_images(images):
    train = images.setting.split.search_train
    assert images.training_data(train).images is images.training_data(train[:8]).images
    assert images.tensor.dtype == torch.uint8
    assert images.setting.num_threads == torch.get_num_threads() == 1


@pytest.mark.parametrize("other", [{"seed": 2}, {"changes": {"optim.lr": 1e-3}}])
def test_the_checkpoint_of_another_training_is_not_gone_on_with(start, other, caplog):
    start(seed=1).epoch()
    changes, seed = other.get("changes", {}), other.get("seed", 1)
    expected = told(start(changes, write=False, seed=seed).epoch())
    assert told(start(changes, seed=seed).epoch()) == expected
    assert "a training continues with its own seed" in caplog.text
    assert "the trial starts again" in caplog.text


def test_a_checkpoint_of_another_version_starts_the_trial_again(start, tmp_path):
    start().epoch()
    path = tmp_path / "checkpoints" / "gender-3.pt"
    state = load_checkpoint(path)
    save_checkpoint(path, {**state, "schema": 99})
    assert start().epoch()["epoch"] == 1


def test_a_part_of_a_device_is_no_part_of_the_seconds(images, start):
    images.setting = replace(images.setting, device_share=0.25)
    result = start(write=False).epoch()
    assert result["seconds"] > 0
    assert "device_seconds" not in result


@pytest.mark.parametrize("entry", ["report", "classifier"])
@pytest.mark.parametrize("value", [None, "text", [1]])
def test_a_checkpoint_with_an_entry_that_is_none_starts_the_trial_again(
    start, tmp_path, caplog, entry, value
):
    first = start()
    expected = first.epoch()["value"]
    path = tmp_path / "checkpoints" / "gender-3.pt"
    state = load_checkpoint(path)
    save_checkpoint(path, {**state, entry: value})
    result = start().epoch()
    assert (result.get("cause"), result["epoch"], result["value"]) == (None, 1, expected)
    assert "gender-3.pt" in caplog.text


def pictures(folder):
    """Returns the steps of the confusion matrices of a trial's event files."""
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [event.step for event in events.Images(tag)] for tag in events.Tags()["images"]}


def scores(monkeypatch, *values):
    """Makes the epochs of a trial score these values."""
    found = iter(values)
    true_score = trial_run.evaluate
    monkeypatch.setattr(
        trial_run, "evaluate", lambda *given: replace(true_score(*given), value=next(found))
    )


def test_the_confusion_matrices_of_the_best_epoch_are_drawn_once_at_the_end(
    start, monkeypatch, tmp_path
):
    scores(monkeypatch, 0.1, 0.9, 0.5)
    run, folder = start(), tmp_path / "tensorboard" / "gender" / "0003"
    for _ in range(EPOCHS - 1):
        run.epoch()
    assert pictures(folder) == {}
    run.epoch()
    run.close()
    assert pictures(folder) == {"val_confusion/gender": [2]}


def test_a_trial_that_is_stopped_draws_its_confusion_matrices_when_it_is_closed(start, tmp_path):
    run = start()
    run.epoch()
    run.close()
    assert pictures(tmp_path / "tensorboard" / "gender" / "0003") == {"val_confusion/gender": [1]}


FULL_DISK = OSError(28, "No space left on device")


@pytest.mark.parametrize("where", ["_write_curves", "_save", "_open"])
def test_a_fault_of_the_machine_ends_the_trial_and_keeps_its_checkpoint(
    start, monkeypatch, tmp_path, where
):
    whole = start(write=False)
    expected = [told(whole.epoch()) for _ in range(EPOCHS)]
    run = start()
    if where != "_open":
        assert told(run.epoch()) == expected[0]

    def fail(self, *given):
        raise FULL_DISK

    with monkeypatch.context() as context:
        context.setattr(TrialRun, where, fail)
        result = run.epoch()
    assert result["fault"] == Fault.DISK_FULL
    assert "No space left" in result["error"]
    assert result["done"]
    assert not {"cause", "value"} & set(result)
    run.close()
    run.forget()
    assert (tmp_path / "checkpoints" / "gender-3.pt").exists() == (where != "_open")
    again = start()
    assert [told(again.epoch()) for _ in range(EPOCHS)] == expected


def test_memory_that_others_hold_is_a_fault_of_the_machine(start, monkeypatch):
    def full(*given):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(TrialRun, "_open", full)
    assert start().epoch()["cause"] == Cause.OUT_OF_MEMORY
    taken = FaultError(Fault.DEVICE, "other processes hold 90% of its memory")
    monkeypatch.setattr(SharedImages, "crowded", lambda self, error: taken)
    result = start().epoch()
    assert (result["fault"], result["error"]) == (Fault.DEVICE, taken.detail)
    assert "cause" not in result


@pytest.mark.parametrize(("number", "stays"), [(0, True), (3, False)])
def test_a_default_config_that_is_cut_off_keeps_its_checkpoint(start, tmp_path, number, stays):
    """Its worker takes another trial, and a resumed run with more time goes on with it."""
    run = start(number=number)
    run.epoch()
    run.close()
    run.forget()
    path = tmp_path / "checkpoints" / f"gender-{number}.pt"
    assert path.exists() is stays
    again = start(number=number)
    assert [again.epoch()["epoch"] for _ in range(EPOCHS)][-1] == EPOCHS
    again.close()
    again.forget()
    assert not path.exists()


def test_a_fault_draws_nothing_as_the_trial_is_not_over(start, monkeypatch, tmp_path):
    run = start()
    run.epoch()
    monkeypatch.setattr(trial_run, "evaluate", lambda *given: (_ for _ in ()).throw(FULL_DISK))
    run.epoch()
    run.close()
    assert pictures(tmp_path / "tensorboard" / "gender" / "0003") == {}


def test_curves_that_cannot_be_written_at_the_end_do_not_break_the_worker(
    start, monkeypatch, caplog
):
    run = start()
    run.epoch()

    def fail(self):
        raise FULL_DISK

    monkeypatch.setattr(trial_run.TrialBoard, "close", fail)
    run.close()
    assert "was not written whole" in caplog.text


def test_the_peak_of_memory_is_the_trials_own(start, monkeypatch):
    events = []
    monkeypatch.setattr(trial_run, "reset_peak", lambda device: events.append("reset"))
    monkeypatch.setattr(trial_run, "peak_bytes", lambda device: events.append("read") or 2**30)
    start().epoch()
    again = start()
    again.epoch()  # what its checkpoint ends with is told once more
    again.epoch()
    assert events == ["reset", "read", "reset", "read"]

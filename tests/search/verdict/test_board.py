"""Event files of a refit, read back as TensorBoard does."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from search.analysis.curves import Curve
from search.report.contents import Confusion
from search.store.run_store import RunStore
from search.trial.board import draw_confusion
from search.verdict import board
from search.verdict.board import CURVE, curve_points, write_refit_board

AGES = ("<30", "30-59", ">=60")
COUNTS = np.array([[9, 1, 0], [1, 8, 1], [0, 3, 7]])


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "mine")


def confusions(counts=COUNTS):
    joint = np.eye(4, dtype=np.int64)
    return [
        Confusion(name="age", classes=AGES, counts={"joint": counts, "separate": counts.T}),
        Confusion(name="joint", classes=tuple("abcd"), counts={"joint": joint}),
    ]


def curve(name="joint", values=(0.5, 0.7)):
    return Curve(name=name, device_seconds=(10.2, 40.4)[: len(values)], values=values, spent=60.0)


def read(folder: Path):
    # By name: without an event file the accumulator would say so only in its log.
    (path,) = folder.iterdir()
    events = EventAccumulator(str(path))
    events.Reload()
    return events


def test_every_approach_has_its_own_folder_with_its_matrices_and_its_curve(store):
    write_refit_board(store, confusions(), [curve(), curve("separate", (0.6,))])
    refit = store.tensorboard / "refit"
    assert {path.name for path in refit.iterdir()} == {"joint", "separate"}
    joint, separate = read(refit / "joint"), read(refit / "separate")
    assert set(joint.Tags()["images"]) == {"val_confusion_refit/age", "val_confusion_refit/joint"}
    assert set(separate.Tags()["images"]) == {"val_confusion_refit/age"}
    assert [(e.step, round(e.value, 3)) for e in joint.Scalars(CURVE)] == [
        (10, 0.5),
        (39, 0.5),
        (40, 0.7),
        (60, 0.7),
    ]
    (event,) = separate.Images("val_confusion_refit/age")
    with Image.open(io.BytesIO(event.encoded_image_string)) as picture:
        expected = np.asarray(draw_confusion(COUNTS.T, AGES))
        np.testing.assert_array_equal(np.asarray(picture), expected)


def test_a_repeated_verdict_replaces_what_it_wrote_and_nothing_else(store):
    trial = store.tensorboard / "gender" / "0007" / "events"
    trial.parent.mkdir(parents=True)
    trial.write_text("a trial", encoding="utf-8")
    write_refit_board(store, confusions(), [curve("separate")])
    write_refit_board(store, confusions()[1:], [curve(values=(0.9,))])
    refit = store.tensorboard / "refit"
    assert {path.name for path in refit.iterdir()} == {"joint"}
    assert [e.value for e in read(refit / "joint").Scalars(CURVE)] == pytest.approx([0.9, 0.9])
    assert trial.read_text(encoding="utf-8") == "a trial"
    assert {path.name for path in store.root.iterdir()} == {"tensorboard"}


def test_what_an_interruption_left_behind_is_no_obstacle(store):
    for name in (".refit-board", ".refit-board-old"):
        (store.root / name / "torn").mkdir(parents=True)
    write_refit_board(store, confusions(), [])
    assert {path.name for path in (store.tensorboard / "refit").iterdir()} == {"joint", "separate"}


def test_an_interruption_leaves_the_board_of_before_and_no_draft(store, monkeypatch):
    write_refit_board(store, confusions(), [])
    before = {path: path.read_bytes() for path in store.tensorboard.rglob("events.*")}

    def interrupt(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(board, "draw_confusion", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_refit_board(store, confusions(), [])
    assert {path: path.read_bytes() for path in store.tensorboard.rglob("events.*")} == before
    assert {path.name for path in store.root.iterdir()} == {"tensorboard"}


def test_with_nothing_to_show_there_is_no_folder(store):
    write_refit_board(store, [], [])
    assert not store.tensorboard.exists()


def test_of_two_scores_within_a_second_the_last_is_kept():
    crowded = Curve(name="a", device_seconds=(1.0, 1.2, 2.0), values=(0.1, 0.2, 0.3), spent=2.1)
    assert curve_points(crowded) == [(1, 0.2), (2, 0.3)]
    assert curve_points(Curve(name="a", device_seconds=(), values=(), spent=9.0)) == []

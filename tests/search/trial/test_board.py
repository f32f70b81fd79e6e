"""Event files that TensorBoard reads: curves, pictures, hyperparameters."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFont
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from search.trial import fonts
from search.trial.board import TrialBoard, draw_confusion

PARAMS = {"optim.lr": 0.01, "backbone.name": "test_resnet", "head.hidden": 8, "flip": True}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "gender" / "0007"


@pytest.fixture
def board(folder):
    board = TrialBoard(folder, PARAMS)
    yield board
    board.close()


def read(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def test_curves_hold_a_point_an_epoch(board, folder):
    board.scalars(1, {"objective": 0.25, "train/loss": 1.5})
    board.scalars(2, {"objective": 0.5})
    board.flush()
    events = read(folder)
    assert [(e.step, e.value) for e in events.Scalars("objective")] == [(1, 0.25), (2, 0.5)]
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [(1, 1.5)]


def test_what_was_flushed_is_there_while_the_trial_runs(board, folder):
    board.scalars(1, {"objective": 0.25})
    board.flush()
    assert "objective" in read(folder).Tags()["scalars"]


def test_a_confusion_matrix_is_a_picture(board, folder):
    board.confusion(3, "gender", np.array([[5, 1], [0, 7]]), ("female", "male"))
    board.flush()
    (event,) = read(folder).Images("val_confusion/gender")
    assert event.step == 3
    with Image.open(io.BytesIO(event.encoded_image_string)) as picture:
        assert picture.size == (event.width, event.height)


def test_hyperparameters_are_a_session_of_the_hparams_tab(board, folder):
    board.flush()
    metadata = read(folder).SummaryMetadata("_hparams_/session_start_info")
    data = HParamsPluginData.FromString(metadata.plugin_data.content).session_start_info
    values = {name: value.WhichOneof("kind") for name, value in data.hparams.items()}
    assert values == {
        "optim.lr": "number_value",
        "backbone.name": "string_value",
        "head.hidden": "number_value",
        "flip": "bool_value",
    }
    assert data.hparams["optim.lr"].number_value == 0.01
    assert data.hparams["backbone.name"].string_value == "test_resnet"
    assert data.group_name == "gender-0007"


def test_a_resumed_trial_adds_a_second_file_to_its_folder(board, folder):
    board.scalars(1, {"objective": 0.25})
    board.close()
    again = TrialBoard(folder, PARAMS)
    again.scalars(2, {"objective": 0.5})
    again.close()
    assert len(list(folder.iterdir())) == 2


def shade(picture: Image.Image, row: int, column: int, cells: int) -> int:
    """Returns the red part of a cell's corner."""
    side = 44
    margin = picture.width - 10 - side * cells
    return picture.getpixel((margin + side * column + 2, margin + side * row + 2))[0]


def test_shades_are_shares_of_the_true_class():
    picture = draw_confusion(np.array([[8, 0, 0], [1, 1, 0], [0, 0, 0]]), ("a", "b", "c"))
    full, half, none = (shade(picture, *at, 3) for at in ((0, 0), (1, 0), (0, 1)))
    assert full == 16
    assert none == 255
    assert half == round((16 + 255) / 2)
    assert shade(picture, 2, 2, 3) == 255


def test_the_picture_has_room_for_long_names_and_many_classes():
    names = tuple(f"a very long class name with number {k}" for k in range(18))
    wide = draw_confusion(np.eye(18, dtype=np.int64), names)
    narrow = draw_confusion(np.eye(18, dtype=np.int64), tuple("abcdefghijklmnopqr"))
    assert wide.width == wide.height
    assert wide.width > narrow.width > 18 * 44


@pytest.mark.parametrize("num_classes", [65, 280, 2000])
@pytest.mark.parametrize("name", ["class", "a caption that somebody took for a class " * 5])
def test_the_picture_is_bounded_whatever_the_data(num_classes, name):
    names = tuple(f"{name} {number}" for number in range(num_classes))
    counts = np.eye(num_classes, dtype=np.int64) * 123_456
    picture = draw_confusion(counts, names)
    assert picture.width == picture.height <= 1024


def test_of_too_many_classes_those_with_the_most_errors_are_shown():
    counts = np.eye(100, dtype=np.int64)
    counts[90:, :10] = 1
    picture = draw_confusion(counts, tuple(map(str, range(100))))
    margin = 16 + 130
    side = (1024 - margin - 10) // 64
    assert picture.width == margin + 64 * side + 10

    def red(row, column):
        return picture.getpixel((margin + side * column, margin + side * row))[0]

    # Shown are 0 to 53 and 90 to 99, a tenth of whose photos was taken for each of 0 to 9.
    assert red(0, 0) == 16
    assert red(54, 0) == red(63, 9) == round(255 + (16 - 255) / 11)
    assert red(54, 10) == 255


@pytest.mark.usefixtures("one_torch_thread")
def test_of_a_trial_the_objective_is_shown_first_and_pictures_last(start, tmp_path):
    heads = {"target.attributes": ("gender", "mask"), "target.form": "heads"}
    run = start({**heads, "task_weight.gender": 1.0, "task_weight.mask": 1.0})
    run.epoch()
    run.close()
    tags = read(tmp_path / "tensorboard" / "gender" / "0003").Tags()
    shown = [tag for kind in ("scalars", "images") for tag in tags[kind]]
    assert any(tag.startswith("train/gradient_cosine/") for tag in shown)
    # TensorBoard sorts groups by their names.
    groups = sorted({tag.partition("/")[0] for tag in shown})
    assert groups == ["objective", "speed", "train", "val", "val_confusion"]


def test_classes_in_a_script_that_no_font_here_has_are_told_apart_by_number(monkeypatch):
    monkeypatch.setattr(fonts, "_others", lambda size: ())
    assert fonts.font_of(("mask", "no mask"), 13) is not None
    assert fonts.font_of(("mask", "마스크"), 13) is None
    picture = np.asarray(draw_confusion(np.eye(2, dtype=np.int64), ("가", "나")))
    plain = np.asarray(draw_confusion(np.eye(2, dtype=np.int64), ("0", "1")))
    left = 16 + 130
    assert picture.shape == plain.shape
    np.testing.assert_array_equal(picture[left:, :left], plain[left:, :left])
    first, second = picture[left : left + 44, :left], picture[left + 44 : left + 88, :left]
    assert (first != second).any()
    assert (picture[:left, :left] != plain[:left, :left]).any()  # which is said


def test_a_font_that_has_the_names_draws_them(monkeypatch):
    class Everything:
        def getmask(self, text):
            return ImageFont.load_default(13).getmask("x" if text == "마" else "")

    monkeypatch.setattr(fonts, "_others", lambda size: (Everything(),))
    assert isinstance(fonts.font_of(("마",), 13), Everything)

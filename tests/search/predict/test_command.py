"""`headrace predict`: a folder in, a CSV out, and a promise of the score."""

import csv
import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from rich.console import Console

from search.analysis.metrics import macro_f1
from search.errors import ResultsError, SearchError, UsageError
from search.predict.command import describe, forecast_folder, predict_command
from search.predict.ensemble import Ensemble
from search.predict.spec import ENSEMBLE_FILE, OOF_FILE
from tests.search.builders.ensembles import (
    SCHEMA,
    made_files,
    made_oof,
    made_part,
    made_photos,
    made_spec,
    write_ensemble,
)
from tests.search.builders.labelled_people import half_width
from tests.trainables.data.folders import write_flat, write_image
from trainables.data.demo.generate import generate
from trainables.errors import DataError
from trainables.machine import Machine

pytestmark = pytest.mark.usefixtures("one_torch_thread")

NAMES = ("c.jpg", "a.jpg", "b.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of an ensemble; nobody may write to it."""
    path = tmp_path_factory.mktemp("made") / "ensemble"
    write_ensemble(path)
    return path


@pytest.fixture(autouse=True)
def _one_cpu(monkeypatch):
    # Tiny networks gain nothing from threads, and lose minutes to them on a busy machine.
    monkeypatch.setattr(Machine, "cpus", lambda machine: 1)


def command(folder, images, out, *, probabilities=False, device="cpu", shift=None):
    """Runs the command and returns what it says."""
    text = io.StringIO()
    console = Console(file=text, width=200)
    predict_command(
        folder,
        images,
        out,
        console,
        probabilities=probabilities,
        device=device,
        label_shift=shift,
    )
    return text.getvalue()


def test_what_else_lies_in_the_folder_is_named(folder, tmp_path):
    data = tmp_path / "data"
    write_image(data / "a.jpg")
    assert "Not predicted" not in command(folder, data, tmp_path / "ans.csv")
    for name in ("b.heic", "c.tiff", ".hidden", "Thumbs.db", "older.csv"):
        (data / name).touch()
    write_image(data / "more" / "d.jpg")
    text = command(folder, data, tmp_path / "ans.csv")
    assert "Not predicted: 'b.heic', 'c.tiff', 'more'. Photos are" in text
    for number in range(4):
        (data / f"{number}.txt").touch()
    text = command(folder, data, tmp_path / "ans.csv")
    assert "Not predicted: '0.txt', '1.txt', '2.txt', '3.txt', 'b.heic' and 2 more." in text


def test_answers_that_are_not_of_the_largest_probability_are_counted(folder, tmp_path):
    made_files(tmp_path / "data", made_photos(5, size=(64, 50)))
    text = command(folder, tmp_path / "data", tmp_path / "ans.csv", probabilities=True)
    rows = read(tmp_path / "ans.csv")
    likeliest = [max(range(18), key=lambda k: float(row[f"p{k}"])) for row in rows]
    others = sum(int(row["ans"]) != k for row, k in zip(rows, likeliest, strict=True))
    assert others > 0
    assert "Answers are chosen after class biases, for macro-F1, and need not be the" in text
    assert (
        f"of the largest probability: {others} of 5 {'is' if others == 1 else 'are'} not." in text
    )


def test_without_class_biases_nothing_is_said_of_them(tmp_path):
    write_ensemble(tmp_path / "ensemble", biases=(0.0,) * SCHEMA.num_joint)
    data = write_flat(tmp_path / "eval", NAMES)
    said = command(tmp_path / "ensemble", data, tmp_path / "ans.csv")
    assert "after class biases" not in said


def test_an_ensemble_that_does_not_beat_guessing_says_so_with_its_answers(folder, tmp_path):
    data = write_flat(tmp_path / "eval", NAMES)
    assert "mean nothing" not in command(folder, data, tmp_path / "ans.csv")
    score = {"value": 0.05, "interval": [0.01, 0.09], "gain": 0.0}
    write_ensemble(tmp_path / "ensemble", score=score)
    text = command(tmp_path / "ensemble", data, tmp_path / "ans.csv")
    assert "These answers mean nothing yet: on the labelled people the ensemble scored" in text
    assert "0.050 (0.010 to 0.090), and guessing scores" in text


def test_a_lower_forecast_for_few_people_is_explained(folder, tmp_path):
    data = write_flat(tmp_path / "eval", ["a.png"])
    text = command(folder, data, tmp_path / "ans.csv")
    assert "1 answer in" in text
    assert "on 1 photo:" in text
    known = macro_f1(made_oof().label, made_oof().predicted, 18)
    assert f"It is below the {known:.3f} of the labelled people because so few people" in text
    many = forecast_folder(made_spec(), made_oof(), 3000)
    assert "below" not in describe(many, 3000)
    single = forecast_folder(made_spec(), made_oof(per_person=1), 30)
    assert "30 people with 1 photo each" in describe(single, 30)


def read(out):
    with out.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_answers_come_in_the_order_of_info_csv(folder, tmp_path):
    data = write_flat(tmp_path / "eval", NAMES)
    command(folder, data, tmp_path / "ans.csv")
    rows = read(tmp_path / "ans.csv")
    assert [row["ImageID"] for row in rows] == list(NAMES)
    assert list(rows[0]) == ["ImageID", "ans"]


def test_without_info_csv_answers_are_sorted_and_hidden_files_left_out(folder, tmp_path):
    for name in NAMES:
        write_image(tmp_path / "data" / name)
    (tmp_path / "data" / "._a.jpg").write_bytes(b"of a Mac")
    command(folder, tmp_path / "data", tmp_path / "ans.csv")
    assert [row["ImageID"] for row in read(tmp_path / "ans.csv")] == sorted(NAMES)


def test_answers_and_probabilities_are_those_of_the_ensemble(folder, tmp_path):
    paths = made_files(tmp_path / "data", made_photos(5, size=(64, 50)))
    command(folder, tmp_path / "data", tmp_path / "ans.csv", probabilities=True)
    rows = read(tmp_path / "ans.csv")
    ensemble = Ensemble.load(folder, "cpu")
    probs = ensemble(paths)
    found = np.array([[float(row[f"p{code}"]) for code in range(18)] for row in rows])
    np.testing.assert_allclose(found, probs, rtol=1e-5)
    assert [int(row["ans"]) for row in rows] == ensemble.classes(probs).tolist()


def test_the_eval_folder_of_the_demo_is_answered_image_by_image(folder, tmp_path):
    demo = generate(
        tmp_path / "demo", num_people=18, num_eval_people=18, size=(24, 32), num_workers=1
    )
    command(folder, demo / "eval", tmp_path / "ans.csv")
    with (demo / "eval_truth.csv").open(newline="") as file:
        truth = [row["ImageID"] for row in csv.DictReader(file)]
    assert [row["ImageID"] for row in read(tmp_path / "ans.csv")] == truth


def test_it_says_what_score_to_expect_and_what_is_assumed(folder, tmp_path):
    data = write_flat(tmp_path / "eval", [f"{number}.png" for number in range(13)])
    text = command(folder, data, tmp_path / "ans.csv")
    forecast = forecast_folder(made_spec(), made_oof(), 13)
    score = forecast.score
    assert f"13 answers in {tmp_path / 'ans.csv'}" in text
    assert (
        f"{score.value:.3f} (95% prediction interval {score.low:.3f} to {score.high:.3f})" in text
    )
    assert "4 people with 3 photos each" in text


@pytest.mark.parametrize(("num_photos", "people"), [(1, 2), (7, 2), (8, 3), (300, 100)])
def test_the_forecast_takes_as_many_people_as_the_photos_make(num_photos, people):
    assert forecast_folder(made_spec(), made_oof(), num_photos).people == people


@pytest.mark.parametrize(("num_photos", "most"), [(1, 1 / 18), (3, 3 / 18), (20, 1.0)])
def test_a_folder_is_promised_no_more_than_its_photos_can_score(num_photos, most):
    score = forecast_folder(made_spec(), made_oof(), num_photos).score
    assert 0 < score.value <= score.high <= most
    assert (score.high == most) == (num_photos < 18)


def test_more_people_make_a_narrower_promise():
    few, many = (forecast_folder(made_spec(), made_oof(), n).score for n in (9, 900))
    assert half_width(many) < half_width(few)


def test_torch_uses_every_cpu_and_then_as_many_threads_as_before(folder, tmp_path, monkeypatch):
    data = write_flat(tmp_path / "eval", NAMES)
    seen = []
    real = torch.set_num_threads
    monkeypatch.setattr(Machine, "cpus", lambda machine: 3)
    monkeypatch.setattr(torch, "set_num_threads", lambda n: (seen.append(n), real(1)))
    command(folder, data, tmp_path / "ans.csv")
    assert seen == [3, 1]


def refused(folder, images, out, error, message):
    """Expects an error, and that what was written before is still there."""
    before = sorted(out.parent.iterdir())
    with pytest.raises(error, match=message):
        command(folder, images, out)
    assert sorted(out.parent.iterdir()) == before


def test_unreadable_images_are_all_listed_and_nothing_is_written(folder, tmp_path):
    names = [f"{number:02}.png" for number in range(14)]
    data = write_flat(tmp_path / "eval", names)
    for name in names[1:]:
        (data / "images" / name).write_bytes(b"no image")
    out = tmp_path / "out" / "ans.csv"
    out.parent.mkdir()
    refused(folder, data, out, DataError, r"13 of 14 images .*/01\.png .*/10\.png .*and 3 more")


def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy" / "ensemble")


def test_bad_folders_of_photos_are_refused(folder, tmp_path):
    out = tmp_path / "ans.csv"
    refused(folder, tmp_path / "none", out, UsageError, "--images must be a folder of photos")
    (tmp_path / "empty").mkdir()
    refused(folder, tmp_path / "empty", out, UsageError, "it is an empty folder")
    (tmp_path / "empty" / "notes.txt").touch()
    refused(folder, tmp_path / "empty", out, DataError, "holds no images")
    listed = write_flat(tmp_path / "eval", NAMES)
    (listed / "images" / "a.jpg").unlink()
    refused(folder, listed, out, DataError, r"'a\.jpg' is missing .*1 of 3")


def test_photos_and_their_list_are_not_overwritten(folder, tmp_path):
    data = write_flat(tmp_path / "eval", NAMES)
    photo = (data / "images" / "a.jpg").read_bytes()
    answers = "--out must be a new file or older answers"
    for out, why in ((data / "info.csv", answers), (data / "images" / "a.jpg", "of a photo")):
        refused(folder, data, out, UsageError, why)
    assert (data / "images" / "a.jpg").read_bytes() == photo


def test_predictions_of_other_classes_beside_an_ensemble_are_refused(folder, tmp_path):
    copy = copied(folder, tmp_path)
    oof = made_oof()
    few = replace(oof, probs=oof.probs[:, :6], label=oof.label % 6, predicted=oof.predicted % 6)
    few.write(copy)
    data = write_flat(tmp_path / "eval", NAMES)
    refused(copy, data, tmp_path / "ans.csv", ResultsError, "the ensemble's 18 classes, got 6")


def test_a_shift_that_could_not_be_written_is_refused_before_anything_else(
    folder, tmp_path, monkeypatch
):
    copy = copied(folder, tmp_path)
    monkeypatch.setattr("os.access", lambda path, mode: path != copy.parent)
    with pytest.raises(ResultsError, match=r"--results, where --label-shift writes, .* read-only"):
        command(copy, tmp_path / "no images", tmp_path / "ans.csv", shift="report")


def test_bad_ensembles_are_refused(folder, tmp_path):
    data = write_flat(tmp_path / "eval", NAMES)
    out = tmp_path / "ans.csv"
    refused(tmp_path / "none", data, out, ResultsError, "there is no ensemble")
    copy = copied(folder, tmp_path)
    (copy / OOF_FILE).unlink()
    refused(copy, data, out, ResultsError, r"oof\.npz cannot be read")
    (copy / made_part("joint").files[0]).unlink()
    refused(copy, data, out, ResultsError, r"weights of the ensemble are missing .*joint")
    text = (copy / ENSEMBLE_FILE).read_text()
    (copy / ENSEMBLE_FILE).write_text(text.replace("schema: 1", "schema: 2"))
    refused(copy, data, out, ResultsError, "a newer headrace wrote it")
    (copy / ENSEMBLE_FILE).write_text(text[: len(text) // 2])
    refused(copy, data, out, ResultsError, r"ensemble\.yaml")


def test_an_out_that_cannot_be_written_is_refused_before_anything_else(folder, tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path, tmp_path / "file" / "ans.csv"):
        with pytest.raises(SearchError, match="--out"):
            command(tmp_path / "no ensemble", tmp_path / "no images", out)


def test_the_shift_of_the_classes_is_told_and_kept_beside_the_ensemble(folder, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(folder, run / "ensemble")
    data = write_flat(tmp_path / "eval", NAMES)
    plain = command(run / "ensemble", data, tmp_path / "plain.csv")
    told = command(run / "ensemble", data, tmp_path / "told.csv", shift="report")
    assert "Shares of the classes" in told
    assert "Shares of the classes" not in plain
    assert (run / "label_shift.json").is_file()
    assert "<svg" in (run / "label_shift.html").read_text(encoding="utf-8")
    assert read(tmp_path / "told.csv") == read(tmp_path / "plain.csv")


def test_corrected_answers_are_those_of_the_corrected_probabilities(folder, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(folder, run / "ensemble")
    data = write_flat(tmp_path / "eval", NAMES)
    probs = {}
    for shift in (None, "correct"):
        command(run / "ensemble", data, tmp_path / "a.csv", shift=shift, probabilities=True)
        rows = read(tmp_path / "a.csv")
        keys = [key for key in rows[0] if key.startswith("p")]
        probs[shift] = np.array([[float(row[key]) for key in keys] for row in rows])
    kept = json.loads((run / "label_shift.json").read_text(encoding="utf-8"))
    wanted = probs[None] * np.array(kept["correction"]["factors"])
    wanted /= wanted.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probs["correct"], wanted, atol=1e-5)
    assert not np.allclose(probs["correct"], probs[None], atol=1e-4)

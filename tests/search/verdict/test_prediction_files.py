"""Tables of anybody's predictions: what is read, and what is refused with its row."""

import os
import unicodedata

import numpy as np
import pandas as pd
import pytest

from search.errors import UsageError
from search.verdict.prediction_files import read_files
from tests.search.builders.prediction_files import (
    CLASSES,
    NUM_PEOPLE,
    edited,
    judged,
    write_files,
)


@pytest.fixture
def files(tmp_path):
    return write_files(tmp_path)


@pytest.mark.parametrize(("digits", "classes"), [(2, 18), (3, 18), (3, 300)])
def test_rounded_probabilities_are_taken_as_parts_of_their_sum(tmp_path, digits, classes):
    rng = np.random.default_rng(1)
    label = np.arange(2 * classes) % classes
    truth = pd.DataFrame({"sample": range(len(label)), "group": range(len(label)), "label": label})
    truth.to_csv(tmp_path / "truth.csv", index=False)
    for name in ("good", "bad"):
        probs = rng.dirichlet(np.full(classes, 0.1), len(label)).round(digits)
        frame = pd.DataFrame(probs, columns=[f"p{n}" for n in range(classes)])
        frame.insert(0, "sample", range(len(label)))
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    off = np.abs(probs.sum(axis=1) - 1).max()
    assert off > 1e-3
    found, _, _ = read_files(
        tmp_path / "truth.csv", {n: tmp_path / f"{n}.csv" for n in ("good", "bad")}
    )
    np.testing.assert_allclose(found["bad"].sum(axis=2), 1, atol=1e-3)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (
            lambda d: edited(d / "truth.csv", group=lambda f: ["", *f["group"][1:]]),
            r"truth\.csv row 2: every sample names its group, .* got an empty cell",
        ),
        (lambda d: (d / "good.csv").unlink(), r"a CSV file must exist, got .*good\.csv"),
        (
            lambda d: edited(d / "good.csv", p0=lambda f: f["p0"] + 0.5),
            r"numbers from 0 that sum to 1, got \[.*\] for 'photo",
        ),
        (
            lambda d: edited(d / "good.csv", p0=lambda f: ["likely", *f["p0"][1:]]),
            r"numbers from 0 that sum to 1, got \[likely, 0\.\d+.*\] for 'photo",
        ),
        (
            lambda d: edited(d / "good.csv", sample=lambda f: ["other", *f["sample"][1:]]),
            r"must predict exactly the samples of the truth: '.*' is only in the",
        ),
        (
            lambda d: edited(d / "good.csv", sample=lambda f: f["sample"].iloc[0]),
            r"is listed twice",
        ),
        (
            lambda d: edited(d / "truth.csv", label=lambda f: f["label"] + 1),
            r"labels in .* must be in \[0, 3\)",
        ),
        (
            lambda d: edited(d / "truth.csv", label=lambda _: 0.5),
            r"row 2: a label is a whole number from 0, got '0\.5'",
        ),
        (
            lambda d: edited(d / "truth.csv", label=lambda _: 10**20),
            r"row 2: a label is a whole number from 0, got '100000000000000000000'",
        ),
        (
            lambda d: edited(d / "truth.csv", fold=lambda f: [-1, *[0] * (len(f) - 1)]),
            r"row 2: a fold is a whole number from 0, got '-1'",
        ),
        (
            lambda d: edited(d / "truth.csv", fold=lambda f: ["a", *[0] * (len(f) - 1)]),
            r"row 2: a fold is a whole number from 0, got 'a'",
        ),
        (
            lambda d: edited(d / "truth.csv", fold=lambda f: f.index % 2),
            r"row 3: a group is in one fold with all its samples, got '0' in folds 0 and 1",
        ),
        (
            lambda d: pd.read_csv(d / "truth.csv").drop(columns="label").to_csv(d / "truth.csv"),
            r"must have the columns sample, label, lacks label",
        ),
        (
            lambda d: (d / "good.csv").write_text(""),
            r"good\.csv needs a header and ",
        ),
    ],
)
def test_a_broken_file_is_refused_and_nothing_is_written(files, break_it, message):
    break_it(files)
    with pytest.raises(UsageError, match=message):
        judged(files)
    assert not (files / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda lines: [f"{lines[0]},label", *(f"{line},0" for line in lines[1:])],
            r"the header of .*truth\.csv needs different, non-empty names",
        ),
        (
            lambda lines: [
                ",".join([lines[0], *(f"c{number}" for number in range(10_000))]),
                *(line + ",0" * 10_000 for line in lines[1:3]),
            ],
            r"truth\.csv may have 10000 columns at most, got 10003",
        ),
        (
            lambda lines: [lines[0], *(f"{line},0" for line in lines[1:])],
            r"truth\.csv row 2: 3 cells are needed as in the header, got 4",
        ),
        (
            lambda lines: [*lines[:5], lines[5].rpartition(",")[0], *lines[6:]],
            r"truth\.csv row 6: 3 cells are needed as in the header, got 2",
        ),
    ],
)
def test_a_table_whose_columns_cannot_be_told_apart_is_refused(files, change, message):
    path = files / "truth.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(change(lines)) + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        judged(files)


def test_a_pipe_is_not_waited_for(files):
    os.mkfifo(files / "pipe.csv")
    with pytest.raises(UsageError, match=r"pipe\.csv .*must be a plain file; correct it"):
        judged(files, A=files / "pipe.csv", B=files / "bad.csv")


def test_columns_of_any_number_are_turned_to_numbers_at_once(files, monkeypatch):
    calls = []
    to_numeric = pd.to_numeric
    monkeypatch.setattr(pd, "to_numeric", lambda *a, **k: calls.append(a) or to_numeric(*a, **k))
    judged(files)
    assert len(calls) < 2 * CLASSES


@pytest.mark.parametrize(
    "written",
    [
        lambda frame, path: frame.to_csv(path, index=False, encoding="utf-16"),
        lambda frame, path: frame.to_csv(path, index=False, sep=";", decimal=","),
        lambda frame, path: frame.to_csv(path, index=False, sep="\t"),
        lambda frame, path: path.write_text(frame.to_csv(index=False) + ",,,\n"),
        lambda frame, path: frame.to_csv(path),
    ],
    ids=["UTF-16", "semicolons", "tabs", "an empty row", "an index column"],
)
def test_tables_are_read_as_spreadsheets_write_them(files, written):
    """With names of photos in two ways to compose them, as a Mac and others have them."""
    for name, form in (("truth", "NFC"), ("good", "NFD"), ("bad", "NFC")):
        frame = pd.read_csv(files / f"{name}.csv")
        frame["sample"] = [unicodedata.normalize(form, f"사람{each}") for each in frame["sample"]]
        if form == "NFD":
            frame.to_csv(files / f"{name}.csv", index=False)
        else:
            written(frame, files / f"{name}.csv")
    assert judged(files).verdict.pairs[0].winner == "A"


def test_an_encoding_that_cannot_be_told_is_refused_with_what_it_would_say(files):
    frame = pd.read_csv(files / "truth.csv").assign(note="사람")
    frame.to_csv(files / "truth.csv", index=False, encoding="cp949")
    with pytest.raises(UsageError, match=r"as cp949 \(Korean\) '사람'.*; save it as"):
        judged(files)


def test_samples_that_differ_are_counted(files):
    edited(files / "good.csv", sample=lambda f: ["x", "y", *f["sample"][2:]])
    with pytest.raises(UsageError, match=r"is only in the .*, and 3 more are in one alone$"):
        judged(files)


@pytest.mark.parametrize(
    ("cells", "is_taken"),
    [
        (("0.201", "0.201", "0.201", "0.201", "0.189", "0.005"), True),
        (("0.332", "0.332", "0.332", "0.00000123", "0", "0"), False),
        (("0.2", "0.2", "0.2", "0.2", "0.197", "0.00149"), True),
        (("0.9", "0.05", "0.05", "0.05", "0", "0"), False),
        (("1", "1", "0", "0", "0", "0"), False),
    ],
)
def test_probabilities_of_three_significant_digits_are_parts_of_their_sum(
    tmp_path, cells, is_taken
):
    head = "sample,p0,p1,p2,p3,p4,p5\n"
    (tmp_path / "truth.csv").write_text("sample,label\na,0\nb,1\n")
    for name in ("one", "two"):
        small = "0.9,0.05,0.03,0.01,0.00503,0.00497"
        (tmp_path / f"{name}.csv").write_text(f"{head}a,{','.join(cells)}\nb,{small}\n")
    found = {name: tmp_path / f"{name}.csv" for name in ("one", "two")}
    if is_taken:
        probs, _, _ = read_files(tmp_path / "truth.csv", found)
        np.testing.assert_allclose(probs["one"].sum(axis=2), 1, atol=1e-3)
    else:
        with pytest.raises(UsageError, match=r"sum to 1, got \[.*\] for 'a', which sum to "):
            read_files(tmp_path / "truth.csv", found)


def test_people_whose_numbers_pandas_wrote_in_two_ways_are_one(files):
    edited(
        files / "truth.csv",
        group=lambda f: [f"{g}.0" if n % 2 else g for n, g in enumerate(f["group"])],
    )
    _, people, _ = read_files(
        files / "truth.csv", {n: files / f"{n}.csv" for n in ("good", "bad")}
    )
    assert people.num_people == NUM_PEOPLE


@pytest.mark.parametrize("separator", ["\t", "|", ";"])
def test_decimal_commas_of_three_digits_are_decimals(files, separator):
    for name in ("good", "bad"):
        frame = pd.read_csv(files / f"{name}.csv")
        frame.to_csv(
            files / f"{name}.csv", index=False, sep=separator, decimal=",", float_format="%.3f"
        )
    findings = judged(files)
    assert findings.verdict.pairs[0].winner == "A"
    assert "good.csv: a comma within a number is its decimal point" in findings.notes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: edited(d / "good.csv", sample=lambda f: ["", *f["sample"][1:]]),
            r"good\.csv row 2: every row names its sample; got an empty cell",
        ),
        (
            lambda d: edited(d / "good.csv", seed=lambda f: ["", *[0] * (len(f) - 1)]),
            r"good\.csv row 2: every row names the seed of its training; got an empty cell",
        ),
        (
            lambda d: (
                pd.read_csv(d / "truth.csv")
                .rename(columns={"group": "Group"})
                .to_csv(d / "truth.csv", index=False)
            ),
            r"truth\.csv has a column 'Group'; call it 'group'",
        ),
        (
            lambda d: (d / "good.csv").write_text("ImageID,ans\na,1\n"),
            r"lacks p0, p1; it has ImageID, ans; headrace predict .* with --probabilities",
        ),
    ],
)
def test_what_would_be_misread_is_refused(files, change, message):
    change(files)
    with pytest.raises(UsageError, match=message):
        judged(files)

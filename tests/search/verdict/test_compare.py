import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from search.analysis.verdict.rules import (
    Caveat,
    Outcome,
    Rules,
)
from search.analysis.verdict.sentence import answer
from search.errors import UsageError
from search.verdict.compare import compare, read_files
from search.verdict.findings import Findings
from tests.search.builders.prediction_files import (
    CLASSES,
    NUM_PEOPLE,
    PHOTOS,
    QUICK,
    edited,
    judged,
    write_files,
)


@pytest.fixture
def files(tmp_path):
    return write_files(tmp_path)


def test_the_better_file_wins_whatever_the_order_of_its_rows(files):
    findings = judged(files)
    assert findings.verdict.pairs[0].winner == "A"
    assert answer(findings.verdict).startswith("A wins")
    written = json.loads((files / "out" / "verdict.json").read_text())
    assert written == findings.to_dict()
    told = [key for key in written if key not in ("holds", "recommendation")]
    assert told == [
        *("schema", "metric", "answer", "margin", "people", "photos", "scores", "baselines"),
        *("means_nothing", "pairs", "reasons", "costs", "notes"),
    ]
    assert written["schema"] == 2
    assert written["recommendation"]["use"] == "A"
    assert written["pairs"][0]["statements"]["log_score"]["decided"]
    assert "attributes" in written["pairs"][0]["statements"]
    assert not written["pairs"][0]["statements"]["attributes"]  # their classes are not known
    assert Findings.from_dict(written).to_dict() == written
    assert "A wins" in (files / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("margin", "outcome"), [(0.1, Outcome.EQUIVALENT), (0.0999, Outcome.UNDECIDED)]
)
def test_a_file_is_equivalent_to_itself_as_far_as_its_people_tell(files, margin, outcome):
    """Sixty people who do not differ leave it open whether a twentieth of all people does."""
    same = {"A": files / "good.csv", "B": files / "good.csv"}
    rules = replace(QUICK, margin=margin)
    pair = compare(files / "truth.csv", same, files / "out", rules).verdict.pairs[0]
    assert pair.outcome is outcome
    assert pair.caveat is Caveat.FIXED_MODELS


def test_several_seeds_are_scored_one_by_one(files):
    parts = [
        pd.read_csv(files / f"{name}.csv").assign(seed=n) for n, name in enumerate(("good", "bad"))
    ]
    pd.concat(parts).to_csv(files / "both.csv", index=False)
    both, bad = judged(files, A=files / "both.csv", B=files / "bad.csv").verdict.scores
    assert len(both.per_seed) == 2
    assert both.per_seed[1] == pytest.approx(bad.interval.value)


def test_a_seed_that_is_a_copy_of_another_is_refused(files):
    """Two copies have no luck of training between them, and would prove what one cannot."""
    good = pd.read_csv(files / "good.csv")
    pd.concat([good.assign(seed=n) for n in (0, 7)]).to_csv(files / "twice.csv", index=False)
    message = r"twice\.csv, seed 7: every seed is a training of its own, got .* of seed 0"
    with pytest.raises(UsageError, match=message):
        judged(files, A=files / "twice.csv", B=files / "bad.csv")


def test_samples_and_people_whose_names_are_formulas_may_be_marked_or_not(files):
    whole = judged(files).to_dict()
    for name in ("sample", "group"):
        edited(files / "truth.csv", **{name: lambda f, n=name: [f"=x {v}" for v in f[n]]})
    edited(files / "good.csv", sample=lambda f: [f"'=x {v}" for v in f["sample"]])
    edited(files / "bad.csv", sample=lambda f: [f"=x {v}" for v in f["sample"]])
    assert judged(files).to_dict()["pairs"] == whole["pairs"]


def test_our_own_answers_are_predictions(files):
    whole = judged(files).to_dict()
    for name in ("good", "bad"):
        frame = pd.read_csv(files / f"{name}.csv").rename(columns={"sample": "ImageID"})
        frame.insert(1, "ans", 0)
        frame.to_csv(files / f"{name}.csv", index=False)
    assert judged(files).to_dict() == whole


def test_without_groups_every_photo_is_a_person_which_is_said(files):
    pd.read_csv(files / "truth.csv").drop(columns="group").to_csv(files / "truth.csv", index=False)
    findings = judged(files)
    assert findings.verdict.num_people == NUM_PEOPLE * PHOTOS
    (note,) = findings.notes
    assert "every photo counts as a person of its own" in note
    assert "counts as a person of its own" in (files / "out" / "report.html").read_text()


def test_one_file_is_no_comparison(files):
    with pytest.raises(UsageError, match="two prediction files or more, got 1"):
        judged(files, A=files / "good.csv")


def test_files_of_other_classes_do_not_compare(files):
    frame = pd.read_csv(files / "bad.csv").assign(p3=0.0)
    frame.to_csv(files / "wide.csv", index=False)
    with pytest.raises(UsageError, match=r"must have the same classes, got \{'A': 3, 'B': 4\}"):
        judged(files, A=files / "good.csv", B=files / "wide.csv")


FREE = Rules(num_resamples=400)


def with_seeds(files, num=3):
    """Several trainings that differ by a few photos, as files of their own."""
    rng = np.random.default_rng(1)
    found = {}
    for name in ("good", "bad"):
        frame = pd.read_csv(files / f"{name}.csv")
        columns = [f"p{number}" for number in range(CLASSES)]
        seeds = []
        for seed in range(num):
            other = frame.assign(seed=seed)
            rows = rng.random(len(frame)) < 0.1
            other.loc[rows, columns] = np.roll(frame.loc[rows, columns].to_numpy(), 1, axis=1)
            seeds.append(other)
        pd.concat(seeds).to_csv(files / f"{name}{num}.csv", index=False)
        found[name] = files / f"{name}{num}.csv"
    return found


def estimate_of(files, predictions):
    findings = compare(files / "truth.csv", predictions, files / "out", FREE)
    return findings.verdict.pairs[0], findings.verdict.pairs[0].headline.estimate


def test_seeds_of_every_file_tell_the_luck_of_training_and_folds_tell_more(files):
    predictions = with_seeds(files)
    pair, whole = estimate_of(files, predictions)
    assert pair.caveat is Caveat.NONE
    assert [side.folds for side in whole.training] == [None, None]
    edited(files / "truth.csv", fold=lambda f: 7 * (f["group"] % 3))
    _, by_fold = estimate_of(files, predictions)
    assert all(1 < side.folds <= 3 for side in by_fold.training)
    assert by_fold.difference == whole.difference
    edited(files / "truth.csv", fold=lambda _: 4)  # one model made them all
    _, tied = estimate_of(files, predictions)
    assert tied == whole


def test_a_file_of_one_seed_makes_all_of_them_fixed_models(files):
    predictions = with_seeds(files)
    pair, found = estimate_of(files, {**predictions, "bad": files / "bad.csv"})
    assert pair.caveat is Caveat.FIXED_MODELS
    assert found.num_seeds == 0


def test_without_folds_the_temperature_comes_from_other_people_all_the_same(files):
    """Sharper probabilities of the same classes give the true class no more probability."""
    frame = pd.read_csv(files / "good.csv")
    columns = [f"p{number}" for number in range(CLASSES)]
    sharp = frame[columns] ** 3
    frame[columns] = sharp.div(sharp.sum(axis=1), axis=0)
    frame.to_csv(files / "sharp.csv", index=False)
    pair = judged(files, A=files / "good.csv", B=files / "sharp.csv").verdict.pairs[0]
    assert pair.statements.log_score.difference.value == pytest.approx(0, abs=1e-3)
    assert not pair.statements.log_score.decided


def test_a_fold_number_may_be_any_whole_number(files):
    edited(files / "truth.csv", fold=lambda f: 10**15 * (f["group"] % 3))
    assert judged(files).verdict.pairs[0].winner == "A"


def test_without_groups_every_sample_is_its_own_in_whatever_fold(files):
    """Groups may be left out, and folds are read all the same."""
    frame = pd.read_csv(files / "truth.csv").drop(columns="group")
    frame["fold"] = np.arange(len(frame)) % 3
    frame.to_csv(files / "truth.csv", index=False)
    _, people, _ = read_files(
        files / "truth.csv", {n: files / f"{n}.csv" for n in ("good", "bad")}
    )
    assert people.num_people == len(frame)
    np.testing.assert_array_equal(people.fold_of_person[people.person], frame["fold"])

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from search.analysis.verdict.outcomes import Caveat, Outcome, Rules
from search.analysis.verdict.sentence import answer
from search.errors import UsageError
from search.verdict.compare import compare
from search.verdict.findings import Findings

QUICK = Rules(num_resamples=400, fixed_models=True)
NUM_PEOPLE, PHOTOS, CLASSES = 60, 4, 3


@pytest.fixture
def files(tmp_path):
    """Truth, a good model and a bad one, as CSV."""
    rng = np.random.default_rng(0)
    label = np.repeat(rng.integers(0, CLASSES, NUM_PEOPLE), PHOTOS)
    samples = [f"photo {number}" for number in range(len(label))]
    truth = pd.DataFrame(
        {"sample": samples, "group": np.repeat(np.arange(NUM_PEOPLE), PHOTOS), "label": label}
    )
    truth.to_csv(tmp_path / "truth.csv", index=False)
    for name, accuracy in (("good", 0.95), ("bad", 0.6)):
        right = rng.random(len(label)) < accuracy
        guess = np.where(right, label, (label + 1) % CLASSES)
        frame = pd.DataFrame({"sample": samples})
        for number in range(CLASSES):
            frame[f"p{number}"] = np.where(guess == number, 0.8, 0.1)
        frame.sample(frac=1, random_state=1).to_csv(tmp_path / f"{name}.csv", index=False)
    return tmp_path


def judged(files, **predictions):
    chosen = predictions or {"A": files / "good.csv", "B": files / "bad.csv"}
    return compare(files / "truth.csv", chosen, files / "out", QUICK)


def test_the_better_file_wins_whatever_the_order_of_its_rows(files):
    findings = judged(files)
    assert findings.verdict.pairs[0].winner == "A"
    assert answer(findings.verdict).startswith("A wins")
    written = json.loads((files / "out" / "verdict.json").read_text())
    assert written == findings.to_dict()
    assert {"answer", "holds", "recommendation", "photos", "baselines", "notes"} < set(written)
    assert written["recommendation"]["use"] == "A"
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


def edited(path, **changes):
    frame = pd.read_csv(path)
    for name, values in changes.items():
        frame[name] = values(frame)
    frame.to_csv(path, index=False)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda d: (d / "good.csv").unlink(), r"a CSV file must exist, got .*good\.csv"),
        (
            lambda d: edited(d / "good.csv", p0=lambda f: f["p0"] + 0.5),
            r"numbers from 0 that sum to 1, got \[.*\] for 'photo",
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
            lambda d: pd.read_csv(d / "truth.csv").drop(columns="group").to_csv(d / "truth.csv"),
            r"must have the columns sample, group, label, lacks group",
        ),
        (lambda d: (d / "good.csv").write_text(""), r"is not a CSV file"),
    ],
)
def test_a_broken_file_is_refused_and_nothing_is_written(files, break_it, message):
    break_it(files)
    with pytest.raises(UsageError, match=message):
        judged(files)
    assert not (files / "out").exists()


def test_one_file_is_no_comparison(files):
    with pytest.raises(UsageError, match="two prediction files or more, got 1"):
        judged(files, A=files / "good.csv")


def test_files_of_other_classes_do_not_compare(files):
    frame = pd.read_csv(files / "bad.csv").assign(p3=0.0)
    frame.to_csv(files / "wide.csv", index=False)
    with pytest.raises(UsageError, match=r"must have the same classes, got \{'A': 3, 'B': 4\}"):
        judged(files, A=files / "good.csv", B=files / "wide.csv")

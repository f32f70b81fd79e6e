import json
from dataclasses import replace

import numpy as np
import pytest

from search.ensemble.folder import ENSEMBLE_FOLDER
from search.predict.oof import OutOfFold
from tests.search.builders import promised_runs
from tests.search.builders.promised_refit import QUICK, Effort
from tests.search.builders.promised_report import report
from tests.search.builders.promised_runs import Outcome, Promise, outcome_of, promise, run


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("promised")
    seeds = (0, 1, 2)
    return {folder / str(seed): run(QUICK, folder / str(seed), seed) for seed in seeds}


def _made(seed, *, low=0.2, high=0.4, truth=0.33, one_fold=0.3):
    return Outcome(
        seed=seed,
        whole=Promise(value=0.3, low=low, high=high, truths=(truth,)),
        small=Promise(value=0.3, low=low, high=high, truths=(truth, 0.1)),
        out_of_fold=(0.3, 0.25, 0.32),
        one_fold=one_fold,
        seconds=60.0,
    )


def test_folders_score_what_real_runs_promised(ran):
    found = list(ran.values())
    assert sum(outcome.whole.hits[0] for outcome in found) >= 2
    assert sum(sum(outcome.small.hits) for outcome in found) >= 4  # of six
    for outcome in found:
        assert outcome.whole.low < outcome.whole.value < outcome.whole.high
        assert outcome.whole.high - outcome.whole.low < 0.5  # of [0, 1]: it says something


def test_a_promise_that_knew_the_labels_is_broken(ran):
    folder = next(iter(ran)) / "run" / ENSEMBLE_FOLDER
    honest = OutOfFold.read(folder)
    label = np.repeat(np.arange(18), 7)  # as many photos as the folder has
    right = np.where(np.arange(126) % 3, label, (label + 1) % 18)
    whole = [np.ones(126, dtype=bool)]
    replace(honest, predicted=honest.label).write(folder)
    try:
        assert promise(folder, label, right, whole).hits == (False,)
        assert promise(folder, label, label, whole).hits == (True,)
    finally:
        honest.write(folder)


def test_smaller_folders_are_promised_less_surely(ran):
    for outcome in ran.values():
        whole, small = outcome.whole, outcome.small
        assert len(small.truths) == QUICK.folder_people // QUICK.small_people
        assert small.high - small.low > whole.high - whole.low


def test_a_run_that_is_there_is_read_and_one_of_another_effort_is_made_again(
    tmp_path, monkeypatch
):
    made = []
    monkeypatch.setattr(
        promised_runs, "run", lambda effort, folder, seed: made.append(effort) or _made(seed)
    )
    first = outcome_of(QUICK, tmp_path, 4)
    assert first == outcome_of(QUICK, tmp_path, 4) == _made(4)
    other = replace(QUICK, epochs=QUICK.epochs + 1)
    outcome_of(other, tmp_path, 4)
    assert made == [QUICK, other]
    assert [path.name for path in tmp_path.iterdir()] == ["4.json"]
    assert json.loads((tmp_path / "4.json").read_text())["effort"]["epochs"] == other.epochs


@pytest.mark.parametrize(
    ("missed", "says"), [(3, "**Reached: 17 of 20.**"), (4, "**Missed: 16 of 20.**")]
)
def test_the_report_says_whether_seventeen_of_twenty_are_inside(missed, says):
    outcomes = [_made(seed, truth=0.5 if seed < missed else 0.33) for seed in range(20)]
    text = report(QUICK, outcomes)
    assert says in text
    assert text.count("| **no** |") == missed
    assert f"| {20 - missed} of 40 |" in text  # each run has a small folder that scores 0.1
    assert "| 0 of 20 |" in text  # 0.33 is outside the interval of the estimate
    assert "All runs together took 20 minutes" in text


def test_the_report_takes_the_miss_apart():
    text = report(QUICK, [_made(seed, truth=0.3 + 0.01 * seed) for seed in range(3)])
    assert "| truth - promised | +0.010 | [-0.015, +0.035] | 0.010 |" in text
    assert "| truth - one fold: what the mean of all folds' models adds | +0.010 |" in text
    assert "| one fold - promised: what is left | +0.000 | [+0.000, +0.000] | 0.000 |" in text


@pytest.mark.parametrize("small", [0, 19])
def test_smaller_folders_must_be_dealt_from_the_folders_people(small):
    message = f"`1 <= small_people <= folder_people` must hold, got {small} and 18"
    with pytest.raises(ValueError, match=message):
        Effort(people=24, folder_people=18, small_people=small, epochs=1)

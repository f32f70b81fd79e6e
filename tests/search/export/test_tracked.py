"""What trackers get of a run: keys of trials, figures that are finite, the verdict."""

import json
import math
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from search.errors import ResultsError
from search.export.tracked import Judged
from search.store.run_store import RunStore
from tests.search.builders.tracked_runs import CONFIG, RECORDS, resumed, saved_run, tracked

DEMO = Path(__file__).parents[3] / "results" / "demo"


def test_every_trial_has_a_key_of_its_own_that_stays():
    keys = [each.key for each in tracked()]
    assert len(set(keys)) == len(RECORDS)
    assert keys == [each.key for each in tracked(resumed())]
    assert all(re.fullmatch(r"[0-9]+-[0-9a-f]{16}", key) for key in keys)
    other = tuple(replace(record, started=record.started + 1000) for record in RECORDS)
    assert not set(keys) & {each.key for each in tracked(other)}


def test_a_trial_that_went_on_says_something_else():
    before, after = tracked(), tracked(resumed())
    changed = [a.name for a, b in zip(before, after, strict=True) if a.digest != b.digest]
    assert changed == ["gender-5"]


def test_a_trial_has_its_config_its_epochs_and_how_it_ended():
    first, stopped, broken, odd, cut, running = tracked()
    assert (first.name, first.group, first.steps) == ("gender-0", "gender", {1: 0.25, 2: 0.5})
    assert first.params["optim.lr"] == 0.01
    assert first.params["seed"] == 7
    assert first.params["target.attributes"] == "나이, a|b[c]"
    assert "head.hidden" not in first.params
    assert first.summary["objective"] == 0.5
    assert stopped.tags["headrace.state"] == "PRUNED"
    assert (broken.steps, broken.tags["headrace.cause"]) == ({}, "error")
    assert broken.tags["headrace.error"] == "no\nphoto"
    assert "seconds" not in odd.summary
    assert cut.tags["headrace.cause"] == "budget"
    assert "headrace.cause" not in running.tags
    assert set(first.params) == {"seed", *CONFIG} - {"head.hidden"}


def test_figures_that_are_not_finite_are_left_out():
    odd = replace(RECORDS[0], values={1: math.nan, 2: math.inf, 3: 0.5}, seconds=math.inf)
    (found,) = tracked((odd,))
    assert found.steps == {3: 0.5}
    assert all(map(math.isfinite, found.summary.values()))


def test_the_verdict_is_a_summary_with_the_scores_of_finalists(tmp_path):
    store = RunStore(Path(shutil.copytree(DEMO, tmp_path / "demo")))
    values = json.loads((store.root / "verdict.json").read_text(encoding="utf-8"))
    *_, found = tracked(judged=Judged.read(store))
    assert (found.name, found.steps) == ("verdict", {})
    for name, score in values["scores"].items():
        assert found.summary[f"score.{name}"] == score["value"]
        assert found.summary[f"score.{name}.low"] == score["interval"][0]
    for space, finalists in values["finalists"].items():
        for config_id, value in finalists.items():
            assert found.summary[f"refit.{space}.{config_id}"] == value
    assert found.summary["ensemble.score"] == values["ensemble"]["score"]["value"]
    assert found.tags["headrace.answer"] == values["answer"]
    assert found.tags["headrace.pair.separate.joint"] == values["pairs"][0]["verdict"]
    assert found.tags["headrace.config.seed"] == "0"
    assert found.params == {}
    assert found.tags["headrace.commit"] == saved_run().study["git_commit"]


def test_a_run_without_a_verdict_has_trials_alone(tmp_path):
    assert Judged.read(RunStore(tmp_path)) is None
    assert len(tracked()) == len(RECORDS)


def test_a_verdict_that_is_torn_is_refused(tmp_path):
    (tmp_path / "verdict.json").write_text("{", encoding="utf-8")
    with pytest.raises(ResultsError, match=r"verdict\.json cannot be read: .*; judge it again: "):
        Judged.read(RunStore(tmp_path))

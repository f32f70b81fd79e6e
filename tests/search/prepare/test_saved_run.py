"""A search read back: the best trial is the one that its file names."""

import shutil
from pathlib import Path

import pytest
import yaml

from search.prepare.saved_run import load_run
from search.store.records import complete_records
from search.store.run_store import RunStore

BEGUN = Path(__file__).parents[2] / "assets" / "begun"


@pytest.fixture
def store(tmp_path):
    shutil.copytree(BEGUN, tmp_path / "begun", ignore=shutil.ignore_patterns("predictions"))
    return RunStore(tmp_path / "begun")


def test_the_best_trial_is_the_one_that_was_chosen(store):
    result = load_run(store).results[0]
    others = [r for r in complete_records(result.records) if r.number != result.best.number]
    path = store.best_path(result.name)
    text = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**text, "trial": others[0].number}), encoding="utf-8")
    assert load_run(store).results[0].best == others[0]


def test_without_its_file_it_is_the_one_of_the_best_score(store):
    result = load_run(store).results[0]
    store.best_path(result.name).unlink()
    complete = complete_records(result.records)
    assert load_run(store).results[0].best.objective == max(r.objective for r in complete)

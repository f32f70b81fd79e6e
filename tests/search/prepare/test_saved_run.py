"""A search read back: the best trial is the one that its file names."""

import shutil
from pathlib import Path

import pytest
import yaml

from search.errors import ResultsError
from search.prepare.saved_run import load_run
from search.store.best_file import BestFile
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


def test_what_the_refit_chose_is_not_what_the_search_chose(store):
    before = load_run(store).results[0]
    other = next(r for r in complete_records(before.records) if r.number != before.best.number)
    path = store.best_path(before.name)
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    score = {**tree["score"], "value": 0.5, "interval": [0.4, 0.6]}
    choice = {"trial": before.best.number, "score": tree["score"]}
    judged = {**tree, "trial": other.number, "score": score, "search_choice": choice}
    path.write_text(yaml.safe_dump(judged), encoding="utf-8")
    assert load_run(store).results[0] == before
    assert BestFile.read(path).trial == other.number


@pytest.mark.parametrize("wrong", [None, {}, [], "", 0, {"trial": -1}, {"trial": 1, "score": 2}])
def test_a_choice_of_the_search_that_is_none_is_refused(store, wrong):
    path = store.best_path(load_run(store).results[0].name)
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**tree, "search_choice": wrong}), encoding="utf-8")
    with pytest.raises(ResultsError, match="is not a best config of headrace"):
        load_run(store)


def test_without_its_file_it_is_the_one_of_the_best_score(store):
    result = load_run(store).results[0]
    store.best_path(result.name).unlink()
    complete = complete_records(result.records)
    assert load_run(store).results[0].best.objective == max(r.objective for r in complete)

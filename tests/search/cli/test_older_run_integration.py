"""A run begun by an older headrace goes on: nothing of it is lost or trained again."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from search.cli.commands import main
from search.prepare.saved_run import load_run
from search.refit import stage
from search.refit.approaches import Lineup
from search.refit.files import RefitNote
from search.store.records import State
from search.store.run_store import RunStore

pytestmark = pytest.mark.ray

BEGUN = Path(__file__).parents[2] / "assets" / "begun"
"""`--space all --people 40 --trials 2 --max-epochs 1 --refit-seeds 1` at commit 8ef3649, killed in
the refit; without models and TensorBoard files."""


@pytest.fixture
def begun(tmp_path):
    """The run as if the driver had died while its last trial was running."""
    root = tmp_path / "results" / "begun"
    shutil.copytree(BEGUN, root)
    journal = root / "optuna.journal"
    *lines, last = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    assert json.loads(last)["op_code"] == 6  # the end of a trial
    journal.write_text("".join(lines), encoding="utf-8")
    return root


def records_of(root):
    records = load_run(RunStore(root)).records
    return {(record.space, record.number): record for record in records}


@pytest.mark.usefixtures("ray_runtime")
def test_a_run_begun_before_blocks_is_resumed(begun, cache, monkeypatch):
    ends = []

    def watched(*given, **options):
        for end in run_units(*given, **options):
            ends.append(end)
            yield end

    run_units = stage.run_units
    monkeypatch.setattr(stage, "run_units", watched)
    before = records_of(begun)
    assert [record.state for record in before.values()].count(State.RUNNING) == 1
    trained = {path.stem for path in (begun / "predictions" / "parts").glob("*.npz")}
    assert len(trained) == 32
    command = ["run", "--resume", "begun", "--results", str(begun.parent), "--cache", str(cache)]
    assert main(command) == 0
    after = records_of(begun)
    assert list(after) == list(before)
    for key, record in before.items():
        if record.is_finished:
            assert after[key] == record
        else:
            assert (after[key].config, after[key].seed) == (record.config, record.seed)
            assert after[key].state is State.COMPLETE
    # The first pass over all units: those of the older headrace are done, and no others.
    assert {end.unit.name for end in ends[:50] if end.seconds == 0.0} == trained
    assert not [end for end in ends if end.error]
    verdict = json.loads((begun / "verdict.json").read_text(encoding="utf-8"))
    assert set(verdict["scores"]) == {"separate", "joint", "multihead"}
    assert (begun / "report.html").is_file()
    for path in (begun / "best").iterdir():
        best = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert best.get("search_choice", best)["score"].get("chosen_by") in (None, "lead")
        assert best["refit"]["seeds"] >= 1


def test_what_an_older_run_wrote_is_read_in_the_words_of_today():
    store = RunStore(BEGUN)
    lineup = Lineup.of_study(store.read_study())
    assert lineup.approaches == {
        "separate": ("mask", "gender", "age"),
        "joint": ("joint",),
        "multihead": ("multihead",),
    }
    targets = {
        (record.config["target.attributes"], record.config["target.form"])
        for record in load_run(store).records
    }
    assert targets == {(block.attributes, block.form.value) for block in lineup.blocks.values()}
    assert not RefitNote.exists(store)

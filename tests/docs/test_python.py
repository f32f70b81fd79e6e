"""The example of docs/python.md runs as it stands, and so does the space of docs/spaces.md."""

import re
import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import search.cli.run  # noqa: F401  Ray sets variables where it is imported, which no test may
import spaces
from search.store.run_store import RunStore
from spaces.scale import choose_scale
from tests.docs.pages import ROOT, text_of
from tests.search.builders.ensembles import made_files, made_photos, write_ensemble
from tests.search.builders.made import made_record
from tests.search.builders.made_refit import LINEUP
from tests.search.builders.made_search import write_search
from tests.trainables.data.folders import MASK_SCHEMA

EXAMPLE = re.compile(r"<!-- example.*? -->\n```python\n(.*?)```", re.DOTALL)
DEMO = ROOT / "results" / "demo"
PREDICTED = "sample,p0,p1\n" + "".join(f"s{i},{i % 2},{1 - i % 2}\n" for i in range(40))
TRUTH = "sample,group,label\n" + "".join(f"s{i},g{i // 2},{i % 2}\n" for i in range(40))


def finished(root):
    """Writes what a run of `--space all` leaves, without training anything."""
    trials = [made_record(n, {1: 0.25, 2: 0.5}, space="age") for n in range(2)]
    write_search(RunStore(root), LINEUP, {"age": trials})
    (root / "best").mkdir()
    shutil.copy(DEMO / "best" / "age.yaml", root / "best")
    shutil.copy(DEMO / "verdict.json", root)
    write_ensemble(root / "ensemble")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with all that the example names; runs and verdicts are those of others."""
    for name, text in (("truth", TRUTH), ("a", PREDICTED), ("b", PREDICTED)):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    for name in ("photos", "new"):
        (tmp_path / name).mkdir()
    (tmp_path / "photos" / "manifest.csv").touch()
    for made, name in zip(made_files(tmp_path, made_photos(2)), ("one", "two"), strict=True):
        made.rename(tmp_path / "new" / f"{name}.jpg")

    def execute(config, results, cache, console, **options):
        finished(results / config.name)
        return SimpleNamespace(interrupted=False)

    monkeypatch.setattr("search.cli.run.execute", execute)
    monkeypatch.setattr("search.verdict.stage.conclude_run", lambda *_: None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("one_torch_thread")
def test_the_example_runs_as_it_stands(folder, capsys):
    found = {}
    for block in EXAMPLE.findall(text_of(ROOT / "docs" / "python.md")):
        exec(block, found)
    assert found["run"].name == "faces"
    assert isinstance(found["trials"], pd.DataFrame)
    assert found["page"] == folder / "results" / "faces" / "report.html"
    np.testing.assert_allclose(found["probabilities"].sum(axis=1), 1)
    assert found["classes"].shape == (2,)
    assert (folder / "compared" / "report.html").is_file()
    assert "separate joint" in capsys.readouterr().out


def test_the_space_of_ones_own_runs_as_it_stands(tmp_path):
    import optuna

    (block,) = EXAMPLE.findall(text_of(ROOT / "docs" / "spaces.md"))
    file = tmp_path / "mine.py"
    file.write_text(block, encoding="utf-8")
    space = spaces.load(str(file), MASK_SCHEMA)
    scale = choose_scale(device="cpu", pretrained=False, weights=(), max_epochs=3)
    config = space.config(optuna.create_study().ask(), MASK_SCHEMA, scale)
    assert (config["target.attributes"], config["input.size"]) == (("gender",), 96)
    assert scale.lr[0] <= config["optim.lr"] <= scale.lr[1]

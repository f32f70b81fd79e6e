"""A new approach is one entry: everything from the search to the report takes it up unasked."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from search.cli.commands import main
from search.predict import Ensemble
from search.refit import approaches
from tests.search.builders.grouped import GROUPED
from tests.search.builders.runs import ROOT

pytestmark = pytest.mark.ray

SIDE = 32
PEOPLE = 48
AGES = ("<30", "30-59", ">=60")


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos of each of 48 people with mask, gender and age."""
    root, rng = tmp_path_factory.mktemp("faces"), np.random.default_rng(0)
    lines = ["path,group,mask,gender,age"]
    for person in range(PEOPLE):
        for mask in range(2):
            gender, age = person % 2, person // 2 % 3
            pixels = rng.integers(0, 60, (SIDE, SIDE, 3), dtype=np.uint8)
            pixels[: SIDE // 2, :, 0] += np.uint8(150 * gender)
            pixels[SIDE // 2 :, :, 1] += np.uint8(150 * mask)
            pixels[:, SIDE // 2 :, 2] += np.uint8(70 * age)
            path = f"{person:02}_{mask}.png"
            Image.fromarray(pixels).save(root / path)
            named = (("normal", "wear")[mask], ("female", "male")[gender], AGES[age])
            lines.append(f"{path},p{person:02},{','.join(named)}")
    (root / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def run(
    faces: Path, tmp_path_factory: pytest.TempPathFactory, cache: Path, ray_runtime: None
) -> Path:
    """The folder of a whole run in which the approach is one more entry of the table."""
    results = tmp_path_factory.mktemp("results")
    options = {
        **{"data": faces, "cache": cache, "results": results, "name": "new", "trials": 1},
        **{"max-epochs": 1, "refit-seeds": 1},
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(approaches, "APPROACHES", (*approaches.APPROACHES, GROUPED))
        assert main(["run", "--space", "all", "--keep-models", *words]) == 0
    return results / "new"


def test_its_block_is_searched_and_the_other_space_is_shared(run):
    study = json.loads((run / "study.json").read_text(encoding="utf-8"))
    spaces = ["mask", "gender", "age", "joint", "multihead", "mask+gender"]
    assert list(study["blocks"]) == spaces
    assert study["blocks"]["mask+gender"] == {"attributes": ["mask", "gender"], "form": "softmax"}
    best = yaml.safe_load((run / "best" / "mask+gender.yaml").read_text(encoding="utf-8"))
    assert best["config"]["target"] == {"attributes": ["mask", "gender"], "form": "softmax"}
    assert best["approach"] == GROUPED.name
    with np.load(run / "predictions" / "mask+gender.default.0.npz") as stored:
        assert stored["head:mask+gender"].shape == (2 * PEOPLE, 4)
        assert np.allclose(stored["head:mask+gender"].sum(axis=1), 1, atol=1e-5)


def test_it_is_judged_against_every_other_approach_with_its_costs(run):
    verdict = json.loads((run / "verdict.json").read_text(encoding="utf-8"))
    names = ["separate", "joint", "multihead", GROUPED.name]
    assert set(verdict["scores"]) == set(names)
    pairs = [(pair["a"], pair["b"]) for pair in verdict["pairs"]]
    assert pairs == [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    assert set(verdict["choices"][GROUPED.name]) == {"mask+gender", "age"}
    costs = verdict["costs"]
    assert costs[GROUPED.name]["parameters"] < costs["separate"]["parameters"]
    assert costs[GROUPED.name]["serve_ms"] > 0
    assert GROUPED.name in verdict["descriptions"]


def test_it_is_offered_to_the_ensemble_and_reported(run):
    summary = json.loads((run / "ensemble" / "summary.json").read_text(encoding="utf-8"))
    assert GROUPED.name in [gain["approach"] for gain in summary["gains"]]
    assert (
        summary["candidates"] == 4 * 2
    )  # of every approach the default and the chosen config, one seed
    assert GROUPED.name in (run / "report.html").read_text(encoding="utf-8")
    assert GROUPED.name.replace("|", r"\|") in (run / "report.md").read_text(encoding="utf-8")
    assert {path.name for path in (run / "tensorboard" / "refit").iterdir()} >= {GROUPED.name}


def test_an_ensemble_of_it_predicts(run, faces, monkeypatch):
    ensemble = Ensemble.load(run / "ensemble")
    probabilities = ensemble([faces / "00_0.png", faces / "01_1.png"])
    assert probabilities.shape == (2, 12)
    assert np.allclose(probabilities.sum(axis=1), 1)


BLOCKED = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed here")

sys.meta_path.insert(0, Absent())
from search.cli.commands import main
sys.exit(main({arguments!r}))
"""


def without(names, arguments):
    """Runs a command in a process where some packages are not installed."""
    code = BLOCKED.format(names=set(names), arguments=[str(word) for word in arguments])
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "command",
    [
        ("verdict", "new"),
        ("report", "new"),
        ("ensemble", "new"),
        ("predict", "new", "--images", "PHOTOS", "--out", "OUT"),
    ],
    ids=lambda command: command[0],
)
def test_a_finished_run_is_read_without_ray_and_optuna(run, faces, tmp_path, command):
    (tmp_path / "photos").mkdir()
    shutil.copy(faces / "00_0.png", tmp_path / "photos")
    given = {"PHOTOS": tmp_path / "photos", "OUT": tmp_path / "out.csv"}
    words = [given.get(word, word) for word in command]
    done = without({"ray", "optuna"}, [*words, "--results", run.parent])
    assert done.returncode == 0, done.stderr


def test_prediction_files_are_compared_without_any_framework(tmp_path):
    rows = [f"s{n},p{n // 2},{n % 3}" for n in range(60)]
    (tmp_path / "truth.csv").write_text(
        "\n".join(["sample,group,label", *rows]) + "\n", encoding="utf-8"
    )
    for name, shift in (("a", 0), ("b", 1)):
        rows = [
            f"s{n}," + ",".join("0.8" if c == (n + shift) % 3 else "0.1" for c in range(3))
            for n in range(60)
        ]
        text = "\n".join(["sample,p0,p1,p2", *rows]) + "\n"
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    arguments = ["compare", "--truth", tmp_path / "truth.csv", "--out", tmp_path / "out"]
    arguments += [f"{name}={tmp_path / name}.csv" for name in "ab"]
    done = without({"ray", "optuna", "torch", "torchvision", "timm"}, arguments)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").is_file()

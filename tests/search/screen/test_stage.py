"""`headrace screen` from its command line to screen.json, and from there into a run."""

import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
import timm
from safetensors.torch import save_file

from search.cli.commands import main
from search.errors import ResultsError
from search.store.screen_file import read_offer, write_screen
from tests.search.builders.runs import ROOT

TWO = "test_resnet,test_efficientnet"
BLOCKED = """
import sys
for name in ("ray", "optuna"):
    sys.modules[name] = None
from search.cli.commands import main
from search.screen import quick
quick.quick.__kwdefaults__["num_seeds"] = 2
out, *words = sys.argv[1:]
screened = main(["screen", "--models", "test_resnet", "--out", out + "/s.json", *words])
sys.exit(screened or main(["quick", "--out", out + "/q.json", *words]))
"""


@pytest.fixture
def screen(people, cache, tmp_path, capsys):
    """Runs the command; returns exit code, what was printed, and the file if there is one."""

    def run(*words, data=people):
        out = tmp_path / "screen.json"
        command = ["screen", *words, "--data", str(data), "--cache", str(cache)]
        code = main([*command, "--out", str(out)])
        shown = capsys.readouterr()
        found = json.loads(out.read_text(encoding="utf-8")) if out.exists() else None
        return SimpleNamespace(code=code, out=shown.out, err=shown.err, file=found, path=out)

    return run


@pytest.fixture
def weights(tmp_path):
    """A folder with the weights of one backbone."""
    folder = tmp_path / "weights"
    folder.mkdir()
    state = timm.create_model("test_resnet", pretrained=False).state_dict()
    save_file(
        {name: value.contiguous() for name, value in state.items()},
        folder / "test_resnet.safetensors",
    )
    return folder


def test_backbones_are_ranked_in_a_table_and_a_file(screen):
    done = screen("--models", TWO)
    assert done.code == 0, done.err
    ranked = done.file["backbones"]
    assert {each["name"] for each in ranked} == set(TWO.split(","))
    scores = [each["macro_f1"]["joint"]["value"] for each in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(set(each["macro_f1"]) == {"gender", "mask", "joint"} for each in ranked)
    assert all(each["feature_seconds"] > 0 and each["probe_seconds"] > 0 for each in ranked)
    assert done.file["offer"] == [each["name"] for each in ranked]
    assert done.file["ranked_by"] == "joint"
    assert done.file["pretrained"] is False
    table = [line for line in done.out.splitlines() if "│" in line or "━" in line]
    assert len(table) >= 6
    assert max(map(len, table)) <= 80
    assert "note: the weights are random" in done.out
    assert f"--backbones {done.path}" in done.out.replace("\n", "")


def test_labels_are_corrected_as_a_run_would_correct_them(screen, tmp_path):
    plain = screen("--models", "test_resnet")
    corrections = tmp_path / "mine.csv"
    corrections.write_text("group_or_path,attribute,label,reason\np00,gender,male,seen\n")
    done = screen("--models", "test_resnet", "--corrections", str(corrections))
    assert done.code == 0, done.err
    assert done.file["data"]["fingerprint"] != plain.file["data"]["fingerprint"]
    assert f"--corrections {corrections}" in done.out.replace("\n", "")


def test_neither_ray_nor_optuna_is_loaded(people, cache, tmp_path):
    words = ["--data", str(people), "--cache", str(cache)]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(tmp_path), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {each.name for each in tmp_path.iterdir()} == {"s.json", "q.json"}


def test_features_are_computed_once(screen):
    screen("--models", TWO)
    again = screen("--models", TWO)
    assert all(each["features_were_cached"] for each in again.file["backbones"])
    assert "* features from the cache" in again.out


def test_a_backbone_without_weights_is_named_in_one_line_and_the_others_are_ranked(
    screen, weights
):
    done = screen(
        "--models", "test_resnet,test_vit?,test_efficientnet", "--weights-dir", str(weights)
    )
    assert done.code == 0, done.err
    assert [each["name"] for each in done.file["backbones"]] == ["test_resnet"]
    assert done.file["pretrained"] is True
    (line,) = (each for each in done.out.splitlines() if "no weights of" in each)
    assert "test_vit2, test_vit3, test_vit4 and test_efficientnet" in line
    assert "add NAME.safetensors to" in line
    assert "--weights-dir" in line
    assert set(done.file["left_out"]) == {
        "test_vit2",
        "test_vit3",
        "test_vit4",
        "test_efficientnet",
    }


def test_no_backbone_with_weights_is_refused_in_one_line(screen, weights):
    done = screen("--models", "test_efficientnet", "--weights-dir", str(weights))
    assert (done.code, done.file) == (2, None)
    assert len(done.err.splitlines()) == 1
    assert "no weights of test_efficientnet: add NAME.safetensors to" in done.err


def test_a_backbone_that_takes_no_such_input_is_left_out_with_its_reason(screen):
    done = screen("--models", "test_resnet,efficientformer_l1")
    assert done.code == 0, done.err
    assert [each["name"] for each in done.file["backbones"]] == ["test_resnet"]
    assert "left out: timm's 'efficientformer_l1' takes no input of 64 px" in done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "--models mobilnet_v3*",
            "--models must be models of timm, got 'mobilnet_v3*' (did you mean mobilenetv3_rw",
        ),
        ("--models test_resnet,,test_vit", "--models takes names and patterns between commas"),
        ("--models test_resnet --people 50", "--people is for the demo"),
        ("--models test_resnet --weights-dir nowhere", "--weights-dir must be a folder of"),
    ],
)
def test_what_cannot_be_screened_is_refused_in_one_line(screen, words, message):
    done = screen(*words.split())
    assert (done.code, done.file) == (2, None)
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_an_unreadable_photo_stops_the_command_in_its_name(screen, people, tmp_path):
    data = shutil.copytree(people, tmp_path / "data")
    (data / "photos" / "03_1.png").write_bytes(b"no photo")
    done = screen("--models", "test_resnet", data=data)
    assert (done.code, done.file) == (2, None)
    assert "03_1.png" in done.err
    assert len(done.err.splitlines()) == 1


def test_a_ranking_gives_the_backbones_of_a_run(screen, monkeypatch, tmp_path):
    done, given = screen("--models", TWO), {}

    def execute(config, *_, **__):
        given["config"] = config
        return SimpleNamespace(interrupted=False, num_failed=0)

    monkeypatch.setattr("search.cli.run.execute", execute)
    command = ["run", "--space", "age", "--results", str(tmp_path), "--backbones"]
    assert main([*command, str(done.path)]) == 0
    assert given["config"].backbones == tuple(done.file["offer"])
    assert main([*command, "resnet18", str(done.path)]) == 0
    assert given["config"].backbones == ("resnet18", *done.file["offer"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "it is not JSON"),
        ('{"schema": 2, "offer": ["a"]}', "a newer headrace wrote it"),
        ('{"schema": 1, "offer": []}', "must have the names of one backbone or more"),
        ('{"schema": 1, "offer": "a"}', "give the screen.json of `headrace screen`"),
        ('{"schema": 1}', "lacks"),
    ],
)
def test_a_ranking_that_is_none_is_refused_in_its_name(tmp_path, text, message):
    path = tmp_path / "screen.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError, match=message) as error:
        read_offer(path)
    assert str(path) in str(error.value)


def test_an_offer_is_read_as_it_was_written(tmp_path):
    write_screen(tmp_path / "s.json", {"offer": ["b", "a"]})
    assert read_offer(tmp_path / "s.json") == ("b", "a")

"""Bad input ends with exit code 2 and one line that says rule, value and way out; no folder."""

import re
from pathlib import Path

import pytest

from search.cli.commands import main
from search.refit import approaches
from search.refit.approaches import Approach
from search.store.run_store import RunStore
from tests.search.builders.runs import write_space
from trainables.blocks import Block, Form

LEARNS_LR = 'trial.suggest_float("optim.lr", 1e-4, 1e-2, log=True)'


@pytest.fixture
def places(people, cache, tmp_path):
    """Names for what the cases mention."""
    (tmp_path / "empty").mkdir()
    return {"people": people, "cache": cache, "tmp": tmp_path}


@pytest.fixture
def refused(places, capsys):
    """Runs a command line that must be refused, and returns the message."""

    def run(words: str) -> str:
        tmp = places["tmp"]
        before = sorted(tmp.rglob("*"))
        command = words.format(**places).split()
        options = [] if command[:1] != ["run"] else ["--results", str(tmp / "results")]
        cache = ["--cache", str(places["cache"])] if command[:1] in (["run"], ["replay"]) else []
        assert main([*command, *options, *cache]) == 2
        shown = capsys.readouterr()
        assert len(shown.err.splitlines()) == 1
        assert shown.err.startswith("headrace: ")
        assert sorted(tmp.rglob("*")) == before
        return shown.err.removeprefix("headrace: ").rstrip("\n")

    return run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run --space age --budget 3 m", r"arguments: m \(a time has no blank in it: 3m\); see"),
        ("--verzion", r"--verzion \(did you mean --version\?\); see headrace --help$"),
        ("runn", r"invalid choice: 'runn' \(choose from '?run.*\(did you mean run\?\); see"),
        (
            "export mine --to onx",
            r"'onx' \(.*\(did you mean onnx\?\); see headrace export -",
        ),
        ("run", r"run needs --space \(or --resume NAME\), such as --space age"),
        (
            "run --space age --bugdet 5m",
            r"5m \(did you mean --budget\?\); see .* run --help$",
        ),
        ("run --space age --trial 5", r"unrecognized arguments: --trial 5"),
        (
            "run --space age --trials 0",
            r"--trials must be at least 1, got 0; see .* --help$",
        ),
        (
            "run --space age --trials two",
            r"--trials: must be a whole number, got 'two'; see headrace run",
        ),
        (
            "run --space age --budget abc",
            r"--budget: a duration is .* as 90s or 1h30m, got 'abc'",
        ),
        ("run --space age --budget 0s", r"a duration must be above zero, got '0s'"),
        ("run --space age --seed -1", r"--seed must be at least 0, got -1"),
        ("run --space age --max-epochs 0", r"--max-epochs must be at least 1, got 0"),
        (
            "run --space age --warm-start {people}/manifest.csv",
            r"manifest\.csv is not a portfolio of headrace: it is not JSON",
        ),
        (
            "run --space age --warm-start none.json",
            r"--warm-start must be files .*, got none\.json",
        ),
        ("run --space age age", r"--space must name every space once, got age age"),
        ("run --space age --people 5", r"--people must be at least 40, got 5"),
        (
            "run --space age --people 50 --data {people}",
            r"--people is for the demo and means nothing with --data; drop one",
        ),
        (
            "run --space age --gpus-per-trial 0.3",
            r"must be one of auto, measured, 1, .*, got '0\.3'",
        ),
        (
            "run --space age --weights-dir {tmp}/no",
            r"--weights-dir must be a folder of .*, got .*/no: there is no 'no' in",
        ),
        (
            "run --space age --weights-dir {tmp}/empty",
            r"must be a folder of <timm name>.* is an empty folder; leave",
        ),
        ("run --space age --name ../up", r"a run name has letters, digits, .*, got '\.\./up'"),
        (
            "run --space age --data {tmp}/no",
            r"--data must be a folder, got .*/no: there is no 'no' in ",
        ),
        ("run --space age --data {people}/manifest.csv", r"it is a file; its folder is .*/people"),
        ("run --space age --data {people}x", r"there is no .* \(did you mean "),
        ("run --space age --corrections competitoin", r"\(did you mean competition\?\)"),
        ("run --space age --corrections no.csv", r"must be CSV files or known sets \(competition"),
        (
            "run --space age --data {tmp}/empty",
            r"--data must be a folder, got .*/empty: it is an empty folder",
        ),
        ("run --space all --data {people}", r"needs --budget TIME .* or --trials N"),
        (
            "run --space agee --data {people}",
            r"space 'agee' \(did you mean age\?\); avail",
        ),
        (
            "run --space age --layout profils",
            r"--layout must be one of .* \(did you mean profiles\?\); see headrace run --help$",
        ),
        (
            "run --space maks",
            r"--space: unknown space 'maks' \(did you mean mask\?\)",
        ),
        ("run --space all agee", r"unknown space 'agee' \(did you mean age\?\)"),
        ("run --space gender={tmp}/no.py", r"a space file must exist, got .*no\.py"),
        (
            "run --space age --data {people}",
            r"space 'age' needs the attribute 'age'; this data has: gender, mask",
        ),
        ("run --space {tmp}/no.py --data {people}", r"a space file must exist, got .*no\.py"),
        (
            "run --space age --address ray://127.0.0.1:10001",
            r"got 'ray://127\.0\.0\.1:10001'; Ray Client cannot run a search: give the port of",
        ),
        ("run --space age --seed 5000000000000000000", r"--seed must be at most 4611686018427387"),
        ("run --space age --trials 5000000000000000000", r"--trials must be at most 461168601842"),
        ("run --space age --address there", r"--address must be HOST:PORT .*, got 'there'; see"),
        (
            "run --space age --address 127.0.0.1:1",
            r"no Ray cluster answers at --address '127\.0\.0\.1:1': .*refused; start one",
        ),
        ("run --space age --name a/b", r"got 'a/b'; the folder that a run is in .* --results"),
        ("run --resume nothing", r"no run 'nothing' in .*results; runs there: none"),
        ("run --resume nothing --seed 3", r"--resume takes the run as it was; leave out --seed"),
        ("replay {tmp}/no.yaml", r"a best config must exist, got .*no\.yaml"),
        ("replay {people}/manifest.csv", r"is not a best config of headrace: it lacks space"),
        ("verdict nothing", r"no run 'nothing' in results; runs there: "),
        ("predict mine --images= --out a.csv", r"--images: must not be empty; give a folder; see"),
        ("run --space age --trials 1 --why full", r"--why full is about the refit of --space all"),
    ],
)
@pytest.mark.usefixtures("no_ray")
def test_what_needs_no_ray_is_refused_before_it_starts(refused, words, message):
    assert re.search(message, refused(words))


@pytest.mark.parametrize(
    ("row", "yaml", "message"),
    [
        (
            "photos/../photos/00_1.png,p00,other,wear",
            "attributes:\n  gender:\n    classes: [female, male]\n  mask: {}\n",
            r"manifest\.csv row 50.*'other'",
        ),
        ("photos/00_0.png,p00,female,wear", None, r"photos/00_0\.png.*row 50"),
        ("photos/none.png,p00,female,wear", None, r"photos/none\.png"),
        ("photos/none.png,,female,wear", None, r"row 50"),
        ("photos/none.png,p00", None, r"row 50"),
    ],
)
@pytest.mark.usefixtures("no_ray")
def test_a_manifest_that_breaks_a_rule_is_refused_with_its_row(
    refused, people, tmp_path, row, yaml, message
):
    data = tmp_path / "data"
    data.mkdir()
    (data / "photos").symlink_to(people / "photos")
    manifest = (people / "manifest.csv").read_text(encoding="utf-8")
    (data / "manifest.csv").write_text(f"{manifest}{row}\n", encoding="utf-8")
    (data / "dataset.yaml").write_text(yaml or "group: group\n", encoding="utf-8")
    assert re.search(message, refused("run --space gender --data {tmp}/data"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ATTRIBUTE = 'gender'", r"must define suggest\(trial, schema, scale\), .*copy spaces/"),
        ("def suggest(trial, schema, scale): pass", r"must say what it predicts"),
        ("import nonsense_module", r"fails: ModuleNotFoundError: No module named"),
        ("def suggest(:", r"fails: SyntaxError"),
        ("ATTRIBUTE = 'height'\ndef suggest(*given): pass", r"needs the attribute 'height'"),
    ],
)
@pytest.mark.usefixtures("no_ray")
def test_a_space_file_that_is_none_is_refused(refused, tmp_path, text, message):
    (tmp_path / "mine.py").write_text(text, encoding="utf-8")
    assert re.search(message, refused("run --space {tmp}/mine.py --data {people}"))


@pytest.mark.usefixtures("no_ray")
def test_fewer_people_with_every_label_than_folds_are_refused_before_the_search(
    refused, people, tmp_path
):
    data = tmp_path / "data"
    data.mkdir()
    (data / "photos").symlink_to(people / "photos")
    header, *rows = (people / "manifest.csv").read_text(encoding="utf-8").splitlines()
    whole = {"p00", "p05", "p10", "p15"}
    kept = [row if row.split(",")[1] in whole else f"{row.rpartition(',')[0]}," for row in rows]
    (data / "manifest.csv").write_text("\n".join([header, *kept]) + "\n", encoding="utf-8")
    (data / "dataset.yaml").write_text("missing: ignore\n", encoding="utf-8")
    told = refused("run --space all --data {tmp}/data --trials 1")
    assert re.search(r"every label.*; label more people, or search attributes alone", told)


@pytest.mark.usefixtures("no_ray")
def test_forty_attributes_at_once_are_refused_with_their_joint_classes(refused, people, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "photos").symlink_to(people / "photos")
    rows = (people / "manifest.csv").read_text(encoding="utf-8").splitlines()[1:]
    names = [f"a{number}" for number in range(40)]
    lines = [",".join(["path", "group", *names])]
    for row, line in enumerate(rows):
        values = ["1" if (row >> number % 5) % 2 else "-1" for number in range(40)]
        lines.append(",".join([*line.split(",")[:2], *values]))
    (data / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    message = refused("run --space all --data {tmp}/data --trials 1")
    assert "1,099,511,627,776 classes (a0 2 x a1 2 x a2 2 x a3 2 x 36 more attributes)" in message
    assert "leave attributes out" in message
    assert "(--space a0 a1 a2 a3)" in message


@pytest.fixture
def summed(people, tmp_path):
    """Data with an attribute that is called as two others are together."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "photos").symlink_to(people / "photos")
    rows = (people / "manifest.csv").read_text(encoding="utf-8").splitlines()[1:]
    lines = ["path,group,a,b,a+b", *(f"{row},{row.split(',')[2]}" for row in rows)]
    (data / "manifest.csv").write_text("\n".join(lines), encoding="utf-8")
    return data


@pytest.mark.usefixtures("no_ray", "summed")
def test_a_space_of_other_attributes_does_not_take_the_place_of_one_of_all(refused, tmp_path):
    path = write_space(tmp_path, "gender")
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("ATTRIBUTE = 'gender'", "ATTRIBUTES = ['a', 'b']"), "utf-8")
    message = refused(f"run --space all {path} --data {{tmp}}/data --trials 1")
    assert re.search(r"replaces 'a\+b' of --space all must predict a\+b by s.*, got a, b", message)


@pytest.mark.usefixtures("no_ray", "summed")
def test_blocks_of_one_name_are_refused(refused, monkeypatch):
    blocks = [Block(("a", "b"), Form.SOFTMAX), Block(("a+b",), Form.SOFTMAX)]
    entries = (*approaches.APPROACHES, Approach("pair", lambda names: blocks))
    monkeypatch.setattr(approaches, "APPROACHES", entries)
    message = refused("run --space all --data {tmp}/data --trials 1")
    assert re.search(r"blocks of attributes with different names, got a, b, a\+b", message)


@pytest.mark.usefixtures("no_ray")
@pytest.mark.parametrize(("spaces", "got"), [("gender", "none"), ("gender joint", "joint")])
def test_a_race_without_two_approaches_is_refused(refused, spaces, got):
    told = refused(f"run --space {spaces} --data {{people}} --race")
    assert told == (
        f"--race needs two approaches to all attributes or more, got {got}; drop it, or run "
        "--space all; see headrace run --help"
    )


def test_two_files_for_one_space_are_refused(refused, tmp_path):
    write_space(tmp_path, "gender")
    command = "run --space gender {tmp}/tiny_gender.py --data {people}"
    assert re.search(r"--space must name every space once, got gender, gender", refused(command))


@pytest.mark.usefixtures("no_ray")
def test_a_name_that_is_taken_is_refused_and_the_run_stays(refused, tmp_path):
    store = RunStore(tmp_path / "results" / "mine")
    store.write_study({})
    message = refused("run --space gender --name mine --data {people}")
    assert re.search(r"holds a run already; go on with --resume mine", message)


@pytest.mark.usefixtures("no_ray")
def test_a_run_of_another_version_is_refused(refused, tmp_path):
    (tmp_path / "results" / "old").mkdir(parents=True)
    (tmp_path / "results" / "old" / "study.json").write_text('{"schema": 0}', encoding="utf-8")
    assert "must have schema 1, got 0" in refused("run --resume old")


def broken_space(folder: Path, old: str, new: str) -> Path:
    path = write_space(folder, "gender")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return path


@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"test_resnet"', '"test_resnett"', r"unknown timm model 'test_resnett'; near: test_resn"),
        ("1e-4, 1e-2", "1e-4, 5.0", r"optim\.lr"),
        ('"optim.lr"', '"optim.rate"', r"unknown name 'optim\.rate'"),
        ("trial.suggest_float", "trial.suggest_flaot", r"suggest\(\) of space 'gender' fails"),
        (LEARNS_LR, 'trial.suggest_int("schedule.epochs", 1, 9)', r"the same for all trials"),
    ],
)
def test_a_space_with_impossible_configs_is_refused(refused, tmp_path, old, new, message):
    broken_space(tmp_path, old, new)
    assert re.search(message, refused("run --space {tmp}/tiny_gender.py --data {people}"))


@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_a_gpu_that_is_not_there_is_refused(refused, tmp_path):
    write_space(tmp_path, "gender")
    command = "run --space {tmp}/tiny_gender.py --data {people} --gpus-per-trial 1"
    assert "--gpus-per-trial 1 needs a GPU, and Ray sees none; leave it out" in refused(command)


@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_weights_that_the_folder_lacks_are_refused(refused, tmp_path):
    write_space(tmp_path, "gender")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "resnet18.safetensors").write_bytes(b"")
    command = "run --space {tmp}/tiny_gender.py --data {people} --weights-dir {tmp}/weights"
    message = refused(command)
    assert re.search(r"weights of 'test_resnet' must lie at .*; weights there: resnet18", message)


@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_a_photo_that_cannot_be_read_is_refused(refused, people, tmp_path):
    write_space(tmp_path, "gender")
    (tmp_path / "data" / "photos").mkdir(parents=True)
    for photo in (people / "photos").iterdir():
        (tmp_path / "data" / "photos" / photo.name).write_bytes(photo.read_bytes()[:100])
    manifest = (people / "manifest.csv").read_text(encoding="utf-8")
    (tmp_path / "data" / "manifest.csv").write_text(manifest, encoding="utf-8")
    message = refused("run --space {tmp}/tiny_gender.py --data {tmp}/data")
    assert re.search(r"photos/\d\d_\d\.png", message)


@pytest.mark.parametrize("option", ["--data", "--weights-dir", "--pseudo-labels", "--warm-start"])
def test_a_path_that_no_file_can_have_is_refused(refused, option):
    told = refused(f"run --space age {option} {'a' * 300}")
    assert option in told


def test_names_that_no_file_of_a_run_could_hold_are_refused(refused):
    told = refused("verdict mine --results {tmp}/a\udcff")
    assert told.startswith("names of files and folders must be UTF-8, got '")


def test_a_working_folder_that_is_gone_is_named(refused, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "empty")
    (tmp_path / "empty").rmdir()
    assert refused("verdict mine").startswith("the folder that headrace was started in no longer")

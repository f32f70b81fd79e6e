"""The command of a config makes that config again."""

import shlex
from dataclasses import replace

import pytest

from search.cli.options import build_parser
from search.cli.run_config import new_config, resumed_config
from search.errors import UsageError
from search.prepare.config import command_of
from search.store.run_store import RunStore

DEMO = "run --space all gender=my.py --budget 90s --seed 3 --refit-seeds 2 --people 60"


def config_of(line):
    return new_config(build_parser().parse_args(shlex.split(line)))


@pytest.mark.parametrize(
    "line",
    [
        DEMO,
        f"{DEMO} --margin 0.02 --budget 1h0.1s",
        f"{DEMO} --why full --keep-models --race --trials 4 --max-epochs 2 --no-pretrained --bf16",
        f"{DEMO} --pseudo-labels '{{here}}' --pseudo-threshold age=0.8 mask=0.7",
        f"{DEMO} --warm-start '{{here}}/one.json' '{{here}}/two.json'",
        "run --space age --data '{here}' --layout manifest --weights-dir '{here}' --trials 3",
        "run --space age --data '{here}' --corrections competition '{here}/mine.csv' --trials 3",
        "run --space age --data '{here}' --add-data '{here}/more' . --score-added --trials 3",
    ],
)
def test_the_command_of_a_config_makes_it_again(line, tmp_path):
    folder = tmp_path / "my photos"
    (folder / "more").mkdir(parents=True)
    (folder / "more" / "manifest.csv").touch()
    (folder / "resnet18.safetensors").touch()
    for name in ("mine.csv", "one.json", "two.json"):
        (folder / name).touch()
    config = config_of(line.format(here=folder))
    program, *words = shlex.split(command_of(config))
    assert program == "headrace"
    again = new_config(build_parser().parse_args(words))
    assert replace(again, name=config.name) == config


@pytest.mark.parametrize("option", ["--refit-seeds 3", "--why full", "--pseudo-labels {here}"])
def test_options_of_the_refit_are_refused_where_there_is_none(option, tmp_path):
    (tmp_path / "one.jpg").touch()
    flag = option.partition(" {")[0].replace(" 3", "")
    given = option.format(here=tmp_path)
    with pytest.raises(UsageError, match=f"^{flag} is about the refit .*got --space age; drop it"):
        config_of(f"run --space age --trials 3 {given}")
    assert config_of(f"run --space all --trials 3 {given}").spaces == ("all",)


def test_folders_given_after_the_first_are_added(tmp_path):
    names = ("one", "two", "three")
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.csv").touch()
    one, two, three = (str(tmp_path / name) for name in names)
    config = config_of(f"run --space age --data {one} --data {two} --data {three} --trials 3")
    assert (config.data, config.add_data) == (one, (two, three))


def test_an_option_of_several_values_may_be_given_again(tmp_path):
    folders = [tmp_path / name for name in ("one", "two", "three", "four")]
    for folder in folders:
        folder.mkdir()
        (folder / "manifest.csv").touch()
    one, two, three, four = map(str, folders)
    words = f"run --space age --space gender --data {one} --data {two} --add-data {three}"
    config = config_of(f"{words} --add-data {four} --trials 3")
    assert config.spaces == ("age", "gender")
    assert config.add_data == (two, three, four)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--add-data .", "--add-data adds to data of your own"),
        ("--data . --score-added", "--score-added is about added data"),
        ("--data . --add-data /no/such", "must be a folder, got /no/such: there is no 'no' in /"),
        ("--data . --data ./", "must name a folder once, got .* twice"),
        ("--data /etc --add-data . .", "must name a folder once, got .* twice"),
    ],
)
def test_added_data_that_cannot_be_is_refused(words, message):
    with pytest.raises(UsageError, match=message):
        config_of(f"run --space age --trials 3 {words}")


def resumed(tmp_path, began, more):
    """Returns the config of a run that began by a line and goes on with more options."""
    config = config_of(f"run --name mine {began}")
    store = RunStore(tmp_path / "mine")
    store.root.mkdir()
    store.write_study({"config": config.to_dict()})
    line = f"run --resume mine --results {tmp_path} {more}"
    return resumed_config(build_parser().parse_args(shlex.split(line)))


@pytest.mark.parametrize(
    ("began", "more", "trials", "seconds"),
    [
        ("--space age", "--budget 1h", None, 3600.0),
        ("--space age", "--trials 48", 48, None),
        ("--space age --budget 20m", "--trials 48", 48, None),
        ("--space age --budget 20m", "--budget 1h", None, 3600.0),
        ("--space age --trials 9 --budget 20m", "--budget 1h", 9, 3600.0),
        ("--space age --budget 20m", "--trials 48 --budget 1h", 48, 3600.0),
        ("--space all --trials 9", "--budget 1h", None, 3600.0),
        ("--space age", "", 24, None),
    ],
)
def test_another_end_of_a_resumed_run_takes_the_place_of_the_one_it_had(
    tmp_path, began, more, trials, seconds
):
    config = resumed(tmp_path, began, more)
    assert (config.trials, config.budget_seconds) == (trials, seconds)


def test_trials_alone_do_not_lengthen_a_run_whose_refit_is_planned_by_its_time(tmp_path):
    with pytest.raises(UsageError, match=r"--trials alone .* \(20m 00s\); give --budget, too"):
        resumed(tmp_path, "--space all --budget 20m", "--trials 48")

"""What the command line shows: help with examples, its version, completion, nearest names."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from search.cli.commands import build_parser, main
from search.errors import UsageError
from tests.search.builders.runs import ROOT
from tests.search.cli.frozen_options import FROZEN


def test_the_command_alone_shows_how_to_begin(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("usage: headrace")
    assert "headrace run --space age" in shown
    assert len(shown.splitlines()) <= 40
    assert max(map(len, shown.splitlines())) <= 80


def test_options_without_a_command_are_refused():
    with pytest.raises(UsageError, match=r"a command is needed, one of run, .*; see headrace --h"):
        build_parser().parse_args([])


@pytest.mark.parametrize("command", FROZEN)
def test_the_help_of_every_command_has_an_example_of_it(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    shown = capsys.readouterr().out
    lines = [line for line in shown.splitlines() if line.startswith(f"  headrace {command} ")]
    assert lines
    for line in lines:
        words = shlex.split(re.split(" {3,}", line.strip())[0].partition("#")[0])
        build_parser().parse_args(words[1:])


@pytest.mark.parametrize("command", FROZEN)
def test_the_help_of_a_command_says_what_it_does_within_80_columns(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    (line,) = re.findall(rf"^    {command} +(.*)$", capsys.readouterr().out, re.MULTILINE)
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    shown = capsys.readouterr().out
    assert f"\n\n{line[:1].upper()}{line[1:]}.\n\n" in shown
    assert [text for text in shown.splitlines() if len(text) > 80] == []


@pytest.mark.parametrize("command", ["audit", "screen", "quick"])
def test_a_command_on_one_folder_does_not_say_that_it_takes_more(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert "given again" not in " ".join(capsys.readouterr().out.split())
    more = ["--models", "resnet18"] if command == "screen" else []
    assert main([command, *more, "--data", "a", "--data", "b"]) == 2


@pytest.mark.parametrize(
    ("words", "hint"),
    [("run space age", "--space"), ("run --space age --buget 2h", "--budget")],
)
def test_an_option_is_meant_where_its_dashes_are_missing(words, hint):
    with pytest.raises(UsageError, match=rf"did you mean {hint}.*; see headrace run --help"):
        build_parser().parse_args(words.split())


def test_an_option_without_a_value_says_so_of_a_word_behind_it():
    words = "predict mine --images photos --out ans.csv --probabilities probs.csv"
    with pytest.raises(UsageError, match=r"probs\.csv \(--probabilities takes no value\); see"):
        build_parser().parse_args(words.split())


def test_the_help_of_predict_says_what_answers_and_confidence_are(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["predict", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "the answer is chosen after class biases, for" in shown
    assert "need not be the class of the largest" in shown
    assert "the confidence: the probability of the answer, which need not be the largest" in shown


def test_the_options_of_a_run_stand_under_headings(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["run", "--help"])
    shown = capsys.readouterr().out
    places = [shown.index(f"\n{title}:\n") for title in ("how long", "the data", "examples")]
    assert places == sorted(places)
    assert places[0] < shown.index("--budget TIME  ") < places[1]


def test_the_version_names_headrace_and_what_decides_a_result(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    (line,) = capsys.readouterr().out.splitlines()
    assert re.match(r"headrace \d+\.\d+\.\d+ \(.*torch \d.*ray \d", line)


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_shells_complete_commands_and_options(shell, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--print-completion", shell])
    shown = capsys.readouterr().out
    assert {"predict", "label-shift", "budget"} <= set(re.findall(r"\w+(?:-\w+)*", shown))


def test_the_completion_says_which_package_it_needs(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["--print-completion", "bash"]) == 2
    said = capsys.readouterr().err
    assert "needs the package shtab" in said
    assert f"run: {shlex.quote(sys.executable)} -m pip install shtab" in said


HEAVY = """
import sys
for name in ("ray", "torch", "optuna", "sklearn"):
    sys.modules[name] = None
from search.cli.commands import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("line", "said", "command"),
    [
        ("run --space age --backbones resnet1", "models of timm, got 'resnet1' (did", "run"),
        ("run --space age --warm-start nope.json", "writes, got nope.json", "run"),
        ("quick --data nope", "--data must be a folder, got", "quick"),
        ("quick --backbone resnet1", "--backbone must be models of timm", "quick"),
        ("screen --models resnet18 --data nope", "--data must be a folder, got", "screen"),
        ("screen --models resnet18,nope*", "must be models of timm, got 'nope*'", "screen"),
    ],
)
def test_what_is_wrong_is_told_before_anything_heavy_is_loaded(line, said, command, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", HEAVY, *line.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert done.stderr.endswith(f"; see headrace {command} --help\n")
    assert list(tmp_path.iterdir()) == []


def test_an_export_of_a_space_without_a_best_config_is_told_before_torch_is_loaded(
    monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "search.export.command", None)  # its import fails
    command = ["export", "demo", "--to", "timm", "--results", str(ROOT / "results")]
    assert main([*command, "--space", "age", "agee"]) == 2
    said = "--space: the run has no best config of 'agee' (did you mean age?); spaces with one: "
    assert said in capsys.readouterr().err


def test_a_run_that_is_not_there_is_told_with_the_nearest(tmp_path, capsys):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "study.json").write_text("{}")
    assert main(["verdict", "frist", "--results", str(tmp_path)]) == 2
    said = f"no run 'frist' in {tmp_path} (did you mean first?); runs there: first, second"
    assert said in capsys.readouterr().err

"""The list of wrong usages: what counts as a clear answer, and that its files are there."""

import shlex

import pytest

from benchmarks.wrong_usages import MOST_SECONDS, USAGES, Answer, answer, make_folder

CLEAR = "headrace: --trials must be at least 1, got 0; see headrace run --help\n"


def told(said=CLEAR, code=2, seconds=1.0, usage="run --trials 0"):
    return Answer(usage=usage, code=code, seconds=seconds, said=said)


def test_there_are_many_of_every_command_and_each_stands_once():
    usages = USAGES.strip().splitlines()
    assert len(usages) == len(set(usages)) >= 25
    commands = {shlex.split(usage)[0] for usage in usages}
    assert {"run", "report", "predict", "export", "compare", "replay", "audit"} <= commands


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (told(), ""),
        (told(f"starting Ray ...\n{CLEAR}"), ""),
        (told("Traceback (most recent call last):\n"), "a traceback"),
        (told(code=1), "exit code 1"),
        (told(""), "not one clear line"),
        (told(CLEAR + CLEAR), "not one clear line"),
        (told(seconds=MOST_SECONDS + 1), "6.0 s"),
        (told(seconds=100.0, usage="run --pretrained"), ""),
    ],
)
def test_a_clear_answer_is_one_line_with_exit_code_2_in_time(found, wrong):
    assert found.wrong == wrong


def test_a_usage_runs_as_a_process_of_its_own_beside_the_files_it_names(tmp_path):
    make_folder(tmp_path)
    found = answer("run --space gender --data odd_class", tmp_path)
    assert (found.code, found.said) == (
        2,
        "headrace: manifest.csv row 25: unknown gender 'mael' (did you mean male?); "
        "allowed: female, male\n",
    )

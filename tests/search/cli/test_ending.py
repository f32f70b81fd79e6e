"""How a command ends that is interrupted, or that the machine or a defect ends."""

import signal

import pytest

from search.cli import commands as cli
from search.cli.commands import main
from search.ending.signals import under_way

FULL = OSError(28, "No space left on device", "results/mine/verdict.json")


def raising(monkeypatch, error, *, begun=""):
    def execute(*given, **options):
        if begun:
            under_way().resume_by(begun)
        raise error

    monkeypatch.setattr("search.cli.run.execute", execute)


def test_ctrl_c_outside_the_search_is_an_interruption(monkeypatch, capsys):
    def interrupted(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("search.cli.run.execute", interrupted)
    assert main(["run", "--space", "age"]) == 130
    assert capsys.readouterr().err == (
        "headrace: interrupted. Nothing is left half-written; give the same command again.\n"
    )


def test_an_error_that_is_not_the_users_is_not_hidden(monkeypatch):
    def broken(*given, **options):
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("search.cli.run.execute", broken)
    with pytest.raises(ZeroDivisionError, match="a defect"):
        main(["run", "--space", "age"])


def test_a_fault_of_the_machine_in_a_run_is_one_line_and_resumable(monkeypatch, capsys):
    raising(monkeypatch, FULL, begun="headrace run --resume mine")
    assert main(["run", "--space", "age"]) == 130
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "headrace: no space is left on the disk (OSError: [Errno 28] No space left on device: "
        "'results/mine/verdict.json'); free some. Nothing is lost; go on with: headrace run "
        "--resume mine"
    )


def test_a_fault_before_the_run_has_begun_is_no_interruption(monkeypatch, capsys):
    raising(monkeypatch, FULL)
    assert main(["run", "--space", "age"]) == 2
    assert capsys.readouterr().err.endswith("give the same command again.\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize(
    "command",
    [
        ["predict", "mine", "--images", ".", "--out", "a.csv"],
        ["verdict", "mine"],
        ["ensemble", "mine"],
        ["export", "mine", "--to", "timm"],
        ["replay", "best.yaml"],
        ["compare", "--truth", "t.csv", "A=a.csv"],
    ],
)
def test_a_signal_ends_every_command(monkeypatch, capsys, number, command):
    monkeypatch.setitem(cli._COMMANDS, command[0], lambda _: signal.raise_signal(number))
    assert main(command) == 130
    assert capsys.readouterr().err.startswith("headrace: interrupted. ")


def test_what_a_terminal_raises_that_has_hung_up_is_an_interruption(monkeypatch, capsys):
    def hung_up(_):
        with under_way().gently(lambda: None):
            signal.raise_signal(signal.SIGHUP)
        raise OSError(5, "Input/output error")

    monkeypatch.setitem(cli._COMMANDS, "verdict", hung_up)
    assert main(["verdict", "mine"]) == 130
    assert "Input/output" not in capsys.readouterr().err


def test_a_name_that_no_file_can_have_is_bad_input_and_no_fault(monkeypatch, capsys):
    raising(monkeypatch, OSError(36, "File name too long", "results/mine"), begun="go on")
    assert main(["run", "--space", "age"]) == 2
    told = capsys.readouterr().err
    assert told == "headrace: [Errno 36] File name too long: 'results/mine'\n"

"""Messages are bounded wherever they are shown or kept."""

from types import SimpleNamespace

import pytest

from search.cli import commands as cli
from search.errors import MAX_MESSAGE, UsageError, bounded
from search.store.outputs import Outputs
from search.trial.trial_run import TrialRun


@pytest.mark.parametrize("length", [0, 1, MAX_MESSAGE])
def test_a_short_message_stays_as_it_is(length):
    assert bounded("x" * length) == "x" * length


@pytest.mark.parametrize("length", [MAX_MESSAGE + 1, 10 * MAX_MESSAGE, 10_000_000])
def test_a_long_message_keeps_its_start_and_its_way_out(length):
    message = "the rule must hold, got " + "x" * length + "; the way out"
    short = bounded(message)
    assert len(short) <= MAX_MESSAGE
    assert short.startswith("the rule must hold, got xxx")
    assert short.endswith("xxx; the way out")
    assert f"({len(message) - MAX_MESSAGE} characters left out)" in short


def test_the_command_line_shows_a_bounded_message(monkeypatch, capsys):
    def refuse(options: object) -> int:
        raise UsageError("got " + "x" * 1_000_000)

    monkeypatch.setitem(cli._COMMANDS, "verdict", refuse)
    assert cli.main(["verdict", "a"]) == cli.BAD_INPUT
    assert len(capsys.readouterr().err) < MAX_MESSAGE + 100


def test_a_trial_that_broke_keeps_a_bounded_error(monkeypatch, tmp_path):
    setting = SimpleNamespace(results_dir=tmp_path)
    device, outputs = SimpleNamespace(type="cpu"), Outputs(tmp_path)
    images = SimpleNamespace(
        setting=setting, device=device, outputs=outputs, crowded=lambda error: None
    )
    trial = TrialRun(images, space="age", number=0, config={}, seed=0)

    def epoch() -> None:
        raise ValueError("x" * 1_000_000)

    monkeypatch.setattr(trial, "_epoch", epoch)
    assert len(str(trial.epoch()["error"])) <= MAX_MESSAGE

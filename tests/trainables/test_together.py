"""Several trainings at once, and how many of them pay."""

import os
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from pathlib import Path

import pytest

from trainables.together import answers, best_packing, together

ROOT = Path(__file__).resolve().parents[2]
UNGUARDED = """
from math import factorial
from functools import partial
from trainables.together import together
print("began")
print(together(partial(partial, factorial), 3, 2))
"""


def killed(_given):
    """What the kernel does where memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def broken(given):
    raise ValueError(given)


def hangs(_given):
    signal.pause()


def breaks_later(given):
    return lambda: broken(given)


class Told:
    """An answer that cannot be sent."""

    def __reduce__(self):
        raise TypeError("not to be sent")


def secretive(_given):
    return Told


def met(given):
    return lambda: (given, os.getpid())


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (killed, "a process of 2 trainings at once has ended without an answer"),
        (broken, "ValueError: so it is"),
        (breaks_later, "ValueError: so it is"),
        (secretive, "not to be sent"),
    ],
)
def test_a_training_that_breaks_among_others_is_told_at_once(prepare, message):
    with pytest.raises(RuntimeError, match=message):
        together(prepare, "so it is", 2)


def test_one_that_hangs_is_not_waited_for_longer_than_said():
    ours, theirs = zip(Pipe(), Pipe(), strict=True)
    theirs[0].send("here")
    with pytest.raises(TimeoutError, match="1 of 2 trainings at once do not answer"):
        answers(ours, time.monotonic())
    theirs[0].send("here")
    theirs[1].send("there")
    assert answers(ours, time.monotonic() + 600) == ["here", "there"]
    with pytest.raises(TimeoutError):
        together(hangs, None, 2, patience_s=0.0)


def test_every_training_has_a_process_of_its_own():
    told = together(met, "here", 2)
    assert [given for given, _ in told] == ["here", "here"]
    assert len({process for _, process in told} | {os.getpid()}) == 3


def test_a_program_without_a_guard_runs_once(tmp_path):
    program = tmp_path / "mine.py"
    program.write_text(UNGUARDED)
    (tmp_path / "torch.py").write_text("raise SystemExit('not this one')")
    ran = subprocess.run(
        [sys.executable, "-P", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines() == ["began", "[6, 6]"]


@pytest.mark.parametrize(
    ("rates", "best"),
    [
        ({1: 100.0}, 1),
        ({1: 100.0, 2: 109.0}, 1),
        ({1: 100.0, 2: 120.0, 3: 125.0, 4: 140.0}, 4),
        ({1: 100.0, 2: 150.0, 4: 160.0}, 2),
    ],
)
def test_one_more_training_has_to_add_a_tenth(rates, best):
    assert best_packing(rates) == best

"""How a command ends when it is asked to; signals are raised in this very process."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from search.ending import signals
from search.ending.signals import Ending, ending_on_signals, kept, under_way
from tests.search.builders.runs import ROOT

ALL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def endings(monkeypatch):
    """Makes endings that note what would end the process."""
    made = []

    class Noting(Ending):
        def __init__(self):
            self.left = []
            super().__init__(leave=self.left.append)
            made.append(self)

    monkeypatch.setattr(signals, "Ending", Noting)
    return made


@pytest.mark.parametrize("number", ALL)
def test_a_signal_ends_the_block_and_the_handlers_of_before_come_back(number, endings, capsys):
    before = [signal.getsignal(each) for each in ALL]
    with ending_on_signals() as ending:
        ending.resume_by("headrace run --resume mine")
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        signal.raise_signal(number)  # a second one does not disturb what is being put away
        ending.tell()
    assert [signal.getsignal(each) for each in ALL] == before
    assert ending.left == []
    assert capsys.readouterr().err == (
        "headrace: interrupted. Nothing is lost; go on with: headrace run --resume mine\n"
    )


def test_a_search_ends_its_trials_first(endings):
    calls = []
    with ending_on_signals(), under_way().gently(lambda: calls.append("stop")):
        signal.raise_signal(signal.SIGTERM)
        assert calls == ["stop"]
        signal.raise_signal(signal.SIGTERM)
    assert calls == ["stop"]


def test_after_the_search_a_signal_ends_what_follows(endings):
    with ending_on_signals():
        with under_way().gently(lambda: pytest.fail("the search is over")):
            pass
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGHUP)


def test_what_hangs_after_a_signal_is_left_behind_with_its_line(monkeypatch, capfd):
    left, gone = [], threading.Event()
    monkeypatch.setattr(signals, "_GRACE_S", 0.0)

    def leave(code):
        left.append(code)
        gone.set()

    ending = Ending(leave=leave)
    ending.resume_by("this")
    with ending.deadline.watching(), ending.gently(gone.wait):  # until the process would be gone
        ending.on_signal(signal.SIGTERM, None)
    assert left == [130]
    assert "Nothing is lost; go on with: this" in capfd.readouterr().err


@pytest.mark.parametrize(("lost", "cleared"), [("the head", [1]), ("", [])])
def test_what_hangs_after_a_loss_is_left_behind_without_what_was_temporary(
    monkeypatch, lost, cleared
):
    calls, gone = [], threading.Event()
    monkeypatch.setattr(signals, "_GRACE_S", 0.0)
    ending = Ending(leave=lambda code: gone.set())
    ending.lost = lost
    with ending.clearing(lambda: pytest.fail("that is cleared already")):
        pass
    with ending.deadline.watching(), ending.clearing(lambda: calls.append(1)):
        with suppress(KeyboardInterrupt):
            ending.on_signal(signal.SIGTERM, None)
        gone.wait()
    assert calls == cleared


def test_a_loss_after_a_signal_gives_no_more_time(endings, monkeypatch):
    monkeypatch.setattr(signals, "_GRACE_OF_A_LOST_CLUSTER_S", 2 * signals._GRACE_S)
    with ending_on_signals() as ending:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        first = ending.deadline.at
        ending.lose("Ray does not end")
        assert ending.deadline.at == first
    assert ending.left == [signals.INTERRUPTED]


def run_script(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a_signal_ends_a_process_whose_main_thread_runs_no_handler():
    """In C code that is not left, and does not come back, no handler of Python's ever runs."""
    done = run_script("""
import ctypes, os, signal, threading
from search.ending import signals
signals._GRACE_S = 0.0
blocked = threading.Event()

def ask():
    blocked.wait()
    os.kill(os.getpid(), signal.SIGTERM)

with signals.ending_on_signals():
    threading.Thread(target=ask, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # of this thread alone
    blocked.set()
    ctypes.CDLL(None).pause()
""")
    assert done.returncode == signals.INTERRUPTED
    assert done.stderr.startswith("headrace: interrupted. ")


def test_a_signal_while_a_thread_is_being_started_ends_the_process_all_the_same():
    """Who starts threads holds a lock that a handler cannot take."""
    done = run_script("""
import signal, threading
from search.ending import signals
with signals.ending_on_signals() as ending, threading._active_limbo_lock:
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        ending.tell()
        signals.leave(130)
""")
    assert (done.returncode, done.stderr.count("\n")) == (signals.INTERRUPTED, 1)


def test_after_an_interruption_nothing_of_the_process_is_run_any_more():
    """What hangs at the end of a process would hang the command."""
    code = (
        "import atexit, sys; from search.ending.signals import leave\n"
        "atexit.register(lambda: print('late'))\n"
        "print('said'); leave(int(sys.argv[1]))"
    )
    for number, said in ((130, "said\n"), (2, "said\nlate\n")):
        done = subprocess.run(
            [sys.executable, "-c", code, str(number)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (number, said)


@pytest.mark.parametrize("number", ALL)
def test_a_signal_while_the_process_ends_does_not_change_how_the_command_ended(number):
    done = run_script(
        "import atexit, signal; from search.ending.signals import leave\n"
        f"atexit.register(lambda: signal.raise_signal({number:d}))\n"
        "print('said'); leave(1)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "said\n", "")


def test_a_signal_that_the_process_was_started_to_ignore_stays_ignored(endings):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with ending_on_signals():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_handlers_that_ray_installs_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with kept():
        signal.signal(signal.SIGTERM, lambda *_: pytest.fail("Ray's"))
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_lost_cluster_ends_even_the_search_at_once(endings, capsys):
    def search(ending):
        with ending.gently(lambda: pytest.fail("nobody can end the trials")):
            thread = threading.Thread(target=ending.lose, args=("the head has ended",))
            thread.start()
            while True:  # a signal just before a wait without an end would not end it
                threading.Event().wait(0.05)

    with ending_on_signals() as ending:
        with pytest.raises(KeyboardInterrupt):
            search(ending)
        ending.tell()
        assert ending.left == []
    assert ending.left == [130]
    assert capsys.readouterr().err.startswith("headrace: the head has ended. ")


def test_a_signal_to_all_processes_ends_the_cluster_too_and_stays_an_interruption(endings, capsys):
    calls = []

    def search(ending):
        with ending.gently(lambda: calls.append("stop")):
            signal.raise_signal(signal.SIGTERM)
            ending.lose("the head has ended")
            while True:  # a signal just before a wait without an end would not end it
                threading.Event().wait(0.05)

    with ending_on_signals() as ending:
        with pytest.raises(KeyboardInterrupt):
            search(ending)
        signal.raise_signal(signal.SIGTERM)
        ending.tell()
    assert calls == ["stop"]
    assert capsys.readouterr().err.startswith("headrace: interrupted. ")


def test_outside_of_a_command_there_is_nothing_to_end():
    assert under_way().advice
    assert not under_way().is_resumable


def test_in_another_thread_no_handler_is_installed():
    before, found = signal.getsignal(signal.SIGTERM), []

    def work():
        with ending_on_signals(), kept():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]


def test_streams_that_nobody_reads_any_more_change_no_exit_code():
    script = """
import os, signal, sys
from search.ending.signals import ending_on_signals
with ending_on_signals() as ending:
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)
    os.dup2(writer, 2)
    try:
        print("what is still in the buffer")
        signal.raise_signal(signal.SIGHUP)
    except KeyboardInterrupt:
        ending.tell()
        sys.exit(130)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        check=False,
    )
    assert done.returncode == 130

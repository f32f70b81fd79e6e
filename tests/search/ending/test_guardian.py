"""A run whose process ends without a word is told of by the one that was started."""

import signal
import subprocess
import sys

import pytest

from tests.search.builders.runs import ROOT

SCRIPT = """
import ctypes, os, signal, sys, time
from search.ending.guardian import guarded
from search.ending.signals import ending_on_signals, leave, under_way

def command():
    {body}

leave(guarded(command))
"""


def run(body, **options):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(body=body)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def ended(body):
    process = run(body)
    said, errors = process.communicate()
    return process.returncode, said, errors


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("print('done'); return 0", 0, "done\n"),
        ("print('some failed'); return 1", 1, "some failed\n"),
        ("sys.exit(2)", 2, ""),
        ("sys.exit()", 0, ""),
    ],
)
def test_a_command_that_ends_by_itself_ends_as_if_nobody_had_watched(body, code, said):
    assert ended(body) == (code, said, "")


def test_a_command_that_is_over_does_not_wait_for_what_hangs_at_the_end_of_its_process():
    body = "import atexit; atexit.register(print, 'late'); print('done'); return 1"
    assert ended(body) == (1, "done\n", "")


@pytest.mark.parametrize("lack", ["del os.pidfd_open", "os.pidfd_open = lambda child: 1 / 0"])
def test_a_python_or_a_container_without_handles_of_processes_runs_commands(lack):
    script = SCRIPT.format(body="return 0").replace("leave(", f"{lack}\nleave(")
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_a_defect_keeps_its_traceback_and_its_code():
    code, _, errors = ended("raise ZeroDivisionError")
    assert code == 1
    assert errors.endswith("ZeroDivisionError\n")


@pytest.mark.parametrize(
    ("body", "how"),
    [
        ("os._exit(1)", "ended with code 1"),
        ("os._exit(0)", "ended with code 0"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL"),
        ("ctypes.string_at(0)", "was ended by SIGSEGV"),
    ],
)
def test_a_process_that_ends_without_a_word_is_told_of_with_the_way_on(body, how):
    again = "Nothing is left half-written; give the same command again."
    assert ended(body) == (
        130,
        "",
        f"headrace: the process of the run {how}, without a word. {again}\n",
    )
    begun = f"with ending_on_signals() as ending: ending.resume_by('headrace X'); {body}"
    assert ended(begun)[::2] == (
        130,
        f"headrace: the process of the run {how}, without a word. "
        "Nothing is lost; go on with: headrace X\n",
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signals_reach_the_process_that_runs(number):
    process = run("""
    with ending_on_signals() as ending:
        try:
            print("ready", flush=True)
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            print("heard")
            return 130
""")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    said, errors = process.communicate()
    assert (process.returncode, said, errors) == (130, "heard\n", "")


def test_a_guardian_that_is_killed_takes_the_process_along():
    process = run("print(os.getpid(), flush=True); time.sleep(3600)")
    assert int(process.stdout.readline()) != process.pid
    process.kill()
    assert process.communicate() == ("", "")  # whoever is left would hold the pipes open

"""The script for Slurm, with programs of the test in the place of Slurm's, Ray's and ours."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.search.builders.runs import ROOT, wait_for

SCRIPT = ROOT / "deploy" / "slurm.sh"

FAKE = """#!{python}
import json, os, signal, socket, sys, time
from pathlib import Path

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])  # until it is waited for

log = Path({log!r})
name = Path(sys.argv[0]).name
words = sys.argv[1:]


def note(what):
    with (log / what).open("a") as file:
        print(json.dumps([name, *words]), file=file)


if name == "scontrol":
    note("calls")
    if words[0] == "show":
        print("localhost\\nother1\\nother2")
elif name == "srun":
    note("calls")
    (log / "token").write_text(os.environ["RAY_AUTH_MODE"] + os.environ["RAY_AUTH_TOKEN"])
    if "--head" in words:
        listening = socket.create_server(("localhost", int(os.environ["HEADRACE_PORT"])))
    signal.sigwait([signal.SIGTERM])
    note("ended")
else:
    note("calls")
    assert os.environ["RAY_AUTH_TOKEN"]
    while (log / "calls").read_text().count("srun") < int(os.environ["STEPS"]):
        time.sleep(0.1)  # the others start beside it, and end with it
    if not (log / "wait").exists():
        sys.exit(int((log / "code").read_text()))
    (log / "running").touch()
    signal.sigwait([signal.SIGTERM])
    sys.exit(130)
"""

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@pytest.fixture
def job(tmp_path):
    """Starts the script; its programs note in `log` how they were called."""
    log, programs = tmp_path / "log", tmp_path / "bin"
    log.mkdir()
    programs.mkdir()
    for name in ("srun", "scontrol", "headrace"):
        path = programs / name
        path.write_text(FAKE.format(python=sys.executable, log=str(log)), encoding="utf-8")
        path.chmod(0o755)
    (log / "code").write_text("0")
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    given = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "HEADRACE_PORT": str(port),
        "SLURM_JOB_ID": "4242",
        "SLURM_JOB_NODELIST": "node[1-3]",
        "SLURM_JOB_NUM_NODES": "3",
        "SLURM_CPUS_PER_TASK": "8",
        "STEPS": "2",
    }

    def start(*words, **more):
        return subprocess.Popen(
            ["bash", str(SCRIPT), *words],
            env={**os.environ, **given, **more},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    start.log, start.results = log, tmp_path / "results"
    return start


def calls(log, name, what="calls"):
    lines = (log / what).read_text().splitlines() if (log / what).exists() else []
    return [words[1:] for words in map(json.loads, lines) if words[0] == name]


def ends(process):
    said, _ = process.communicate()
    return process.returncode, said


def test_the_script_is_one():
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True)


def test_a_new_run_gets_the_options_and_its_cluster_ends_with_it(job):
    assert ends(job("faces", "--space", "all", "--data", "my photos"))[0] == 0
    ((first, *words),) = calls(job.log, "headrace")
    assert first == "run"
    given = dict(zip(words[::2], words[1::2], strict=True))
    host, port = given.pop("--address").split(":")
    assert given == {
        "--results": str(job.results),
        "--name": "faces",
        "--space": "all",
        "--data": "my photos",
    }
    head, others = calls(job.log, "srun")
    assert host == "localhost" == head[head.index("--head") - 3].partition("=")[2]
    assert f"--port={port}" in head
    assert "--nodes=2" in others
    assert "--exclude=localhost" in others
    assert f"--address=localhost:{port}" in others
    assert len(calls(job.log, "srun", "ended")) == 2


def test_the_token_is_in_the_environment_and_on_no_command_line(job):
    assert ends(job("faces"))[0] == 0
    token = (job.log / "token").read_text()
    assert token.startswith("token")
    assert len(token) == len("token") + 64
    assert token.removeprefix("token") not in (job.log / "calls").read_text()


def test_a_run_that_is_there_goes_on(job):
    (job.results / "faces").mkdir(parents=True)
    (job.results / "faces" / "study.json").touch()
    code, said = ends(job("faces", "--space", "all"))
    assert code == 0
    ((_, *words),) = calls(job.log, "headrace")
    assert words[-2:] == ["--resume", "faces"]
    assert "--space" not in words
    assert "faces is there and goes on as it was begun, without: --space all" in said


def test_a_signal_of_slurm_lets_the_run_save_and_queues_the_job_again(job):
    (job.log / "wait").touch()
    process = job("faces", SLURM_RESTART_COUNT="9")
    wait_for((job.log / "running").exists)
    process.terminate()
    assert ends(process)[0] == 130
    assert ["requeue", "4242"] in calls(job.log, "scontrol")
    assert len(calls(job.log, "srun", "ended")) == 2


@pytest.mark.parametrize("code", [1, 2])
def test_the_job_ends_as_the_run_does_and_is_queued_again_only_where_it_can_go_on(job, code):
    (job.log / "code").write_text(str(code))
    assert ends(job("faces"))[0] == code
    assert [words[0] for words in calls(job.log, "scontrol")] == ["show"]


@pytest.mark.parametrize(("restarts", "again"), [(0, True), (4, True), (5, False)])
def test_a_fault_that_comes_back_does_not_queue_the_job_for_ever(job, restarts, again):
    (job.log / "code").write_text("130")
    assert ends(job("faces", SLURM_RESTART_COUNT=str(restarts)))[0] == 130
    assert (["requeue", "4242"] in calls(job.log, "scontrol")) is again


def test_one_node_alone_starts_no_other(job):
    assert ends(job("faces", SLURM_JOB_NUM_NODES="1", STEPS="1"))[0] == 0
    assert len(calls(job.log, "srun")) == 1


def test_a_job_without_a_name_says_how_it_is_called(job):
    code, said = ends(job())
    assert code == 2
    assert "usage: sbatch deploy/slurm.sh NAME" in said
    assert not (Path(job.log) / "calls").exists()

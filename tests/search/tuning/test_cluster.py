"""Who may join a cluster, where the token is, and that nothing of Ray outlives a run."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import ray

from search.errors import UsageError
from search.tuning.cluster import ray_runtime
from tests.search.builders.runs import (
    ROOT,
    arguments,
    descendants,
    environment,
    held_driver,
    is_alive,
    raylet_of,
    stored,
    variable,
    wait_for,
    write_space,
)
from trainables.drafts import draft_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A runtime in a process of its own."""

    process: "subprocess.Popen[str]"
    address: str
    folder: Path
    worker: int
    token: str


@contextmanager
def held(base: Path, *words: str) -> Iterator[Held]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.search.builders.held_runtime", *words],
        cwd=ROOT,
        env=environment(base),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            told = json.loads(process.stdout.readline())
            words = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
            assert not any(word.startswith(b"RAY_AUTH") for word in words)  # it makes its own
            token = variable(raylet_of(process.pid), "RAY_AUTH_TOKEN")
            yield Held(
                process=process,
                address=told["address"],
                folder=Path(told["folder"]),
                worker=told["worker"],
                token=token,
            )
        finally:
            process.kill()


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    """A folder for temporary files whose path is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="hr-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def runtime(base: Path) -> Iterator[Held]:
    with held(base) as found:
        yield found


@pytest.mark.ray
def test_the_token_is_in_no_file(runtime, base):
    assert not (base / ".ray").exists()
    assert runtime.folder.stat().st_mode & 0o777 == 0o700
    texts = (path for path in runtime.folder.rglob("*") if path.is_file())
    assert not any(runtime.token.encode() in path.read_bytes() for path in texts)


@pytest.mark.ray
def test_a_signal_to_the_group_of_a_run_reaches_none_of_rays_processes(runtime):
    """Ray's raylet would end first, and its library the run at once."""
    own = os.getpgid(runtime.process.pid)
    of_ray = [p for p in descendants(runtime.process.pid) if p != runtime.process.pid]
    assert runtime.worker in of_ray
    assert raylet_of(runtime.process.pid) in of_ray
    assert own not in map(os.getpgid, of_ray)


@pytest.mark.ray
def test_a_cluster_that_wants_a_token_is_not_joined_without(runtime, base):
    done = joined(runtime.address, base)
    assert done.stdout == "no: "
    assert "wants its token; set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH" in done.stderr


@pytest.mark.ray
def test_a_cluster_with_a_token_is_joined_without_a_warning(runtime, base):
    (base / "token").write_text(runtime.token)
    given = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(base / "token")}
    assert (joined(runtime.address, base, **given).stdout, runtime.process.poll()) == ("in", None)
    assert "lets in anybody" not in joined(runtime.address, base, **given).stderr


@pytest.mark.ray
@pytest.mark.parametrize("mode", [{}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}])
def test_a_cluster_that_lets_anybody_in_is_joined_with_a_line(open_runtime, base, mode):
    done = joined(open_runtime.address, base, **mode)
    assert done.stdout == "in"
    lines = [line for line in done.stderr.splitlines() if "lets in anybody" in line]
    assert len(lines) == 1
    assert "docs/cluster.md says how" in lines[0]


@pytest.fixture(scope="module")
def open_runtime(base: Path) -> Iterator[Held]:
    with held(base, "open") as found:
        yield found


JOIN = """
import sys
from search import ray_settings
ray_settings.apply(one_machine=False)
from search.errors import UsageError
from search.tuning.cluster import ray_runtime
try:
    with ray_runtime(sys.argv[1]):
        print("in", end="")
except UsageError as error:
    print("no: ", end="")
    print(error, file=sys.stderr)
"""


def joined(address: str, base: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Joins a cluster as `--address` does, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", JOIN, address],
        cwd=ROOT,
        env=environment(base, **{"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", **more}),
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.usefixtures("no_ray")
def test_a_ray_that_knows_no_token_is_refused(monkeypatch):
    monkeypatch.setattr(ray._raylet, "get_authentication_mode", lambda: None)
    with pytest.raises(UsageError, match=r"without a token, got Ray .*; install ray>=2\.60"):
        ray_runtime("").__enter__()


@pytest.mark.ray
def test_after_a_kill_the_next_start_ends_and_deletes_all_that_the_last_left(base):
    shared, places = shared_memory(), workplaces(base)
    with held(base) as first, held(base) as living:
        started = descendants(first.process.pid) | {first.worker}
        going_on = descendants(living.process.pid)
        first.process.kill()
        first.process.wait()
        assert first.folder.is_dir()
        with held(base) as next_one:
            wait_for(lambda: not any(map(is_alive, started)))
            assert not first.folder.exists()
            assert living.folder.is_dir()
            assert all(map(is_alive, going_on))
            for each in (next_one, living):
                ended = descendants(each.process.pid) | {each.worker}
                each.process.communicate("")  # its input ends, and so does it
                assert each.process.returncode == 0
                wait_for(lambda gone=ended: not any(map(is_alive, gone)))
    assert workplaces(base) == places
    wait_for(lambda: shared_memory() <= shared)  # others may come and go meanwhile


@pytest.mark.ray
def test_a_run_that_was_killed_and_goes_on_leaves_nothing(
    people, cache, tmp_path, base, monkeypatch
):
    for name, value in environment(base).items():
        monkeypatch.setenv(name, value)
    shared, places = shared_memory(), workplaces(base)
    run = tmp_path / "results" / "killed"
    # More trials than slots, with later epochs: fewer may all end before one is held.
    options = {"trials": 6, "max_epochs": 12, "name": "killed"}
    space = write_space(tmp_path, "gender")
    command = arguments(people, cache, tmp_path / "results", space, **options)
    with held_driver(command, tmp_path / "held") as process:
        assert (tmp_path / "held").exists()
        started = descendants(process.pid)
        process.kill()
    (run / draft_of_ended(run / "trials.csv")).touch()
    assert len(workplaces(base) - places) == 2  # Ray's and Tune's
    given = ["--resume", "killed", "--results", str(run.parent), "--cache", str(cache)]
    resumed = [sys.executable, "-m", "search", "run", *given]
    subprocess.run(resumed, cwd=ROOT, capture_output=True, check=True)
    assert not any(map(is_alive, started))
    assert workplaces(base) == places
    assert [path for path in run.rglob("*") if path.suffix == ".draft"] == []
    assert sum(record.is_finished for record in stored(run).values()) == options["trials"]
    wait_for(lambda: shared_memory() <= shared)


def draft_of_ended(path: Path) -> str:
    """Returns the name of a draft of a process that has ended."""
    return draft_of(path).name.replace(f".{os.getpid()}-", ".999999999-")


def workplaces(base: Path) -> set[str]:
    """Returns the folders of runs."""
    return {path.name for path in base.glob("headrace-*")}


def shared_memory() -> set[str]:
    """Returns the names in shared memory."""
    return {path.name for path in Path("/dev/shm").iterdir()}

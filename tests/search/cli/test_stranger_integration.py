"""Another user of the machine beside a run that is under way: nothing of it is open to him."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.search.builders.runs import (
    LOOPBACK,
    ROOT,
    arguments,
    command_line,
    descendants,
    environment,
    held_driver,
    listening,
    open_files,
    raylet_of,
    variable,
    write_space,
)

pytestmark = pytest.mark.ray

NOBODY = 65534
ENTERED = "entered"
REFUSED = {"UNAUTHENTICATED", "401", "403"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A run that is held in the middle of its search, and what there is to be tried."""

    base: Path
    processes: frozenset[int]
    listening: dict[int, str]
    address: str
    token: str
    paths: tuple[str, ...]


@pytest.fixture(scope="module")
def target(people, cache, tmp_path_factory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("run")
    # Whoever may enter the folders above it is kept out by what the run itself makes.
    base = Path(tempfile.mkdtemp(prefix="hr-", dir="/tmp"))
    base.chmod(0o755)
    options = {"trials": 6, "max_epochs": 12, "name": "held"}
    space = write_space(folder, "gender")
    command = arguments(people, cache, folder / "results", space, **options)
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("RAY_AUTH")]:
            patch.delenv(name)
        patch.setenv("RAY_TMPDIR", str(base))
        with held_driver(command, folder / "held") as process:
            assert (folder / "held").exists()
            yield _found(base, process.pid)
            process.send_signal(signal.SIGTERM)
            text, _ = process.communicate()
    assert process.returncode == 130, text  # nobody has disturbed it
    shutil.rmtree(base)


def _found(base: Path, driver: int) -> Target:
    processes = frozenset(descendants(driver) | {driver})
    raylet = raylet_of(driver)
    words = command_line(raylet).decode().split("\0")
    flag = "--gcs-address="
    # Ray keeps its objects in a file of shared memory that has no name any more.
    store = [link for link, name in open_files(raylet).items() if name.startswith("/dev/shm/")]
    secrets = [f"/proc/{p}/{name}" for p in processes for name in ("environ", "fd", "maps")]
    return Target(
        base=base,
        processes=processes,
        listening=listening(processes),
        address=next(word.removeprefix(flag) for word in words if word.startswith(flag)),
        token=variable(raylet, "RAY_AUTH_TOKEN"),
        paths=(*map(str, base.rglob("*")), *store, *secrets),
    )


@pytest.fixture(scope="module")
def owner(target) -> dict[str, Any]:
    """What a process of the run's own user gets, with the token."""
    return attempts(target, os.getuid(), RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=target.token)


def attempts(
    target: Target, user: int, *, modules: Sequence[str] = (), joins: bool = True, **more: str
) -> dict[str, Any]:
    """Returns what a process of a user gets; "entered" or what stood in the way."""
    given = {
        "user": user,
        "address": target.address,
        "ports": sorted(target.listening),
        "paths": target.paths,
        "joins": joins,
        "modules": modules,
    }
    asked = subprocess.run(
        [sys.executable, "-m", "tests.search.builders.stranger"],
        cwd=ROOT,
        # By default Ray knocks for twenty seconds where it is refused.
        env=environment(
            target.base,
            RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0",
            RAY_NUM_REDIS_GET_RETRIES="1",
            **more,
        ),
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    got = json.loads(asked.stdout)
    # Ray starts processes that last for a moment: nobody can read of one that has ended meanwhile.
    ended = [f"/proc/{p}/" for p in target.processes if not Path(f"/proc/{p}").exists()]
    got["paths"] = {
        path: what for path, what in got["paths"].items() if not path.startswith(tuple(ended))
    }
    return got


def test_every_process_of_a_run_listens_on_the_loopback_only(target):
    assert len(target.listening) > 4  # Ray's head, its raylet, the driver, a worker of each slot
    assert set(target.listening.values()) <= LOOPBACK


def test_the_owner_enters_everywhere_with_the_token_of_the_run(target, owner):
    for kind in ("sockets/raylet", "sockets/plasma_store", "/logs/", "/fd/", "/environ"):
        assert any(kind in path for path in owner["paths"])
    assert len(target.token) == 64
    assert [owner[deed] for deed in ("put", "get", "join")] == [ENTERED] * 3
    assert set(owner["ports"].values()) == {ENTERED}
    assert {path for path, got in owner["paths"].items() if got != ENTERED} == set()


def test_the_token_is_in_no_command_line_which_anybody_may_read(target):
    lines = [command_line(process) for process in target.processes]
    assert any(target.address.encode() in line for line in lines)
    assert not any(target.token.encode() in line for line in lines)


without_the_token = pytest.mark.parametrize(
    "brings",
    [{"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}],
    ids=["no token", "a wrong token"],
)
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")


@without_the_token
def test_without_the_token_even_its_own_user_enters_by_no_port(target, brings):
    got = attempts(target, os.getuid(), joins=False, **brings)
    assert (got["put"], got["get"]) == ("AuthenticationError", "AuthenticationError")
    assert set(got["ports"].values()) <= REFUSED


@as_root
@without_the_token
def test_another_user_enters_nowhere(target, owner, brings):
    got = attempts(target, NOBODY, modules=owner["modules"], **brings)
    assert (got["put"], got["get"]) == ("AuthenticationError", "AuthenticationError")
    assert got["join"] == "ConnectionError"
    assert set(got["ports"].values()) <= REFUSED
    assert set(got["paths"].values()) == {"PermissionError"}


@as_root
def test_the_token_alone_keeps_another_user_from_the_ports_and_its_folder_from_the_sockets(
    target, owner
):
    given = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": target.token}
    # Ray aborts a process that has the token and cannot write its logs.
    got = attempts(target, NOBODY, modules=owner["modules"], joins=False, **given)
    assert (got["put"], got["get"], got["ports"]) == (ENTERED, ENTERED, owner["ports"])
    assert set(got["paths"].values()) == {"PermissionError"}

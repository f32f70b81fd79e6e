"""A cluster of three nodes on this machine, two of which see no folder of the driver.

`python -m tests.search.builders.blind_cluster head` holds its head, which has no CPU for
trainings; `... node ADDRESS CPUS MOUNTS` a node, for whose mount namespace MOUNTS makes the
folders empty, those of headrace's own packages, too. The end of the input ends either, a line of
it kills a node with all that runs on it.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.search.builders.runs import ROOT, environment

_STORE_BYTES = 100 * 2**20
_NODE = ("unshare", "--mount", "--propagation", "private")
_HIDDEN = tuple(ROOT / name for name in ("headrace", "search", "spaces", "trainables", "tests"))

_Process = subprocess.Popen[str]


@dataclass(slots=True)
class BlindCluster:
    """A cluster in processes of its own.

    Attributes:
        address: of its head.
        environment: by which a driver may enter it.
        hidden: folders that its nodes do not see, where this user may hide them.
        cpus: of a node.
    """

    address: str
    environment: dict[str, str]
    hidden: tuple[Path, ...]
    cpus: int
    _nodes: list[_Process] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    def add_node(self, full: Path | None = None) -> None:
        """Starts a node; one after another, for Ray looks for a free name of its socket.

        Args:
            full: folder that is on a disk without room for the node; it exists.
        """
        hidden = (*self.hidden, *_HIDDEN) if can_hide() else ()
        hiding = [f"mount -t tmpfs none '{path}'" for path in hidden]
        if full is not None:
            hiding.append(f"mount -t tmpfs -o size=4k none '{full}'")
            hiding.append(f"head -c 4096 /dev/zero > '{full}/all of it'")
        mounts = " && ".join(["true", *hiding])
        words = ["node", self.address, str(self.cpus), mounts]
        node = self._stack.enter_context(_held(words, self.environment))
        assert _line(node) == "up"
        self._nodes.append(node)

    def kill_node(self) -> bool:
        """Kills a node, with all that runs on it, and adds another; returns whether it did."""
        node = self._nodes.pop(0)
        assert node.stdin is not None
        node.stdin.write("\n")
        node.stdin.flush()
        is_killed = _line(node) == "killed"
        self.add_node()
        return is_killed

    def close(self) -> None:
        """Ends the nodes."""
        self._stack.close()


@cache
def can_hide() -> bool:
    """Returns whether this user may make mount namespaces here."""
    tried = ("sh", "-c", "mount -t tmpfs none /mnt")
    try:
        return subprocess.run([*_NODE, *tried], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@contextmanager
def blind_cluster(temporary: Path, *hidden: Path, cpus: int = 1) -> Iterator[BlindCluster]:
    """Starts a cluster whose two working nodes see none of the folders.

    Args:
        temporary: folder of a short path for Ray's sockets.
        hidden: that are empty for the nodes; they exist.
        cpus: of each of the two.
    """
    temporary.mkdir(parents=True, exist_ok=True)
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    local = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_worker_niceness": "0"}
    given = environment(temporary, **token, **local, TMPDIR=str(temporary))
    with _held(["head"], given) as head:
        cluster = BlindCluster(_line(head), given, hidden, cpus)
        try:
            for _ in range(2):
                cluster.add_node()
            yield cluster
        finally:
            cluster.close()


@contextmanager
def _held(words: list[str], given: dict[str, str]) -> Iterator[_Process]:
    command = [sys.executable, "-m", "tests.search.builders.blind_cluster", *words]
    prefix = _NODE if words[0] == "node" and can_hide() else ()
    with subprocess.Popen(
        [*prefix, *command],
        cwd=ROOT,
        env=given,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
            process.communicate("")
        finally:
            process.kill()


def _line(process: _Process) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _hold_head() -> None:
    from search import ray_settings

    ray_settings.apply(one_machine=True)
    from ray.cluster_utils import Cluster

    options = {"num_cpus": 0, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=options)
    print(cluster.address, flush=True)  # noqa: T201
    sys.stdin.read()
    cluster.shutdown()


def _hold_node(address: str, cpus: int, mounts: str) -> None:
    from search import ray_settings

    ray_settings.apply(one_machine=True)
    from ray._private.node import Node
    from ray._private.parameter import RayParams

    subprocess.run(["sh", "-c", mounts], check=True)
    os.chdir("/")  # the packages of the folder it was started in are gone
    params = RayParams(
        gcs_address=address,
        redis_address=address,
        num_cpus=cpus,
        num_gpus=0,
        object_store_memory=_STORE_BYTES,
        include_log_monitor=False,
        node_manager_port=0,
        min_worker_port=0,
        max_worker_port=0,
    )
    params.dashboard_agent_listen_port = None
    node = Node(params, head=False, shutdown_at_exit=True, spawn_reaper=True)
    print("up", flush=True)  # noqa: T201
    is_killed = bool(sys.stdin.readline())
    node.kill_all_processes(check_alive=False, allow_graceful=not is_killed)
    if is_killed:
        print("killed", flush=True)  # noqa: T201


if __name__ == "__main__":
    if sys.argv[1] == "head":
        _hold_head()
    else:
        _hold_node(sys.argv[2], int(sys.argv[3]), sys.argv[4])

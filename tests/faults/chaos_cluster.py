"""`python -m tests.faults.chaos_cluster` holds a cluster of two nodes on this machine.

It prints the address of its head. Every line on its standard input kills a node, with all that
runs on it, and adds another; the end of the input ends the cluster.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.search.builders.runs import ROOT

_NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20}


@dataclass(frozen=True, slots=True)
class LocalCluster:
    """A cluster in a process of its own."""

    process: "subprocess.Popen[str]"
    address: str
    environment: dict[str, str]

    def kill_node(self) -> bool:
        """Kills a node and adds another; returns whether that was done."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.process.stdout.readline() == "killed\n"


@contextmanager
def local_cluster(temporary: Path) -> Iterator[LocalCluster]:
    """Starts a cluster that only who has its token may enter."""
    temporary.mkdir(parents=True, exist_ok=True)
    environment = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_worker_niceness": "0",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.chaos_cluster"],
        cwd=ROOT,
        env={**os.environ, **environment, "RAY_TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        yield LocalCluster(process, address, environment)


def _hold() -> None:
    from search import ray_settings

    ray_settings.apply(one_machine=True)
    from ray.cluster_utils import Cluster

    head = {**_NODE, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    node = cluster.add_node(**_NODE)
    print(cluster.address, flush=True)  # noqa: T201
    for _ in sys.stdin:
        cluster.remove_node(node, allow_graceful=False)
        print("killed", flush=True)  # noqa: T201
        node = cluster.add_node(**_NODE)
    cluster.shutdown()


if __name__ == "__main__":
    _hold()

"""A process that holds a Ray runtime of its own until its input ends.

Says its address and its folder on a line of JSON. With `open` as argument anybody may enter.
"""

import json
import os
import sys

from search import ray_settings

os.environ.setdefault("RAY_worker_niceness", "0")
if "open" in sys.argv:
    os.environ["RAY_AUTH_MODE"] = "disabled"
ray_settings.apply(one_machine=True)  # Ray reads them when it is imported

import ray  # noqa: E402

from search.tuning.cluster import ray_runtime  # noqa: E402


@ray.remote(num_cpus=1)
class Worker:
    """A process of Ray's."""

    def number(self) -> int:
        """Returns its process."""
        return os.getpid()


if __name__ == "__main__":
    with ray_runtime(""):
        worker = Worker.remote()
        told = {
            "address": ray.get_runtime_context().gcs_address,
            "folder": os.environ["HEADRACE_WORKPLACE"],
            "worker": ray.get(worker.number.remote()),
        }
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        sys.stdin.read()

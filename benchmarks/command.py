"""The command that repeats a report."""

import shlex
import sys


def command_of(module: str) -> str:
    """Returns the command that this process was started by, as a shell takes it.

    Args:
        module: that runs, such as "benchmarks.worth".
    """
    return shlex.join(["python", "-m", module, *sys.argv[1:]])

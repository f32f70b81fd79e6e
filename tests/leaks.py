"""What a test may not leave behind: changed environment variables, threads that keep it alive."""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

GRACE_S = 60.0
"""How long a thread that is about to end may take on a busy machine; only a leak waits for it."""

ALLOWED_VARIABLES = (
    "PYTEST_CURRENT_TEST",  # pytest's own, another one in every phase
    "TORCHINDUCTOR_CACHE_DIR",  # torch sets it when an optimizer is first built
    "KMP_",  # scikit-learn sets them when it is first imported
)


@contextmanager
def leak_guard() -> Iterator[None]:
    """Fails the test where its body left a leak, after putting the environment back."""
    environment = dict(os.environ)
    threads = set(threading.enumerate())
    yield
    changes = changed_variables(environment, dict(os.environ))
    for name in changes:
        os.environ.pop(name, None)
    os.environ.update({name: environment[name] for name in changes if name in environment})
    leaks = [f"environment variable {name} ({how})" for name, how in changes.items()]
    leaks += [f"thread {thread.name}" for thread in _live_threads(threads)]
    if leaks:
        pytest.fail(f"the test left behind: {', '.join(leaks)}", pytrace=False)


def changed_variables(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that differ, each with "set", "removed" or "changed"."""
    changes = dict.fromkeys(after.keys() - before.keys(), "set")
    changes |= dict.fromkeys(before.keys() - after.keys(), "removed")
    changes |= {n: "changed" for n in before.keys() & after.keys() if before[n] != after[n]}
    kept = sorted(name for name in changes if not name.startswith(ALLOWED_VARIABLES))
    return {name: changes[name] for name in kept}


def _live_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    new = [t for t in threading.enumerate() if t not in before and not t.daemon]
    for thread in new:
        thread.join(GRACE_S / len(new))
    return [thread for thread in new if thread.is_alive()]

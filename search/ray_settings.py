"""Environment that Ray reads when it is imported and when a run starts; applied before either."""

import os
import secrets

from search.errors import UsageError

_ALWAYS = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
    # Workers run at a low priority: on a busy machine importing torch takes more than the minute
    # after which Ray would end them and start again, for ever. Only after it does Ray notice one
    # that was killed while it started, by the kernel for memory, say.
    "RAY_worker_register_timeout_seconds": "600",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    # The journal is the record; Tune's own snapshots are never read.
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    # A trial that is cut off ends with its epoch; one that takes longer than this is killed.
    "TUNE_FORCE_TRIAL_CLEANUP_S": "10",
    # What a lost worker means is told in a line; Ray would print a traceback.
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "120",
}
# On one machine every port is bound to the loopback; a cluster needs its real addresses.
_ONE_MACHINE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}

_TOKEN = "RAY_AUTH_TOKEN"
_own_tokens: list[str] = []

WORKER_ENV = {"MALLOC_ARENA_MAX": "2", "TUNE_FUNCTION_THREAD_TIMEOUT_S": "120"}


def apply(*, one_machine: bool) -> None:
    """Sets the variables in this process; what the user has set stays.

    On one machine every run has a token of its own, which only processes of this user can read.
    Ray by itself would leave one in the home folder, where every user of the machine may read it,
    and take the one that is there.

    Raises:
        UsageError: a program that has run on one machine is to join a cluster.
    """
    wanted = {**_ALWAYS, **WORKER_ENV}
    if one_machine:
        wanted |= {**_ONE_MACHINE, _TOKEN: secrets.token_hex(32)}
    elif os.environ.get(_TOKEN) in _own_tokens:
        # Ray keeps the first token that a process reads, and the addresses it was bound to.
        raise UsageError(
            "a program that has run on this machine cannot join a cluster after it; give "
            "--address from a program of its own"
        )
    for name, value in wanted.items():
        if name not in os.environ:
            os.environ[name] = value
            if name == _TOKEN:
                _own_tokens.append(value)

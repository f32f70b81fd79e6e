"""Whether anything answers where a Ray cluster shall be, told before data is drawn or decoded."""

import socket

from search.errors import UsageError

_WAIT_S = 3.0


def check_answers(address: str) -> None:
    """Raises UsageError where nothing listens at an address; one without a port Ray looks up."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_WAIT_S).close()
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"no Ray cluster answers at --address {address!r}: {error}; start one there (ray "
            "start --head), or use this machine: --address local"
        ) from error

"""`python -m tests.search.builders.stranger` tries to enter a run, as the user it is told.

It reads as JSON what there is to be tried (user, address, ports, paths, joins, modules) and writes
what it got. All that it needs is imported before it becomes another user, who may be unable to
read Python's own files.
"""

import http.client
import importlib
import json
import os
import socket
import stat
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import grpc
import ray
from ray import _raylet

_ENTERED = "entered"
# One harmless call of every service that Ray's processes offer, with what it wants to be told.
_OBJECT = b"\x0a\x1c" + b"\x01" * 28 + b"\x12\x1c" + b"\x02" * 28
_CALLS = {
    "/ray.rpc.InternalKVGcsService/InternalKVKeys": b"",
    "/ray.rpc.NodeManagerService/GetNodeStats": b"",
    "/ray.rpc.ObjectManagerService/Pull": _OBJECT,
    "/ray.rpc.CoreWorkerService/NumPendingTasks": b"",
}
_ANSWER_S = 60.0


def _become(user: int) -> None:
    if user != os.getuid():
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)


def _tried(deed: Callable[[], object]) -> str:
    try:
        deed()
    except Exception as error:  # noqa: BLE001 - whatever stands in the way is what is asked for
        return type(error).__name__
    return _ENTERED


def _open(path: Path) -> None:
    """Opens a file or folder to read and to write, or connects to a socket; changes nothing."""
    mode, of_process = path.stat().st_mode, path.is_relative_to("/proc")
    if stat.S_ISSOCK(mode):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    elif stat.S_ISDIR(mode):
        list(path.iterdir())
        if not of_process:
            (path / "stranger").touch()
            (path / "stranger").unlink()
    else:
        path.open("rb" if of_process else "r+b").close()


def _authorization() -> tuple[tuple[str, str], ...]:
    token = os.environ.get("RAY_AUTH_TOKEN")
    return (("authorization", f"Bearer {token}"),) if token else ()


def _called(port: int) -> str:
    """Returns what a port answers to whoever speaks the language of its service."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        for name, request in _CALLS.items():
            call: Any = channel.unary_unary(name)
            try:
                call(request, timeout=_ANSWER_S, metadata=_authorization())
            except grpc.RpcError as error:
                code = error.code().name
                if code == "UNAVAILABLE":  # it speaks another one
                    return _posted(port)
                if code != "UNIMPLEMENTED":
                    return code
            else:
                return _ENTERED
    return "no known service"


def _posted(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_S)
    headers = dict(_authorization())
    try:
        connection.request("POST", "/get_or_create_runtime_env", headers=headers)
        status = connection.getresponse().status
    except OSError as error:
        return type(error).__name__
    return _ENTERED if status == http.client.OK else str(status)


def _gcs(address: str) -> _raylet.GcsClient:
    return _raylet.GcsClient(address=address)


def _put(address: str) -> None:
    _gcs(address).internal_kv_put(b"stranger", b"1", True, b"fun", timeout=_ANSWER_S)


def _get(address: str) -> None:
    _gcs(address).internal_kv_keys(b"", b"fun", timeout=_ANSWER_S)


def _join(address: str) -> None:
    ray.init(address, log_to_driver=False, logging_level="CRITICAL")
    ray.get(ray.put(1))


def attempts(address: str, ports: Iterable[int], paths: Iterable[str]) -> dict[str, Any]:
    """Returns "entered" or what stood in the way, of every attempt but that to join."""
    return {
        "put": _tried(lambda: _put(address)),
        "get": _tried(lambda: _get(address)),
        "ports": {port: _called(port) for port in ports},
        "paths": {path: _tried(lambda path=path: _open(Path(path))) for path in paths},
    }


if __name__ == "__main__":
    given = json.loads(sys.stdin.read())
    for module in given["modules"]:
        importlib.import_module(module)
    _become(given["user"])
    found = attempts(given["address"], given["ports"], given["paths"])
    if given["joins"]:
        found["join"] = _tried(lambda: _join(given["address"]))
        ray.shutdown()
    # What was imported on the way.
    found["modules"] = sorted(name for name in sys.modules if name != "__main__")
    sys.stdout.write(json.dumps(found))

"""A server for S3 in a process of its own, on the loopback: moto's, which keeps all in memory."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request, urlopen

from tests.search.builders.runs import wait_for

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""By which a program may enter it, beside its endpoint."""
_SIGNED = (
    "AWS4-HMAC-SHA256 Credential=somebody/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0"
)
_ADDRESS = re.compile(r"Running on (http://127\.0\.0\.1:[1-9]\d*)")


@contextmanager
def object_store(folder: Path) -> Iterator[str]:
    """Runs the server; yields its endpoint.

    Args:
        folder: where it writes what it says.
    """
    said = folder / "moto.log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with (
        said.open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process,
    ):
        try:
            wait_for(lambda: _ADDRESS.search(said.read_text()) or process.poll() is not None)
            found = _ADDRESS.search(said.read_text())
            assert found is not None, said.read_text()
            yield found.group(1)
        finally:
            process.terminate()


def make_bucket(endpoint: str, name: str) -> None:
    """Makes an empty bucket."""
    put_object(endpoint, name, b"")


def put_object(endpoint: str, key: str, content: bytes) -> None:
    """Writes an object as any program may: bucket and key are not looked at."""
    headers = {"Authorization": _SIGNED, "Content-Type": "application/octet-stream"}
    request = Request(f"{endpoint}/{key}", data=content, method="PUT", headers=headers)
    with urlopen(request):
        pass


def requests(folder: Path) -> list[str]:
    """Returns method and path of every request so far, as its server noted them."""
    lines = (folder / "moto.log").read_text().splitlines()
    found = (re.search(r'"(?:\x1b\[\d+m)*([A-Z]+ \S+) HTTP', line) for line in lines)
    return [match.group(1) for match in found if match]


@contextmanager
def refusing(code: str) -> Iterator[str]:
    """Runs a server that says no to everything, with a code of S3; yields its endpoint."""
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if self.command != "HEAD" else b"")

        do_HEAD = do_PUT = do_GET  # noqa: N815

        def log_message(self, format: str, *given: object) -> None:  # noqa: A002
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()

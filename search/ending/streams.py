"""Standard streams that never end a command: whoever read them may be gone, or knows few signs."""

import io
import os
import sys
from contextlib import suppress
from typing import TextIO


class _Lenient(io.TextIOWrapper):
    """Drops what cannot be written any more, and writes "?" for what its encoding lacks."""

    def write(self, text: str) -> int:
        """Writes a text, or drops it where nobody takes it any more."""
        try:
            return super().write(text)
        except OSError:
            drop(self)
            return len(text)

    def flush(self) -> None:
        """Hands on what was written, or drops it."""
        try:
            super().flush()
        except OSError:
            drop(self)


def be_lenient() -> None:
    """Makes the standard streams of this process lenient."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):  # None where the process was started without
            encoding, by_line = stream.encoding, stream.line_buffering
            lenient = _Lenient(
                stream.detach(), encoding, "replace", line_buffering=by_line, write_through=True
            )
            setattr(sys, name, lenient)
            setattr(sys, f"__{name}__", lenient)


def flush() -> None:
    """Flushes what the process has said."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            _flush(stream)


def show_cursor() -> None:
    """Shows the cursor of a terminal again, which a bar hides that nobody got to end."""
    with suppress(OSError):
        if os.isatty(1) and os.environ.get("TERM", "") not in ("", "dumb", "unknown"):
            os.write(1, b"\x1b[?25h")


def drop(stream: TextIO) -> None:
    """Sends what is written to a stream from now on nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _flush(stream: TextIO) -> None:
    """Flushes a stream; drops what nobody is left to read, or Python would end with its code."""
    try:
        stream.flush()
    except OSError:
        drop(stream)

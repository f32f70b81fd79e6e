"""npz and npy files of whatever origin, read within bounds: no array exceeds the file it is in.

NumPy makes room for what a header claims before it reads a byte, so 300 bytes can ask for
terabytes; a compressed member, or members that share their bytes, grow while they are read. Our
own files are written uncompressed: what one holds is never more than its size on the disk.
"""

from __future__ import annotations

import math
import struct
import threading
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from trainables.data.bounded_files import check_plain

_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError),
    *(LookupError, ArithmeticError, TypeError, SyntaxError, MemoryError, tokenize.TokenError),
)
"""What zipfile and NumPy raise for files that are torn or made up, beside ValueError."""
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
_PARSING = threading.Lock()
"""Held while NumPy parses a header with `ast`: in Python 3.11, threads that parse at the same time
share one count of the depth they are at, and a whole file raises SystemError (gh-106905)."""


def load_arrays(path: Path, *names: str) -> dict[str, NDArray[Any]]:
    """Returns the arrays of an npz file by name, those of some names where they are given.

    A name that the file lacks is left out. Nothing in the file is unpickled.

    Raises:
        OSError: the disk is in the way, or it is no plain file.
        ValueError: the file is torn, no npz, or claims more than it holds.
    """
    check_plain(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            held, claimed = path.stat().st_size, sum(member.file_size for member in members)
            if claimed > held:
                raise ValueError(f"it claims {claimed} bytes of arrays and has {held}")
            found = {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                if not names or name in names:
                    with _PARSING, archive.open(member) as file:
                        _check_header(file, name, member.file_size)
                    with _PARSING, archive.open(member) as file:
                        found[name] = np.lib.format.read_array(file, allow_pickle=False)
            return found
    except _BROKEN as error:
        raise ValueError(f"it is not a whole npz file: {error}") from error


def memory_map(path: Path) -> np.memmap[Any, np.dtype[Any]] | None:
    """Returns the array of an npy file, mapped with private pages: writes stay in memory.

    None where there is no such file, or it is torn or no array: whoever keeps arrays that can be
    made again makes it again.
    """
    try:
        check_plain(path)
        with _PARSING:
            return np.lib.format.open_memmap(path, mode="c")
    except (*_BROKEN, OSError, ValueError):
        return None


def _check_header(file: IO[bytes], name: str, num_bytes: int) -> None:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"array {name!r} must be of format 1.0 or 2.0, got {version}")
    shape, _, kind = _HEADERS[version](file)
    if kind.hasobject:
        raise ValueError(f"array {name!r} must hold numbers or text, got Python objects")
    if math.prod(shape) * kind.itemsize > num_bytes:
        raise ValueError(
            f"array {name!r} claims shape {shape} of {kind}, more than its {num_bytes} bytes"
        )

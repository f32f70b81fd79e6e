"""Whether a JPEG can be decoded line by line, told from its header.

libjpeg holds the whole picture of a file with several scans: a progressive one, or one whose first
scan leaves a component out (jdinput.c, `has_multiple_scans`).
"""

from __future__ import annotations

import struct
from typing import IO

_START = b"\xff\xd8"
_SCAN = 0xDA
_SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC9})
"""Frames that are neither progressive nor lossless nor hierarchical."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ALONE = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})
"""Markers without a length, which have no place before the first scan."""


def one_scan(file: IO[bytes]) -> bool:
    """Returns whether the first scan has every component; False where the header is odd.

    Args:
        file: read from its beginning.
    """
    num_components = 0
    try:
        file.seek(0)
        if file.read(2) != _START:
            return False
        while True:
            marker, body = _segment(file)
            if marker == _SCAN:
                return num_components > 0 and body[0] == num_components
            if marker in _FRAMES and (num_components or marker not in _SEQUENTIAL):
                return False
            if marker in _FRAMES:
                num_components = body[5]
    except (OSError, ValueError, IndexError, struct.error):
        return False


def _segment(file: IO[bytes]) -> tuple[int, bytes]:
    """Returns the next marker and what belongs to it; ValueError where there is none."""
    fill, marker = file.read(2)
    while marker == 0xFF:
        (marker,) = file.read(1)
    (length,) = struct.unpack(">H", file.read(2))
    if fill != 0xFF or marker in _ALONE or length < 2:
        raise ValueError("no marker")
    return marker, file.read(length - 2)

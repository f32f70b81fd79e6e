"""The text of a CSV file, or of dataset.yaml, in whatever encoding a program wrote it.

UTF-8 and UTF-16 are told by their bytes. The encodings of one language or region are not: nearly
every file in one of them is a file in another, too, with other words in it. Such a file is refused
with what it would say in each, until somebody names the right one.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from trainables.errors import DataError

ENCODINGS = (
    *("utf-8", "utf-16", "cp949", "euc-kr", "gb18030", "big5", "cp932", "euc-jp"),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1257"),
)
"""What `encoding` in dataset.yaml may be."""

_CANDIDATES = {
    "cp949": "Korean",
    "gb18030": "Chinese",
    "cp932": "Japanese",
    "big5": "Taiwanese",
    "cp1252": "Western European",
    "cp1251": "Cyrillic",
}
_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_WORKBOOK = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How files of Excel begin, those of today and of before 2007."""
_WORD = re.compile(r"[^\s,;\t|\"/\\]*[^\x00-\x7f\s,;\t|\"/\\][^\s,;\t|\"/\\]*")
_SHOWN = 16
_LOOKED_AT, _TIMES, _ONE_IN = 4096, 4, 32


def decode_text(
    path: Path, data: bytes, encoding: str | None = None, kind: str = "CSV"
) -> tuple[str, str]:
    """Returns the text of a file and what was read otherwise than as UTF-8; empty if nothing.

    Args:
        path: of the file, for messages.
        data: its bytes.
        encoding: one of `ENCODINGS` that the user named; empty to find it out, None where there is
            no place to name it.
        kind: of the file, for messages: CSV or YAML.

    Raises:
        DataError: the bytes are no text in the encoding named, or none is named and they are
            neither UTF-8 nor UTF-16; names the line and what the text would be in others.
    """
    save_it = 'save it as "CSV UTF-8"' if kind == "CSV" else "save it as UTF-8"
    if data.startswith(_WORKBOOK):
        raise DataError(f"{path} is a workbook of Excel, whatever its name says; {save_it}")
    if encoding and encoding != "utf-8":
        return _decode_named(path, data, encoding), f"{path.name} read as {encoding}"
    if not encoding and (found := _utf_16(data)):
        try:
            return data.decode(found).removeprefix("\ufeff"), f"{path.name} read as UTF-16"
        except UnicodeDecodeError as error:
            raise DataError(
                f"{path} begins as UTF-16 and is not: {error}; save it anew"
            ) from error
    try:
        return data.decode("utf-8-sig"), ""
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        name_it = "name its encoding in dataset.yaml (such as encoding: cp949), or "
        raise DataError(
            f"{path} cannot be read as UTF-8 {kind}, line {line}{_readings(data, line)}; "
            f"{'' if encoding is None else name_it}{save_it}"
        ) from error


def _decode_named(path: Path, data: bytes, encoding: str) -> str:
    if encoding == "utf-16":
        encoding = _utf_16(data) or "utf-16-le"
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path} is not {encoding} in line {line}; dataset.yaml names that encoding, name "
            "another or leave it out"
        ) from error


def _utf_16(data: bytes) -> str:
    """Returns the codec of UTF-16 text: by its mark, or by zeros in every other byte.

    Separators and line ends have one, whatever the language.
    """
    for mark, codec in _UTF_16.items():
        if data.startswith(mark):
            return codec
    start = data[:_LOOKED_AT]
    even, odd = start[0::2].count(0), start[1::2].count(0)
    for codec, many, few in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if len(data) % 2 == 0 and many > _TIMES * few and many > len(start) // _ONE_IN:
            return codec
    return ""


def _readings(data: bytes, line: int) -> str:
    """Returns what the first word that is not UTF-8 would be, by encoding."""
    text = data.split(b"\n")[line - 1]
    found = []
    for encoding, language in _CANDIDATES.items():
        try:
            word = _WORD.search(text.decode(encoding))
        except UnicodeDecodeError:
            continue
        if word and word.group().isprintable():
            found.append(f"as {encoding} ({language}) {word.group()[:_SHOWN]!r}")
    return f", which would be {', '.join(found)}" if found else ""

"""One door for every file that is read: whatever is wrong with it becomes one sentence.

The sentence names the file, says what is wrong, and the way out. What a file can hold nobody can
list: torn, of another program, of a newer headrace, nested without an end. So every reader of a
file stands in `reading`.
"""

import errno
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from search.errors import ResultsError
from trainables.data.bounded_arrays import load_arrays
from trainables.data.bounded_files import (
    MAX_YAML_BYTES,
    check_plain,
    load_json,
    load_yaml,
    read_text,
)
from trainables.errors import in_short

HIGHEST_COUNT = 2**62
"""That a whole number in a file may be."""


def is_there(path: Path) -> bool:
    """Returns whether anything is at a path; what it is, its reader says.

    A pipe, or a file that nobody may read, is no file that is missing.

    Raises:
        ResultsError: nobody can tell.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a name that no file can have
        return False
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return False
        raise ResultsError(
            f"{path} cannot be read: {reason(error)}; make it and the folders above it readable"
        ) from error
    return True


@contextmanager
def reading(
    path: Path,
    way_out: str,
    kind: type[Exception] = ResultsError,
    *,
    wrong: str = "cannot be read",
) -> Iterator[None]:
    """Turns whatever is raised in the block into an error that names the file.

    A pipe or a device is refused before the block: it would be read for ever.

    Args:
        path: of the file.
        way_out: what to do about it.
        kind: of the error; one that names the file already passes as it is.
        wrong: what is the matter where an error is raised.

    Raises:
        kind: something was raised.
    """
    try:
        _check_ends(path)
        yield
    except Exception as error:
        if isinstance(error, kind) and str(path) in str(error):
            raise
        raise kind(f"{path} {wrong}: {reason(error)}; {way_out}") from error


def _check_ends(path: Path) -> None:
    """Raises OSError where a path is there, and is neither a file nor a folder."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if not path.is_dir():
            check_plain(path)


def reason(error: Exception) -> str:
    """Returns on one short line what an error says is wrong with a file."""
    if type(error) is KeyError:
        return f"it lacks {in_short(error)}"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    said = in_short(error)
    is_told = isinstance(error, OSError | ValueError | zipfile.BadZipFile)
    return said if is_told or said == type(error).__name__ else f"{type(error).__name__}: {said}"


def check_schema(path: Path, values: Mapping[str, Any], schema: int, way_out: str) -> None:
    """Raises ResultsError where a file is not of this schema, and says so of a newer one."""
    found = values.get("schema")
    if found == schema and not isinstance(found, bool):
        return
    is_newer = isinstance(found, int) and found > schema
    raise ResultsError(
        f"{path} must have schema {schema}, got {in_short(ValueError(repr(found)))}; "
        + (
            "a newer headrace wrote it: update headrace"
            if is_newer
            else f"it is not a file of headrace: {way_out}"
        )
    )


class Entries(dict[str, Any]):
    """An object of a JSON file; an entry that it lacks is asked for in the name of the file."""

    _file: Path | None = None
    _way_out = ""

    @classmethod
    def of(cls, path: Path, way_out: str, values: Mapping[str, Any]) -> Self:
        """Returns the entries of an object of a file, with what to do where one is missing."""
        found = cls(values)
        found._file, found._way_out = path, way_out
        return found

    def __missing__(self, key: str) -> Any:
        if self._file is None:
            raise KeyError(key)
        raise ResultsError(f"{self._file} lacks {key}; {self._way_out}")


def typed(kind: Any, value: Any) -> Any:
    """Returns a value as a type has it: a dataclass, a mapping, a list, a number.

    Raises:
        ValueError: it is not of that type; says where.
    """
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        issue = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(map(str, issue["loc"])) or "it"
        raise ValueError(
            f"{in_short(ValueError(where))}: {issue['msg']}, got "
            f"{in_short(ValueError(repr(issue['input'])))}"
        ) from error


def read_yaml(path: Path) -> Any:
    """Returns what a YAML file holds; what it raises is for `reading`."""
    try:
        return load_yaml(read_text(path, MAX_YAML_BYTES))
    except ValueError as error:
        raise ValueError(f"it is not YAML: {error}") from error


def read_json(path: Path, way_out: str) -> dict[str, Any]:
    """Returns the object of a JSON file; what it raises is for `reading`.

    So is what is asked for later and is not there: the way out is said then, too.
    """
    try:
        found = load_json(read_text(path), object_hook=partial(Entries.of, path, way_out))
    except ValueError as error:
        raise ValueError(f"it is not JSON, or was not written whole: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"it must hold an object, got {type(found).__name__}")
    return found


def read_arrays(path: Path, *names: str) -> dict[str, NDArray[Any]]:
    """Returns the arrays of an npz file, those of some names where they are given and there.

    What it raises is for `reading`.
    """
    return load_arrays(path, *names)

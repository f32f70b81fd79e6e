"""A folder of runs in an object store or on a mounted one: `--results s3://bucket/prefix`.

Objects appear whole or not at all. Who may enter, and where the server is, the environment says as
of any tool for S3: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL, AWS_REGION, or the
files in ~/.aws.
"""

import errno
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from search.errors import ResultsError, UsageError, near
from trainables.drafts import written
from trainables.errors import in_short

if TYPE_CHECKING:
    from pyarrow import NativeFile
    from pyarrow.fs import FileSystem

SCHEMES = ("s3", "file")
_PART_BYTES = 32 * 2**20
_CONNECT_S = 3.0
# Without a byte from the server, or to it. Arrow's words deny it, but curl heeds it on Linux, too.
_ANSWER_S = 3.0
_TRIES = 3
# What Arrow passes on of an answer that is no.
_DENIED = re.compile(r"ACCESS_DENIED|INVALID_ACCESS_KEY|SIGNATURE|HTTP status 40[013]|CREDENTIALS")


class RemoteFile(NamedTuple):
    """What a store says of a file: its bytes, and when it was written by the store's clock."""

    size: int
    changed_ns: int


def is_store(place: object) -> bool:
    """Returns whether a place of runs is a store's, and no folder of this machine."""
    return isinstance(place, str) and "://" in place


class RemoteFolder:
    """A folder of runs in a store; names of files are relative to it.

    All but `check` raise OSError where the store does not answer, or says no.

    Args:
        address: such as s3://bucket/prefix.

    Raises:
        ResultsError: it is none that can be used.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        parts = _split(self.address)
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ResultsError(
                "--results takes no options or passwords in an address, got one with '?', '#' or "
                "'@'; set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL instead"
            )
        if parts.scheme not in SCHEMES:
            raise ResultsError(
                f"--results takes a folder, s3://BUCKET/PREFIX or file:///FOLDER, got {address!r}"
                f"{near(parts.scheme, SCHEMES)}"
            )
        if bool(parts.netloc) == (parts.scheme == "file") or not (parts.netloc or parts.path):
            raise ResultsError(
                f"--results must name a bucket (s3://BUCKET/PREFIX) or a whole path "
                f"(file:///FOLDER), got {address!r}"
            )
        if ":" in parts.netloc or "\0" in unquote(parts.path):
            raise ResultsError(
                f"--results must name a bucket without ':' and a path without NUL, got "
                f"{address!r}; another server than Amazon's is named by AWS_ENDPOINT_URL"
            )
        if "//" in parts.path or {".", ".."} & set(parts.path.split("/")):
            raise ResultsError(
                f"--results must name a prefix without '//', '.' and '..', got {address!r}"
            )
        self._is_s3 = parts.scheme == "s3"
        self._bucket = parts.netloc
        self._root = f"{parts.netloc}{unquote(parts.path) if not self._is_s3 else parts.path}"
        self._opened: FileSystem | None = None

    def check(self) -> None:
        """Asks the store for the folder.

        Raises:
            ResultsError: the bucket is not there, nobody may look into it, or nobody answers.
        """
        with self.asking("looked into"):
            found = self.folders()
            if not found and self._is_s3 and not self._is_there(self._bucket):
                raise ResultsError(
                    f"--results needs a bucket that is there, got {self.address}: there is no "
                    f"bucket {self._bucket!r}; make it first, or give another"
                )

    @contextmanager
    def asking(self, done: str) -> Iterator[None]:
        """Turns what the store answers in the block into an error for the user.

        Args:
            done: what must be possible, as a participle.

        Raises:
            ResultsError: the store says no, or nothing.
            OSError: a disk of this machine does.
        """
        try:
            yield
        except OSError as error:
            if self._is_s3 and error.filename:
                raise
            raise ResultsError(
                f"--results must be a place that can be {done}, got {self.address}: "
                f"{in_short(error)}; {self._way_out(str(error))}"
            ) from error

    def folders(self) -> tuple[str, ...]:
        """Returns the names of the folders, which are runs, sorted."""
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(self._root, recursive=False, allow_not_found=True)
        found = self._files().get_file_info(selector)
        return tuple(sorted(i.base_name for i in found if i.type == FileType.Directory))

    def files(self, folder: str) -> Mapping[str, RemoteFile]:
        """Returns the files below a folder by their names relative to it; none without it.

        What would lead out of it on a disk, by `..` or a second slash, is none of them.
        """
        from pyarrow.fs import FileSelector, FileType

        root = self._path(folder)
        selector = FileSelector(root, recursive=True, allow_not_found=True)
        found = {}
        for info in self._files().get_file_info(selector):
            name = info.path.removeprefix(f"{root}/")
            if info.type == FileType.File and _is_inside(name):
                found[name] = RemoteFile(info.size, info.mtime_ns)
        return found

    def put(
        self,
        name: str,
        file: BinaryIO,
        size: int,
        between: Callable[[], object] = lambda: None,
    ) -> None:
        """Writes a file: the next `size` bytes of an open one.

        What cannot be read after the first part leaves no file.

        Args:
            name: of the file.
            file: to read.
            size: bytes of it.
            between: called before each part of it; where it raises OSError after the first, an
                object is written to its end before that is passed on.
        """
        if not self._is_s3:
            with written(Path(self._path(name))) as draft, draft.open("wb") as copy:
                for part in _parts(file.read, size, between):
                    copy.write(part)
            return
        # Arrow completes an object however its block ends: in it nothing else may raise.
        held, read = _Held(between), _Held(file.read)
        between()
        first = file.read(min(size, _PART_BYTES))
        try:
            with self._files().open_output_stream(self._path(name)) as stream:
                stream.write(first)
                for part in _parts(read, size - len(first), held):
                    stream.write(part)
        except KeyboardInterrupt:
            self.remove(name)
            raise
        if read.error:
            self.remove(name)
            raise read.error
        if held.error:
            raise held.error

    def read(self, name: str, most: int | None = None) -> bytes:
        """Returns the first bytes of a file, all by default; FileNotFoundError without one."""
        with self._opened_file(name) as stream:
            return bytes(stream.read(most))

    def get(self, name: str, path: Path) -> None:
        """Copies a file to a path of this machine, whole or not at all; errors as of `read`."""
        with (
            self._opened_file(name) as stream,
            written(path) as draft,
            draft.open("wb") as file,
        ):
            while part := stream.read(_PART_BYTES):
                file.write(part)

    @contextmanager
    def _opened_file(self, name: str) -> Iterator["NativeFile"]:
        """Opens a file; one that is deleted while it is read is not there, as one that never was.

        A server for S3 is asked for the size first and for the bytes later, and a driver on
        another machine may have deleted the file in between.
        """
        path = self._path(name)
        try:
            with self._files().open_input_stream(path) as stream:
                yield stream
        except FileNotFoundError:
            raise
        except OSError as error:
            if self._is_there(path):
                raise
            # Without `filename`: the store has lost it, and no disk of this machine.
            raise FileNotFoundError(errno.ENOENT, f"{path!r} is there no more") from error

    def remove(self, name: str) -> None:
        """Deletes a file, if it is there."""
        try:
            self._files().delete_file(self._path(name))
        except FileNotFoundError:
            return

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _is_there(self, path: str) -> bool:
        from pyarrow.fs import FileType

        return bool(self._files().get_file_info(path).type != FileType.NotFound)

    def _files(self) -> "FileSystem":
        if self._opened is None:
            self._opened = _s3(self._bucket) if self._is_s3 else _local()
        return self._opened

    def _way_out(self, said: str) -> str:
        if not self._is_s3:
            return "make it writable, or give another"
        if _DENIED.search(said):
            known = "AWS_ACCESS_KEY_ID" in os.environ or (Path.home() / ".aws").is_dir()
            return (
                "see that these credentials may list, read, write and delete there"
                if known
                else "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which are not set"
            )
        server = _endpoint() or "AWS_ENDPOINT_URL is not set, so it was asked for at Amazon"
        return f"see that the server answers ({server}), and give the command again"


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _endpoint() -> str:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


def _s3(bucket: str) -> "FileSystem":
    from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem, resolve_s3_region

    endpoint = urlsplit(_endpoint())
    if _endpoint() and not (endpoint.scheme in {"http", "https"} and endpoint.netloc):
        given = _endpoint().rpartition("@")[2]
        raise UsageError(
            f"AWS_ENDPOINT_URL must begin with http:// or https://, got {given!r}; set it such as "
            "to http://localhost:9000"
        )
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not endpoint.netloc and not region:
        region = str(resolve_s3_region(bucket))
    return S3FileSystem(
        region=region or "us-east-1",
        scheme=endpoint.scheme or "https",
        endpoint_override=f"{endpoint.netloc}{endpoint.path.rstrip('/')}" or None,
        connect_timeout=_CONNECT_S,
        request_timeout=_ANSWER_S,
        retry_strategy=AwsStandardS3RetryStrategy(max_attempts=_TRIES),
        allow_delayed_open=True,  # a small file is one request
        tls_ca_file_path=os.environ.get("AWS_CA_BUNDLE") or None,
    )


def _local() -> "FileSystem":
    from pyarrow.fs import LocalFileSystem

    return LocalFileSystem()


class _Held:
    """A call whose first error is kept for later; after it nothing is called any more."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self.error: OSError | None = None

    def __call__(self, *given: int) -> Any:
        if self.error is None:
            try:
                return self._call(*given)
            except OSError as error:
                self.error = error
        return b""


def _parts(
    read: Callable[[int], bytes], size: int, between: Callable[[], object]
) -> Iterator[bytes]:
    left = size
    while left > 0:
        between()
        part = read(min(left, _PART_BYTES))
        if not part:
            return
        left -= len(part)
        yield part


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError as error:
        raise ResultsError(  # without it: there may be a password in it
            "--results takes a folder, s3://BUCKET/PREFIX or file:///FOLDER, got an address that "
            "is none, as of '[' or of letters that are none of an address"
        ) from error

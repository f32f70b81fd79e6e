"""A store of objects as moto's server plays it, and a folder in its place."""

import errno
import socket
from contextlib import suppress
from io import BytesIO

import pytest

from search.errors import ResultsError, UsageError
from search.store import remote
from search.store.mirror import MARK, Mirror
from search.store.remote import RemoteFolder
from tests.search.builders.object_store import (
    ENVIRONMENT,
    make_bucket,
    object_store,
    put_object,
    refusing,
    requests,
)
from trainables.drafts import written


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moto")
    with object_store(folder) as endpoint:
        make_bucket(endpoint, "bucket")
        yield folder, endpoint


@pytest.fixture
def enter(server, monkeypatch):
    """Sets the environment by which the server is found; the folder of its log is returned."""
    folder, endpoint = server
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)
    return folder


@pytest.fixture(params=["s3", "file"])
def store(request, enter, tmp_path):
    """A folder of runs in either, with nothing in it."""
    if request.param == "s3":
        return RemoteFolder(f"s3://bucket/{tmp_path.name}/runs")
    (tmp_path / "a store").mkdir()
    return RemoteFolder(f"file://{tmp_path}/a%20store")


def put(store, name, content):
    store.put(name, BytesIO(content), len(content))


@pytest.mark.parametrize("size", [0, 1, 40 * 2**20])
def test_a_file_comes_back_as_it_was(store, tmp_path, size):
    content = bytes(range(256)) * (size // 256) or b"x" * size
    put(store, "run/models/a.bin", content)
    store.get("run/models/a.bin", tmp_path / "here" / "a.bin")
    assert (tmp_path / "here" / "a.bin").read_bytes() == content
    assert store.read("run/models/a.bin") == content
    assert store.files("run")["models/a.bin"].size == len(content)


class AwayError(OSError):
    pass


@pytest.fixture
def size(monkeypatch):
    """The bytes of a file of three parts, of which Arrow sends two while they are written."""
    monkeypatch.setattr(remote, "_PART_BYTES", 11 * 2**20)
    return 23 * 2**20


def test_a_file_goes_to_its_end_whatever_is_asked_between_its_parts(store, size):
    calls = []

    def between():
        calls.append(None)
        if len(calls) == 2:
            raise AwayError

    put(store, "run/a.bin", b"old")
    with pytest.raises(AwayError):
        store.put("run/a.bin", BytesIO(b"x" * size), size, between)
    assert store.files("run")["a.bin"].size in ({size} if store._is_s3 else {3})


@pytest.mark.parametrize("error", [AwayError, KeyboardInterrupt])
@pytest.mark.parametrize("part", [1, 2])
def test_a_file_that_cannot_be_read_to_its_end_leaves_none_that_is_torn(store, size, error, part):
    class Broken(BytesIO):
        parts = 0

        def read(self, *given):
            self.parts += 1
            if self.parts == part:
                raise error
            return super().read(*given)

    put(store, "run/a.bin", b"old")
    with pytest.raises(error):
        store.put("run/a.bin", Broken(b"x" * size), size)
    kept = part == 1 or not store._is_s3
    assert {f.size for f in store.files("run").values()} == ({3} if kept else set())


def test_a_file_that_is_deleted_while_it_is_read_is_not_there(enter, tmp_path, monkeypatch):
    store, here = RemoteFolder(f"s3://bucket/{tmp_path.name}/runs"), tmp_path / "here"
    put(store, "run/a.bin", b"x")

    def deleted_meanwhile(path):
        store.remove("run/a.bin")
        return written(path)

    monkeypatch.setattr(remote, "written", deleted_meanwhile)
    with pytest.raises(FileNotFoundError, match=r"run/a\.bin"):
        store.get("run/a.bin", here / "a.bin")
    assert not list(here.iterdir())
    put(store, "run/a.bin", b"x")
    with pytest.raises(ResultsError, match=r"run/a\.bin"), store.asking("read"):
        store.get("run/a.bin", here / "a.bin")  # no disk of this machine has lost it


def test_a_disk_that_is_full_is_no_missing_file(store, tmp_path, monkeypatch):
    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    put(store, "run/a.bin", b"x")
    monkeypatch.setattr(remote, "written", full)
    with pytest.raises(OSError, match="No space left") as raised:
        store.get("run/a.bin", tmp_path / "a.bin")
    assert raised.value.errno == errno.ENOSPC


def test_files_and_runs_are_listed_and_deleted(store):
    store.check()
    assert store.folders() == ()
    assert store.files("one") == {}
    put(store, "one/study.json", b"{}")
    put(store, "one/best/fit %5Bwide%5D.yaml", b"x")
    put(store, "two/study.json", b"{}")
    assert store.folders() == ("one", "two")
    assert set(store.files("one")) == {"study.json", "best/fit %5Bwide%5D.yaml"}
    store.remove("one/best/fit %5Bwide%5D.yaml")
    store.remove("one/best/fit %5Bwide%5D.yaml")
    assert set(store.files("one")) == {"study.json"}
    with pytest.raises(FileNotFoundError):
        store.read("one/best/fit %5Bwide%5D.yaml")


def test_a_small_file_is_one_request_and_one_that_did_not_change_is_none(enter, tmp_path):
    store = RemoteFolder(f"s3://bucket/{tmp_path.name}")
    mirror = Mirror(tmp_path / "run", store)
    (mirror.root / "predictions").mkdir(parents=True)
    (mirror.root / "study.json").write_text("{}")
    mirror.sweep()
    before = len(requests(enter))
    (mirror.root / "predictions" / "trial.npz").write_bytes(b"x" * 100_000)
    mirror.sweep()
    mirror.sweep()
    assert requests(enter)[before:] == [f"PUT /bucket/{tmp_path.name}/run/predictions/trial.npz"]


@pytest.mark.parametrize("name", ["%2E%2E/out", "a/%2E%2E/%2E%2E/%2E%2E/out", "{}/out"])
def test_no_key_of_a_store_leads_out_of_the_folder_of_a_run(enter, server, tmp_path, name):
    _, endpoint = server
    for key in ("study.json", name.format(tmp_path)):
        put_object(endpoint, f"bucket/{tmp_path.name}/run/{key}", b"{}")
    mirror = Mirror(tmp_path / "here" / "run", RemoteFolder(f"s3://bucket/{tmp_path.name}"))
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    with suppress(OSError):
        mirror.fetch()
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert written <= {mirror.root / "study.json", mirror.root / MARK}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (
            "s4://bucket",
            r"takes a folder, s3://BUCKET/PREFIX or file:///FOLDER, got 's4://bucket'",
        ),
        ("s3://", "must name a bucket"),
        ("file://folder/runs", "must name a bucket .* or a whole path"),
        ("s3://key:secret@bucket/runs", "no options or passwords in an address"),
        ("s3://bucket//runs", "a prefix without '//'"),
        ("file:///home/../runs", "a prefix without '//'"),
        ("s3://bucket/runs?region=x", "no options or passwords in an address"),
        ("s3://[x/runs", "got an address that is none"),
        ("s3://key:secret@[x/runs", "got an address that is none"),
        ("s3://bucket:9000/runs", "a bucket without ':'.*is named by AWS_ENDPOINT_URL"),
        ("file:///tmp/%00x", "a path without NUL"),
    ],
)
def test_an_address_that_is_none_is_refused_before_anything_is_asked(address, said):
    with pytest.raises(ResultsError, match=said) as caught:
        RemoteFolder(address)
    assert "secret" not in str(caught.value).lower().replace("aws_secret_access_key", "")


@pytest.mark.parametrize("bucket", ["nowhere", "no where", "NO_WHERE", "n", "über"])
def test_a_bucket_that_is_not_there_is_named(enter, bucket):
    with pytest.raises(ResultsError, match=bucket):
        RemoteFolder(f"s3://{bucket}/runs").check()


def test_a_server_that_is_away_is_named(enter, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        with pytest.raises(ResultsError, match=f"see that the server answers .{endpoint}"):
            RemoteFolder("s3://bucket/runs").check()


@pytest.mark.parametrize("endpoint", ["minio.local:9000", "10.0.0.5:9000", "https:minio", "//a"])
def test_an_endpoint_without_a_scheme_is_refused(enter, monkeypatch, endpoint):
    """It would be asked for at Amazon."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(UsageError, match=f"must begin with http:// .*, got '{endpoint}'"):
        RemoteFolder("s3://bucket/runs").check()


def test_a_server_that_never_answers_is_as_one_that_is_away(enter, monkeypatch):
    monkeypatch.setattr(remote, "_ANSWER_S", 1.0)
    monkeypatch.setattr(remote, "_TRIES", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        store = RemoteFolder("s3://bucket/runs")
        with pytest.raises(ResultsError, match=f"see that the server answers .{endpoint}"):
            store.check()
        with pytest.raises(OSError, match="Timeout was reached"):
            put(store, "run/a.bin", b"x")


@pytest.mark.parametrize("code", ["AccessDenied", "InvalidAccessKeyId"])
def test_who_may_not_enter_is_told_of_his_credentials(code, tmp_path, monkeypatch):
    with refusing(code) as endpoint:
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": endpoint}.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ResultsError, match="see that these credentials may list, read"):
            RemoteFolder("s3://bucket/runs").check()
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(tmp_path))
        with pytest.raises(ResultsError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
            RemoteFolder("s3://bucket/runs").check()

"""`--results` with the address of a store: what is refused, and what a command brings back."""

import argparse
import re
import shutil
from io import BytesIO
from pathlib import Path

import pytest

import search
from search.cli import at_store, commands
from search.cli.at_store import driving, folder_of
from search.cli.commands import main
from search.errors import ResultsError
from search.store import claim
from search.store.at_work import at_work
from search.store.claim import Claim
from search.store.remote import RemoteFolder
from search.store.run_store import RunInUseError, RunStore

ROOT = Path(search.__file__).resolve().parent.parent
NEW = {"resume": None, "name": "new", "plan": False}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The cache of the user, which is not there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def store(tmp_path):
    """The address of a store with the run `demo`."""
    shutil.copytree(ROOT / "results" / "demo", tmp_path / "store" / "demo")
    return f"file://{tmp_path}/store"


def line(capsys):
    shown = capsys.readouterr().err
    assert len(shown.splitlines()) == 1
    return shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("report demo --results s4://bucket", r"takes a folder, s3://BUCKET/PREFIX or file:"),
        ("report dmeo --results {store}", r"no run 'dmeo' in file:.*mean demo.*runs there: demo"),
        ("run --resume dmeo --results {store}", r"no run 'dmeo' in file:.*runs there: demo"),
        ("run --space age --name demo --results {store}", r"holds a run already; go on with --re"),
        ("run --space age --name a/b --results {store}", r"a run name has letters"),
    ],
)
def test_what_cannot_be_used_is_refused_and_leaves_nothing(
    words, message, store, home, tmp_path, capsys
):
    before = sorted((tmp_path / "store").rglob("*"))
    assert main(words.format(store=store).split()) == 2
    assert re.search(message, line(capsys))
    assert not home.exists()
    assert sorted((tmp_path / "store").rglob("*")) == before


def test_a_command_works_with_a_run_of_the_store_and_brings_back_what_it_writes(
    store, home, tmp_path
):
    command = ["export", "demo", "--to", "timm", "--results", store]
    assert main(command) == 0
    written = list((tmp_path / "store" / "demo" / "timm").rglob("*.yaml"))
    assert written
    assert folder_of(store, None).is_relative_to(home)
    assert main(command) == 0


@pytest.mark.parametrize(
    ("given", "is_written"), [("", False), ("--label-shift report", True)], ids=["plain", "shift"]
)
def test_a_prediction_brings_back_what_it_writes_of_label_shift(
    given, is_written, store, home, tmp_path, monkeypatch
):
    def predict(options):
        (options.results / "demo" / "label_shift.json").write_text("{}")
        return 0

    monkeypatch.setitem(commands._COMMANDS, "predict", predict)
    words = f"predict demo --images {tmp_path} --out a.csv --results {store} {given}"
    assert main(words.split()) == 0
    assert (tmp_path / "store" / "demo" / "label_shift.json").exists() == is_written


@pytest.mark.parametrize("command", ["export demo --to timm", "report demo"])
def test_a_command_is_refused_while_another_machine_drives_the_run(
    command, store, home, tmp_path, capsys
):
    Claim(RemoteFolder(store), "demo", "another").take()
    before = sorted((tmp_path / "store").rglob("*"))
    assert main([*command.split(), "--results", store]) == 2
    assert re.search(r"one machine at a time.*stop it there", line(capsys))
    assert sorted((tmp_path / "store").rglob("*")) == before


def test_a_command_that_was_taken_over_meanwhile_brings_nothing_back(
    store, home, tmp_path, monkeypatch, capsys
):
    def export(options):
        (options.results / "demo" / "timm").write_text("x")
        for path in (tmp_path / "store" / ".drivers" / "demo").iterdir():
            path.unlink()
        monkeypatch.setattr(claim, "RENEW_S", 0.0)
        return 0

    monkeypatch.setitem(commands._COMMANDS, "export", export)
    assert main(["export", "demo", "--to", "timm", "--results", store]) == 2
    assert "was taken over by another machine" in line(capsys)
    assert not (tmp_path / "store" / "demo" / "timm").exists()


def test_of_what_a_verdict_replaces_nothing_stays_in_the_store(store, home, tmp_path, monkeypatch):
    board = tmp_path / "store" / "demo" / "tensorboard" / "refit" / "age"
    shutil.rmtree(tmp_path / "store" / "demo" / "tensorboard", ignore_errors=True)
    board.mkdir(parents=True)
    (board / "events.out.tfevents.0").write_text("old")
    (board.parent.parent / "events.out.tfevents.0").write_text("of the search")
    said = []

    def report(options):
        here = options.results / "demo" / "tensorboard"
        said.append(sorted(p.name for p in here.iterdir()))
        shutil.rmtree(here / "refit")
        (here / "refit").mkdir()
        (here / "refit" / "events.out.tfevents.1").write_text("new")
        return 0

    monkeypatch.setitem(commands._COMMANDS, "report", report)
    assert main(["report", "demo", "--results", store]) == 0
    assert said == [["refit"]]
    names = {p.name for p in board.parent.rglob("*") if p.is_file()}
    assert names == {"events.out.tfevents.1"}


def test_a_store_that_goes_away_between_two_questions_is_named(store, home, monkeypatch, capsys):
    look, looks = RemoteFolder.folders, []

    def away(self):
        looks.append(self)
        if len(looks) == 2:
            raise OSError("away")
        return look(self)

    monkeypatch.setattr(RemoteFolder, "folders", away)
    assert main(["report", "demo", "--results", store]) == 2
    assert f"got {store}: away" in line(capsys)


def test_two_commands_on_one_machine_do_not_write_a_run_at_once(store, home, capsys):
    with at_work(folder_of(store, None) / "demo", drives=False):
        assert main(["export", "demo", "--to", "timm", "--results", store]) == 2
    assert "is in use by another process" in line(capsys)


def test_nobody_reads_what_another_command_is_fetching(store, home, capsys):
    with RunStore(folder_of(store, None) / "demo").lock():
        assert (
            main(
                [
                    "predict",
                    "demo",
                    "--images",
                    str(home.parent),
                    "--out",
                    "p.csv",
                    "--results",
                    store,
                ]
            )
            == 2
        )
    assert "is in use by another process" in line(capsys)


def test_a_second_start_on_this_machine_leaves_the_claim_of_the_first(store, home):
    with driving(options_of(store), print):
        claims = RemoteFolder(store).files(".drivers/new")
        with pytest.raises(RunInUseError), driving(options_of(store), print):
            pytest.fail("it was let in")
        begin_at(folder_of(store, None) / "new")
        with pytest.raises(RunInUseError), driving(options_of(store, resume="new"), print):
            pytest.fail("it was let in")
        assert RemoteFolder(store).files(".drivers/new").keys() == claims.keys() != set()


@pytest.mark.parametrize("broken", ["take", "_claims"])
def test_a_start_that_is_interrupted_while_it_claims_leaves_no_claim(
    store, home, monkeypatch, broken
):
    taken = getattr(Claim, broken)

    def interrupted(self):
        taken(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(Claim, broken, interrupted)
    with pytest.raises(KeyboardInterrupt), driving(options_of(store), print):
        pytest.fail("it was let in")
    assert RemoteFolder(store).files(".drivers/new") == {}


def test_a_run_that_was_deleted_in_the_store_is_named_with_its_folder(store, home, tmp_path):
    assert main(["export", "demo", "--to", "timm", "--results", store]) == 0
    shutil.rmtree(tmp_path / "store" / "demo")
    folder = re.escape(str(folder_of(store, None) / "demo"))
    with (
        pytest.raises(ResultsError, match=rf"{folder} holds a run .*; delete it, or choose"),
        driving(options_of(store, name="demo"), print),
    ):
        pytest.fail("it was let in")


def test_a_run_that_never_got_to_the_store_can_go_on(store, home, tmp_path):
    begin_at(folder_of(store, None) / "new")
    with (
        pytest.raises(ResultsError, match="go on with --resume new, or choose"),
        driving(options_of(store), print),
    ):
        pytest.fail("it was let in")
    with driving(options_of(store, resume="new"), print):
        pass
    assert (tmp_path / "store" / "new" / "study.json").read_text() == "{}"


@pytest.mark.parametrize("wrong", ["--space agee", "--space age --data {home}/nowhere"])
def test_wrong_input_leaves_nothing_in_the_store(wrong, store, home, tmp_path, capsys):
    before = sorted((tmp_path / "store").rglob("*"))
    words = f"run {wrong} --trials 1 --name new --results {store}/sub".format(home=home)
    assert main(words.split()) == 2
    assert re.search("--space: unknown space|--data must be a folder", line(capsys))
    assert sorted((tmp_path / "store").rglob("*")) == before
    assert not home.exists()


def test_a_run_at_work_here_is_read_as_it_is(store, home, tmp_path):
    here = RunStore(folder_of(store, None) / "demo")
    shutil.copytree(ROOT / "results" / "demo", here.root)
    with at_work(here.root, drives=True):
        assert main(["export", "demo", "--to", "timm", "--results", store]) == 0
    assert (here.root / "timm").is_dir()
    assert not (tmp_path / "store" / "demo" / "timm").exists()


def begin(options):
    """Writes what a run begins with."""
    begin_at(options.results / options.name)


def begin_at(root):
    root.mkdir(parents=True)
    (root / "study.json").write_text("{}")


def options_of(store, **given):
    return argparse.Namespace(**{**NEW, "results": store, "cache": None, **given})


def test_a_new_run_is_in_the_store_when_its_command_ends(store, home, tmp_path):
    options, told = options_of(store), []
    with driving(options, told.append) as missing:
        begin(options)
    assert (missing, told) == ([], [f"The run is kept in {store}/new."])
    assert (tmp_path / "store" / "new" / "study.json").read_text() == "{}"
    assert not list((tmp_path / "store" / ".drivers").rglob("*.json"))


def test_a_run_that_another_machine_drives_is_refused_before_anything_is_here(store, home):
    Claim(RemoteFolder(store), "new", "another").take()
    with pytest.raises(ValueError, match="one machine at a time"):  # noqa: SIM117
        with driving(options_of(store), print):
            pytest.fail("it was let in")
    assert not (folder_of(store, None) / "new").exists()


def test_what_the_store_lacks_at_the_end_is_told_with_its_place(
    store, home, tmp_path, monkeypatch
):
    monkeypatch.setattr(at_store, "PATIENCE_S", 1.0)
    options, told = options_of(store), []
    with driving(options, told.append) as missing:
        begin(options)
        shutil.rmtree(tmp_path / "store")
        (tmp_path / "store").write_text("no folder any more")
    assert len(missing) == 1
    said = told[-1]
    assert said.startswith(f"Not all of the run is in {store}/new: ")
    assert str(folder_of(store, None) / "new") in said
    assert said.endswith(f"headrace run --resume new --results {store}")


def test_a_plan_claims_nothing_and_writes_nothing(store, home, tmp_path):
    before = sorted((tmp_path / "store").rglob("*"))
    options = options_of(store, plan=True)
    with driving(options, print):
        assert options.results == folder_of(store, None)
    assert not home.exists()
    assert sorted((tmp_path / "store").rglob("*")) == before


def test_the_commands_that_are_told_name_the_store(store, home):
    from search.store.commands import on_run, resume_command

    options = options_of(store, cache=home / "mine")
    with driving(options, print):
        run = RunStore(options.results / "new")
        assert resume_command(run).endswith(
            f"run --resume new --results {store} --cache {home / 'mine'}"
        )
        assert on_run("report", run).endswith(f"report new --results {store}")
    assert str(options.results) in resume_command(run)


def test_of_a_file_store_a_put_that_is_cut_off_leaves_nothing(store, tmp_path):
    class Broken(BytesIO):
        def read(self, *_):
            raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        RemoteFolder(store).put("demo/new.bin", Broken(), 10)
    assert not list((tmp_path / "store" / "demo").glob("*new*"))

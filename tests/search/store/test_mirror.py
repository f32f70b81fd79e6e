"""A run on two machines and in a store between them: who takes over what."""

import os
from types import SimpleNamespace

import pytest

from search.cli.at_store import _bring_back
from search.errors import ResultsError
from search.store import mirror as mirror_file
from search.store.mirror import MARK, address_of, left_in_store
from tests.search.builders.mirrored import clock, machine, store, write

__all__ = ["clock", "machine", "store"]  # fixtures


def begin(mirror, **files):
    write(mirror.root, study_json="{}", **files)
    mirror.drive()
    mirror.sweep(whole=True)


def content(folder):
    """Returns every file below a folder that is part of a run, by its name."""
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    return {name: path.read_text() for name, path in found.items() if not name.startswith(".")}


def test_an_empty_folder_gets_the_run_from_the_store(machine):
    begin(machine("a"), best__age="x", predictions__parts__p="y")
    other = machine("b")
    other.fetch()
    assert content(other.root) == content(machine("a").root)
    assert other.sweep() == 0


def test_a_folder_knows_its_store(machine, store, tmp_path):
    begin(machine("a"))
    assert address_of(machine("a").root) == store.address
    assert address_of(tmp_path) is None


def test_a_folder_knows_what_its_last_fetch_left_in_the_store(machine, tmp_path):
    begin(machine("a"), models__m="x", best__age="y")
    other = machine("b")
    other.fetch(lambda name: not name.startswith("models/"))
    assert left_in_store(other.root) == {"models/m"}
    assert left_in_store(machine("a").root) == left_in_store(tmp_path) == frozenset()
    machine("b").sweep(whole=True)
    assert left_in_store(other.root) == {"models/m"}
    other.fetch()
    assert left_in_store(other.root) == frozenset()


def test_hidden_files_and_signs_of_life_stay_here(machine, tmp_path):
    mirror = machine("a")
    (mirror.root / "heartbeats").mkdir(parents=True)
    for name in (".lock", "heartbeats/1.beat", ".half.draft", "optuna.journal.lock"):
        (mirror.root / name).write_text("here")
    begin(mirror)
    assert content(tmp_path / "store" / "run") == {"study.json": "{}"}


def test_nothing_goes_up_before_there_is_something_to_go_on_with(machine, tmp_path):
    mirror = machine("a")
    write(mirror.root, best__age="x")
    assert mirror.sweep(whole=True) == 0
    assert list((tmp_path / "store").iterdir()) == []


def test_what_a_run_deletes_is_deleted_in_the_store(machine, tmp_path):
    mirror = machine("a")
    begin(mirror, models__m="x")
    (mirror.root / "models" / "m").unlink()
    mirror.sweep()
    assert content(tmp_path / "store" / "run") == {"study.json": "{}"}


def test_what_a_person_deleted_here_between_two_starts_comes_back(machine):
    begin(machine("a"), best__age="x")
    (machine("a").root / "best" / "age").unlink()
    again = machine("a")
    again.fetch()
    assert content(again.root)["best/age"] == "x"


def test_a_folder_that_is_gone_deletes_nothing_in_the_store(machine, tmp_path):
    mirror = machine("a")
    begin(mirror, best__age="x")
    for name in ("study.json", "best/age"):
        (mirror.root / name).unlink()
    mirror.sweep(whole=True)
    assert content(tmp_path / "store" / "run") == {"study.json": "{}", "best/age": "x"}


def test_a_stale_folder_takes_over_what_another_machine_wrote_and_deleted(machine):
    begin(machine("a"), best__age="x", checkpoints__1_pt="x")
    other = machine("b")
    other.fetch()
    other.drive()
    write(other.root, best__age="newer", models__m="new")
    (other.root / "checkpoints" / "1.pt").unlink()
    other.sweep(whole=True)
    again = machine("a")
    again.fetch()
    assert content(again.root) == {"study.json": "{}", "best/age": "newer", "models/m": "new"}


def test_what_did_not_get_there_goes_up_at_the_next_start(machine, tmp_path):
    begin(machine("a"), best__age="x")
    write(machine("a").root, best__age="newer", models__m="new")
    again = machine("a")
    again.fetch()
    again.sweep(whole=True)
    assert content(tmp_path / "store" / "run") == content(again.root)
    assert content(again.root)["best/age"] == "newer"


def test_a_process_that_died_before_it_noted_what_it_wrote_stands_in_no_way(machine):
    mirror = machine("a")
    begin(mirror, best__age="x")
    noted = (mirror.root / MARK).read_text()
    write(mirror.root, best__age="newer", models__m="new")
    mirror.sweep()
    (mirror.root / MARK).write_text(noted)
    write(mirror.root, best__age="newest")
    again = machine("a")
    again.fetch()
    assert content(again.root)["best/age"] == "newest"


def test_a_run_that_went_on_at_two_places_is_refused_and_nothing_changes(machine):
    begin(machine("a"), best__age="x")
    other = machine("b")
    other.fetch()
    other.drive()
    write(other.root, best__age="of b")
    other.sweep(whole=True)
    write(machine("a").root, best__age="alone")
    before = content(machine("a").root)
    with pytest.raises(ResultsError, match=r"both have gone on.*best/age; move the folder away"):
        machine("a").fetch()
    assert content(machine("a").root) == before


def test_a_command_fetches_what_it_needs_and_deletes_nothing_else(machine, tmp_path):
    begin(machine("a"), models__m="x", ensemble__e="y")
    reader = machine("b")
    reader.fetch(lambda name: not name.startswith("models/"))
    assert "models/m" not in content(reader.root)
    write(reader.root, verdict_json="new")
    reader.sweep(whole=True)
    assert content(tmp_path / "store" / "run") == {
        **content(machine("a").root),
        "verdict.json": "new",
    }


@pytest.fixture
def order(store):
    """The names of the files that are put into the store, as they are."""
    names, put = [], store.put
    store.put = lambda name, *rest: (names.append(name.removeprefix("run/")), put(name, *rest))
    return names


def test_the_journal_goes_up_in_whole_lines_after_what_it_depends_on(machine, store, order):
    mirror = machine("a")
    (mirror.root / "checkpoints").mkdir(parents=True)
    (mirror.root / "trials.csv").write_text("of what the journal says")
    (mirror.root / "optuna.journal").write_text("one\ntwo\nthr")
    for name in ("study.json", "checkpoints/age-1.npz", "predictions/validation.age.0.npz"):
        (mirror.root / name).parent.mkdir(exist_ok=True)
        (mirror.root / name).write_text("{}")
    mirror.sweep()
    assert set(order[:3]) == {
        "study.json",
        "checkpoints/age-1.npz",
        "predictions/validation.age.0.npz",
    }
    assert order[3:] == ["optuna.journal", "trials.csv"]
    assert store.read("run/optuna.journal") == b"one\ntwo\n"


def test_what_was_made_of_a_journal_goes_up_after_one_that_knows_it(machine, store, order):
    mirror = machine("a")
    begin(mirror, trials__csv="of one trial")
    read = mirror._journal

    def goes_on():
        content = read()
        write(mirror.root, trials__csv="of two trials", verdict_json="of two trials")
        return content

    mirror._journal = goes_on
    mirror.sweep(whole=True)
    assert "verdict.json" not in order
    assert store.read("run/trials/csv") == b"of one trial"
    mirror._journal = read
    mirror.sweep(whole=True)
    assert store.read("run/trials/csv") == b"of two trials"


def test_a_journal_waits_for_predictions_that_are_moved_while_they_go_up(machine, store):
    mirror = machine("a")
    npz, kept = "checkpoints/age-7.npz", "predictions/validation.age.7.npz"
    write(mirror.root, checkpoints__other="", predictions__other="")
    (mirror.root / npz).write_text("of trial 7")
    write(mirror.root, study_json="{}")
    (mirror.root / "optuna.journal").write_text("trial 7 is over\n")
    put = store.put

    def moving(name, *rest):
        if name == f"run/{npz}":
            pytest.fail("it went up before study.json")
        put(name, *rest)
        (mirror.root / npz).rename(mirror.root / kept)
        store.put = put

    os.utime(mirror.root / "study.json", ns=(0, 0))
    store.put = moving
    with pytest.raises(FileNotFoundError):
        mirror.sweep()
    assert set(store.files("run")) == {"study.json"}
    mirror.sweep()
    assert {kept, "optuna.journal"} <= set(store.files("run"))


def test_a_folder_that_cannot_be_listed_is_not_deleted_in_the_store(machine, store, monkeypatch):
    mirror = machine("a")
    begin(mirror, models__m="x")
    scan = os.scandir

    def too_many(path):
        if str(path).endswith("models"):
            raise OSError(24, "Too many open files")
        return scan(path)

    monkeypatch.setattr(os, "scandir", too_many)
    with pytest.raises(OSError, match="Too many open files"):
        mirror.sweep(whole=True)
    monkeypatch.undo()
    assert set(store.files("run")) == {"study.json", "models/m", ".driver"}


@pytest.mark.parametrize("listed", [{1}, {2}, {1, 2}])
def test_a_folder_that_is_on_the_move_while_it_is_listed_stays_in_the_store(
    machine, store, monkeypatch, listed
):
    mirror = machine("a")
    begin(mirror, ensemble__m="x")
    look, looks = mirror_file.listing, []

    def moving(root):
        looks.append(root)
        if len(looks) in listed:
            (root / "ensemble").rename(root / ".ensemble.old")
        found = look(root)
        if len(looks) in listed:
            (root / ".ensemble.old").rename(root / "ensemble")
        return found

    monkeypatch.setattr(mirror_file, "listing", moving)
    mirror.sweep()
    assert len(looks) == 2
    assert "ensemble/m" in store.files("run")


def test_a_name_that_is_no_text_stays_here(machine, store):
    mirror = machine("a")
    mirror.root.mkdir(parents=True)
    (mirror.root / os.fsdecode(b"caf\xe9.csv")).write_text("x")
    begin(mirror)
    assert set(store.files("run")) == {"study.json", ".driver"}


def interrupt(mirror, name, *, is_killed):
    """Fetches until the file of that name; what a process that is killed had to note is lost."""
    get = mirror.store.get

    def cut(which, path):
        if is_killed:
            mirror._save = lambda: None
        if which.endswith(name):
            raise OSError("away")
        get(which, path)

    mirror.store.get = cut
    with pytest.raises(OSError, match="away"):
        mirror.fetch()
    mirror.store.get = get


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_fetch_that_was_interrupted_is_none_that_went_on_alone(machine, is_killed):
    first = machine("a")
    begin(first, best__age="x", models__m="x", models__n="x")
    other = machine("b")
    interrupt(other, "models/n", is_killed=is_killed)
    assert "best/age" in content(other.root)
    write(first.root, best__age="newer")
    (first.root / "models" / "m").unlink()
    first.sweep(whole=True)
    again = machine("b")
    again.fetch()
    assert content(again.root) == content(first.root)


def test_a_command_puts_no_file_back_that_an_interrupted_fetch_left(machine, store):
    first = machine("a")
    begin(first, models__m="x", models__n="x")
    other = machine("b")
    interrupt(other, "models/n", is_killed=True)
    write(first.root, models__m="newer")
    first.sweep(whole=True)
    reader = machine("b")
    reader.fetch(lambda name: not name.startswith("models/"))
    write(reader.root, verdict_json="new")
    reader.sweep(whole=True)
    assert store.read("run/models/m") == b"newer"
    assert store.read("run/verdict.json") == b"new"


def test_a_checkpoint_goes_up_after_the_journal_and_never_ahead_of_it(machine, store, order):
    mirror = machine("a")
    write(mirror.root, study_json="{}", checkpoints__1_pt="epoch 1", checkpoints__2_pt="epoch 1")
    (mirror.root / "optuna.journal").write_text("epoch 1\n")
    read = mirror._journal

    def goes_on():
        content = read()
        time = (mirror.root / "checkpoints" / "2.pt").stat().st_mtime_ns + 1
        write(mirror.root, checkpoints__2_pt="epoch 3")
        os.utime(mirror.root / "checkpoints" / "2.pt", ns=(time, time))
        return content

    mirror._journal = goes_on
    mirror.sweep()
    assert order == ["study.json", "optuna.journal", "checkpoints/1.pt"]
    mirror._journal = read
    mirror.sweep(whole=True)
    assert store.read("run/checkpoints/2.pt") == b"epoch 3"


def test_what_grows_goes_up_once_in_a_while(machine, store, clock):
    mirror = machine("a")
    begin(mirror)
    journal = mirror.root / "optuna.journal"
    written = []
    for second in range(200):
        clock.now = float(second)
        with journal.open("a") as file:
            file.write(f"{second}\n")
        if mirror.sweep():
            written.append(second)
    assert written == [0, 60, 120, 180]


def test_who_drove_a_run_takes_over_what_a_report_wrote_meanwhile(machine, monkeypatch):
    """A whose last process was killed does not know what the store had of it."""
    a = machine("a")
    begin(a, best__age="x")
    write(a.root, best__age="of a")
    a.sweep()
    b = machine("b")
    b.fetch()
    write(b.root, best__age="of b")
    _bring_back(b, SimpleNamespace(keep=lambda: None))
    again = machine("a")
    again.fetch()
    assert content(again.root)["best/age"] == "of b"
    assert again.sweep(whole=True) == 0

"""A run on two machines and in a store between them: who takes over what."""

import os

import pytest

from search.errors import ResultsError
from search.store.claim import Claim
from search.store.mirror import MARK, Mirror, address_of
from search.store.mirroring import EVERY_S, Mirroring
from search.store.remote import RemoteFolder


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def store(tmp_path):
    (tmp_path / "store").mkdir()
    return RemoteFolder(f"file://{tmp_path}/store")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def machine(tmp_path, store, clock):
    """Makes the mirror of a machine of some name, as a new process would."""
    return lambda name: Mirror(tmp_path / name / "run", store, clock)


def write(root, **files):
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_json", ".json").replace("_pt", ".pt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


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


def test_the_journal_goes_up_in_whole_lines_and_after_what_it_knows_of(machine, store, clock):
    order = []
    mirror = machine("a")
    write(mirror.root, study_json="{}", predictions__p="of trial 1")
    put = store.put
    store.put = lambda name, *rest: (order.append(name), put(name, *rest))
    journal = mirror.root / "optuna.journal"
    journal.write_text("one\ntwo\nthr")
    mirror.sweep()
    assert order == ["run/study.json", "run/predictions/p", "run/optuna.journal"]
    assert store.read("run/optuna.journal") == b"one\ntwo\n"


def test_a_checkpoint_goes_up_after_the_journal_and_never_ahead_of_it(machine, store):
    order, put = [], store.put
    store.put = lambda name, *rest: (order.append(name), put(name, *rest))
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
    assert order == ["run/study.json", "run/optuna.journal", "run/checkpoints/1.pt"]
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


def test_a_driver_on_another_machine_is_refused_until_it_is_given_free(store):
    first, second = Claim(store, "run", "a"), Claim(store, "run", "b")
    first.take()
    with pytest.raises(ResultsError, match=r"one machine at a time.*by a process on "):
        second.take()
    Claim(store, "run", "a").take()  # a process of the same folder that died
    first.release()
    second.take()


def test_a_driver_that_was_not_heard_of_for_long_is_taken_for_dead(store, tmp_path, monkeypatch):
    Claim(store, "run", "a").take()
    monkeypatch.setattr("search.store.claim.FRESH_S", 0.0)
    Claim(store, "run", "b").take()
    assert set(store.files(".drivers/run")) == {"b"}


def broken(*_):
    raise OSError("away")


def mirroring(machine, store, clock, told):
    mirror = machine("a")
    write(mirror.root, study_json="{}")
    return Mirroring(mirror, Claim(store, "run", mirror.folder), told.append, clock)


def test_a_store_that_is_away_is_told_once_and_tried_ever_more_rarely(machine, store, clock):
    told, put = [], store.put
    at_work = mirroring(machine, store, clock, told)
    store.put = broken
    waits = []
    for _ in range(7):
        waits.append(at_work.step())
        clock.now += waits[-1]
    assert waits == [30.0, 60.0, 120.0, 240.0, 480.0, 600.0, 600.0]
    assert told == [
        f"{store.address}/run cannot be written (away); the run goes on in its folder and tries "
        "again"
    ]
    store.put = put
    assert at_work.step() == EVERY_S
    assert told[1:] == [f"{store.address}/run is written again."]


def test_the_end_waits_for_the_store_and_says_what_it_lacks(machine, store, clock):
    told, put = [], store.put
    at_work = mirroring(machine, store, clock, told)
    at_work._patience_s = 10.0

    def wait(seconds):
        clock.now += seconds

    store.put = broken
    at_work.finish(wait)
    assert at_work.missing == "away"
    assert clock.now <= 10.0
    store.put = put
    at_work.finish(wait)
    assert at_work.missing == ""
    assert "study.json" in store.files("run")
    assert store.files(".drivers/run") == {}


def test_a_run_that_another_machine_took_over_is_mirrored_no_more(machine, store, clock):
    told = []
    at_work = mirroring(machine, store, clock, told)
    at_work.step()
    other = Claim(store, "run", "b")
    other.renew()
    clock.now += EVERY_S
    write(machine("a").root, best__age="too late")
    at_work.step()
    at_work.finish()
    assert "is driven by a process on" in told[0]
    assert len(told) == 1
    assert at_work.missing == "another machine drives the run now"
    assert "best/age" not in store.files("run")

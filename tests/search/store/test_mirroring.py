"""A store is kept as a run's folder is, whatever comes between."""

import os
import threading

import pytest

from search.errors import ResultsError
from search.store.claim import FRESH_S, Claim
from search.store.mirroring import EVERY_S, Mirroring
from tests.search.builders.mirrored import aged, clock, machine, store, write

__all__ = ["aged", "clock", "machine", "store"]  # fixtures


def broken(*_, **__):
    raise OSError("away")


def mirroring(machine, store, clock, told):
    mirror = machine("a")
    write(mirror.root, study_json="{}")
    claim = Claim(store, "run", mirror.folder, clock)
    claim.take()
    return Mirroring(mirror, claim, told.append, clock)


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
    at_work = mirroring(machine, store, clock, [])
    at_work._patience_s = 10.0

    def wait(seconds):
        clock.now += seconds

    store.put = broken
    at_work.finish(wait)
    assert at_work.missing == "away"
    assert clock.now <= 10.0


def test_the_end_waits_for_a_store_that_comes_back(machine, store, clock):
    put = store.put
    at_work = mirroring(machine, store, clock, [])
    at_work._patience_s = 10.0

    def wait(seconds):
        clock.now += seconds
        store.put = put

    store.put = broken
    at_work.finish(wait)
    assert at_work.missing == ""
    assert "study.json" in store.files("run")
    assert store.files(".drivers/run") == {}


def test_a_run_that_another_machine_took_over_is_mirrored_no_more(machine, store, clock, aged):
    told = []
    at_work = mirroring(machine, store, clock, told)
    at_work.step()
    aged(at_work._mirror.folder, FRESH_S)
    Claim(store, "run", "b", clock).take()
    clock.now += FRESH_S
    write(machine("a").root, best__age="too late")
    at_work.step()
    at_work.finish()
    assert "was taken over by a process on" in told[0]
    assert len(told) == 1
    assert at_work.missing == "another machine drives the run now"
    assert "best/age" not in store.files("run")
    assert set(store.files(".drivers/run")) == {"b"}


def test_a_driver_that_is_taken_over_in_the_middle_of_a_sweep_writes_no_more(
    machine, store, clock, aged
):
    told, put = [], store.put
    at_work = mirroring(machine, store, clock, told)
    at_work.step()
    root = at_work._mirror.root
    write(root, best__1="of a", best__2="of a", best__3="of a")
    for number in (1, 2, 3):
        os.utime(root / "best" / str(number), ns=(number, number))

    def asleep(name, *rest):
        put(name, *rest)
        if name == "run/best/1":
            store.put = put
            aged(at_work._mirror.folder, FRESH_S)
            Claim(store, "run", "b", clock).take()
            clock.now += FRESH_S

    store.put = asleep
    at_work.step()
    assert at_work.is_superseded
    assert len(told) == 1
    assert set(store.files("run")) >= {"best/1"}
    assert not {"best/2", "best/3"} & set(store.files("run"))


def test_an_end_that_runs_out_of_time_gives_the_run_free(machine, store, clock):
    at_work = mirroring(machine, store, clock, [])
    reached, leave = threading.Event(), threading.Event()

    def stuck(**_):
        reached.set()
        leave.wait()

    at_work._mirror.sweep = stuck
    at_work._over.set()
    at_work.start()
    reached.wait()
    assert at_work.end(0.0, at_most_s=0.0) == "the time was over"
    assert store.files(".drivers/run") == {}
    leave.set()
    at_work._thread.join()


def test_an_end_that_gives_the_store_up_gives_the_run_free(machine, store, clock):
    at_work = mirroring(machine, store, clock, [])
    at_work._mirror.sweep = broken
    at_work.finish()
    assert at_work.missing == "away"
    assert store.files(".drivers/run") == {}


def test_no_defect_of_a_file_ends_the_thread(machine, store, clock):
    at_work = mirroring(machine, store, clock, [])

    def unreadable(**_):
        raise ValueError("a file")

    at_work._mirror.sweep = unreadable
    assert at_work.step() == EVERY_S
    at_work.finish()
    assert at_work.missing == "a file"


def test_a_claim_is_renewed_before_its_run_has_begun(machine, store, clock, aged):
    """Reading data and starting Ray may take minutes."""
    mirror = machine("a")
    claim = Claim(store, "run", mirror.folder, clock)
    claim.take()
    at_work = Mirroring(mirror, claim, [].append, clock)
    aged(mirror.folder, FRESH_S)
    clock.now += FRESH_S
    at_work.step()
    with pytest.raises(ResultsError, match="driven by one machine at a time"):
        Claim(store, "run", "b", clock).take()
    assert store.files("run") == {}
    store.put, clock.now = broken, clock.now + FRESH_S
    at_work.finish()
    assert at_work.missing == ""  # there is nothing to bring

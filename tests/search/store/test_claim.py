"""Who drives a run that several machines may want."""

import threading

import pytest

from search.errors import ResultsError
from search.store.claim import FRESH_S, RENEW_S, Claim, SupersededError
from tests.search.builders.mirrored import aged, clock, store

__all__ = ["aged", "clock", "store"]  # fixtures


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


def test_a_driver_that_slept_leaves_the_run_to_the_one_that_took_it_over(store, clock, aged):
    slept = Claim(store, "run", "a", clock)
    slept.take()
    aged("a", FRESH_S + 60)
    other = Claim(store, "run", "b", clock)
    other.take()
    clock.now += FRESH_S + 60
    with pytest.raises(SupersededError, match="a process on "):
        slept.keep()
    assert set(store.files(".drivers/run")) == {"b"}
    other.keep()
    other.release()
    with pytest.raises(SupersededError, match="which has ended"):
        slept.keep()


def test_a_start_that_is_refused_or_killed_does_not_disturb_the_driver(store, clock):
    first = Claim(store, "run", "a", clock)
    first.take()
    Claim(store, "run", "b", clock)._put()  # killed before it looked
    clock.now += RENEW_S
    first.keep()
    with pytest.raises(ResultsError, match="one machine at a time"):
        Claim(store, "run", "c", clock).take()
    clock.now += RENEW_S
    first.keep()
    assert set(store.files(".drivers/run")) == {"a", "b"}


def test_a_driver_whose_store_was_away_for_long_goes_on(store, clock, aged):
    claim = Claim(store, "run", "a", clock)
    claim.take()
    aged("a", 10 * FRESH_S)
    before = store.files(".drivers/run")["a"].changed_ns
    clock.now += 10 * FRESH_S
    claim.keep()
    assert store.files(".drivers/run")["a"].changed_ns > before


def test_a_driver_that_wakes_while_its_claim_is_cleared_away_is_seen(store, clock, aged):
    slept = Claim(store, "run", "a", clock)
    slept.take()
    aged("a", FRESH_S)
    remove = store.remove

    def wakes(name):
        store.remove = remove
        remove(name)
        slept._put()  # it had looked before

    store.remove = wakes
    with pytest.raises(ResultsError, match="one machine at a time"):
        Claim(store, "run", "b", clock).take()
    assert set(store.files(".drivers/run")) == {"a"}


def test_a_claim_is_kept_while_something_takes_long(store, clock, monkeypatch):
    monkeypatch.setattr("search.store.claim._LOOK_S", 0.01)
    claim, put, renewed = Claim(store, "run", "a", clock), store.put, threading.Event()
    claim.take()

    def seen(name, *rest):
        put(name, *rest)
        renewed.set()

    with claim.kept():
        store.put = seen
        clock.now += RENEW_S
        renewed.wait()
    claim.release()
    assert store.files(".drivers/run") == {}


@pytest.mark.parametrize("error", [OSError("away"), ValueError("no XML"), None])
def test_what_becomes_of_a_claim_meanwhile_is_said_by_the_next_look(
    store, clock, aged, monkeypatch, error
):
    monkeypatch.setattr("search.store.claim._LOOK_S", 0.01)
    claim, files, looks = Claim(store, "run", "a", clock), store.files, threading.Semaphore(0)
    claim.take()
    aged("a", FRESH_S)
    Claim(store, "run", "b", clock).take()

    def seen(place):
        looks.release()
        if error:
            raise error
        return files(place)

    with claim.kept():
        store.files = seen
        clock.now += RENEW_S
        if error:  # it goes on trying a store that is away
            for _ in range(3):
                looks.acquire()
        else:
            (keeper,) = [each for each in threading.enumerate() if each.name == "headrace-claim"]
            keeper.join(60)
            assert not keeper.is_alive()
    store.files = files
    with pytest.raises(SupersededError):
        claim.keep()
    assert set(store.files(".drivers/run")) == {"b"}

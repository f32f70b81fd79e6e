"""Units whose workers or nodes are lost: nothing is lost with them, and nothing waits for ever."""

from types import SimpleNamespace

import numpy as np
import pytest
import ray

from search.ending.faults import FaultError
from search.errors import StalledError
from search.prepare.resources import Node, Resources
from search.refit import pool as pool_module
from search.refit.files import RefitFiles
from search.refit.fleet import Fleet
from search.refit.pool import Pool, run_units
from search.refit.retries import NODES_S, START_S, STEP_S
from search.refit.units import Folds, Unit
from tests.search.builders.fake_cluster import FakeCluster

FOLDS = Folds(of_sample=np.array([0, 1, 0, 1]), num_folds=2)
RESOURCES = Resources(slots=2, cpus_per_trial=1, gpus_per_trial=0.0, num_cpus=2, num_gpus=0)


@pytest.fixture
def cluster(monkeypatch):
    made = FakeCluster([Node(name="one", cpus=1), Node(name="two", cpus=1)])
    monkeypatch.setattr(pool_module, "ray", made)
    monkeypatch.setattr(pool_module, "time", SimpleNamespace(sleep=made.pass_time))
    return made


@pytest.fixture
def train(cluster, tmp_path):
    """Trains units named by their seed; returns the ends and what was told."""

    def trained(num_units, is_over=lambda unit: False, ends=None):
        units = [
            Unit(space="age", config_id="1", seed=n, fold=0, config={}) for n in range(num_units)
        ]
        told, ends = [], [] if ends is None else ends
        fleet = Fleet(RESOURCES, lambda: cluster.nodes, cluster.clock)
        ends.extend(
            run_units(
                units,
                FOLDS,
                None,
                RESOURCES,
                seed=0,
                files=RefitFiles(tmp_path),
                models=tmp_path,
                is_over=is_over,
                pool=Pool(None, FOLDS, RESOURCES, 0, fleet, cluster.clock),
                tell=told.append,
            )
        )
        return ends, told

    return trained


def names(ends):
    return sorted(end.unit.name for end in ends if not end.error)


def all_of(count):
    return [f"age.1.{n}.0" for n in range(count)]


def test_workers_stay_warm_and_every_slot_has_one(cluster, train):
    ends, told = train(6)
    assert names(ends) == all_of(6)
    assert len(cluster.actors) == 2
    assert not told
    assert all(actor.killed for actor in cluster.actors if cluster.open_calls)


def test_a_lost_node_loses_no_unit_and_its_slots_are_given_up(cluster, train):
    cluster.turns = [FakeCluster.begin_all, lambda it: it.lose("two")]
    ends, told = train(5)
    assert names(ends) == all_of(5)
    assert ["age.1.1.0 was lost" in text and "s lost" in text for text in told] == [True]
    # The unit waits for the slot that is left, and no worker is asked of the node that is gone.
    assert len(cluster.actors) == 2


def test_a_node_lost_at_the_last_unit_does_not_leave_it_waiting_for_the_slot_of_an_idle_worker(
    cluster, train
):
    """The cluster is known to be smaller only after the unit was handed to a new worker."""

    def lose_without_a_word(it):
        for call in it.open_calls:
            if call.actor.node == "two":
                call.answer = ray.exceptions.RayActorError(error_msg="its node has died")
            else:
                call.answer = 1.0

    def nobody_starts(it):
        for call in it.open_calls:
            if call.actor.node:
                call.answer = 1.0

    cluster.turns = [FakeCluster.begin_all, lose_without_a_word]
    cluster.steady = nobody_starts
    ends, _ = train(2)
    assert names(ends) == all_of(2)


def test_a_node_that_dies_again_and_again_never_becomes_the_fault_of_a_unit(cluster, train):
    def next_node(number):
        def turn(it):
            it.begin_all(f"spot{number}")
            it.lose(f"spot{number}")
            it.nodes.append(Node(name=f"spot{number + 1}", cpus=1))
            it.clock.now += 5

        return turn

    cluster.nodes[:] = [Node(name="spot0", cpus=1)]
    cluster.turns = [next_node(number) for number in range(7)]
    ends, told = train(1)
    assert names(ends) == all_of(1)
    assert len(told) == 7


def test_nodes_that_die_before_their_workers_have_begun_are_never_the_fault_of_a_unit(
    cluster, train
):
    def lose(it):
        for call in it.open_calls:
            said = "The actor died because its node has died. Node Id: 405ccd"
            call.answer = ray.exceptions.RayActorError(error_msg=said)

    cluster.turns = [lose] * 7
    ends, told = train(1)
    assert names(ends) == all_of(1)
    assert len(told) == 7


def killing(*deadly, said="killed by SIGKILL"):
    """Returns a cluster where the workers of some units die, and the others finish."""

    def turn(it):
        it.begin_all()
        for call in it.open_calls:
            died = ray.exceptions.RayActorError(error_msg=said)
            call.answer = died if call.name in deadly else 1.0

    return turn


def test_a_unit_that_kills_three_workers_waits_for_the_next_start_while_the_others_go_on(
    cluster, train
):
    cluster.steady, ends = killing("age.1.0.0"), []
    with pytest.raises(FaultError, match=r"die \(of age\.1\.0\.0\);.* given up where"):
        train(3, ends=ends)
    assert names(ends) == ["age.1.1.0", "age.1.2.0"]


def test_a_unit_that_kills_its_workers_in_two_starts_fails(cluster, train):
    cluster.steady = killing("age.1.0.0")
    with pytest.raises(FaultError):
        train(1)
    ends, told = train(3)
    assert names(ends) == ["age.1.1.0", "age.1.2.0"]
    (error,) = [end.error for end in ends if end.error]
    assert "SIGKILL" in error
    assert error.splitlines()[0].endswith("and in one before; --resume tries again")
    assert len(told) == 2


def test_a_unit_that_ends_well_in_the_next_start_has_no_death_to_its_name(cluster, train):
    cluster.steady = killing("age.1.0.0")
    with pytest.raises(FaultError):
        train(1)
    cluster.steady = killing()
    assert names(train(1)[0]) == all_of(1)
    cluster.steady = killing("age.1.0.0")
    with pytest.raises(FaultError):
        train(1)


def test_workers_of_three_units_that_die_end_the_run_at_once(cluster, train):
    cluster.steady = killing(*all_of(9))
    with pytest.raises(FaultError, match="worker processes die"):
        train(9)
    assert len(cluster.calls) <= 12


def test_a_machine_that_is_known_to_fail_is_named_and_costs_a_unit_no_try(cluster, train):
    cluster.turns = [killing("age.1.0.0", said="OSError: No space left on device")] * 2
    ends, told = train(1)
    assert names(ends) == all_of(1)
    assert ["no space is left on the disk" in text for text in told] == [True, True]
    cluster.nodes.pop()  # no other has room
    cluster.turns = [killing("age.1.0.0", said="OSError: No space left on device")] * 3
    with pytest.raises(FaultError, match="no space is left on the disk"):
        train(1)


def test_an_error_of_the_machine_in_a_training_is_no_failure_of_it(cluster, train):
    def breaks(it):
        it.begin_all()
        for call in it.open_calls:
            full = OSError(28, "No space left on device")
            call.answer = ray.exceptions.RayTaskError("run", "trace", full)

    cluster.turns = [breaks]
    ends, told = train(1)
    assert names(ends) == all_of(1)
    assert len(told) == 1


def test_a_node_that_fails_twice_is_left_alone_and_the_others_go_on(cluster, train):
    """A disk that is full there must not end a run that other nodes can end."""
    cluster.nodes.append(Node(name="sick", cpus=1))

    def full_there(it):
        it.begin_all("sick", "one", "two")
        for call in it.open_calls:
            full = OSError(28, "No space left on device")
            error = ray.exceptions.RayTaskError("run", "trace", full)
            call.answer = error if call.actor.node == "sick" else 1.0

    def join(it):
        it.nodes.append(Node(name="late", cpus=1))
        it.clock.now += 5
        it.finish_all()

    cluster.turns = [*[full_there] * 6, join]
    ends, told = train(20)
    assert set(names(ends)) == set(all_of(20))
    assert ["others do what is left" in text for text in told] == [False, True]
    sick, *_, late = cluster.actors
    assert (sick.node, sick.where, sick.killed) == ("sick", None, True)
    assert late.where == {"ray.io/node-id": "!in(sick)"}


def test_an_error_of_the_training_itself_is_not_repeated(cluster, train):
    def breaks(it):
        it.begin_all()
        for call in it.open_calls:
            call.answer = ray.exceptions.RayTaskError("run", "trace", ValueError("no such model"))

    cluster.steady = breaks
    ends, told = train(1)
    assert [end.error for end in ends] == ["ValueError: no such model"]
    assert len(cluster.calls) == 1
    assert not told


def test_a_node_that_joins_late_is_used(cluster, train):
    def join(it):
        it.begin_all()
        it.nodes.append(Node(name="late", cpus=4))
        it.clock.now += 5

    most = []

    def count(it):
        it.begin_all()
        most.append(len(it.open_calls))
        it.finish_all()

    cluster.turns = [join, count]
    ends, _ = train(8)
    assert names(ends) == all_of(8)
    assert most == [6]


def test_a_unit_without_a_step_is_ended_told_and_begins_again(cluster, train):
    def hang(it):
        it.begin_all()
        it.clock.now += STEP_S

    cluster.turns = [FakeCluster.begin_all, hang]
    ends, told = train(1)
    assert names(ends) == all_of(1)
    assert len(told) == 1
    assert "age.1.0.0 made no step for 10 minutes and begins again" in told[0]
    assert [actor.killed for actor in cluster.actors] == [True, False]


@pytest.mark.parametrize(("begins", "patience"), [(True, STEP_S), (False, START_S)])
def test_a_second_silence_ends_the_run(cluster, train, begins, patience):
    begun = set()

    def hang(it):
        if begins and not begun.issuperset(it.calls):
            it.begin_all()
            begun.update(it.calls)
        else:
            it.clock.now += patience

    cluster.steady = hang
    with pytest.raises(
        StalledError, match=r"age\.1\.0\.0 made no (first )?step for \d+ minutes twice"
    ):
        train(1)
    assert all(actor.killed for actor in cluster.actors)


def test_the_end_of_the_budget_ends_a_unit_in_its_middle(cluster, train):
    over = cluster.clock.now + 30

    def first_seed_ends_last(it):
        it.begin_all()
        if [call.name for call in it.open_calls] == ["age.1.0.0"]:
            it.finish_all()

    cluster.steady = first_seed_ends_last
    ends, told = train(3, is_over=lambda unit: unit.seed > 0 and cluster.clock.now > over)
    assert names(ends) == ["age.1.0.0"]
    assert [call.actor.killed for call in cluster.calls] == [False, True]
    assert not told


def test_a_run_whose_nodes_are_all_gone_waits_and_then_ends(cluster, train):
    began = cluster.clock.now

    def lose_all(it):
        it.begin_all()
        it.lose("one")
        it.lose("two")

    cluster.turns = [FakeCluster.begin_all, lose_all]
    with pytest.raises(StalledError, match=r"no node .* room for a training \(1 CPU\)"):
        train(2)
    assert cluster.clock.now - began > NODES_S


def test_a_head_that_is_lost_is_not_asked_to_end_workers(cluster, train, monkeypatch):
    """Ray would wait for it."""

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(pool_module, "under_way", lambda: SimpleNamespace(lost="the head"))
    cluster.steady = interrupt
    with pytest.raises(KeyboardInterrupt):
        train(2)
    assert [actor.killed for actor in cluster.actors] == [False, False]


def test_a_worker_whose_cuda_context_is_broken_gets_no_other_unit(cluster, train):
    """Whatever is asked of the GPU in that process fails from then on."""

    def break_one(it):
        it.begin_all()
        cause = RuntimeError("CUDA error: an illegal memory access was encountered")
        it.open_calls[0].answer = ray.exceptions.RayTaskError("run", "", cause)

    cluster.turns = [break_one]
    ends, told = train(4)
    assert names(ends) == all_of(4)
    assert ["CUDA error: an illegal memory access" in text for text in told] == [True]
    broken = [call.actor for call in cluster.calls if isinstance(call.answer, Exception)]
    assert [actor.killed for actor in broken] == [True]
    assert [call.actor for call in cluster.calls].count(broken[0]) == 1


def test_a_config_that_always_breaks_the_gpu_fails_and_the_others_are_trained(cluster, train):
    def break_the_first(it):
        it.begin_all()
        for call in it.open_calls:
            cause = RuntimeError("CUDA error: device-side assert triggered")
            error = ray.exceptions.RayTaskError("run", "", cause)
            call.answer = error if call.name == "age.1.0.0" else 1.0

    cluster.steady = break_the_first
    ends, told = train(3)
    assert names(ends) == all_of(3)[1:]
    (failed,) = (end for end in ends if end.error)
    assert failed.error == "RuntimeError: CUDA error: device-side assert triggered"
    assert len(told) == 1

"""Slots follow the nodes of a cluster, here a list."""

import pytest

from search.errors import StalledError
from search.prepare.resources import Node, plan_resources
from search.refit.fleet import Fleet
from search.refit.retries import NODES_S
from tests.search.builders.scripted import Clock

HEAD = Node(name="head", cpus=3)
GPUS = [Node(name=name, cpus=4, gpus=2) for name in ("one", "two", "three")]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def nodes():
    return [HEAD, *GPUS[:2]]


@pytest.fixture
def fleet(nodes, clock):
    return Fleet(plan_resources(nodes, "auto"), lambda: nodes, clock)


def test_a_dead_node_takes_its_slots_along(fleet, nodes, clock):
    assert fleet.slots == 4
    nodes.remove(GPUS[1])
    clock.now += 5
    assert fleet.slots == 2
    assert fleet.is_alive("one")
    assert not fleet.is_alive("two")


def test_a_node_that_joins_late_is_used(fleet, nodes, clock):
    nodes.append(GPUS[2])
    clock.now += 5
    assert fleet.slots == 6


def test_the_cluster_is_not_asked_at_every_turn(fleet, nodes, clock):
    nodes.clear()
    clock.now += 0.1
    assert fleet.slots == 4


def test_a_run_without_a_node_waits_for_one_and_then_ends(fleet, nodes, clock):
    nodes[1:] = []
    clock.now += 5
    fleet.check()
    clock.now += NODES_S
    with pytest.raises(StalledError, match=r"room for a training \(2 CPUs and 1 GPU\) for 10 min"):
        fleet.check()


def test_a_node_that_comes_back_in_time_ends_the_wait(fleet, nodes, clock):
    nodes[1:] = []
    clock.now += NODES_S
    fleet.check()
    nodes.append(GPUS[0])
    clock.now += 5
    fleet.check()
    nodes.remove(GPUS[0])
    clock.now += NODES_S - 5
    fleet.check()


def test_a_node_that_is_left_alone_has_no_slots_and_lives(fleet, nodes):
    assert fleet.selector is None
    assert fleet.leave("one")
    assert fleet.leave("one")
    assert fleet.slots == 2
    assert fleet.is_alive("one")
    assert not fleet.is_used("one")
    assert fleet.is_used("two")
    assert fleet.selector == {"ray.io/node-id": "!in(one)"}
    assert fleet.asks["selector"] == fleet.selector
    assert fleet.asks["bundle"] == {"CPU": 2.0, "GPU": 1.0, "memory": 0.0}


def test_the_last_node_with_room_is_never_left_alone(fleet):
    assert fleet.leave("one")
    assert not fleet.leave("two")
    assert fleet.slots == 2
    assert fleet.is_used("two")


def test_nodes_left_alone_are_better_than_none(fleet, nodes, clock):
    assert fleet.leave("one")
    nodes.remove(GPUS[1])
    clock.now += 5
    assert fleet.slots == 2
    assert fleet.is_used("one")
    assert fleet.selector is None


def test_several_nodes_are_told_apart_as_ray_reads_them(fleet, nodes, clock):
    """It splits at the comma and keeps the spaces."""
    nodes.append(GPUS[2])
    clock.now += 5
    assert fleet.leave("two")
    assert fleet.leave("one")
    assert fleet.selector == {"ray.io/node-id": "!in(one,two)"}

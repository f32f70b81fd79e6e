"""Who begins again: a node's death is nobody's fault, a silence is forgiven once."""

import pytest

from search.errors import StalledError
from search.refit.retries import MAX_NODES, START_S, STEP_S, Retries, is_silent


def test_a_worker_that_dies_on_a_living_node_has_three_tries():
    retries = Retries(lambda node: True)
    assert [retries.after_death("age-1", "a") for _ in range(3)] == [True, True, False]
    assert retries.after_death("age-2", "a")


def test_a_training_under_which_node_after_node_dies_ends_the_run_and_is_not_failed():
    retries = Retries(lambda node: False)
    assert all(retries.after_death("age-1", f"node {n}") for n in range(MAX_NODES))
    assert retries.after_death("age-2", "node 0")
    with pytest.raises(StalledError, match="11 nodes died while they trained age-1"):
        retries.after_death("age-1", "node 10")


def test_a_node_that_is_known_to_be_dead_only_later_does_not_count_then():
    dead = set()
    retries = Retries(lambda node: node not in dead)
    assert retries.after_death("age-1", "a")
    assert retries.after_death("age-1", "a")
    dead.add("a")
    assert retries.after_death("age-1", "b")
    assert retries.after_death("age-1", "b")
    assert not retries.after_death("age-1", "b")


def test_a_death_before_the_worker_said_where_it_is_counts():
    retries = Retries(lambda node: False)
    assert [retries.after_death("age-1", "") for _ in range(3)] == [True, True, False]


NODES_DEATHS = (
    "The actor died unexpectedly before finishing this task.\n\tclass_name: RefitWorker\n"
    "The actor died because its node has died. Node Id: 405ccd",
    "Task failed because the node it was running on is dead or unavailable. Node IP: 10.0.0.7",
)


@pytest.mark.parametrize("said", NODES_DEATHS)
def test_a_death_of_a_node_that_ray_tells_of_does_not_count_before_the_worker_has_begun(said):
    retries = Retries(lambda node: True)
    assert all(retries.after_death("age-1", "", said) for _ in range(MAX_NODES))
    with pytest.raises(StalledError, match="nodes died"):
        retries.after_death("age-1", "", said)


def test_a_second_silence_of_the_same_training_ends_the_run():
    retries = Retries(lambda node: True)
    retries.after_silence("age-1", 601)
    retries.after_silence("age-2", 601)
    with pytest.raises(StalledError, match="age-1 made no step for 10 minutes twice"):
        retries.after_silence("age-1", 601)


def test_a_start_has_more_time_than_a_step():
    assert is_silent(STEP_S + 1, has_begun=True)
    assert not is_silent(STEP_S + 1, has_begun=False)
    assert is_silent(START_S + 1, has_begun=False)


def test_a_training_that_never_began_may_have_waited_for_another_run():
    retries = Retries(lambda node: True)
    retries.after_silence("age-1", 1801, has_begun=False)
    with pytest.raises(StalledError, match=r"no first step .* another run holds the slots"):
        retries.after_silence("age-1", 1801, has_begun=False)

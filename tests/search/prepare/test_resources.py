"""How trials fit onto the nodes of a cluster."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import UsageError
from search.prepare.resources import Node, plan_resources

GB = 10**9


def one(cpus, gpus=0, share="auto", **options):
    return plan_resources([Node(cpus=cpus, gpus=gpus)], share, **options)


def test_every_cpu_is_a_slot_without_a_gpu():
    plan = one(2)
    assert (plan.slots, plan.cpus_per_trial, plan.device, plan.device_share) == (2, 1, "cpu", 1.0)
    assert plan.num_devices == 2
    assert plan.describe() == "2 trials at once, 1 CPU each"


@pytest.mark.parametrize(
    ("share", "slots", "cpus"),
    [("auto", 2, 8), ("1", 2, 8), ("0.5", 4, 4), ("1/2", 4, 4), ("1/3", 6, 2), ("0.25", 8, 2)],
)
def test_a_share_of_a_gpu_gives_as_many_slots_as_fit(share, slots, cpus):
    plan = one(16, 2, share)
    assert (plan.slots, plan.cpus_per_trial, plan.device) == (slots, cpus, "cuda")
    assert plan.num_devices == pytest.approx(2)


def test_slots_never_exceed_the_cpus_and_idle_gpus_are_said():
    plan = one(3, 2, "0.25")
    assert (plan.slots, plan.cpus_per_trial) == (3, 1)
    assert "1.2 of 2 GPUs idle, their nodes lack the CPUs" in plan.describe()


def test_a_gpu_in_words():
    assert one(8, 1, "1/3").describe() == "3 trials at once, 2 CPUs and 0.33 GPU each"


@pytest.mark.parametrize("share", ["0.3", "2", "0", "", "half"])
def test_a_fraction_that_wastes_a_part_is_refused(share):
    with pytest.raises(UsageError, match=rf"must be one of auto, measured, 1, .*, got '{share}'"):
        one(8, 1, share)


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="--gpus-per-trial 1 needs a GPU, and Ray sees none"):
        one(8, 0, "1")


@pytest.mark.parametrize("nodes", [[], [Node(cpus=0, gpus=1)]])
def test_a_cluster_without_a_cpu_is_refused(nodes):
    with pytest.raises(UsageError, match="at least one CPU, got 0"):
        plan_resources(nodes, "auto")


def test_a_head_of_cpus_beside_a_node_with_a_gpu_holds_no_trial():
    plan = plan_resources([Node(cpus=3), Node(cpus=1, gpus=1)], "auto")
    assert (plan.slots, plan.cpus_per_trial, plan.gpus_per_trial) == (1, 1, 1.0)


def test_a_large_head_gives_the_trials_of_small_nodes_no_cpus():
    plan = plan_resources([Node(cpus=64), *[Node(cpus=8, gpus=2)] * 2], "auto")
    assert (plan.slots, plan.cpus_per_trial) == (4, 4)


def test_a_node_with_few_cpus_keeps_its_place():
    plan = plan_resources([Node(cpus=32, gpus=2), Node(cpus=2, gpus=1)], "auto")
    assert (plan.slots, plan.cpus_per_trial) == (3, 2)


def test_a_gpu_on_a_node_without_cpus_is_refused_with_what_the_nodes_have():
    with pytest.raises(UsageError, match=r"needs 1 CPU and 1 GPU on one node.*3 CPUs, 0 GPUs; 0"):
        plan_resources([Node(cpus=3), Node(cpus=0, gpus=1)], "auto")


def test_a_trial_beside_a_gpu_takes_no_more_cpus_than_a_small_node_has():
    large, small = Node(cpus=64, gpus=1), Node(cpus=16, gpus=1)
    plan = plan_resources([large], "auto")
    assert plan.cpus_per_trial == 8
    assert plan.slots_on([large, small]) == 2


def test_memory_takes_slots_and_the_plan_says_so():
    plan = plan_resources([Node(cpus=64, memory=8 * GB)], "auto", worker_bytes=2 * GB)
    assert (plan.slots, plan.cpus_per_trial) == (4, 16)
    said = "not 64, because a trial takes about 2.0 GB of memory and there are 8.0 GB"
    assert said in plan.describe()


def test_memory_is_counted_node_by_node():
    nodes = [Node(cpus=8, memory=3 * GB), Node(cpus=8, memory=3 * GB), Node(cpus=1)]
    assert plan_resources(nodes, "auto", worker_bytes=2 * GB).slots == 3


def test_a_machine_too_small_for_one_trial_is_refused_with_the_figures():
    with pytest.raises(UsageError, match=r"about 6\.8 GB of memory on one node.*4 CPUs.*2\.0 GB"):
        plan_resources([Node(cpus=4, memory=2 * GB)], "auto", worker_bytes=6_800_000_000)


def test_slots_follow_the_nodes():
    nodes = [Node(name="a", cpus=4, gpus=1), Node(name="b", cpus=8, gpus=2)]
    plan = plan_resources(nodes, "0.5")
    assert (plan.slots, plan.cpus_per_trial) == (6, 2)
    assert plan.slots_on(nodes[:1]) == 2
    assert plan.slots_on([*nodes, Node(cpus=8, gpus=2)]) == 10
    assert plan.slots_on([Node(cpus=64)]) == 0


node_lists = st.lists(
    st.builds(
        Node,
        cpus=st.integers(0, 64),
        gpus=st.integers(0, 8),
        memory=st.none() | st.integers(0, 64 * GB),
    ),
    min_size=1,
    max_size=5,
)


@given(node_lists, st.sampled_from(["auto", "1", "1/2", "1/3", "1/4"]), st.integers(0, 8 * GB))
def test_trials_never_hold_more_than_their_node_has(nodes, share, worker_bytes):
    try:
        plan = plan_resources(nodes, share, worker_bytes)
    except UsageError:
        return
    assert plan.slots == plan.slots_on(nodes) >= 1
    for node in nodes:
        trials = plan.slots_on([node])
        assert trials * plan.cpus_per_trial <= node.cpus
        assert trials * plan.gpus_per_trial <= node.gpus + 1e-9 or not plan.gpus_per_trial
        assert node.memory is None or trials * worker_bytes <= node.memory


def test_ray_is_asked_for_the_memory_by_which_trials_are_counted():
    known, unknown = Node(cpus=8, memory=3 * GB), Node(cpus=8)
    assert plan_resources([known], "auto", worker_bytes=GB).memory_asked == GB
    # A node that does not know its memory would get no trial.
    assert plan_resources([known, unknown], "auto", worker_bytes=GB).memory_asked == 0
    assert plan_resources([known], "auto").memory_asked == 0

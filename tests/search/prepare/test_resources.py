"""How trials fit onto devices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import UsageError
from search.prepare.resources import plan_resources


def test_every_cpu_is_a_slot_without_a_gpu():
    plan = plan_resources(2, 0, "auto")
    assert (plan.slots, plan.cpus_per_trial, plan.device, plan.device_share) == (2, 1, "cpu", 1.0)
    assert plan.num_devices == 2
    assert plan.describe() == "2 trials at once, 1 CPU each"


@pytest.mark.parametrize(
    ("share", "slots", "cpus"),
    [("auto", 2, 8), ("1", 2, 8), ("0.5", 4, 4), ("1/2", 4, 4), ("1/3", 6, 2), ("0.25", 8, 2)],
)
def test_a_share_of_a_gpu_gives_as_many_slots_as_fit(share, slots, cpus):
    plan = plan_resources(16, 2, share)
    assert (plan.slots, plan.cpus_per_trial, plan.device) == (slots, cpus, "cuda")
    assert plan.num_devices == pytest.approx(2)


def test_slots_never_exceed_the_cpus():
    plan = plan_resources(3, 2, "0.25")
    assert (plan.slots, plan.cpus_per_trial) == (3, 1)


def test_a_gpu_in_words():
    text = plan_resources(8, 1, "1/3").describe()
    assert text == "3 trials at once, 2 CPUs and 0.33 GPU each"


@pytest.mark.parametrize("share", ["0.3", "2", "0", "", "half"])
def test_a_fraction_that_wastes_a_part_is_refused(share):
    with pytest.raises(UsageError, match=rf"must be one of auto, 1, .*, got '{share}'"):
        plan_resources(8, 1, share)


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="--gpus-per-trial 1 needs a GPU, and Ray sees none"):
        plan_resources(8, 0, "1")


def test_a_cluster_without_a_cpu_is_refused():
    with pytest.raises(UsageError, match="at least one CPU, got 0"):
        plan_resources(0, 1, "auto")


@given(
    st.integers(1, 256),
    st.integers(0, 16),
    st.sampled_from(["auto", "1", "1/2", "1/3", "1/4"]),
)
def test_trials_never_hold_more_than_there_is(cpus, gpus, share):
    plan = plan_resources(cpus, gpus, share if gpus else "auto")
    assert plan.slots >= 1
    assert plan.slots * plan.cpus_per_trial <= cpus
    assert plan.slots * plan.gpus_per_trial <= gpus + 1e-9

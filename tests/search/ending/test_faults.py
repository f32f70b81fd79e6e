"""Which errors the machine makes, by really making them where that can be done."""

import errno
import gc
import os
import pickle
import resource

import pytest
import torch

from search.ending import faults
from search.ending.faults import (
    Fault,
    FaultCount,
    FaultError,
    WorkerDeaths,
    fault_in,
    fault_of,
    memory_kills,
)
from search.errors import ResultsError
from trainables.checkpoint import save_checkpoint
from trainables.drafts import draft_of
from trainables.errors import ConfigError, DataError, NonFiniteLossError, OutOfMemoryError


def raised_from(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, Fault.DISK_FULL),
        (errno.EDQUOT, Fault.DISK_FULL),
        (errno.EROFS, Fault.READ_ONLY),
        (errno.EACCES, Fault.CLOSED),
        (errno.EPERM, Fault.CLOSED),
        (errno.EIO, Fault.DISK),
        (errno.EMFILE, Fault.FILES),
        (errno.ENOMEM, Fault.MEMORY),
        (errno.ETIMEDOUT, Fault.SYSTEM),
    ],
)
def test_what_the_system_reports_is_named_with_its_file(number, kind):
    fault = fault_of(OSError(number, os.strerror(number), "results/mine"))
    assert fault.kind is kind
    assert kind.value in str(fault)
    assert "results/mine" in str(fault)
    assert "\n" not in str(fault)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ModuleNotFoundError("No module named 'bitsandbytes'"), Fault.PACKAGE),
        (MemoryError(), Fault.MEMORY),
        (RuntimeError("unable to mmap 4096 bytes: Cannot allocate memory (12)"), Fault.MEMORY),
        (RuntimeError("I/O error: No space left on device (os error 28)"), Fault.DISK_FULL),
        (RuntimeError("CUDA error: uncorrectable ECC error encountered"), Fault.DEVICE),
        (RuntimeError("No CUDA GPUs are available"), Fault.DEVICE),
        (RuntimeError("The NVIDIA driver on your system is too old (found 11040)."), Fault.DEVICE),
        (RuntimeError("Found no NVIDIA driver on your system. Please check"), Fault.DEVICE),
        (RuntimeError("CUDA driver initialization failed, you might not have"), Fault.DEVICE),
        (RuntimeError("CUDA unknown error - this may be due to an incorrectly"), Fault.DEVICE),
        (RuntimeError("Unexpected error from cudaGetDeviceCount(). Did you run"), Fault.DEVICE),
        (RuntimeError("CUDA error: no kernel image is available for execution"), Fault.DEVICE),
        (AssertionError("Torch not compiled with CUDA enabled"), Fault.DEVICE),
        (RuntimeError("Task was killed due to the node running low on memory."), Fault.MEMORY),
        (DataError("the image store was changed"), Fault.DATA),
        (raised_from(DataError("a.jpg is missing"), OSError(errno.EIO, "x")), Fault.DISK),
        (raised_from(OutOfMemoryError("does not fit"), MemoryError()), Fault.MEMORY),
        (FaultError(Fault.DISK, "x"), Fault.DISK),
    ],
)
def test_what_libraries_raise_for_the_machine(error, kind):
    assert fault_of(error).kind is kind


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("optim.lr must be positive"),
        NonFiniteLossError("the loss must stay finite"),
        OutOfMemoryError("a micro-batch of 4 does not fit"),
        raised_from(
            OutOfMemoryError("does not fit"), torch.OutOfMemoryError("CUDA out of memory")
        ),
        RuntimeError("channels do not divide"),
        ResultsError("no run"),
        ZeroDivisionError(),
    ],
)
def test_what_a_config_or_a_person_caused_is_no_fault(error):
    assert fault_of(error) is None


def test_a_chain_of_causes_that_closes_is_followed_once():
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert fault_of(first) is None


def test_a_text_names_its_last_line_that_speaks_of_a_fault():
    text = "ImportError: first\n  a frame\nModuleNotFoundError: No module named 'x'\nthe end"
    fault = fault_in(text)
    assert fault.kind is Fault.PACKAGE
    assert fault.detail == "ModuleNotFoundError: No module named 'x'"
    assert fault_in("a worker died") is None


def test_memory_that_is_asked_for_in_vain_on_the_host_is_a_fault():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    assert fault_of(caught.value).kind is Fault.MEMORY


FULL = "/dev/full"


@pytest.mark.skipif(not os.path.exists(FULL), reason="no device that is always full")  # noqa: PTH110
def test_a_checkpoint_on_a_full_disk_is_a_fault_and_leaves_no_draft(tmp_path, monkeypatch):
    draft_of(tmp_path / "a.pt").symlink_to(FULL)
    with pytest.raises(OSError, match="No space left") as caught:
        save_checkpoint(tmp_path / "a.pt", {"weights": torch.zeros(100_000)})
    assert fault_of(caught.value).kind is Fault.DISK_FULL
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_gets_no_further_is_what_the_system_said(tmp_path):
    """Torch itself says "unexpected pos" where a part was written."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    try:
        weights = [torch.zeros(100_000) for _ in range(20)]
        with pytest.raises(OSError, match="File too large") as caught:
            save_checkpoint(tmp_path / "a.pt", {"weights": weights})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert fault_of(caught.value).kind is Fault.DISK_FULL
    assert list(tmp_path.iterdir()) == []


def test_too_many_open_files_are_a_fault(tmp_path):
    gc.collect()  # files of earlier tests would be closed meanwhile, and leave room
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = os.open(tmp_path, os.O_RDONLY)
    os.close(opened)
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened, hard))
    try:
        with pytest.raises(OSError, match="Too many open files") as caught:
            save_checkpoint(tmp_path / "a.pt", {})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert fault_of(caught.value).kind is Fault.FILES


def test_kills_for_lack_of_memory_are_counted_where_the_system_counts_them(tmp_path, monkeypatch):
    machine, mine, groups = tmp_path / "vmstat", tmp_path / "cgroup", tmp_path / "groups"
    for name, place in (("MACHINE", machine), ("PROCESS", mine)):
        monkeypatch.setattr(faults, f"_OF_{name}", place)
    monkeypatch.setattr(faults, "_GROUPS", groups)
    assert memory_kills() == 0
    machine.write_text("pgfault 12\noom_kill 3\n", encoding="utf-8")
    assert memory_kills() == 3
    mine.write_text("3:cpu:/a\n0::/my/run\n", encoding="utf-8")
    assert memory_kills() == 3  # the group has no counter
    (groups / "my" / "run").mkdir(parents=True)
    events = groups / "my" / "run" / "memory.events"
    events.write_text("oom 9\noom_kill 2\noom_group_kill 0\n", encoding="utf-8")
    machine.write_text("pgfault 12\noom_kill 8\n", encoding="utf-8")
    assert memory_kills() == 2  # of a neighbour's nothing is counted


def test_a_fault_that_comes_from_a_worker_is_the_same():
    fault = pickle.loads(pickle.dumps(FaultError(Fault.DISK, "OSError: x")))
    assert (fault.kind, fault.detail) == (Fault.DISK, "OSError: x")
    assert str(fault) == str(FaultError(Fault.DISK, "OSError: x"))


def test_a_kill_for_lack_of_memory_explains_one_death_and_not_all_later_ones(
    monkeypatch,
):
    kills = iter([7, 8, 8])
    monkeypatch.setattr(faults, "memory_kills", lambda: next(kills))
    deaths = WorkerDeaths()
    assert deaths.fault("killed by SIGKILL").kind is Fault.MEMORY
    assert deaths.fault("killed by SIGKILL") is None


def test_a_node_left_alone_takes_its_faults_along():
    """Two of one node and one of another are not three in a row of the run's."""
    left = []
    count = FaultCount(lambda node: left.append(node) is None)
    for node in ("a", "a", "b"):
        is_left = count.leaves(Fault.DISK_FULL, node)
        assert is_left or not count.are_enough("age trial 1")
    assert left == ["a"]
    assert count.leaves(Fault.DISK_FULL, "b")


def test_three_nodes_that_fail_once_each_end_no_run_that_others_can_end():
    left, healthy = [], {"a", "b", "c", "d"}

    def leave(node):
        left.append(node)
        return bool(healthy - {*left})

    count = FaultCount(leave)
    for node in ("a", "b", "c", "a", "b"):
        assert count.leaves(Fault.DEVICE, node) or not count.are_enough(f"trial on {node}")
    assert left == ["c", "a", "b"]


def test_where_no_other_node_has_room_the_third_fault_ends_the_run():
    count = FaultCount()
    ends = []
    for _ in range(3):
        assert not count.leaves(Fault.DEVICE, "a")
        ends.append(count.are_enough("age trial 1"))
    assert ends == [False, False, True]


def test_a_fault_without_a_node_leaves_none_alone():
    count = FaultCount(lambda node: True)
    assert not any(count.leaves(Fault.PACKAGE, "") for _ in range(3))


def test_trainings_that_still_come_to_a_node_left_alone_end_the_run_at_last():
    count, ends = FaultCount(lambda node: True), []
    for _ in range(50):
        ends.append(not count.leaves(Fault.DEVICE, "a") and count.are_enough("age trial 1"))
    assert any(ends)
    assert not any(ends[:20])

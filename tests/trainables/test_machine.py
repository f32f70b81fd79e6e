"""A container's share of a machine, from the files of its control groups."""

import os
import tempfile

import pytest

from trainables.machine import Machine, mps_runs, node_cache

GB = 2**30


@pytest.fixture
def many_cpus(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)


@pytest.fixture
def machine(tmp_path, many_cpus):
    def made(own_group="0::/\n", available=64 * GB // 1024, **files):
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (tmp_path / "own").write_text(own_group)
        (tmp_path / "meminfo").write_text(
            f"MemTotal: 99999999 kB\nMemAvailable:  {available} kB\n"
        )
        return Machine(
            groups=tmp_path / "cgroup", own_group=tmp_path / "own", memory=tmp_path / "meminfo"
        )

    return made


def test_a_container_of_two_cpus_on_a_machine_of_64_has_two(machine):
    assert machine(**{"cpu.max": "200000 100000\n"}).cpus() == 2


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [("max 100000", 64), ("250000 100000", 2), ("50000 100000", 1), ("6400000 50000", 64)],
)
def test_a_quota_counts_whole_cpus_and_leaves_one(machine, quota, cpus):
    assert machine(**{"cpu.max": quota}).cpus() == cpus


def test_the_tightest_group_above_this_process_holds(machine):
    found = machine(
        "0::/kube/pod/box\n",
        **{
            "cpu.max": "max 100000",
            "kube/cpu.max": "800000 100000",
            "kube/pod/cpu.max": "300000 100000",
            "kube/pod/box/cpu.max": "max 100000",
            "kube/pod/memory.max": f"{3 * GB}\n",
            "kube/pod/box/memory.max": "max\n",
        },
    )
    assert found.cpus() == 3
    assert found.memory_bytes() == 3 * GB


def test_groups_of_version_one_have_a_folder_for_each_controller(machine):
    found = machine(
        "4:cpu,cpuacct:/docker/0123\n3:memory:/docker/0123\n1:name=systemd:/docker/0123\n",
        **{
            "cpu/cpu.cfs_quota_us": "200000\n",
            "cpu/cpu.cfs_period_us": "100000\n",
            "memory/memory.limit_in_bytes": f"{5 * GB}\n",
        },
    )
    assert found.cpus() == 2
    assert found.memory_bytes() == 5 * GB


def test_version_one_without_a_quota_has_all_cpus_of_the_affinity(machine):
    found = machine(
        "4:cpu,cpuacct:/\n",
        **{"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
    )
    assert found.cpus() == 64


def test_memory_is_what_is_free_where_no_group_limits_it(machine):
    assert machine(available=1000, **{"memory.max": "max\n"}).memory_bytes() == 1000 * 1024


def test_without_control_groups_the_affinity_counts_and_memory_is_not_known(tmp_path, many_cpus):
    nowhere = tmp_path / "nowhere"
    found = Machine(groups=nowhere, own_group=nowhere, memory=nowhere)
    assert found.cpus() == 64
    assert found.memory_bytes() is None


def test_this_machine_has_a_cpu_and_some_memory():
    assert Machine().cpus() >= 1
    assert (Machine().memory_bytes() or 1) > 0


def test_the_cache_of_a_run_is_used_where_it_is_there(tmp_path):
    assert node_cache(tmp_path) == tmp_path


def test_where_it_is_not_a_folder_that_only_this_user_opens_is(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    own = node_cache(tmp_path / "home" / "alice" / "cache")
    assert own.parent == tmp_path
    assert own.stat().st_mode & 0o777 == 0o700
    assert node_cache(tmp_path / "home") == own
    assert [path.name for path in tmp_path.iterdir()] == [own.name]


def test_mps_runs_as_long_as_the_number_of_its_daemon_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    (tmp_path / "control").touch()  # stays when it ends
    assert not mps_runs()
    (tmp_path / "nvidia-cuda-mps-control.pid").write_text("3\n")
    assert mps_runs()
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path / "another"))
    assert not mps_runs()


def test_a_link_in_its_place_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    own = node_cache(tmp_path / "gone")
    own.rmdir()
    (tmp_path / "other").mkdir()
    own.symlink_to(tmp_path / "other")
    with pytest.raises(PermissionError, match="must be a folder of this user's own"):
        node_cache(tmp_path / "gone")

"""A run on a cluster one of whose nodes has no room on its disk: the others do what is to be done.

Search, refit and verdict come to their end.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from search.refit.files import RefitNote
from search.store.records import State
from search.store.run_store import RunStore
from tests.search.builders.blind_cluster import blind_cluster, can_hide
from tests.search.builders.people import write_people
from tests.search.builders.runs import ROOT, arguments, stored
from tests.search.cli.test_blind_cluster_integration import spaces

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(not can_hide(), reason="this user may not make mount namespaces"),
]

TRIALS = 2


def test_a_node_with_a_full_disk_is_left_alone_and_the_run_ends_well(tmp_path):
    laptop = tmp_path / "laptop"
    laptop.mkdir()
    data, results = write_people(laptop / "data"), laptop / "results"
    options = {"trials": TRIALS, "max_epochs": 2, "refit_seeds": 1, "name": "sick"}
    command = [sys.executable, "-m", "search"]
    command += arguments(data, laptop / "cache", results, *spaces(laptop), **options)
    with tempfile.TemporaryDirectory(prefix="hr-", dir="/tmp") as folder:
        temporary = Path(folder)
        cache_of_nodes = temporary / f"headrace-cache-{os.getuid()}"
        cache_of_nodes.mkdir(mode=0o700)
        with blind_cluster(temporary, laptop) as cluster:
            cluster.add_node(full=cache_of_nodes)
            ended = subprocess.run(
                [*command, "--address", cluster.address],
                cwd=ROOT,
                env=cluster.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
    said = " ".join(ended.stdout.split())
    assert ended.returncode == 0, ended.stdout
    assert "no space is left on the disk" in said
    assert "others do what is left of this stage" in said
    store = RunStore.open(results, "sick")
    for space in ("gender", "mask", "joint", "multihead"):
        records = stored(store.root, space).values()
        assert [record.state for record in records].count(State.COMPLETE) >= 1
        assert len(records) == TRIALS
        assert not [record.error for record in records if record.error]
    assert RefitNote.exists(store)

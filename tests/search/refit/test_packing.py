"""How many trials share a GPU, by what several trainings at once tell."""

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

import spaces
from search.cli import plan_notes
from search.prepare.resources import MEASURED, Node, plan_resources
from search.refit import packing, probe
from search.refit.packing import Told, measure_together, packed
from tests.search.builders.prepared_run import prepared_run
from tests.trainables.tiny import FLAT
from trainables.data.layouts.profiles import SCHEMA

NODES = [Node(cpus=8, gpus=2, memory=10**12)]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of two spaces with the same default backbone, on two GPUs."""
    monkeypatch.setattr(packing, "is_measured_here", lambda: True)
    both = [spaces.load(name, SCHEMA) for name in ("gender", "mask")]
    resources = plan_resources(NODES, MEASURED, 10**9)
    return replace(prepared_run(tmp_path, both), resources=resources)


class Rates:
    """Tells a rate of all together by their number, and remembers what it was asked."""

    def __init__(self, *rates, used=10, total=100, is_busy=False):
        self.rates, self.is_busy = rates, is_busy
        self.used, self.total = used, total
        self.asked = []

    def __call__(self, setting, flat, number):
        self.asked.append(number)
        rate = self.rates[number - 1]
        if isinstance(rate, Exception):
            raise rate
        told = Told(rate=rate / number, used=self.used, total=self.total, is_busy=self.is_busy)
        return [told] * number


def test_as_many_share_a_gpu_as_train_a_tenth_more_photos(run):
    rates = Rates(100.0, 150.0, 155.0, 160.0)
    assert run.resources.slots == 2
    resources, note = packed(run, NODES, rates)
    assert (resources.slots, resources.gpus_per_trial, resources.cpus_per_trial) == (4, 0.5, 2)
    assert note.endswith("2 trials share a GPU, which train 1.5 times the photos of one")
    assert rates.asked == [1, 2, 3, 4]  # once for both spaces: their defaults compute the same


def test_what_was_measured_is_kept(run):
    first = packed(run, NODES, Rates(100.0, 150.0, 200.0, 210.0))
    assert first[0].gpus_per_trial == pytest.approx(1 / 3)
    again = Rates()
    assert packed(run, NODES, again) == first
    assert again.asked == []
    (kept,) = (run.cache_dir / "packing").iterdir()
    for text in ("[", "{}", json.dumps({**json.loads(kept.read_text()), "rates": {"9": 1}})):
        kept.write_text(text)
        assert packed(run, NODES, Rates(1.0, 1.0, 1.0, 1.0))[0].gpus_per_trial == 1.0


def test_what_was_measured_without_mps_says_nothing_of_a_gpu_with_it(run, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    assert packed(run, NODES, Rates(100.0, 105.0, 105.0, 105.0))[0].gpus_per_trial == 1.0
    (tmp_path / "nvidia-cuda-mps-control.pid").write_text("7")
    assert packed(run, NODES, Rates(100.0, 150.0, 150.0, 150.0))[0].gpus_per_trial == 0.5
    (tmp_path / "nvidia-cuda-mps-control.pid").unlink()
    assert packed(run, NODES, Rates())[0].gpus_per_trial == 1.0  # both are kept


def test_default_configs_leave_half_of_the_memory_to_dearer_ones(run):
    rates = Rates(100.0, 200.0, 300.0, 400.0, used=20)
    resources, _ = packed(run, NODES, rates)
    assert rates.asked == [1, 2]
    assert resources.gpus_per_trial == 0.5
    large = replace(run, cache_dir=run.cache_dir / "large")
    _, note = packed(large, NODES, Rates(100.0, used=30))
    assert note.endswith("one trial a GPU, for more would need most of its memory")


def test_what_was_measured_beside_others_is_not_kept(run):
    assert packed(run, NODES, Rates(50.0, 51.0, 51.0, 51.0, is_busy=True))[0].slots == 2
    assert packed(run, NODES, Rates(100.0, 150.0, 151.0, 151.0))[0].slots == 4


@pytest.mark.parametrize("error", [RuntimeError("CUDA out of memory"), TimeoutError("silent")])
def test_what_fewer_train_stands_where_more_break_and_is_not_kept(run, error, caplog):
    rates = Rates(100.0, 190.0, error)
    assert packed(run, NODES, rates)[0].gpus_per_trial == 0.5
    assert f"3 trainings at once on a GPU: {error}" in caplog.text
    _, note = packed(run, NODES, Rates(100.0, error))
    assert note.endswith(f"one trial a GPU, for 2 at once broke ({error})")
    assert not (run.cache_dir / "packing").exists()


def test_where_nothing_can_be_measured_a_gpu_has_one_trial(run, monkeypatch):
    resources, note = packed(run, NODES, Rates(RuntimeError("no driver")))
    assert resources == run.resources
    assert note == (
        "--gpus-per-trial measured: one trial a GPU, for it cannot be measured: 1 at once broke "
        "(no driver)"
    )
    monkeypatch.setattr(packing, "is_measured_here", lambda: False)
    resources, note = packed(run, NODES, Rates())
    assert resources == run.resources
    assert note.endswith("one trial a GPU, for this machine has none to measure on")


def test_trials_that_cpus_have_no_room_for_are_not_planned(run):
    rates, few = Rates(100.0, 200.0, 300.0, 400.0), [Node(cpus=4, gpus=2, memory=10**12)]
    assert packed(run, few, rates)[0].gpus_per_trial == 0.5
    one = [Node(cpus=2, gpus=2, memory=10**12)]
    resources, note = packed(run, one, rates)
    assert resources.gpus_per_trial == 1.0
    assert note.endswith("one trial a GPU, for CPUs or memory of the nodes have room for no more")
    laptop = [*NODES, Node(cpus=0, gpus=1, memory=10**12)]
    resources, _ = packed(replace(run, resources=plan_resources(laptop, MEASURED)), laptop, rates)
    assert resources.slots == 8


def test_one_more_is_worth_it_among_those_there_is_room_for(run):
    few = [Node(cpus=6, gpus=2, memory=10**12)]
    resources, _ = packed(run, few, Rates(100.0, 105.0, 108.0, 140.0))
    assert resources.gpus_per_trial == 1.0


def test_a_photo_beside_others_takes_the_device_as_long_as_was_measured(run, monkeypatch):
    monkeypatch.setattr(probe, "is_timed_here", lambda _: True)
    monkeypatch.setattr(probe, "measure_costs", lambda *_: {"gender": 2.0, "mask": 1.0})
    resources, _ = packed(run, NODES, Rates(100.0, 125.0, 125.0, 125.0))
    costs = probe.probe_costs(replace(run, resources=resources))
    assert costs["gender"] == pytest.approx(2 * 1.3 / 1.25)
    by_hand = replace(resources, sharing_gain=None)
    assert probe.probe_costs(replace(run, resources=by_hand))["gender"] == pytest.approx(2.6)


def test_where_more_hardly_train_more_a_gpu_has_one(run):
    resources, note = packed(run, NODES, Rates(100.0, 105.0, 109.0, 100.0))
    assert resources.gpus_per_trial == 1.0
    assert note.endswith("one trial a GPU, for two train hardly more photos")
    _, note = packed(run, NODES, Rates())  # as it was kept
    assert note.endswith("one trial a GPU, for two train hardly more photos")


@pytest.mark.parametrize(
    ("share", "tool", "runs", "is_told"),
    [
        ("0.5", True, False, True),
        (MEASURED, True, False, True),
        ("1", True, False, False),
        ("0.5", True, True, False),
        ("0.5", False, False, False),
    ],
)
def test_the_plan_says_how_trials_come_to_share_a_gpu(
    run, tmp_path, monkeypatch, share, tool, runs, is_told
):
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    if runs:
        (tmp_path / "nvidia-cuda-mps-control.pid").write_text("7")
    monkeypatch.setattr(plan_notes.shutil, "which", lambda name: f"/bin/{name}" if tool else None)
    monkeypatch.setattr(plan_notes, "packed", lambda run, nodes: (run.resources, "so it is"))
    asked = replace(
        run,
        config=run.config.changed(gpus_per_trial=share),
        resources=plan_resources(NODES, share, 10**9),
    )
    _, notes = plan_notes.sharing_gpus(asked, NODES, Console(file=io.StringIO()))
    assert ("with nvidia-cuda-mps-control -d" in "".join(notes)) == is_told


def test_the_plan_says_what_was_measured(run, monkeypatch):
    monkeypatch.setattr(plan_notes, "packed", lambda run, nodes: (run.resources, "so it is"))
    console = Console(file=io.StringIO(), width=99)
    asked = replace(run, config=run.config.changed(gpus_per_trial=MEASURED))
    assert plan_notes.sharing_gpus(asked, NODES, console) == (asked, ("so it is",))
    assert "measuring how many trials on a GPU pay" in console.file.getvalue()
    assert plan_notes.sharing_gpus(run, NODES, Console(file=io.StringIO())) == (run, ())


def test_trainings_at_once_are_measured_for_real(tmp_path, monkeypatch):
    setting = prepared_run(tmp_path, [spaces.load("gender", SCHEMA)]).setting
    told = measure_together(setting, FLAT, 2)
    assert len(told) == 2
    assert all(each.rate > 0 and each.used == 0 for each in told)

"""What a default config costs, and what becomes of one that breaks."""

import weakref
from dataclasses import replace
from types import SimpleNamespace

import pytest

from search.errors import BrokenDefaultError
from search.refit import probe
from search.refit.probe import measure_costs
from tests.search.builders.people import trial_setting, write_people
from tests.trainables.tiny import FLAT
from trainables.classifier import ImageClassifier
from trainables.data.schema import UNKNOWN
from trainables.errors import NonFiniteLossError, OutOfMemoryError

pytestmark = pytest.mark.usefixtures("one_torch_thread")

CONFIGS = {"small": FLAT, "large": {**FLAT, "optim.batch_size": 16}}


@pytest.fixture
def setting(tmp_path):
    return trial_setting(write_people(tmp_path / "data"), tmp_path / "cache", tmp_path / "results")


@pytest.fixture
def breaks(monkeypatch):
    """Returns what makes trainings of some batch sizes raise an error."""

    def at(error, *sizes):
        class Breaks(ImageClassifier):
            def train_epoch(self, *args, **kwargs):
                if self.config.optim.batch_size in sizes:
                    raise error
                return super().train_epoch(*args, **kwargs)

        monkeypatch.setattr(probe, "ImageClassifier", Breaks)

    return at


def measured(setting):
    return measure_costs(lambda: None, setting, CONFIGS)


def test_every_config_is_timed(setting):
    found = measured(setting)
    assert list(found) == ["small", "large"]
    assert min(found.values()) > 0


@pytest.mark.parametrize("error", [NonFiniteLossError("nan"), OutOfMemoryError("no room")])
def test_a_config_that_breaks_leaves_the_others_timed(setting, breaks, error, caplog):
    breaks(error, 8)
    assert list(measured(setting)) == ["large"]
    assert f"the default config of small breaks: {error}" in caplog.text


def test_where_all_break_the_error_says_why(setting, breaks):
    breaks(NonFiniteLossError("the loss must stay finite"), 8, 16)
    with pytest.raises(BrokenDefaultError, match="of large breaks: the loss must stay finite"):
        measured(setting)


def test_a_network_that_breaks_is_gone_before_the_next_is_made(setting, monkeypatch):
    alive, before = [], []

    class Breaks(ImageClassifier):
        def __init__(self, *args, **kwargs):
            alive.append([each() is not None for each in before])
            super().__init__(*args, **kwargs)
            before.append(weakref.ref(self))

        def train_epoch(self, *args, **kwargs):
            try:
                raise RuntimeError("CUDA out of memory")
            except RuntimeError as error:
                raise OutOfMemoryError("no room") from error

    monkeypatch.setattr(probe, "ImageClassifier", Breaks)
    with pytest.raises(BrokenDefaultError):
        measured(setting)
    assert alive == [[], [False]]


def test_what_breaks_is_taken_to_cost_as_much_as_the_dearest(monkeypatch):
    run = SimpleNamespace(
        spaces=[SimpleNamespace(name=name) for name in ("a", "b", "c")],
        default_config=lambda name: {"name": name},
        setting=None,
        resources=SimpleNamespace(device="cpu", device_share=0.5, sharing_gain=None),
    )
    monkeypatch.setattr(probe, "measure_costs", lambda *_: {"a": 2.0, "b": 3.0})
    caution = probe._CAUTION  # trials that share a GPU take turns on it
    assert probe.probe_costs(run) == {"a": 2 * caution, "b": 3 * caution, "c": 3 * caution}


@pytest.mark.parametrize(("device", "workers"), [("cpu", 0), ("cuda", 1)])
def test_steps_on_a_gpu_are_timed_on_a_worker(tmp_path, monkeypatch, device, workers):
    """What this process keeps of a GPU, no worker can open where it has one process at a time."""
    run = SimpleNamespace(
        spaces=[SimpleNamespace(name="a")],
        default_config=lambda name: {"name": name},
        setting=SimpleNamespace(sign=None),
        store=SimpleNamespace(root=tmp_path),
        resources=SimpleNamespace(device=device, device_share=1.0, sharing_gain=None),
    )
    asked = []

    def on_worker(*given, **named):
        asked.append(given[2])
        return {"a": 2.0}

    monkeypatch.setattr("search.refit.on_worker.on_worker", on_worker)
    monkeypatch.setattr(probe, "measure_costs", measure := lambda *_: {"a": 2.0})
    assert probe.probe_costs(run) == {"a": 2 * probe._CAUTION}
    assert asked == [measure] * workers


def test_what_is_no_fault_of_a_config_is_raised_at_once(setting, breaks):
    breaks(RuntimeError("the device is gone"), 8)
    with pytest.raises(RuntimeError, match="gone"):
        measured(setting)


BOTH = {"target.attributes": ("gender", "mask")}
HEADS = {**BOTH, "target.form": "heads", "task_weight.gender": 1.0, "task_weight.mask": 1.0}


@pytest.mark.parametrize(("changes", "part"), [(BOTH, 0.25), (HEADS, 0.5)])
def test_photos_without_the_labels_cost_an_epoch_nothing(setting, monkeypatch, changes, part):
    """Seconds are of every photo that the search trains on, for by those they are multiplied."""
    table, rows = setting.table, setting.split.search_train
    labels = table.labels.copy()
    labels[rows[::2]] = UNKNOWN
    labels[rows[1::4], 0] = UNKNOWN
    partly = replace(setting, table=replace(table, labels=labels))
    trained = []

    class Counted(ImageClassifier):
        def train_epoch(self):
            trained.append(len(self._train))
            return SimpleNamespace(seconds=1.0)

    monkeypatch.setattr(probe, "ImageClassifier", Counted)
    found = measure_costs(lambda: None, partly, {"space": {**FLAT, **changes}})
    assert found["space"] == pytest.approx(part / trained[0], rel=0.1)

"""Which precision a CPU trains in, and that a config keeps what was chosen for it."""

import errno
import platform
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from filelock import FileLock

from tests.trainables import tiny
from tests.trainables.tiny import assert_same, classifier
from trainables import locks, precision
from trainables.config import TrialConfig
from trainables.memory import autocast
from trainables.precision import BF16, FLOAT32, Precisions, computes_bf16, measured_ratio

pytestmark = pytest.mark.usefixtures("one_torch_thread")

CPU, GPU = torch.device("cpu"), torch.device("cuda")
CONFIG = tiny.config()
IN_BF16 = {"numerics.precision": BF16}


class Measure:
    """Stands for the measurement; counts how often it was asked."""

    def __init__(self, ratio=0.5, error=None):
        self.ratio = ratio
        self.error = error
        self.asked = 0

    def __call__(self, config, on_step):
        self.asked += 1
        if self.error:
            raise self.error
        return self.ratio


@pytest.fixture
def choose(tmp_path):
    """Returns the precisions of a CPU with these flags, by this measurement."""

    def choose(measure, flags="sse2 avx512_bf16", name="A CPU", on_step=lambda: None):
        cpuinfo = tmp_path / "cpuinfo"
        cpuinfo.write_text(f"model name\t: {name}\nflags\t\t: {flags}\n")
        return Precisions(
            folder=tmp_path / "precision",
            on_step=on_step,
            is_measured=True,
            cpuinfo=cpuinfo,
            measure=measure,
        )

    return choose


def _files(tmp_path):
    return list((tmp_path / "precision").glob("*.json"))


@pytest.mark.parametrize(
    ("ratio", "chosen"), [(0.5, BF16), (0.89, BF16), (0.91, FLOAT32), (2.0, FLOAT32)]
)
def test_bf16_is_chosen_where_it_gains_a_tenth_or_more(choose, ratio, chosen):
    assert choose(Measure(ratio)).of(CONFIG) == chosen


@pytest.mark.parametrize("flags", ["sse2 avx512f avx512_vnni", ""])
def test_nothing_is_chosen_or_measured_without_the_instructions(choose, flags):
    measure = Measure()
    assert choose(measure, flags).of(CONFIG) == ""
    assert measure.asked == 0


def test_nothing_is_chosen_where_nothing_is_said_of_the_cpu(choose, tmp_path):
    measure = Measure()
    missing = replace(choose(measure), cpuinfo=tmp_path / "missing")
    assert missing.of(CONFIG) == ""
    assert measure.asked == 0


def test_unless_it_is_switched_on_a_cpu_trains_in_float32(choose):
    measure = Measure()
    plain = choose(measure)
    usual = Precisions(folder=plain.folder, cpuinfo=plain.cpuinfo, measure=measure)
    assert (usual.of(CONFIG), measure.asked) == ("", 0)


@pytest.mark.parametrize(("flags", "can"), [("sse2 avx512_bf16", True), ("sse2", False)])
def test_a_cpu_says_whether_it_computes_in_bf16(tmp_path, flags, can):
    (tmp_path / "cpuinfo").write_text(f"model name\t: A CPU\nflags\t\t: {flags}\n")
    assert computes_bf16(tmp_path / "cpuinfo") is can
    assert not computes_bf16(tmp_path / "missing")


def test_it_is_measured_once_for_a_backbone_and_size_on_a_cpu(choose):
    measure = Measure()
    for _ in range(3):
        choose(measure).of(CONFIG)
    assert measure.asked == 1
    choose(measure).of(tiny.config({"optim.lr": 0.1, "augment.mixup": 0.4}))
    choose(measure, flags="avx512_bf16 sse2 new").of(CONFIG)
    assert measure.asked == 1
    choose(measure).of(tiny.config({"input.size": 48}))
    choose(measure, name="Another CPU").of(CONFIG)
    choose(measure, flags="avx512_bf16 amx_bf16").of(CONFIG)
    assert measure.asked == 4


def test_a_small_batch_is_measured_by_itself_and_large_ones_once(choose):
    measure = Measure()
    for batch_size in (8, 32, 64, 128):
        choose(measure).of(tiny.config({"optim.batch_size": batch_size}))
    assert measure.asked == 2


def test_a_processor_without_a_name_is_known_by_its_kind(choose, monkeypatch):
    measure = Measure()
    for machine in ("aarch64", "riscv64"):
        monkeypatch.setattr(platform, "machine", lambda machine=machine: machine)
        choose(measure, "bf16", name="").of(CONFIG)
    assert measure.asked == 2


def test_what_was_measured_holds_even_if_it_would_be_otherwise_now(choose):
    choose(Measure(0.5)).of(CONFIG)
    assert choose(Measure(2.0)).of(CONFIG) == BF16


def test_of_several_that_ask_at_once_one_measures(choose):
    measure = Measure()
    precisions = [choose(measure) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(each.of, CONFIG) for each in precisions]
    assert {future.result() for future in asked} == {BF16}
    assert measure.asked == 1


def test_who_waits_for_another_that_measures_gives_signs_of_life(choose, tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "_BETWEEN_SIGNS_S", 0.01)
    choose(Measure()).of(CONFIG)
    (file,) = _files(tmp_path)
    file.unlink()
    lock = FileLock(file.with_suffix(".lock"))
    lock.acquire()
    assert choose(Measure(), on_step=lock.release).of(CONFIG) == BF16
    assert not lock.is_locked


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "[]", "3", '{"of": [], "ratio": "x"}', '{"ratio": 0.5}'),
        *('{"of": [], "ratio": 0.5}', f'{{"of": [], "ratio": {10**400}}}'),
    ],
)
def test_a_file_that_says_nothing_is_measured_again(choose, tmp_path, text):
    measure = Measure()
    choose(measure).of(CONFIG)
    (file,) = _files(tmp_path)
    file.write_text(text)
    assert choose(measure).of(CONFIG) == BF16
    assert measure.asked == 2


@pytest.mark.parametrize("ratio", ["NaN", "0", "-1", "Infinity"])
def test_a_ratio_that_is_none_is_measured_again(choose, tmp_path, ratio):
    choose(Measure(0.5)).of(CONFIG)
    (file,) = _files(tmp_path)
    file.write_text(file.read_text().replace("0.5", ratio))
    assert choose(Measure(0.6)).of(CONFIG) == BF16
    assert "0.6" in file.read_text()


@pytest.mark.parametrize("place", ["a file", "a file/in it"])
@pytest.mark.parametrize(("ratio", "chosen"), [(0.5, BF16), (2.0, FLOAT32)])
def test_a_cache_that_cannot_be_made_costs_a_measurement_and_no_trial(
    choose, tmp_path, place, ratio, chosen
):
    (tmp_path / "a file").write_text("")
    measure = Measure(ratio)
    assert replace(choose(measure), folder=tmp_path / place).of(CONFIG) == chosen
    assert measure.asked == 1


@pytest.mark.parametrize("what", ["held", "written"])
def test_a_cache_that_cannot_be_written_costs_a_measurement_and_no_trial(
    choose, tmp_path, monkeypatch, what
):
    @contextmanager
    def refused(*given):
        raise OSError(errno.EROFS, "read-only")
        yield

    monkeypatch.setattr(precision, what, refused)
    measure = Measure()
    assert choose(measure).of(CONFIG) == BF16
    assert measure.asked == 1


def test_a_model_that_cannot_be_measured_trains_in_float32_and_is_not_asked_again(choose):
    measure = Measure(error=RuntimeError("not implemented for BFloat16"))
    assert [choose(measure).of(CONFIG) for _ in range(2)] == [FLOAT32, FLOAT32]
    assert measure.asked == 1


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_memory_that_runs_out_is_no_property_of_a_model(choose, tmp_path, error):
    assert choose(Measure(error=error)).of(CONFIG) == FLOAT32
    assert _files(tmp_path) == []
    assert choose(Measure(0.5)).of(CONFIG) == BF16


def test_steps_are_measured_in_pairs_and_leave_the_random_numbers_alone():
    before = torch.random.get_rng_state()
    steps = []
    assert measured_ratio(CONFIG, lambda: steps.append(1)) > 0
    assert len(steps) % 2 == 0
    assert len(steps) <= 20
    assert torch.equal(torch.random.get_rng_state(), before)


class Clock:
    """A step takes so many seconds, by its precision."""

    def __init__(self, monkeypatch, seconds):
        self.now, self.seconds = 0.0, seconds
        monkeypatch.setattr(precision, "time", SimpleNamespace(perf_counter=lambda: self.now))
        monkeypatch.setattr(precision, "autocast", self.autocast)

    def autocast(self, device, name):
        self.now += self.seconds[name]
        return nullcontext()


def test_the_ratio_is_the_median_of_pairs_after_the_first(monkeypatch):
    clock = Clock(monkeypatch, {FLOAT32: 0.1, BF16: 0.9})
    steps = []

    def step():
        steps.append(1)
        # Warming up; then one pair in which another program was at work.
        clock.seconds[BF16] = 0.9 if len(steps) < 4 or len(steps) == 10 else 0.06

    assert measured_ratio(CONFIG, step) == pytest.approx(0.6)


@pytest.mark.parametrize(("seconds", "pairs"), [(60.0, 1), (1.5, 1), (0.6, 2), (0.01, 10)])
def test_a_model_of_any_size_is_measured_no_longer_than_a_pair_after_two_seconds(
    monkeypatch, seconds, pairs
):
    Clock(monkeypatch, {FLOAT32: seconds, BF16: seconds})
    steps = []
    assert measured_ratio(CONFIG, lambda: steps.append(1)) == pytest.approx(1.0)
    assert len(steps) == 2 * pairs


def test_a_large_batch_is_not_measured_whole(monkeypatch):
    seen = []
    real = precision.build_backbone

    def watched(*given):
        backbone = real(*given)
        backbone.module.register_forward_pre_hook(lambda module, x: seen.append(len(x[0])))
        return backbone

    monkeypatch.setattr(precision, "build_backbone", watched)
    measured_ratio(tiny.config({"optim.batch_size": 512}), lambda: None)
    assert set(seen) == {32}


@pytest.mark.parametrize(
    ("device", "precision", "dtype"),
    [(CPU, "", None), (CPU, FLOAT32, None), (CPU, BF16, torch.bfloat16), (GPU, FLOAT32, None)],
)
def test_a_config_may_say_the_precision_of_a_device(device, precision, dtype):
    with autocast(device, precision):
        is_on = torch.is_autocast_enabled(device.type)
        assert is_on == (dtype is not None)
        assert not is_on or torch.get_autocast_dtype(device.type) is dtype


def test_a_config_without_a_precision_is_as_it_was():
    assert "numerics" not in CONFIG.to_tree()
    config = tiny.config(IN_BF16)
    assert TrialConfig.from_flat(config.to_flat()) == config
    assert TrialConfig.from_tree(config.to_tree()) == config


def test_training_in_bf16_is_repeatable_near_float32_and_evaluated_in_float32():
    plain, one, two = (classifier(*change) for change in ((), (IN_BF16,), (IN_BF16,)))
    losses = [[model.train_epoch().loss for _ in range(2)] for model in (plain, one, two)]
    assert losses[1] == losses[2]
    assert losses[0] != losses[1]
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.1)
    assert_same(one.weights(), two.weights())
    assert all(weight.dtype != torch.bfloat16 for weight in one.weights().values())
    seen = []
    one.network.backbone.register_forward_hook(lambda *call: seen.append(call[-1].dtype))
    one.predict(np.arange(4))
    assert seen == [torch.float32]

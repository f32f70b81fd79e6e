"""Which precision a CPU trains in, and that a config keeps what was chosen for it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from tests.trainables import tiny
from tests.trainables.tiny import assert_same, classifier
from trainables.config import TrialConfig
from trainables.memory import autocast
from trainables.precision import BF16, FLOAT32, Precisions, measured_steps

pytestmark = pytest.mark.usefixtures("one_torch_thread")

CPU, GPU = torch.device("cpu"), torch.device("cuda")
CONFIG = tiny.config()
IN_BF16 = {"numerics.precision": BF16}


class Measure:
    """Stands for the measurement; counts how often it was asked."""

    def __init__(self, float32=1.0, bf16=0.5, error=None):
        self.seconds = {FLOAT32: float32, BF16: bf16}
        self.error = error
        self.asked = 0

    def __call__(self, config):
        self.asked += 1
        if self.error:
            raise self.error
        return self.seconds


@pytest.fixture
def choose(tmp_path):
    """Returns the precisions of a CPU with these flags, by this measurement."""

    def choose(measure, flags="sse2 avx512_bf16", name="A CPU"):
        cpuinfo = tmp_path / "cpuinfo"
        cpuinfo.write_text(f"model name\t: {name}\nflags\t\t: {flags}\n")
        return Precisions(folder=tmp_path / "precision", cpuinfo=cpuinfo, measure=measure)

    return choose


@pytest.mark.parametrize(
    ("bf16", "chosen"), [(0.5, BF16), (0.89, BF16), (0.91, FLOAT32), (2.0, FLOAT32)]
)
def test_bf16_is_chosen_where_it_gains_a_tenth_or_more(choose, bf16, chosen):
    assert choose(Measure(bf16=bf16)).of(CONFIG) == chosen


@pytest.mark.parametrize("flags", ["sse2 avx512f avx512_vnni", ""])
def test_nothing_is_chosen_or_measured_without_the_instructions(choose, flags):
    measure = Measure()
    assert choose(measure, flags).of(CONFIG) == ""
    assert measure.asked == 0


def test_nothing_is_chosen_where_nothing_is_said_of_the_cpu(tmp_path):
    measure = Measure()
    missing = Precisions(folder=tmp_path, cpuinfo=tmp_path / "missing", measure=measure)
    assert missing.of(CONFIG) == ""


def test_it_is_measured_once_for_a_backbone_size_and_batch_on_a_cpu(choose):
    measure = Measure()
    for _ in range(3):
        choose(measure).of(CONFIG)
    assert measure.asked == 1
    choose(measure).of(tiny.config({"optim.lr": 0.1, "augment.mixup": 0.4}))
    assert measure.asked == 1
    for change in ({"input.size": 48}, {"optim.batch_size": 4}):
        choose(measure).of(tiny.config(change))
    choose(measure, name="Another CPU").of(CONFIG)
    assert measure.asked == 4


def test_what_was_measured_holds_even_if_it_would_be_otherwise_now(choose):
    choose(Measure(bf16=0.5)).of(CONFIG)
    assert choose(Measure(bf16=2.0)).of(CONFIG) == BF16


def test_of_several_that_ask_at_once_one_measures(choose):
    measure = Measure()
    precisions = [choose(measure) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(each.of, CONFIG) for each in precisions]
    assert {future.result() for future in asked} == {BF16}
    assert measure.asked == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"of": [], "seconds": {"float32": "x"}}'])
def test_a_file_that_says_nothing_is_measured_again(choose, tmp_path, text):
    measure = Measure()
    choose(measure).of(CONFIG)
    (file,) = (tmp_path / "precision").glob("*.json")
    file.write_text(text)
    assert choose(measure).of(CONFIG) == BF16
    assert measure.asked == 2


@pytest.mark.parametrize("error", [RuntimeError("not implemented for BFloat16"), MemoryError()])
def test_a_model_that_cannot_be_measured_trains_in_float32(choose, error):
    assert choose(Measure(error=error)).of(CONFIG) == FLOAT32


def test_a_step_is_measured_in_both_and_leaves_the_random_numbers_alone():
    before = torch.random.get_rng_state()
    seconds = measured_steps(CONFIG)
    assert seconds.keys() == {FLOAT32, BF16}
    assert min(seconds.values()) > 0
    assert torch.equal(torch.random.get_rng_state(), before)


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

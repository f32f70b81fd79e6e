"""In which precision a trial is trained: chosen once, and then its own."""

from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture
def measured(images):
    """Makes bf16 the faster one, or not; returns how often that was asked."""
    asked = []

    def precisions(chosen):
        def of(config):
            asked.append(config.backbone.name)
            return chosen

        images.precisions = SimpleNamespace(of=of)
        return asked

    return precisions


def test_the_chosen_precision_is_told_with_every_epoch_and_trained_in(start, measured):
    asked = measured("bf16")
    run = start()
    assert [run.epoch()["precision"] for _ in range(2)] == ["bf16", "bf16"]
    assert run._classifier.config.numerics.precision == "bf16"
    assert len(asked) == 1


@pytest.mark.parametrize("given", ["float32", "bf16"])
def test_a_config_with_a_precision_keeps_it_whatever_is_faster_here(start, measured, given):
    asked = measured("bf16")
    assert start({"numerics.precision": given}).epoch()["precision"] == given
    assert asked == []


@pytest.mark.parametrize("chosen", ["float32", ""])
def test_a_trial_goes_on_in_the_precision_that_it_began_with(start, measured, chosen):
    measured(chosen)
    first = start()
    first.epoch()
    first.close()
    asked = measured("bf16")
    again = start()
    assert again.epoch()["epoch"] == 1
    assert again.epoch().get("precision", "") == chosen
    assert len(asked) == 1


def test_a_replay_measures_nothing(start, measured):
    asked = measured("bf16")
    assert "precision" not in start(write=False).epoch()
    assert asked == []

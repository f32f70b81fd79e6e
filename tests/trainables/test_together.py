"""Several trainings at once, and how many of them pay."""

import os
import signal

import pytest

from trainables.together import best_packing, together, wait_for_others


def killed(_given):
    """What the kernel does where memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def broken(given):
    raise ValueError(given)


def met(given):
    wait_for_others()  # alone it would wait for ever
    return given, os.getpid()


def test_a_training_that_is_killed_among_others_is_an_error():
    with pytest.raises(TimeoutError, match=r"2 trainings .* its process was killed"):
        together(killed, None, 2, patience_s=1.0)


def test_what_a_training_raises_is_raised():
    with pytest.raises(ValueError, match="so it is"):
        together(broken, "so it is", 1)


def test_every_training_has_a_process_of_its_own_and_meets_the_others():
    told = together(met, "here", 2)
    assert [given for given, _ in told] == ["here", "here"]
    assert len({process for _, process in told} | {os.getpid()}) == 3


@pytest.mark.parametrize(
    ("rates", "best"),
    [
        ({1: 100.0}, 1),
        ({1: 100.0, 2: 109.0}, 1),
        ({1: 100.0, 2: 120.0, 3: 125.0, 4: 140.0}, 4),
        ({1: 100.0, 2: 150.0, 4: 160.0}, 2),
    ],
)
def test_one_more_training_has_to_add_a_tenth(rates, best):
    assert best_packing(rates) == best

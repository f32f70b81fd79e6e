import numpy as np
import pytest

from search.analysis.errors import AnalysisError
from search.analysis.uncertainty.interval import Interval, interval_of_draws
from tests.search.builders.labelled_people import half_width


def test_an_interval_must_hold_its_value():
    with pytest.raises(AnalysisError, match=r"got low=0\.2, value=0\.1, high=0\.3"):
        Interval(value=0.1, low=0.2, high=0.3)
    with pytest.raises(AnalysisError, match="value=nan"):
        Interval(value=float("nan"), low=0.0, high=1.0)


def test_an_interval_tells_its_width_side_and_json():
    interval = Interval(value=0.2, low=0.1, high=0.5)
    assert half_width(interval) == pytest.approx(0.2)
    assert interval.to_dict() == {"value": 0.2, "interval": [0.1, 0.5]}
    assert interval.excludes_zero
    assert Interval(value=-0.2, low=-0.3, high=-0.1).excludes_zero
    assert not Interval(value=0.0, low=-0.1, high=0.1).excludes_zero


def test_many_degrees_of_freedom_give_the_percentiles_of_symmetric_draws():
    draws = np.linspace(-1, 1, 20_001)
    interval = interval_of_draws(0.0, draws, 1e6)
    assert (interval.low, interval.high) == pytest.approx((-0.95, 0.95), abs=1e-3)


def test_few_degrees_of_freedom_widen_the_interval():
    draws = np.random.default_rng(0).normal(size=5_000)
    many, few = interval_of_draws(0.0, draws, 1e6), interval_of_draws(0.0, draws, 4)
    assert few.low < many.low < many.high < few.high


def test_draws_that_are_too_low_move_the_interval_up():
    draws = np.random.default_rng(0).normal(size=5_000)
    centred, biased = interval_of_draws(0.0, draws, 1e6), interval_of_draws(0.3, draws, 1e6)
    assert biased.low > centred.low
    assert biased.high > centred.high


def test_draws_wholly_on_one_side_still_give_an_interval_that_holds_the_value():
    interval = interval_of_draws(2.0, np.linspace(0, 1, 500), 30)
    assert interval.high == 2.0

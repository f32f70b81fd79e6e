import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.errors import UsageError
from search.prepare.config import parse_duration
from search.refit.plan import (
    FLOOR_FOLDS,
    FULL,
    Costs,
    RefitPlan,
    Shape,
    expected_seconds,
    plan_refit,
    search_share,
    shrinking,
)


def costs(photo_seconds=0.001, configs=4, num_photos=1000, num_devices=2.0):
    return Costs(
        photo_seconds={"age": (photo_seconds,) * configs, "joint": (photo_seconds,) * configs},
        epochs={"age": 10, "joint": 10},
        num_photos=num_photos,
        num_devices=num_devices,
    )


def test_a_refit_costs_every_config_seed_and_photo_out_of_fold():
    shape = Shape(folds=5, seeds=3, configs=3)
    # Spaces x configs x seeds x photos x folds that train each photo x epochs x cost.
    device_seconds = 2 * 4 * 3 * 1000 * 4 * 10 * 0.001
    assert costs().seconds(shape) == pytest.approx(1.1 * device_seconds / 2)


def test_shapes_shrink_to_two_seeds_then_configs_then_the_default_then_folds_then_one_seed():
    shapes = list(shrinking(FULL))
    found = [(s.seeds, s.configs, s.default, s.folds) for s in shapes if s.epochs_share == 1]
    assert found == [
        *((seeds, 3, True, 5) for seeds in (6, 5, 4, 3, 2)),
        (2, 2, True, 5),
        (2, 1, True, 5),
        *((2, 1, False, folds) for folds in (5, 4, 3)),
        (1, 1, False, 3),
    ]
    assert [s.epochs_share for s in shapes[11:]] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])


def test_every_shape_costs_less_than_the_one_before():
    seconds = [costs().seconds(shape) for shape in shrinking(FULL)]
    assert seconds == sorted(seconds, reverse=True)
    assert len(set(seconds)) == len(seconds)


@settings(max_examples=25)
@given(share=st.floats(0.02, 2.0))
def test_the_plan_is_the_largest_shape_that_fits(share):
    wished = costs().seconds(FULL)
    shapes = list(shrinking(FULL))
    left = max(share * wished, costs().seconds(shapes[-1]))
    planned = plan_refit(costs(), left)
    assert planned.seconds <= left
    larger = shapes[: shapes.index(planned.shape)]
    assert all(costs().seconds(shape) > left for shape in larger)


def test_a_plan_says_what_was_cut_and_what_that_costs():
    planned = plan_refit(
        costs(), costs().seconds(Shape(folds=3, seeds=1, configs=1, default=False))
    )
    assert planned.shape == Shape(folds=FLOOR_FOLDS, seeds=1, configs=1, default=False)
    assert any("no win can be declared" in cut for cut in planned.cuts)
    assert any("folds: 3 instead of 5" in cut for cut in planned.cuts)
    assert any("default config is left out" in cut for cut in planned.cuts)


def test_without_the_default_on_top_what_was_chosen_costs():
    alone = Shape(folds=3, seeds=1, configs=1, default=False)
    chosen = {space: 10 * max(each) for space, each in costs().photo_seconds.items()}
    assert replace(costs(), chosen_seconds=chosen).seconds(alone) > 5 * costs().seconds(alone)
    assert replace(costs(), chosen_seconds=chosen).seconds(FULL) == costs().seconds(FULL)


@pytest.mark.parametrize("parts", [1.0, 2.0])
def test_a_plan_of_one_seed_says_what_would_afford_two(parts):
    two = costs().seconds(FLOOR)
    assert plan_refit(costs(), two).shape.seeds == 2
    planned = plan_refit(costs(), 0.99 * two, parts=parts)
    assert planned.shape.seeds == 1
    said = re.search(r"two seeds.* take a new run of about --budget (\d+m)$", planned.cuts[-1])
    enough = parse_duration(said[1])
    least = 30 + parts * two / 0.7
    assert least <= enough < least + 60
    # With that budget the refit's floor is afforded.
    left = enough - 30
    assert (1 - search_share(costs(), left, parts=parts)) * left >= parts * two


def test_nothing_is_cut_where_there_is_time():
    assert plan_refit(costs(), 1e9).cuts == ()


def test_too_little_time_names_what_is_needed():
    with pytest.raises(UsageError, match=r"smallest refit .* needs about .*, and 1s are left"):
        plan_refit(costs(), 1.0)


@pytest.mark.parametrize("minutes", [5, 20, 60])
def test_to_ask_for_many_seeds_costs_no_folds_configs_or_epochs(minutes):
    """They are the most that rounds may come to: few of them are trained where all is decided."""
    few, many = (
        plan_refit(costs(), 60 * minutes, Shape(folds=5, seeds=seeds, configs=3)).shape
        for seeds in (2, 20)
    )
    assert replace(many, seeds=0) == replace(few, seeds=0)
    assert many.seeds >= few.seeds


FLOOR = Shape(folds=FLOOR_FOLDS, seeds=2, configs=1, default=False)


def test_search_gets_half_where_the_floor_of_the_refit_fits_the_other_half():
    assert search_share(costs(), 3 * costs().seconds(FLOOR)) == 0.5


def test_the_refit_takes_up_to_seven_tenths_for_its_floor():
    seconds = costs().seconds(FLOOR) / 0.6
    assert search_share(costs(), seconds) == pytest.approx(0.4)


def test_a_refit_with_fewer_epochs_takes_seven_tenths():
    one_seed = costs().seconds(Shape(folds=FLOOR_FOLDS, seeds=1, configs=1, default=False))
    assert search_share(costs(), one_seed / 0.9) == pytest.approx(0.3)


def test_a_budget_below_the_least_is_refused_with_the_least():
    least = costs().seconds(list(shrinking(FULL))[-1]) / 0.7
    assert search_share(costs(), least * 1.01) == pytest.approx(0.3)
    with pytest.raises(UsageError, match=r"needs a budget of at least about .*; got"):
        search_share(costs(), least * 0.9)


@pytest.mark.parametrize(
    ("seeds", "seconds", "likely"),
    [
        (1, 60.0, 1),  # no further seed fits into the minute
        (2, 250.0, 2),
        (2, 330.0, 2.5),  # a third one fits, and may not be needed
        (6, 600.0, 4),  # half way between the first look and the last
        (6, None, 4),
        (2, 6000.0, 4),
    ],
)
def test_a_refit_takes_the_seeds_that_fit_and_are_likely_to_be_needed(seeds, seconds, likely):
    shape = Shape(folds=5, seeds=seeds, configs=1)
    planned = RefitPlan(shape=shape, seconds=100.0 * seeds, cuts=())
    assert expected_seconds(planned, seconds, 6) == pytest.approx(100.0 * likely)


def test_a_refit_of_unknown_cost_is_expected_to_take_no_time():
    planned = RefitPlan(shape=FULL, seconds=0.0, cuts=())
    assert expected_seconds(planned, 60.0, 6) == 0.0


@pytest.mark.parametrize("seconds", [0.0, -10.0])
def test_a_budget_that_the_verdict_uses_up_is_refused_like_any_other(seconds):
    with pytest.raises(UsageError, match=r"needs a budget of at least about .*; got"):
        search_share(costs(), seconds)


def test_what_else_follows_the_search_takes_nothing_of_the_floor_of_the_refit():
    """Pseudo-labels and controlled trainings get as much as the refit does."""
    seconds = 4 * costs().seconds(FLOOR)
    assert search_share(costs(), seconds) == 0.5
    share = search_share(costs(), seconds, parts=2.4)
    assert (1 - share) * seconds / 2.4 == pytest.approx(costs().seconds(FLOOR))
    least = costs().seconds(list(shrinking(FULL))[-1]) / 0.7
    assert search_share(costs(), 2.02 * least, parts=2.0) == pytest.approx(0.3)
    with pytest.raises(UsageError, match=r"needs a budget of at least about"):
        search_share(costs(), 1.9 * least, parts=2.0)

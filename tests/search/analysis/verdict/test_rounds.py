"""The looks at all pairs: levels, ends, futility, and the error of all looks together."""

import numpy as np
import pytest
from scipy import stats

from search.analysis.errors import AnalysisError
from search.analysis.uncertainty.difference import NO_LUCK, PairEstimate
from search.analysis.uncertainty.training_luck import TrainingLuck
from search.analysis.verdict.multiplicity import shaffer
from search.analysis.verdict.rounds import (
    Standing,
    is_futile,
    likely_end,
)
from tests.search.builders.looks import AB, AC, BC, MANY, THIRD, looked, luck, pair_with, rounds_of

# As many as an estimate has: after the whole design nothing is futile.
WHOLE = 3


def _standings(rounds):
    return [rounds.closings[pair].standing for pair in rounds.pairs]


@pytest.mark.parametrize(("factor", "standing"), [(0.99, Standing.WON), (1.01, Standing.OPEN)])
def test_an_interim_look_takes_a_tenth_of_the_level(factor, standing):
    # Half of the luck is training's: at six seeds a p of 0.002 may still become significant.
    rounds = rounds_of()
    found = pair_with(0.1 * THIRD * factor, excess=5e-5)
    rest = pair_with(0.3, excess=5e-5)
    rounds.look({AB: found, AC: rest, BC: rest}, ended=False)
    assert _standings(rounds) == [standing, Standing.OPEN, Standing.OPEN]
    assert rounds.closings[AB].share == 0.1
    assert rounds.closings[AB].p_value == pytest.approx(THIRD * factor)


@pytest.mark.parametrize(("factor", "standing"), [(0.99, Standing.WON), (1.01, Standing.OPEN)])
def test_an_end_after_a_look_takes_nine_tenths(factor, standing):
    rounds = rounds_of()
    rest = pair_with(0.3, excess=5e-5, seeds=2)
    rounds.look(dict.fromkeys(rounds.pairs, rest), ended=False)
    end = pair_with(0.9 * THIRD * factor, variance=8e-5, excess=3e-5, seeds=4)
    rounds.look({AB: end, AC: rest, BC: rest}, ended=True)
    assert _standings(rounds) == [standing, Standing.OPEN, Standing.OPEN]
    assert rounds.closings[AB].share == 0.9


def test_after_the_first_win_the_others_are_tested_at_the_whole_level():
    """Of three approaches two that differ leave one pair that can be equal."""
    assert _standings(looked([0.9, 0.016, 0.049], ended=True, full=WHOLE)) == [
        Standing.OPEN,
        Standing.WON,
        Standing.WON,
    ]
    assert _standings(looked([0.9, 0.017, 0.02], ended=True, full=WHOLE)) == ([Standing.OPEN] * 3)


def test_a_win_of_an_earlier_look_raises_the_level_of_a_later_one():
    rounds = rounds_of()
    early = pair_with(0.3, excess=5e-5, seeds=2)
    rounds.look({AB: pair_with(1e-6, seeds=2), AC: early, BC: early}, ended=False)
    assert _standings(rounds) == [Standing.WON, Standing.OPEN, Standing.OPEN]
    later = pair_with(0.9 * 0.05 * 0.99, variance=8e-5, excess=3e-5, seeds=4)
    rounds.look({AC: later, BC: early}, ended=True)
    assert _standings(rounds) == [Standing.WON, Standing.WON, Standing.OPEN]


def test_a_pair_that_differs_within_the_margin_counts_as_one_that_differs():
    rounds = rounds_of(num_people=10**6, full=WHOLE)
    tiny = pair_with(1e-6, variance=1e-8)  # 0.0005 at a standard error of 0.0001
    rounds.look({AB: tiny, AC: pair_with(0.03), BC: pair_with(0.5)}, ended=True)
    assert _standings(rounds) == [Standing.EQUIVALENT, Standing.WON, Standing.OPEN]


@pytest.mark.parametrize("ended", [False, True])
def test_equivalence_is_found_at_any_look_and_closes_a_pair(ended):
    rounds = rounds_of(num_people=1200)
    same = pair_with(1.0, variance=1e-6)
    rest = pair_with(0.3, excess=5e-5)
    rounds.look({AB: same, AC: rest, BC: rest}, ended=ended)
    assert rounds.closings[AB].standing is Standing.EQUIVALENT
    assert rounds.open_pairs == (AC, BC)
    fewer = rounds_of(num_people=1199)
    fewer.look({AB: same, AC: rest, BC: rest}, ended=ended)
    assert fewer.closings[AB].standing is not Standing.EQUIVALENT


@pytest.mark.parametrize(
    ("size", "excess", "futile"),
    [
        # At three of six seeds: the whole design has 1e-4 + excess / 2, and w^2 is excess / 2.
        (0.0, 5e-5, True),  # 0.0226 is 4.5 w away
        (0.0140, 5e-5, True),
        (0.0150, 5e-5, False),
        (-0.0150, 5e-5, False),
        (0.0, 4e-4, True),  # 0.0350 is 2.5 w away, to either side
        (0.0110, 4e-4, True),
        (0.0140, 4e-4, False),
    ],
)
def test_a_pair_is_futile_by_the_formula(size, excess, futile):
    half = luck(excess / 2, 3)
    estimate = PairEstimate(
        difference=size,
        people_variance=1e-4,
        people_degrees=40.0,
        training=(half, half),
        num_differing=99,
    )
    final, step = 1e-4 + excess / 2, (excess / 2) ** 0.5
    critical = stats.t.ppf(0.975, 40) * final**0.5
    likely = stats.norm.cdf((size - critical) / step) + stats.norm.cdf((-size - critical) / step)
    assert bool(likely < 0.05) is futile
    assert is_futile(estimate, 6, 0.005) is futile
    assert not is_futile(estimate, 6, 1.001 * critical)  # then equivalence is still possible


def test_interaction_is_part_of_what_a_whole_design_takes_away():
    """P = 1e-4 holds 4e-5 of interaction, so that six seeds leave 6e-5 + 2e-5."""
    side = luck(0.0, 3, interaction=2e-5)
    estimate = PairEstimate(
        difference=0.012,
        people_variance=1e-4,
        people_degrees=MANY,
        training=(side, side),
        num_differing=99,
    )
    critical, step = 1.95996 * 8e-5**0.5, 2e-5**0.5
    likely = stats.norm.cdf((0.012 - critical) / step)
    assert likely > 0.05
    assert not is_futile(estimate, 6, 0.005)
    lower = PairEstimate(
        difference=0.0095,
        people_variance=1e-4,
        people_degrees=MANY,
        training=(side, side),
        num_differing=99,
    )
    assert stats.norm.cdf((0.0095 - critical) / step) < 0.05
    assert is_futile(lower, 6, 0.005)


def test_the_luck_of_one_side_is_set_against_the_interaction_of_both():
    """B = 4e-5 of one side alone, I = 2e-5 of each: nothing is added, and 4e-5 / 2 goes."""
    lucky = TrainingLuck(variance=4e-5, interaction=2e-5, num_seeds=3, folds=MANY)
    quiet = TrainingLuck(variance=0.0, interaction=2e-5, num_seeds=3, folds=MANY)

    def pair(size):
        return PairEstimate(
            difference=size,
            people_variance=1e-4,
            people_degrees=MANY,
            training=(lucky, quiet),
            num_differing=99,
        )

    # As above: side by side it would be 6e-5 + (4e-5 + 2e-5) / 2, and 0.0105 were futile.
    critical, step = 1.95996 * 8e-5**0.5, 2e-5**0.5
    side_by_side = (1.95996 * 9e-5**0.5, 1e-5**0.5)
    assert stats.norm.cdf((0.0105 - critical) / step) > 0.05
    assert stats.norm.cdf((0.0105 - side_by_side[0]) / side_by_side[1]) < 0.01
    assert not is_futile(pair(0.0105), 6, 0.005)
    assert is_futile(pair(0.0095), 6, 0.005)


def test_a_pair_that_no_number_of_seeds_would_decide_is_hopeless():
    """People's luck alone is 0.01: a difference of 0.0 stays within 0.0196 for ever."""
    rounds = rounds_of()
    rest = pair_with(0.02, excess=5e-5)
    far = pair_with(1.0, variance=1.05e-4, excess=5e-6)
    # Thirty seeds are not likely to decide this one, infinitely many are: 0.0088 lies between
    # 1.96 (1e-4 + 5e-5 / 6)^0.5 - 1.645 (5e-5 x 5 / 6)^0.5 and 1.96 x 0.01 - 1.645 (5e-5)^0.5.
    slow = PairEstimate(
        difference=0.0088,
        people_variance=1e-4,
        people_degrees=MANY,
        training=(luck(2.5e-5, 5), luck(2.5e-5, 5)),
        num_differing=500,
    )
    rounds.look({AB: far, AC: rest, BC: slow}, ended=False)
    assert _standings(rounds) == [Standing.FUTILE, Standing.OPEN, Standing.FUTILE]
    assert [rounds.closings[pair].hopeless for pair in rounds.pairs] == [True, False, False]
    assert is_futile(slow, 30, 0.005)
    assert not is_futile(slow, None, 0.005)
    assert is_futile(far, None, 0.005)


@pytest.mark.parametrize("ended", [False, True])
def test_after_the_whole_design_nothing_is_futile(ended):
    rounds = rounds_of(full=WHOLE)
    far = pair_with(1.0, variance=1.05e-4, excess=5e-6)
    rounds.look(dict.fromkeys(rounds.pairs, far), ended=ended)
    assert _standings(rounds) == [Standing.OPEN] * 3
    assert all(rounds.closings[pair].hopeless for pair in rounds.pairs)
    assert rounds.training_on == ("a", "b", "c")
    # An end before it leaves what is futile so, until more seeds are wished for than would do.
    rounds = rounds_of()
    rounds.look(dict.fromkeys(rounds.pairs, far), ended=ended)
    assert _standings(rounds) == [Standing.FUTILE] * 3
    rounds.reopen(20)
    assert _standings(rounds) == [Standing.FUTILE] * 3


def test_what_is_futile_at_few_seeds_is_open_again_where_many_are_wished_for():
    # Nothing is known of people here: all of the luck is training's.
    rounds = rounds_of(full=3, num_people=10_000)
    slow = pair_with(0.9, excess=9.9e-5, seeds=2)
    rounds.look(dict.fromkeys(rounds.pairs, slow), ended=False)
    assert _standings(rounds) == [Standing.FUTILE] * 3
    rounds.reopen(30)
    assert _standings(rounds) == [Standing.OPEN] * 3
    assert rounds.full == 30


def test_models_that_are_taken_as_they_are_have_nothing_to_wait_for():
    fixed = PairEstimate(
        difference=0.01, people_variance=1e-4, people_degrees=MANY, num_differing=99
    )
    assert fixed.training == (NO_LUCK, NO_LUCK)
    assert is_futile(fixed, 6, 0.005)
    assert is_futile(fixed, None, 0.005)


def test_an_approach_trains_on_while_one_of_its_pairs_is_open():
    rounds = rounds_of()
    open_one, won = pair_with(0.02, excess=5e-5), pair_with(1e-6)
    rounds.look({AB: open_one, AC: won, BC: won}, ended=False)
    assert (rounds.open_pairs, rounds.training_on) == ((AB,), ("a", "b"))
    rounds.look({AB: pair_with(1e-6, seeds=4)}, ended=False)
    assert (rounds.open_pairs, rounds.training_on) == ((), ())


def test_a_closed_pair_keeps_what_it_was_closed_by():
    rounds = rounds_of()
    first = pair_with(1e-6)
    rest = pair_with(0.02, excess=5e-5)
    rounds.look({AB: first, AC: rest, BC: rest}, ended=False)
    later = dict.fromkeys((AC, BC), pair_with(0.5, seeds=6))
    rounds.look(later, ended=True)
    assert rounds.closings[AB].estimate is first
    assert rounds.closings[AC].estimate is later[AC]


@pytest.mark.parametrize(
    ("seeds", "most", "end"), [(0, 1, 1), (0, 6, 4), (2, 6, 4.5), (4, 6, 6), (5, 6, 6), (0, 2, 2)]
)
def test_a_refit_is_likely_to_end_half_way_between_its_next_look_and_its_last(seeds, most, end):
    assert likely_end(seeds, most) == end


def test_before_any_look_all_pairs_are_open():
    rounds = rounds_of()
    assert rounds.open_pairs == rounds.pairs == (AB, AC, BC)
    assert rounds.training_on == ("a", "b", "c")


def test_a_look_is_taken_at_open_pairs_alone_but_not_at_all_of_them():
    rounds = rounds_of(full=WHOLE)
    rounds.look({AB: pair_with(), BC: pair_with(1e-6)}, ended=False)
    assert rounds.open_pairs == (AB, AC)
    with pytest.raises(AnalysisError, match=r"taken at open pairs, got \[\('b', 'c'\)\]"):
        rounds.look({AB: pair_with(), BC: pair_with()}, ended=True)
    rounds.look({AC: pair_with()}, ended=True)
    assert (rounds.closings[AB].ended, rounds.closings[AC].ended) == (False, True)


def test_one_seed_declares_nothing_and_takes_nothing_of_the_level():
    rounds = rounds_of(full=WHOLE)
    single = pair_with(1e-9, seeds=1)
    rounds.look(dict.fromkeys(rounds.pairs, single), ended=True)
    assert _standings(rounds) == [Standing.OPEN] * 3
    rounds.look(dict.fromkeys(rounds.pairs, pair_with(0.016)), ended=True)
    assert _standings(rounds) == [Standing.WON] * 3
    # Nor does the end of a run with one seed: what is said at the next has all of the level.
    assert (rounds.closings[AB].share, rounds.num_ends) == (1.0, 1)


def test_a_look_at_equal_predictions_takes_nothing_of_the_level():
    """Both sides perfect at two seeds, and one of them not at three."""
    rounds = rounds_of("ab", full=6)
    (pair,) = rounds.pairs
    rounds.look({pair: pair_with(1.0, variance=0.0, seeds=2)}, ended=False)
    rounds.look({pair: pair_with(1.0, variance=0.0, seeds=3)}, ended=True)
    rounds.reopen(9)
    rounds.look({pair: pair_with(0.049, seeds=9)}, ended=True)
    found = rounds.closings[pair]
    assert (found.standing, found.share) == (Standing.WON, 1.0)
    assert found.p_value == pytest.approx(0.049)


@pytest.mark.parametrize("seed", range(40))
def test_a_single_look_at_the_end_is_the_plain_rule(seed):
    """Equivalence first, else Shaffer's p below 0.05."""
    rng = np.random.default_rng(seed)
    names = "abcd"[: rng.integers(2, 5)]
    rounds = rounds_of(names, num_people=2_000, full=WHOLE)
    spread = 10 ** rng.uniform(-7, -4, len(rounds.pairs))
    p_values = rng.uniform(0, 1, len(rounds.pairs)) ** 4
    estimates = [pair_with(p, variance=v) for p, v in zip(p_values, spread, strict=True)]
    rounds.look(dict(zip(rounds.pairs, estimates, strict=True)), ended=True)
    adjusted = shaffer([each.p_value for each in estimates], len(names))
    for pair, estimate, p_adjusted in zip(rounds.pairs, estimates, adjusted, strict=True):
        plain = Standing.WON if p_adjusted < 0.05 else Standing.OPEN
        if abs(estimate.difference) + max(1.959964 * estimate.variance**0.5, 0.003) <= 0.005:
            plain = Standing.EQUIVALENT
        assert rounds.closings[pair].standing is plain
        assert rounds.closings[pair].p_value == estimate.p_value

import numpy as np
import pytest

from search.analysis.approaches.approach import Approach
from search.analysis.metrics import macro_f1
from search.analysis.verdict.judging import part_scores
from search.analysis.verdict.outcomes import Rules
from tests.search.builders.labelled_people import half_width, people_of

RULES = Rules(num_resamples=200)
Y = np.arange(160) % 4
G = np.arange(160) // 2
PEOPLE = people_of(Y, G, 4)


def guesses(accuracy, num_seeds, seed):
    rng = np.random.default_rng(seed)
    right = rng.random((num_seeds, len(Y))) < accuracy
    return np.where(right, Y, (Y + 1) % 4)


def test_every_part_has_the_mean_score_over_seeds_of_its_own_people():
    held_out = G % 4 == 0
    first, second = guesses(0.8, 2, 0), guesses(0.5, 1, 1)
    parts = [Approach(name="a", predicted=first), Approach(name="b", predicted=second)]
    found = part_scores(parts, PEOPLE, held_out, RULES)
    for name, rows in (("a", first), ("b", second)):
        for part, mask in (("search", ~held_out), ("held_out", held_out)):
            expected = np.mean([macro_f1(Y[mask], row[mask], 4) for row in rows])
            interval = found[name][part]
            assert interval.value == pytest.approx(expected)
            assert interval.low < expected < interval.high


def test_luck_of_choice_widens_the_search_part_alone():
    held_out = G % 2 == 0
    rows = guesses(0.7, 2, 2)

    def widths(luck):
        part = Approach(name="a", predicted=rows, choice_variance=luck)
        found = part_scores([part], PEOPLE, held_out, RULES)["a"]
        return half_width(found["search"]), half_width(found["held_out"])

    plain, lucky = widths(0.0), widths(0.01)
    assert lucky[0] > 1.3 * plain[0]
    assert lucky[1] == pytest.approx(plain[1], rel=0.1)


@pytest.mark.parametrize("held_out", [np.zeros(160, bool), G == 0])
def test_without_two_people_in_a_part_there_are_no_parts(held_out):
    part = Approach(name="a", predicted=guesses(0.7, 1, 3))
    assert part_scores([part], PEOPLE, held_out, RULES) == {"a": {}}

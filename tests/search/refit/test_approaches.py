import pytest

from search.analysis.approaches.build import Choice
from search.refit.approaches import chosen_config


@pytest.mark.parametrize(
    ("by_round", "config_id"),
    [(("1", "2", "2"), "2"), (("default", "1"), "default"), (("3",), "3")],
)
def test_the_rank_of_most_rounds_is_served_and_the_first_of_equals(by_round, config_id):
    assert chosen_config(Choice(names=("default", "1", "2", "3"), by_round=by_round)) == config_id

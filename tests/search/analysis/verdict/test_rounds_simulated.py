"""Rounds on simulated people: reduced runs of `benchmarks/rounds_simulation.py`."""

from tests.search.builders.rounds_cells import rounds_cells
from tests.search.builders.verdict_cells import above_five_percent
from tests.search.builders.verdict_grid import Place

COMP_150 = Place(name="comp", num_people=150)
DEMO_300 = Place(name="demo", num_people=300)


def test_looking_again_and_again_calls_no_equal_approaches_different():
    """Also where a run that had ended goes on later; and it trains far less than the design.

    Six looks at the whole level would gain four wins over a single look, and err in 9 of 40.
    """
    designs = ((12,), (3, 6))
    cells = rounds_cells(COMP_150, (0.0, 0.0, 0.0), 40, seed=0, seed_sd=0.02, designs=designs)
    for looked in cells.values():
        assert not above_five_percent(looked.any_false)
        assert looked.opposite == 0
        assert looked.trained.mean() < 0.8
    assert cells[12,].gained <= 1
    assert cells[12,].same >= 0.97


def test_rounds_find_what_the_full_design_finds_and_train_less():
    looked = rounds_cells(DEMO_300, (0.05, 0.03, 0.0), 40, seed=0, seed_sd=0.005, designs=((6,),))[
        6,
    ]
    assert looked.wins > 30
    assert looked.lost + looked.gained <= 0.1 * looked.wins
    assert looked.opposite == 0
    assert looked.same >= 0.95
    assert looked.trained.mean() < 0.9
    assert not above_five_percent(looked.any_false)

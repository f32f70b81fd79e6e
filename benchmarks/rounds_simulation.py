"""Holds a refit in rounds against the full design on simulated people, and prints the report.

    python -m benchmarks.rounds_simulation --quick
    nice python -m benchmarks.rounds_simulation > benchmarks/rounds_simulation_CPU_DATE.md
    nice python -m benchmarks.rounds_simulation --cells "rounds comp 900"

Claims: over all looks equally good approaches are called different in at most 5 % of repeats, also
where a run that has ended goes on later; a quarter of the trainings is saved where nothing differs
and an eighth where something does; 97 % of the pairs are found as in the full design, and no pair
has the opposite winner.
"""

from collections.abc import Sequence
from functools import partial

from benchmarks.simulation_report import Simulation
from benchmarks.verdict_tables import Rows, Table, false_rate, rate
from tests.search.builders.rounds_cells import Looked, Stops, rounds_cells
from tests.search.builders.verdict_cells import Effort
from tests.search.builders.verdict_grid import Place

Worlds = Sequence[tuple[Place, tuple[float, ...], float]]

EQUAL = (0.0, 0.0, 0.0)
WHOLE: tuple[Stops, ...] = ((6,), (12,))
RESUMED: tuple[Stops, ...] = ((6, 12), (3, 6, 12), (2, 12))
WORLDS: Worlds = (
    (Place(name="comp", num_people=300), EQUAL, 0.005),
    (Place(name="demo", num_people=300), EQUAL, 0.005),
    (Place(name="comp", num_people=900), EQUAL, 0.005),
    (Place(name="comp", num_people=900), EQUAL, 0.02),
    (Place(name="comp", num_people=2_700), EQUAL, 0.005),
    (Place(name="comp", num_people=300), (0.04, 0.02, 0.0), 0.005),
    (Place(name="demo", num_people=300), (0.04, 0.02, 0.0), 0.005),
    (Place(name="comp", num_people=900), (0.04, 0.02, 0.0), 0.005),
    (Place(name="comp", num_people=2_700), (0.02, 0.0, 0.0), 0.005),
)
QUICK = (0, 6)


def tables(effort: Effort, quick: bool) -> list[Table]:
    """Returns the parts; a quick run has a world without and one with differences."""
    worlds = [world for i, world in enumerate(WORLDS) if not quick or i in QUICK]
    return [_against_whole(worlds, effort), _resumed(worlds, effort)]


def _against_whole(worlds: Worlds, effort: Effort) -> Table:
    return Table(
        title="Rounds against the full design",
        text="Three approaches. The full design looks once, at its end, by the plain rule; the "
        "rounds look at 2, 3, 4, 6, 9 and 12 seeds and stop an approach with the last of its "
        "pairs. Trainings: of those of the full design. Found alike: share of pairs of which both "
        "find the same (a winner, equivalence or nothing). Any false win: in rounds, of an "
        "approach that is not better.",
        columns=[
            *("world, people", "true gains", "s.d. of a training", "seeds"),
            *("any win, full design", "any win, rounds", "any false win, rounds"),
            *("trainings", "found alike", "wins lost / gained / of", "opposite"),
        ],
        cells={
            f"rounds {place} {_written(gains)} {seed_sd:g}": partial(
                _rows, place, gains, seed_sd, effort, WHOLE
            )
            for place, gains, seed_sd in worlds
        },
    )


def _resumed(worlds: Worlds, effort: Effort) -> Table:
    return Table(
        title="Runs that had ended and go on",
        text="A run ends with its design or before, is judged, and later more seeds are asked "
        "for. Any false win is over all looks of all its parts, and the full design is that of "
        "its last.",
        columns=[
            *("world, people", "true gains", "s.d. of a training", "ended at"),
            *("any win, full design", "any win, rounds", "any false win, rounds"),
            *("trainings", "found alike", "wins lost / gained / of", "opposite"),
        ],
        cells={
            f"resumed {place} {_written(gains)} {seed_sd:g}": partial(
                _rows, place, gains, seed_sd, effort, RESUMED
            )
            for place, gains, seed_sd in worlds
        },
    )


def _rows(
    place: Place,
    gains: tuple[float, ...],
    seed_sd: float,
    effort: Effort,
    designs: tuple[Stops, ...],
) -> Rows:
    cells = rounds_cells(
        place, gains, effort.sets, seed=effort.seed, seed_sd=seed_sd, designs=designs
    )
    what = [str(place), _written(gains), f"{seed_sd:g}"]
    return [[*what, ", ".join(map(str, stops)), *_columns(each)] for stops, each in cells.items()]


def _columns(looked: Looked) -> list[str]:
    return [
        rate(looked.any_win_whole),
        rate(looked.any_win),
        false_rate(looked.any_false),
        f"{looked.trained.mean():.0%}",
        f"{looked.same:.1%}",
        f"{looked.lost} / {looked.gained} / {looked.wins}",
        str(looked.opposite),
    ]


def _written(gains: tuple[float, ...]) -> str:
    return " / ".join(f"{gain:g}" for gain in gains) if any(gains) else "none"


SIMULATION = Simulation(
    module="benchmarks.rounds_simulation",
    title="Do rounds find what the full design finds? A simulation",
    text="People and trainings as in `tests/search/builders/simulated_people.py`; every data set "
    "is drawn once, and looked at by its first seeds.",
    tables=tables,
    sets=(400, 20),
)

if __name__ == "__main__":
    SIMULATION.main()

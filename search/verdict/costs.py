"""What every approach takes: to find, to train again and to serve."""

from collections.abc import Sequence
from typing import TypeVar

from search.analysis.approaches.build import Built
from search.predict.serving_cost import serving_costs
from search.refit.approaches import chosen_ranks
from search.refit.files import refit_seconds
from search.report.contents import Cost
from search.verdict.logged_reasons import Logged

Number = TypeVar("Number", int, float)


def approach_costs(logged: Logged, built: Sequence[Built]) -> dict[str, dict[str, float | None]]:
    """Returns `costs` of `verdict.json`: an entry an approach.

    The cost to serve is that of one network for every model that the approach is made of, each
    with the config that it chose. A figure that the run lacks is None.

    Args:
        logged: the run.
        built: the approaches, with their choices.
    """
    run, store = logged.run, logged.store
    names = {f"{space}.{rank}" for part in built for space, rank in chosen_ranks(part).items()}
    known = {name: logged.configs[name] for name in sorted(names) if name in logged.configs}
    serving = serving_costs(store, run.schema, known)
    found = {}
    for part in built:
        ranks = chosen_ranks(part)
        served = [serving.get(f"{space}.{rank}") for space, rank in ranks.items()]
        noted = [notes[0] if notes else None for notes in logged.notes(part).values()]
        spent = [r.device_seconds for r in run.records if run.approach_of[r.space] == part.name]
        cost = Cost(
            approach=part.name,
            search_device_seconds=sum(spent),
            refit_device_seconds=sum(refit_seconds(store, space) for space in ranks),
            parameters=_total([None if note is None else note["parameters"] for note in noted]),
            flops=_total([None if one is None else one.flops for one in served]),
            serve_ms=_total([None if one is None else one.milliseconds for one in served]),
        )
        found[part.name] = cost.to_dict()
    return found


def _total(figures: Sequence[Number | None]) -> Number | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None

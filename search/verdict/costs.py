"""What every approach takes: to find, to train again and to serve."""

from collections.abc import Sequence
from typing import TypeVar

from search.analysis.approaches.build import JointPredictions
from search.predict.serving_cost import serving_costs
from search.refit.approaches import chosen_configs
from search.refit.units import config_name
from search.report.contents import Cost
from search.verdict.logged_reasons import Logged

Number = TypeVar("Number", int, float)


def approach_costs(logged: Logged, built: Sequence[JointPredictions]) -> tuple[Cost, ...]:
    """Returns what every approach takes.

    The cost to serve is that of one network for every model that the approach is made of, each
    with the config that it chose. A figure that the run lacks is None.
    """
    refitted, configs = logged.refitted, logged.refitted.note.configs
    names = {
        config_name(space, config_id)
        for part in built
        for space, config_id in chosen_configs(part).items()
    }
    known = {name: configs[name] for name in sorted(names) if name in configs}
    serving = serving_costs(refitted.store, refitted.lineup.schema, known)
    found = []
    for part in built:
        config_ids = chosen_configs(part)
        served = [serving.get(config_name(*chosen)) for chosen in config_ids.items()]
        noted = [notes[0] if notes else None for notes in logged.notes(part).values()]
        spent = [r.device_seconds for r in logged.run.records if r.space in config_ids]
        found.append(
            Cost(
                approach=part.name,
                search_device_seconds=sum(spent),
                refit_device_seconds=sum(map(refitted.files.device_seconds, config_ids)),
                parameters=_total(
                    [None if note is None else note["parameters"] for note in noted]
                ),
                flops=_total([None if one is None else one.flops for one in served]),
                serve_ms=_total([None if one is None else one.milliseconds for one in served]),
            )
        )
    return tuple(found)


def _total(figures: Sequence[Number | None]) -> Number | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None

"""The cells in Markdown: speed, choices on people never searched, and the time to equal scores.

Notation:
    S searches of a method (seeds), R trainings of every choice, N photos of the people who test.
"""

import math
import os
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.command import command_of
from benchmarks.rivals.cells import COLD, DEFAULT, HEADRACE, KNOWN, METHODS, TIMES, Row, by_group
from benchmarks.rivals.held_out import HeldOut
from search.analysis.uncertainty.difference import PairEstimate
from search.prepare.config import format_duration
from search.store.provenance import package_versions
from spaces.space import Space
from tests.search.builders.worth_figures import Judged, num_below, time_until

_TEXT = """\
`headrace`: its own command. `recipe`: OptunaSearch, ASHA, a function trainable, DataLoader with
Pillow and torchvision, checkpoints; `recipe-warm`: the same with `reuse_actors=True` and a class
with `reset_config`. `random`: headrace's own trials drawn at random and trained in full, with
{twice} times the budget. `one-epoch`: the same trained for an epoch, the best one then to its
end (arXiv 2404.04111). `default`: the default config. `headrace-known`: headrace that begins with
the portfolio of a run on other people (`--warm-start`). Medians over seeds, in brackets the range.

* start-up: until the first trial could begin (headrace: was asked for; the recipe: Ray runs;
  random and one-epoch: workers have loaded); it counts as time of the search.
* trials an hour: trials that ended by themselves in time, by the time from the start of the
  process to the choice, or to the end of the budget where the choice is later; beside them
  headrace's by those of the method with the same seed.
* photos a second and slot: in training and in validation. headrace's command does not say how long
  it validates: its figure is photos by all of a trial's time but training, set-up included. The
  recipe trains as its users write it, with weights and photos in PyTorch's usual memory layout;
  headrace's are channels-last (`benchmarks/memory_layout.py`).
* held-out: macro-F1 of the choice, trained again with {retrainings} seeds on everybody who was
  searched on, by headrace's own pipeline for all, on the people who test. A search without a
  choice leaves its user the default.
* differences: mean over seeds, with the 95 % interval over people, searches and trainings, of one
  seed over people and trainings; from the default of all seeds of a method, from headrace of those
  that both have. `others` chose another config than the default.
* `headrace, highest score`: the same searches, had they chosen the config with the highest
  score, whatever its lead over the default; `headrace, one standard error`: had they asked for a
  lead of one standard error of one fold, or 1.5 of two.
* below: searches whose choice scores less than the default config.
* time to the recipe's score: from the start of the process until the choice has, and keeps, a
  validation score as high as the final choice of `recipe` with the same seed; the choice is the
  highest score at that moment (`recipe`: the last one of any trial; `headrace`, `random`: of the
  trials trained in full, whatever headrace's own rule makes of it; `one-epoch`: after an epoch),
  its score the last one of that trial. Beside it as a share of the whole time that the recipe
  had, and of the time after which the recipe had that score itself.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judgement:
    """The methods of one space at one budget on the people who test."""

    by_method: Mapping[str, Judged]
    """All searches of each, in the order of their seeds."""
    ahead: Mapping[str, PairEstimate]
    """headrace minus each other, over the seeds that both have."""
    default: Judged
    others: Mapping[str, int]
    """Searches that chose another config than the default."""
    without: Mapping[str, int]
    """Searches that chose none."""


def report(rows: Sequence[Row], held_out_of: Callable[[str], HeldOut], given: Namespace) -> str:
    """Returns the report; trains what is missing for it.

    Args:
        rows: of one data set.
        held_out_of: opens the people who test for a space, or for "all".
        given: options of the command.
    """
    parts = [_head(rows, given)]
    for (data, space, budget), group in by_group(list(rows)).items():
        held_out = held_out_of(space)
        others = (choices for row in group for choices in row.found.by_rule.values())
        held_out.prepare(held_out.choices([*(row.found.choices for row in group), *others]))
        title = f"{data}, --space {space}, {format_duration(budget)} of device time"
        parts.append(f"## {title}\n\n{_speed(group, given.slots)}")
        for each in held_out.ground.spaces:
            named = f"### {each.name}\n\n" if len(held_out.ground.spaces) > 1 else ""
            parts.append(named + _choices(group, each, held_out, given.slots))
    return "\n".join(parts)


def _head(rows: Sequence[Row], given: Namespace) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    load = [value for row in rows for value in row.load]
    words = command_of("benchmarks.worth")
    where = "; ".join(sorted({row.where for row in rows}))
    text = _TEXT.format(twice=f"{TIMES['random']:g}", retrainings=given.retrainings)
    return (
        f"# Is headrace worth its minutes?\n\n{datetime.now(UTC):%Y-%m-%d}; {where}; "
        f"{os.cpu_count()} cores, {given.slots} slots; {versions}. "
        f"Searches from {min(row.when for row in rows)} to {max(row.when for row in rows)} UTC, "
        f"load of the machine {_spread(load, '.1f')}. Command: `{words}`.\n\n{text}"
    )


def _speed(group: Sequence[Row], slots: int) -> str:
    heads = [
        "method",
        "seeds",
        "start-up, s",
        "until chosen, s",
        "process, s",
        "trained in full",
        "stopped early",
        "trials an hour",
        "headrace's by its",
        "training",
        "validation",
    ]
    found, by_method = [], _by_method(group)
    own = {row.cell.seed: _an_hour(row, slots) for row in by_method.get(HEADRACE, [])}
    for method, rows in by_method.items():
        columns: list[list[float]] = [
            [row.found.started for row in rows],
            [row.found.ended for row in rows],
            [row.wall for row in rows],
            [row.found.trials["complete"] for row in rows],
            [row.found.trials["stopped"] for row in rows],
            [_an_hour(row, slots) for row in rows],
            _ratios(own, {row.cell.seed: _an_hour(row, slots) for row in rows}),
            [_rate(row.found.training.photos, row.found.training.seconds) for row in rows],
            [_rate(row.found.evaluation.photos, row.found.evaluation.seconds) for row in rows],
        ]
        digits = (".1f", ".1f", ".1f", *[".0f"] * 3, ".2f", *[".0f"] * 2)
        cells = [_spread(c, digit) for c, digit in zip(columns, digits, strict=True)]
        failed = sum(row.found.trials["failed"] for row in rows)
        name = f"{method} ({failed} failed)" if failed else method
        found.append([name, str(len(rows)), *cells])
    return _table(heads, found)


def _ratios(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    """Returns ours by theirs for every seed that both have; infinite where theirs is 0."""
    seeds = sorted(ours.keys() & theirs.keys())
    return [ours[seed] / theirs[seed] if theirs[seed] else math.inf for seed in seeds]


def _choices(group: Sequence[Row], space: Space, held_out: HeldOut, slots: int) -> str:
    judged = _judge(group, space, held_out)
    default = float(judged.default.scores.mean())
    heads = [
        "method",
        "held-out",
        "minus default",
        "others",
        "below",
        "headrace minus it",
        "time to the recipe's score, s",
        "by its whole time",
        "by its own time to it",
    ]
    found = [[DEFAULT, f"{default:.3f}", *[""] * (len(heads) - 2)]]
    times, whole = _times(group, space.name), group[0].cell.budget / slots
    for method, its in judged.by_method.items():
        scores, others = its.of_searches, judged.others[method]
        minus = _difference(its.minus_default(judged.default, others))
        ahead = _difference(judged.ahead[method]) if method in judged.ahead else ""
        number = len(scores)
        none = judged.without[method]
        words = f"{others} of {number}" + (f", {none} without a choice" if none else "")
        shares = [words, f"{num_below(scores, default)} of {number}"]
        moments = _moments(times.get(method, []), whole)
        found.append([method, _spread(scores, ".3f"), minus, *shares, ahead, *moments])
    return _table(heads, found)


def _judge(group: Sequence[Row], space: Space, held_out: HeldOut) -> _Judgement:
    found = {
        method: {row.cell.seed: row.found.choices for row in its}
        for method, its in _by_method(group).items()
    }
    for row in sorted(group, key=lambda row: row.cell.seed):
        for rule, choices in row.found.by_rule.items() if row.cell.method == HEADRACE else ():
            found.setdefault(f"{HEADRACE}, {rule}", {})[row.cell.seed] = choices
    people, standard = held_out.people(space), held_out.ground.default(space)
    chosen, predicted, by_method, others, without = {}, {}, {}, {}, {}
    for method, choices in found.items():
        chosen[method] = {seed: held_out.chosen(space, each) for seed, each in choices.items()}
        predicted[method] = {
            seed: held_out.predicted(space, config) for seed, config in chosen[method].items()
        }
        by_method[method] = Judged.of(people, np.stack(list(predicted[method].values())))
        without[method] = sum(choice[space.name] is None for choice in choices.values())
        configs = chosen[method].values()
        others[method] = sum(_key(config) != _key(standard) for config in configs)
    ahead, by_default = {}, Judged.of(people, held_out.predicted(space, standard)[None])
    for method, its in predicted.items() if HEADRACE in predicted else ():
        seeds = sorted(set(its) & set(predicted[HEADRACE]))
        if method != HEADRACE and seeds:
            own, theirs = (
                Judged.of(people, np.stack([found[seed] for seed in seeds]))
                for found in (predicted[HEADRACE], its)
            )
            is_default = [
                np.mean([_key(chosen[name][seed]) == _key(standard) for seed in seeds])
                for name in (HEADRACE, method)
            ]
            ahead[method] = own.minus(theirs, by_default, float(is_default[0] - is_default[1]))
    return _Judgement(
        by_method=by_method,
        ahead=ahead,
        default=by_default,
        others=others,
        without=without,
    )


def _key(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    return sorted((name, str(value)) for name, value in config.items() if "target" not in name)


def _times(group: Sequence[Row], space: str) -> dict[str, list[tuple[float, float]]]:
    """Returns by method, seed by seed, the times of it and of the recipe to the recipe's score."""
    recipes = {row.cell.seed: row.found.curves[space] for row in _by_method(group).get(COLD, [])}
    found: dict[str, list[tuple[float, float]]] = {}
    for method, rows in _by_method(group).items():
        for row in rows:
            curve = recipes.get(row.cell.seed)
            if not curve:
                continue
            final = curve[-1][1]
            times = (time_until(c, final) for c in (row.found.curves[space], curve))
            found.setdefault(method, []).append((next(times), next(times)))
    return found


def _moments(times: Sequence[tuple[float, float]], whole: float) -> list[str]:
    """Returns the cells of a method's times, of which `whole` seconds were the recipe's."""
    if not times:
        return [""] * 3
    own = [mine for mine, _ in times]
    return [
        _spread(own, ".1f"),
        _spread([mine / whole for mine in own], ".2f"),
        _spread([mine / its for mine, its in times], ".2f"),
    ]


def _by_method(group: Sequence[Row]) -> dict[str, list[Row]]:
    ordered = sorted(group, key=lambda row: row.cell.seed)
    names = (*METHODS, KNOWN)
    found = {m: [row for row in ordered if row.cell.method == m] for m in names}
    return {method: rows for method, rows in found.items() if rows}


def _an_hour(row: Row, slots: int) -> float:
    ended = row.found.trials["complete"] + row.found.trials["stopped"]
    # Trials that end after the budget were counted as cut off.
    whole = row.cell.budget * TIMES.get(row.cell.method, 1.0) / slots
    return 3600 * ended / min(row.found.ended, whole)


def _rate(photos: int, seconds: float) -> float:
    return photos / seconds if seconds else math.nan


def _spread(values: Any, digits: str) -> str:
    """Returns median and range; "never" stands for infinity."""
    found = sorted(float(value) for value in values if not math.isnan(value))
    if not found:
        return ""
    # Of an even number the lower middle: half of them are at least as fast.
    middle = found[(len(found) - 1) // 2] if math.inf in found else float(np.median(found))
    words = [
        "never" if value == math.inf else f"{value:{digits}}"
        for value in (middle, found[0], found[-1])
    ]
    return words[0] if words[1] == words[2] else f"{words[0]} ({words[1]} to {words[2]})"


def _difference(found: PairEstimate) -> str:
    its = found.interval
    return f"{its.value:+.3f} [{its.low:+.3f}, {its.high:+.3f}]"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"

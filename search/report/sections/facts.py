"""The last sections: confusion matrices, costs, and how to make it all again."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from search.analysis import wording
from search.report.contents import Confusion, Cost, ReportContents
from search.report.document import (
    Block,
    Card,
    Cell,
    Code,
    Figure,
    Folded,
    Grid,
    Section,
    Table,
    Text,
    table,
)
from search.report.figures import svg
from search.report.figures.matrix import draw_matrix, has_room, matrix
from trainables.data.schema import JOINT

_LARGE_MATRIX = 8  # classes from which on a matrix takes the whole column, as for long names
_SMALL = 232.0
_CONFUSED = 8  # confusions that Markdown names
_SERVING_NOTE = (
    "To serve: one network for each model of the approach, with the config it chose. Milliseconds "
    "are those of the forward pass of a photo in a batch of 32 (or as many as fit), the fastest "
    "of several batches on the machine that first made this verdict."
)


def confusion_section(contents: ReportContents) -> Section | None:
    """Returns small matrices side by side, and large ones with the best approach open."""
    if not any(found.counts for found in contents.confusions):
        return None
    order = [row.name for row in contents.scores]
    blocks: list[Block] = []
    for found in contents.confusions:
        names = sorted(found.counts, key=lambda n: (order.index(n) if n in order else 99, n))
        told = _confused(found, names[0])
        if told is None:
            blocks.append(Text(text=f"{names[0]} takes no {found.name} for another.", quiet=True))
        is_small = len(found.classes) < _LARGE_MATRIX
        if is_small and has_room(matrix(found, names[0]), _SMALL):
            cards = [
                _small_matrix(found, name, told if name == names[0] else None) for name in names
            ]
            blocks.append(Grid(cards=tuple(cards), small=True))
            continue
        blocks.append(replace(_large_matrix(found, names[0]), told=told))
        blocks += [
            Folded(summary=f"The same of {name}", blocks=(_large_matrix(found, name),))
            for name in names[1:]
        ]
    return Section(kicker="Confusions", heading=_confusion_heading(contents), blocks=tuple(blocks))


def _confusion_heading(contents: ReportContents) -> str:
    wrong: dict[str, float] = {}
    for found in contents.confusions:
        if found.name != JOINT and found.counts:
            shares = [1 - np.trace(n) / max(1, n.sum()) for n in found.counts.values()]
            wrong[found.name] = float(np.mean(shares))
    if not wrong:
        return "What is taken for what"
    ranked = sorted(wrong, key=lambda name: -wrong[name])
    first, *others = [f"{name} {wording.percent(wrong[name])}" for name in ranked]
    rest = f", {wording.listing(others)}" if others else ""
    return f"Where the errors are: {first} of the photos wrong{rest}"


def _confused(found: Confusion, approach: str) -> Table | None:
    """Returns what is most often taken for what; None where nothing is."""
    counts = found.counts[approach]
    wrong = counts - np.diag(np.diag(counts))
    order = [np.unravel_index(i, wrong.shape) for i in np.argsort(-wrong, axis=None)[:_CONFUSED]]
    rows = [
        (
            found.classes[true],
            found.classes[given],
            f"{wrong[true, given]:,}",
            wording.percent(wrong[true, given] / counts[true].sum()),
        )
        for true, given in order
        if wrong[true, given]
    ]
    if not rows:
        return None
    columns = (f"{found.name}, true", f"given by {approach}", "photos", "of the class")
    return table(f"What {approach} takes for what", columns, rows, names=2)


def _small_matrix(found: Confusion, approach: str, told: Table | None) -> Card:
    figure = Figure(svg=draw_matrix(matrix(found, approach), _SMALL), told=told)
    return Card(heading=f"{found.name}, {approach}", figure=figure)


def _large_matrix(found: Confusion, approach: str) -> Figure:
    caption = (
        f"{approach}: every row is a true class, its numbers the per cent of its photos that were "
        "given each class. Blue is right, orange is wrong."
    )
    counted = matrix(found, approach)
    if len(counted.shown) < len(found.classes):
        caption += (
            f" Of {len(found.classes)} classes these are the {len(counted.shown)} with the most "
            "errors."
        )
    return Figure(svg=draw_matrix(counted, svg.WIDE), caption=caption, scrolls=True)


def cost_section(contents: ReportContents, slots: Mapping[str, int]) -> Section | None:
    """Returns what each approach takes to find, to train and to serve."""
    if not contents.costs:
        return None
    columns = (
        "approach",
        "search, device time",
        "refit, device time",
        "parameters",
        "FLOPs a photo",
        "ms a photo",
    )
    rows = [_cost_row(cost, slots) for cost in contents.costs]
    blocks: list[Block] = [table("Costs", columns, rows)]
    if any(cost.serve_ms is not None for cost in contents.costs):
        blocks.append(Text(text=_SERVING_NOTE, quiet=True))
    return Section(kicker="Costs", heading=_cost_heading(contents.costs), blocks=tuple(blocks))


def _cost_row(cost: Cost, slots: Mapping[str, int]) -> tuple[Cell | str, ...]:
    times = (cost.search_device_seconds, cost.refit_device_seconds)
    sizes = (cost.parameters, cost.flops)
    return (
        Cell(text=cost.approach, slot=slots[cost.approach]),
        *("" if seconds is None else wording.duration(seconds) for seconds in times),
        *("" if size is None else wording.large(size) for size in sizes),
        "" if cost.serve_ms is None else wording.milliseconds(cost.serve_ms),
    )


def _cost_heading(costs: tuple[Cost, ...]) -> str:
    for field, unit in (("serve_ms", "time"), ("flops", "FLOPs"), ("parameters", "parameters")):
        known = {cost.approach: getattr(cost, field) for cost in costs}
        known = {name: value for name, value in known.items() if value}
        if len(known) > 1:
            least, most = min(known, key=lambda n: known[n]), max(known, key=lambda n: known[n])
            ratio = known[most] / known[least]
            if ratio < 1.1:
                return f"All approaches cost about the same {unit} to serve"
            return f"{least} is cheapest to serve; {most} takes {ratio:.1f} times its {unit}"
    return "What each approach costs"


def reproduce_section(contents: ReportContents) -> Section | None:
    """Returns the commands and everything that decides a result."""
    found = contents.reproduce
    if found is None:
        return None
    rows = [("seed", str(found.seed))] if found.seed is not None else []
    rows += [("git commit", found.commit)] if found.commit else []
    parts = (("fingerprint", found.fingerprints), ("version", found.versions))
    rows += [(f"{what} of {name}", text) for what, part in parts for name, text in part.items()]
    rows += list(found.hardware.items())
    blocks: list[Block] = [Code(lines=found.commands)] if found.commands else []
    if rows:
        inside = table("Versions", ("what", "value"), rows, names=2)
        blocks.append(Folded(summary="Versions, fingerprints and hardware", blocks=(inside,)))
    return Section(kicker="Reproduce", heading="Make it again", blocks=tuple(blocks))

"""What each kind of reason found, in a few words, from its figures."""

from collections.abc import Callable, Sequence

from search.report import wording
from search.report.verdict_rows import Estimate, ReasonRow

Rows = Sequence[ReasonRow]

MECHANISMS = {
    "M1": "tuning per attribute",
    "M2": "shared features",
    "M3": "gradient conflict",
    "M4": "class imbalance",
    "M5": "decision rule",
    "M6": "label noise",
    "M7": "ensembling",
    "M8": "shortcuts",
    "M9": "attributes depend on each other",
    "M10": "search effort",
}
"""The candidate mechanisms in plain words."""


def heading(rows: Rows) -> str:
    """Returns the finding of reasons of one kind; the kind's name where none is known.

    Of descriptions of several approaches it is that of the first, which the page tells in words.
    """
    kind = rows[0].key.partition(".")[0]
    write = _HEADINGS.get(kind)
    return (
        write(rows) if write else wording.capital(rows[0].key.replace("_", " ").replace(".", ", "))
    )


def _attribution(rows: Rows) -> str:
    a, b = rows[0].about
    parts = [row for row in rows if row.effect is not None and row.supported]
    if not parts:
        return f"{a} against {b}: no attribute stands out"
    largest = max(parts, key=lambda row: abs(row.effect.value) if row.effect else 0.0)
    name = largest.key.partition(".")[2]
    ahead = a if largest.effect is None or largest.effect.value > 0 else b
    behind = b if ahead == a else a
    if name == "coupling":
        return f"{ahead} gains on {behind} by getting attributes right together"
    return f"{ahead} gains on {behind} through {name}"


def _class_size(rows: Rows) -> str:
    a, b = rows[0].about
    if not rows[0].supported or rows[0].effect is None:
        return f"{a} against {b}: no trend with class size"
    gains = dict(zip(("rare", "common"), map(float, rows[0].figures["halves"]), strict=True))
    where = max(gains, key=lambda half: abs(gains[half]))
    ahead, behind = (a, b) if gains[where] > 0 else (b, a)
    return f"{ahead} gains on {behind} in the {where} classes"


def _decision_rule(rows: Rows) -> str:
    a, b = rows[0].about
    if not rows[0].supported:
        return f"Class biases change {a} and {b} alike"
    gains = rows[0].figures["gain"]
    more = max(gains, key=lambda name: float(gains[name]))
    return f"Class biases help {more} more: part of its gap is where thresholds lie"


def _error_overlap(rows: Rows) -> str:
    shares = [float(row.figures["disagreement"]) for row in rows]
    low, high = wording.percent(min(shares)), wording.percent(max(shares))
    size = low if low == high else f"{low} to {high}"
    if len(rows) == 1:
        return f"{wording.listing(rows[0].about)} disagree on {size} of the photos"
    return f"Two approaches disagree on {size} of the photos"


def _error_budget(rows: Rows) -> str:
    costs = rows[0].figures["cost"]
    worst = max(costs, key=lambda name: float(costs[name]))
    size = wording.score(float(costs[worst]), 2)
    return (
        f"{wording.capital(worst)} costs {rows[0].about[0]} most: perfect it would be worth {size}"
    )


def _scores_by_state(rows: Rows) -> str:
    attribute = str(rows[0].figures["attribute"])
    scores = {
        f"{other} is {state}": float(cell["macro_f1"])
        for other, states in rows[0].figures["states"].items()
        for state, cell in states.items()
    }
    if not scores:
        return f"{wording.capital(attribute)} stands alone"
    worst = min(scores, key=lambda name: scores[name])
    return f"{wording.capital(attribute)} is hardest where {worst}"


def _boundary(rows: Rows) -> str:
    attribute = str(rows[0].figures["attribute"])
    hardest = max(rows[0].figures["edges"], key=lambda edge: float(edge["near_wrong"]))
    share = wording.percent(float(hardest["near_wrong"]))
    name = wording.capital(attribute)
    return f"{name} errors pile up at {hardest['edge']:g}: {share} wrong near it"


def _calibration(rows: Rows) -> str:
    errors = [float(row.figures["raw"]["ece"]) for row in rows if "raw" in row.figures]
    if not errors:
        return "How far probabilities can be trusted"
    low, high = wording.percent(min(errors)), wording.percent(max(errors))
    return f"Probabilities are off by {low if low == high else f'{low} to {high}'} on average"


def _overtuning(rows: Rows) -> str:
    gaps = {row.about[0]: Estimate.of(row.figures, "gap") for row in rows}
    if max(gap.value for gap in gaps.values()) <= 0:
        return "The search did not flatter its best configs"
    sure = [name for name, gap in gaps.items() if gap.low is None or gap.low > 0]
    if not sure:
        return "No sign that the search flattered its best configs"
    most = max(sure, key=lambda name: gaps[name].value)
    return (
        f"The search flattered {most} most: {wording.signed(gaps[most].value)} against fresh folds"
    )


def _gradient_conflict(rows: Rows) -> str:
    found = rows[0].figures["cosine"]
    worst = min(found, key=lambda pair: float(found[pair]["value"]))
    low, high = (float(end) for end in found[worst]["range"])
    heads = wording.listing(worst.split("|"))
    size = wording.signed(float(found[worst]["value"]), 2)
    if high < 0:
        return f"{wording.capital(heads)} pull the shared weights apart: cosine {size}"
    if low > 0:
        return f"No heads pull the shared weights apart: least cosine {size}"
    if len(found) == 1:
        return f"{wording.capital(heads)} pull neither together nor apart: cosine {size}"
    return f"{wording.capital(heads)} agree least on the shared weights: cosine {size}"


def _shared_config(rows: Rows) -> str:
    if not rows[0].supported or rows[0].effect is None:
        return "One shared config: tuning per attribute makes no clear difference"
    size = wording.signed(rows[0].effect.value)
    return f"Tuning per attribute is worth {size} to separate models"


def _equal_parameters(rows: Rows) -> str:
    if not rows[0].supported or rows[0].effect is None:
        return "Equal parameters: averaging joint models makes no clear difference"
    return f"Averaging joint models is worth {wording.signed(rows[0].effect.value)}"


def _response(what: str) -> Callable[[Rows], str]:
    """Returns the heading of a change in steps, which may favour one of two approaches."""

    def heading_of(rows: Rows) -> str:
        a, b = rows[0].about
        if not rows[0].supported or rows[0].effect is None:
            return f"{wording.capital(what)} favour none of the approaches clearly"
        ahead, behind = (a, b) if rows[0].effect.value > 0 else (b, a)
        return f"{wording.capital(what)} favour {ahead} over {behind}"

    return heading_of


_HEADINGS: dict[str, Callable[[Rows], str]] = {
    "attribution": _attribution,
    "class_size": _class_size,
    "decision_rule": _decision_rule,
    "error_overlap": _error_overlap,
    "error_budget": _error_budget,
    "scores_by_state": _scores_by_state,
    "boundary": _boundary,
    "calibration": _calibration,
    "overtuning": _overtuning,
    "gradient_conflict": _gradient_conflict,
    "shared_config": _shared_config,
    "equal_parameters": _equal_parameters,
    "learning_curve": _response("fewer people"),
    "label_noise": _response("wrong labels"),
    "sampler": _response("balanced classes"),
}

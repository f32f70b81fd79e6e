"""What each attribute costs an approach, in which state of the others, and how near to an edge.

Notation:
    N samples, C joint classes, A attributes with sizes K_a, S seeds.
    predicted: int [S, N] joint classes; raw: float [N], the number behind a binned attribute.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from search.analysis.errors import AnalysisError
from search.analysis.metrics import Floats, Ints, class_counts, f1_of_counts
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.reason import Reason
from search.analysis.recombine import attribute_classes, joint_classes

_NEAR = 3.0  # distance from an edge, in units of the raw number, that counts as near
_REACH = 10  # bins shown on each side of an edge


def error_budget(evidence: Evidence, name: str) -> Reason:
    """Returns what a perfect model of each single attribute would give an approach.

    Args:
        evidence: predictions and labels.
        name: the approach.
    """
    predicted, sizes = evidence.predicted(name), evidence.sizes
    score = evidence.score(predicted)
    perfect: dict[str, float] = {}
    for axis, attribute in enumerate(evidence.attributes):
        classes = attribute_classes(predicted, sizes)
        classes[..., axis] = evidence.labels[:, axis]
        perfect[attribute] = evidence.score(joint_classes(classes, sizes))
    cost = {attribute: value - score for attribute, value in perfect.items()}
    ranked = sorted(cost, key=lambda attribute: -cost[attribute])
    listed = ", ".join(f"{attribute} {perfect[attribute]:.3f}" for attribute in ranked)
    return Reason(
        key="error_budget",
        mechanism="",
        about=(name,),
        sentence=(
            f"{name} scores {score:.3f}; with one attribute perfect it would score {listed}: "
            f"{ranked[0]} costs most."
        ),
        figures={"score": score, "perfect": perfect, "cost": cost},
    )


def scores_by_state(evidence: Evidence, name: str, attribute: str) -> Reason:
    """Returns the macro-F1 of an attribute by the state of every other attribute (M9).

    Args:
        evidence: predictions and labels.
        name: the approach.
        attribute: the one scored, over those of its classes that occur in the state.
    """
    axis = _axis(evidence, attribute)
    predicted = attribute_classes(evidence.predicted(name), evidence.sizes)[..., axis]
    truth, size = evidence.labels[:, axis], evidence.sizes[axis]
    states: dict[str, dict[str, dict[str, float]]] = {}
    flat: dict[str, float] = {}
    for other_axis, (other, classes) in enumerate(evidence.attributes.items()):
        if other == attribute:
            continue
        states[other] = {}
        for code, state in enumerate(classes):
            part = evidence.labels[:, other_axis] == code
            if part.any():
                rows = [_present_f1(truth[part], row[part], size) for row in predicted]
                score = float(np.mean(rows))
                states[other][state] = {"macro_f1": score, "samples": int(part.sum())}
                flat[f"{other} {state}"] = score
    text = f"{name} has no other attribute beside {attribute}."
    if flat:
        best, worst = max(flat, key=lambda s: flat[s]), min(flat, key=lambda s: flat[s])
        text = (
            f"{name} tells {attribute} best where {best} ({flat[best]:.3f}) and worst where "
            f"{worst} ({flat[worst]:.3f})."
        )
    return Reason(
        key=f"scores_by_state.{attribute}",
        mechanism="M9",
        about=(name,),
        sentence=text,
        figures={"attribute": attribute, "states": states},
    )


def boundary_view(
    evidence: Evidence, name: str, attribute: str, raw: Floats, edges: Sequence[float]
) -> Reason:
    """Returns how often an approach puts a sample on the wrong side of an edge, by raw number.

    Args:
        evidence: predictions and labels.
        name: the approach.
        attribute: a binned one: class i holds raw numbers in [edges[i - 1], edges[i]).
        raw: float [N].
        edges: K - 1 increasing numbers.

    Raises:
        AnalysisError: unknown attribute, or `raw` and `edges` that do not fit its labels.
    """
    axis = _axis(evidence, attribute)
    if raw.shape != evidence.people.label.shape or len(edges) != evidence.sizes[axis] - 1:
        raise AnalysisError(
            f"raw numbers must be one a sample and edges one less than classes, got {raw.shape} "
            f"numbers for {evidence.people.label.shape} samples and {len(edges)} edges for "
            f"{evidence.sizes[axis]} classes"
        )
    predicted = attribute_classes(evidence.predicted(name), evidence.sizes)[..., axis]
    views = [_edge_view(predicted > code, raw, edge) for code, edge in enumerate(edges)]
    hardest = max(views, key=lambda view: view.near_wrong)
    return Reason(
        key=f"boundary.{attribute}",
        mechanism="",
        about=(name,),
        sentence=(
            f"{name} puts {hardest.near_wrong:.0%} of the samples within {_NEAR:g} of "
            f"{attribute} {hardest.edge:g} on the wrong side, {hardest.far_wrong:.1%} of "
            f"the others; {hardest.missed:.0%} from {hardest.edge:g} on are put below it."
        ),
        figures={"attribute": attribute, "edges": [asdict(view) for view in views]},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _EdgeView:
    """Shares of samples on the wrong side of one edge; `bins` by whole units of distance."""

    edge: float
    near_wrong: float
    far_wrong: float
    missed: float
    bins: tuple[dict[str, float], ...]


def _edge_view(above: NDArray[np.bool_], raw: Floats, edge: float) -> _EdgeView:
    """Looks at one edge; `above` is bool [S, N], predicted at or above it."""
    wrong = (above != (raw >= edge)).mean(axis=0)
    share_above, distance = above.mean(axis=0), raw - edge
    near = np.abs(distance) <= _NEAR
    bins = []
    for step in range(-_REACH, _REACH + 1):
        part = np.floor(distance) == step
        if part.any():
            figures = {"raw": edge + step, "above": _mean(share_above[part])}
            bins.append({**figures, "wrong": _mean(wrong[part]), "samples": int(part.sum())})
    return _EdgeView(
        edge=float(edge),
        near_wrong=_mean(wrong[near]),
        far_wrong=_mean(wrong[~near]),
        missed=_mean(1 - share_above[raw >= edge]),
        bins=tuple(bins),
    )


def _present_f1(y: Ints, predicted: Ints, num_classes: int) -> float:
    """Returns the mean F1 of the classes that occur in `y`."""
    counts = class_counts(y, predicted, num_classes)
    return float(f1_of_counts(counts)[counts[2] > 0].mean())


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else 0.0


def _axis(evidence: Evidence, attribute: str) -> int:
    if attribute not in evidence.attributes:
        known = ", ".join(evidence.attributes)
        raise AnalysisError(f"unknown attribute {attribute!r}; available: {known}")
    return list(evidence.attributes).index(attribute)

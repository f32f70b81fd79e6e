"""What each attribute costs an approach, and in which state of the others.

Notation:
    N samples, C joint classes, A attributes with sizes K_a, S seeds.
    predicted: int [S, N] joint classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from search.analysis import wording
from search.analysis.errors import AnalysisError
from search.analysis.metrics import Ints, class_counts, f1_of_counts
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.plots import Bars, Dots, Plot
from search.analysis.reasons.reason import Figures, Reason
from search.analysis.recombine import attribute_classes, joint_classes


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget(Figures):
    """The score, and by attribute the score were it perfect and what that would gain."""

    score: float
    perfect: Mapping[str, float]
    cost: Mapping[str, float]

    def heading(self, reasons: Sequence[Reason]) -> str:
        """Returns the attribute that costs most."""
        worst = max(self.cost, key=lambda name: self.cost[name])
        if len(self.cost) > 1 and len({wording.score(c) for c in self.cost.values()}) == 1:
            return f"Every attribute costs {reasons[0].about[0]} the same"
        return (
            f"{wording.capital(worst)} costs {reasons[0].about[0]} most: perfect it would be "
            f"worth {wording.score(self.cost[worst], 2)}"
        )

    def plot(self, reason: Reason) -> Plot:
        """Returns what every attribute costs."""
        return Bars(
            title="What a perfect attribute would give",
            rows={attribute: {reason.about[0]: cost} for attribute, cost in self.cost.items()},
            axis="macro-F1 gained if this attribute were perfect",
            form="{:+.3f}",
        )


def error_budget(evidence: Evidence, name: str) -> Reason:
    """Returns what a perfect model of each single attribute would give an approach."""
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
    alike = len(cost) > 1 and len({wording.score(value) for value in cost.values()}) == 1
    most = "every attribute costs the same" if alike else f"{ranked[0]} costs most"
    return Reason(
        key="error_budget",
        mechanism="",
        about=(name,),
        sentence=(
            f"{name} scores {score:.3f}; with one attribute perfect it would score {listed}: "
            f"{most}."
        ),
        figures=ErrorBudget(score=score, perfect=perfect, cost=cost),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StateScore:
    """The macro-F1 of an attribute over the samples of one state."""

    macro_f1: float
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoresByState(Figures):
    """Of an attribute: other attribute -> state -> score."""

    attribute: str
    states: Mapping[str, Mapping[str, StateScore]]

    def heading(self, _reasons: Sequence[Reason]) -> str:
        """Returns where the attribute is hardest."""
        scores = self._scores("{} is {}")
        if not scores:
            return f"{wording.capital(self.attribute)} stands alone"
        said = {name: wording.score(score) for name, score in scores.items()}
        worst = [name for name, text in said.items() if text == min(said.values())]
        return f"{wording.capital(self.attribute)} is hardest where {wording.listing(worst, 'or')}"

    def plot(self, reason: Reason) -> Plot | None:
        """Returns the score in every state."""
        scores = self._scores("{}: {}")
        if not scores:
            return None
        return Dots(
            title=f"{self.attribute} by the state of the other attributes",
            rows={name: {reason.about[0]: score} for name, score in scores.items()},
            axis=f"macro-F1 of {self.attribute}",
        )

    def _scores(self, form: str) -> dict[str, float]:
        return {
            form.format(other, state): found.macro_f1
            for other, states in self.states.items()
            for state, found in states.items()
        }


def scores_by_state(evidence: Evidence, name: str, attribute: str) -> Reason | None:
    """Returns the macro-F1 of an attribute by the state of every other attribute (M9).

    None where there is nothing to tell: no other attribute, or the same score in every state.

    Args:
        evidence: predictions and labels.
        name: the approach.
        attribute: the one scored, over those of its classes that occur in the state.
    """
    axis = axis_of(evidence, attribute)
    predicted = attribute_classes(evidence.predicted(name), evidence.sizes)[..., axis]
    truth, size = evidence.labels[:, axis], evidence.sizes[axis]
    states: dict[str, dict[str, StateScore]] = {}
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
                states[other][state] = StateScore(macro_f1=score, samples=int(part.sum()))
                flat[f"{other} {state}"] = score
    if len({f"{score:.3f}" for score in flat.values()}) < 2:
        return None
    best, worst = max(flat, key=lambda s: flat[s]), min(flat, key=lambda s: flat[s])
    return Reason(
        key=f"scores_by_state.{attribute}",
        mechanism="M9",
        about=(name,),
        sentence=(
            f"{name} tells {attribute} best where {best} ({flat[best]:.3f}) and worst where "
            f"{worst} ({flat[worst]:.3f})."
        ),
        figures=ScoresByState(attribute=attribute, states=states),
    )


def _present_f1(y: Ints, predicted: Ints, num_classes: int) -> float:
    """Returns the mean F1 of the classes that occur in `y`."""
    counts = class_counts(y, predicted, num_classes)
    return float(f1_of_counts(counts)[counts[2] > 0].mean())


def axis_of(evidence: Evidence, attribute: str) -> int:
    """Returns the place of an attribute; raises AnalysisError where there is none."""
    if attribute not in evidence.attributes:
        known = ", ".join(evidence.attributes)
        raise AnalysisError(f"unknown attribute {attribute!r}; available: {known}")
    return list(evidence.attributes).index(attribute)

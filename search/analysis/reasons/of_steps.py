"""Reasons from trainings at several levels of one change: fewer people, wrong labels.

Notation: N samples, S seeds. Predictions are joint classes, int [S, N], out of fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from search.analysis import wording
from search.analysis.errors import AnalysisError
from search.analysis.metrics import Ints
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.of_controls import (
    SCORE,
    Luck,
    contrast_with_luck,
    training_luck,
    worded_effect,
)
from search.analysis.reasons.plots import Lines, Plot, Point
from search.analysis.reasons.reason import Figures, Reason
from search.analysis.uncertainty.interval import Interval

Predicted = Mapping[str, Ints]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """One setting of what was changed: `x` on the axis, `predicted` int [S, N] by approach."""

    x: float
    predicted: Predicted


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What was changed in steps, and how to speak of it.

    Attributes:
        key: of the reason.
        mechanism: M1..M10.
        x_name: of the axis, with its unit.
        strong: begins the sentence about the strongest setting.
        plain: says the plain setting.
        doing: subject and verb of what the change favours.
    """

    key: str
    mechanism: str
    x_name: str
    strong: str
    plain: str
    doing: str


_CHANGES = {
    "learning_curve": "fewer people",
    "label_noise": "wrong labels",
    "sampler": "balanced classes",
}
"""What a change in steps is called: `verdict.json` has but the key of its treatment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps(Figures):
    """Scores at every level of a treatment.

    `own` are those with the setting that each approach had chosen for itself, `change` the lead of
    the first at the strongest level less its lead at the plain one.
    """

    x_name: str
    y_name: str
    lines: Mapping[str, tuple[Point, ...]]
    own: Mapping[str, Interval]
    change: Interval
    people: int
    seeds: int

    def heading(self, reasons: Sequence[Reason]) -> str:
        """Returns whom the change favours."""
        reason = reasons[0]
        what = wording.capital(_CHANGES.get(reason.key, reason.key.replace("_", " ")))
        if not reason.supported:
            return f"{what} favour none of the approaches clearly"
        ahead, behind = reason.winners
        return f"{what} favour {ahead} over {behind}"

    def plot(self, reason: Reason) -> Plot:
        """Returns the scores against the level."""
        return Lines(
            title=reason.sentence, lines=self.lines, x_name=self.x_name, y_name=self.y_name
        )


def responses(
    evidence: Evidence, levels: Sequence[Level], treatment: Treatment, own: Predicted | None = None
) -> tuple[Reason, ...]:
    """Returns for every pair of approaches whether a change favours one of them.

    The effect is the lead of the first at the strongest setting less its lead at the plain one.

    Args:
        evidence: labels and people.
        levels: from the plain setting to the strongest, the same approaches and seeds in each.
        treatment: what was changed.
        own: predictions with the setting that each approach had chosen for itself, if that is
            none of the levels.

    Raises:
        AnalysisError: fewer than two levels, or levels of different approaches or seeds.
    """
    shapes = [{name: rows.shape for name, rows in level.predicted.items()} for level in levels]
    if len(levels) < 2 or any(shape != shapes[0] for shape in shapes):
        raise AnalysisError(
            f"a change needs two levels or more with the same approaches, seeds and samples, got "
            f"{shapes}"
        )
    luck = {
        name: training_luck(evidence, [level.predicted[name] for level in levels])
        for name in shapes[0]
    }
    lines = {
        name: tuple(
            _point(level.x, _score(evidence, level.predicted[name], luck[name]))
            for level in levels
        )
        for name in shapes[0]
    }
    beside = {name: _score(evidence, rows, luck[name]) for name, rows in (own or {}).items()}
    return tuple(
        _response(evidence, pair, levels, treatment, luck, lines, beside)
        for pair in combinations(lines, 2)
    )


def _response(
    evidence: Evidence,
    about: tuple[str, str],
    levels: Sequence[Level],
    treatment: Treatment,
    luck: Mapping[str, Luck],
    lines: Mapping[str, tuple[Point, ...]],
    own: Mapping[str, Interval],
) -> Reason:
    a, b = about
    plain, strong = levels[0].predicted, levels[-1].predicted
    num_seeds = len(plain[a])
    terms = [(1.0, strong[a]), (-1.0, strong[b]), (-1.0, plain[a]), (1.0, plain[b])]
    of_both = [luck[name].times(2 / num_seeds) for name in about]
    found = contrast_with_luck(evidence, terms, of_both)
    ahead, size = (a, found) if found.value > 0 else (b, found.negated())
    effect, said = worded_effect(
        found,
        num_seeds,
        f"{treatment.doing} {ahead} by {size:+.3f}",
        f"{treatment.doing} either",
    )
    scores = {
        when: " and ".join(f"{evidence.score(level[name]):.3f}" for name in about)
        for when, level in (("strong", strong), ("plain", plain))
    }
    chosen = " and ".join(f"{own[name].value:.3f}" for name in about if name in own)
    return Reason(
        key=treatment.key,
        mechanism=treatment.mechanism,
        about=about,
        sentence=(
            f"{treatment.strong}, {a} and {b} score {scores['strong']}; {treatment.plain}, "
            f"{scores['plain']}{f' (as each has chosen, {chosen})' if chosen else ''}: {said}."
        ),
        figures=Steps(
            x_name=treatment.x_name,
            y_name=SCORE,
            lines={name: lines[name] for name in about},
            own={name: own[name] for name in about if name in own},
            change=found,
            people=evidence.people.num_people,
            seeds=num_seeds,
        ),
        effect=effect,
    )


def _score(evidence: Evidence, predicted: Ints, luck: Luck) -> Interval:
    return contrast_with_luck(evidence, [(1.0, predicted)], [luck.times(1 / len(predicted))])


def _point(x: float, found: Interval) -> Point:
    return Point(x=x, value=found.value, interval=(found.low, found.high))

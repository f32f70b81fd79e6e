"""Reasons from trainings in which one thing was changed in steps: people, labels, sampling.

Notation:
    S seeds, N samples. Predictions are joint classes, int [S, N], out of fold, by approach.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from search.analysis.controlled import SCORE, Luck, contrast, figure, told, training_luck
from search.analysis.errors import AnalysisError
from search.analysis.evidence import Evidence, Reason
from search.analysis.interval import Interval
from search.analysis.metrics import Ints

Predicted = Mapping[str, Ints]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Level:
    """One setting of what was changed: `x` on the axis, `predicted` int [S, N] by approach."""

    x: float
    predicted: Predicted


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
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


def responses(
    evidence: Evidence, levels: Sequence[Level], dose: Dose, own: Predicted | None = None
) -> tuple[Reason, ...]:
    """Returns for every pair of approaches whether a change favours one of them.

    The effect is the lead of the first at the strongest setting less its lead at the plain one.

    Args:
        evidence: labels and people.
        levels: from the plain setting to the strongest, the same approaches and seeds in each.
        dose: what was changed.
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
        name: [
            {"x": level.x, **_score(evidence, level.predicted[name], luck[name]).to_dict()}
            for level in levels
        ]
        for name in shapes[0]
    }
    beside = {name: _score(evidence, rows, luck[name]) for name, rows in (own or {}).items()}
    return tuple(
        _response(evidence, pair, levels, dose, luck, lines, beside)
        for pair in combinations(lines, 2)
    )


def _response(
    evidence: Evidence,
    about: tuple[str, str],
    levels: Sequence[Level],
    dose: Dose,
    luck: Mapping[str, Luck],
    lines: Mapping[str, object],
    own: Mapping[str, Interval],
) -> Reason:
    a, b = about
    plain, strong = levels[0].predicted, levels[-1].predicted
    num_seeds = len(plain[a])
    terms = [(1.0, strong[a]), (-1.0, strong[b]), (-1.0, plain[a]), (1.0, plain[b])]
    found = contrast(evidence, terms, [luck[name].times(2 / num_seeds) for name in about])
    ahead, size = (a, found) if found.value > 0 else (b, _turned(found))
    effect, said = told(
        found, num_seeds, f"{dose.doing} {ahead} by {figure(size)}", f"{dose.doing} either"
    )
    scores = {
        when: " and ".join(f"{evidence.score(level[name]):.3f}" for name in about)
        for when, level in (("strong", strong), ("plain", plain))
    }
    chosen = " and ".join(f"{own[name].value:.3f}" for name in about if name in own)
    return Reason(
        key=dose.key,
        mechanism=dose.mechanism,
        about=about,
        sentence=(
            f"{dose.strong}, {a} and {b} score {scores['strong']}; {dose.plain}, "
            f"{scores['plain']}{f' (as each has chosen, {chosen})' if chosen else ''}: {said}."
        ),
        figures={
            "x_name": dose.x_name,
            "y_name": SCORE,
            "lines": {name: lines[name] for name in about},
            "own": {name: own[name].to_dict() for name in about if name in own},
            "change": found.to_dict(),
            "people": evidence.num_people,
            "seeds": num_seeds,
        },
        effect=effect,
    )


def _score(evidence: Evidence, predicted: Ints, luck: Luck) -> Interval:
    return contrast(evidence, [(1.0, predicted)], [luck.times(1 / len(predicted))])


def _turned(interval: Interval) -> Interval:
    return Interval(value=-interval.value, low=-interval.high, high=-interval.low)

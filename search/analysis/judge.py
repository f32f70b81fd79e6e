"""Judges approaches on the same people: scores, differences, and a verdict on every pair.

Notation:
    N samples, C joint classes, P people, S seeds of an approach.
    y: int [N] true class; g: [N] person of a sample; held_out: bool [N], people no search saw.

The rules are those of `search.analysis.verdict`, the luck that of `search.analysis.estimates`.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.cross_fit import Mask
from search.analysis.errors import AnalysisError
from search.analysis.metrics import Ints, as_classes, person_index
from search.analysis.panel import Panel, judge_pairs
from search.analysis.power import would_decide
from search.analysis.predictions import Approach
from search.analysis.verdict import (
    FIXED_MODELS,
    ONE_SEED,
    Outcome,
    PairFigures,
    PairVerdict,
    Rules,
    Verdict,
)


def judge(
    approaches: Sequence[Approach],
    y: ArrayLike,
    g: ArrayLike,
    num_classes: int,
    *,
    held_out: ArrayLike | None = None,
    rules: Rules | None = None,
) -> Verdict:
    """Returns the scores of two or more approaches and the verdict on every pair of them.

    The figures with post-hoc biases are there if every approach has `with_rule`: a rule for some
    of them would be no fair comparison.

    Args:
        approaches: at least two, different names, the same samples.
        y: int [N] true joint classes.
        g: int or str [N] person of every sample; at least two people.
        num_classes: C.
        held_out: bool [N], True for people the search never saw; a person is in one part only.
        rules: how to judge; the defaults if None.

    Raises:
        AnalysisError: fewer than two approaches, a name twice, arrays that do not fit, a person in
            both parts, or fewer than two people.
    """
    true = as_classes(y, num_classes, "true classes")
    person = person_index(g)[0]
    _check(approaches, true, person)
    panel = Panel(approaches=approaches, y=true, person=person, num_classes=num_classes)
    rules = rules or Rules()
    rng = np.random.default_rng(rules.seed)
    num, with_rule = len(approaches), panel.with_rule
    sheet = panel.sheet([*panel.headline, *with_rule, *panel.ensembles], rules, rng)
    beside = _in_parts(panel, held_out, rules, rng)
    if with_rule:
        beside["with_rule"] = judge_pairs(sheet, num, rules, first=num)
    names = list(combinations(approaches, 2))
    pairs = []
    for index, headline in enumerate(judge_pairs(sheet, num, rules)):
        other = {name: found[index] for name, found in beside.items()}
        a, b = names[index]
        pairs.append(
            _pair_verdict(
                a,
                b,
                headline,
                other,
                num_people=sheet.num_people,
                num_pairs=len(names),
                rules=rules,
            )
        )
    return Verdict(
        scores=tuple(panel.scores(sheet, bool(with_rule), rules, rng)),
        pairs=tuple(pairs),
        num_people=sheet.num_people,
        margin=rules.margin,
    )


def _in_parts(
    panel: Panel, held_out: ArrayLike | None, rules: Rules, rng: np.random.Generator
) -> dict[str, Sequence[PairFigures]]:
    """Returns the figures of all pairs on the people the search saw and on those it never saw."""
    if held_out is None:
        return {}
    search, untouched = _parts(np.asarray(held_out), panel.person)
    # Held-out people are predicted by one choice that they had no part in: no luck of choice.
    chosen = [(predicted, 0.0) for predicted, _ in panel.headline]
    parts = {
        "search": panel.judge_part(panel.headline, search, rules, rng),
        "held_out": panel.judge_part(chosen, untouched, rules, rng),
    }
    return {name: figures for name, figures in parts.items() if figures is not None}


def _pair_verdict(
    a: Approach,
    b: Approach,
    headline: PairFigures,
    beside: dict[str, PairFigures],
    *,
    num_people: int,
    num_pairs: int,
    rules: Rules,
) -> PairVerdict:
    num_seeds = None if rules.fixed_models else min(len(a.predicted), len(b.predicted))
    decide = None
    if headline.outcome is Outcome.UNDECIDED:
        decide = would_decide(
            headline.estimate,
            num_people=num_people,
            num_seeds=num_seeds,
            margin=rules.margin,
            num_pairs=num_pairs,
        )
    return PairVerdict(
        a=a.name,
        b=b.name,
        headline=headline,
        with_rule=beside.get("with_rule"),
        search=beside.get("search"),
        held_out=beside.get("held_out"),
        would_decide=decide,
        note={None: FIXED_MODELS, 1: ONE_SEED}.get(num_seeds, ""),
    )


def _check(approaches: Sequence[Approach], y: Ints, person: Ints) -> None:
    names = [part.name for part in approaches]
    if len(names) < 2 or len(set(names)) < len(names):
        raise AnalysisError(f"a verdict needs two approaches with different names, got {names}")
    lengths = {f"predictions of {part.name!r}": part.predicted.shape[1] for part in approaches}
    for what, length in {"people": len(person), **lengths}.items():
        if length != len(y):
            raise AnalysisError(
                f"all arrays must cover the same samples, got {len(y)} labels and {length} for "
                f"{what}"
            )


def _parts(held_out: Mask, person: Ints) -> tuple[Mask, Mask]:
    """Returns the samples of both parts; no person may be in both."""
    if held_out.shape != person.shape or held_out.dtype != bool:
        raise AnalysisError(
            f"`held_out` must be bool [{len(person)}], got {held_out.dtype} {held_out.shape}"
        )
    both = np.intersect1d(person[held_out], person[~held_out])
    if both.size:
        raise AnalysisError(
            f"a person is held out with all samples or with none, got {both.size} people in both "
            "parts; split by person"
        )
    return ~held_out, held_out

"""Judges approaches on the same people: scores, differences, and a verdict on every pair.

Notation:
    N samples, C joint classes, P people, S seeds of an approach.
    chose: bool [N], people by whom the search chose its finalists.

The rules are those of `search.analysis.verdict.rules`, the luck that of
`search.analysis.uncertainty.score_sheet`.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.people import People
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.verdict.baselines import baselines_of
from search.analysis.verdict.outcomes import (
    Verdict,
)
from search.analysis.verdict.panel import Panel
from search.analysis.verdict.rounds import Pair, Rounds
from search.analysis.verdict.rules import (
    Rules,
)
from search.analysis.verdict.stating import with_statements


def judge(
    approaches: Sequence[Approach],
    people: People,
    *,
    chose: ArrayLike | None = None,
    rules: Rules | None = None,
    rounds: Rounds | None = None,
    attributes: Mapping[str, int] | None = None,
) -> Verdict:
    """Returns the scores of two or more approaches and the verdict on every pair of them.

    The figures with post-hoc biases are there if every approach has `with_rule`: a rule for some
    of them would be no fair comparison.

    Args:
        approaches: at least two, different names, the same samples.
        people: with their joint classes; at least two people.
        chose: bool [N], True for people by whom the search chose its finalists; a person is in one
            part only. None where nothing was searched, or it is not known.
        rules: how to judge; the defaults if None.
        rounds: the looks at these approaches, where there was more than one; every pair is judged
            as it stood at its last look.
        attributes: number of classes of every attribute, in schema order, whose classes make up
            the joint class; None where they are not known.

    Raises:
        AnalysisError: fewer than two approaches, a name twice, arrays that do not fit, a person in
            both parts, fewer than two people, or rounds that did not look at all pairs.
    """
    _check(approaches, people)
    rules = rules or Rules()
    panel = Panel(approaches=approaches, people=people, rules=rules)
    rng = np.random.default_rng(rules.seed)
    with_rule = panel.with_rule
    sheet = panel.sheet(
        [*panel.headline, *with_rule, *panel.ensembles],
        num_resamples=rules.num_resamples,
        rng=rng,
    )
    if rounds is not None:
        _check_rounds(rounds, approaches)
    verdict = Verdict(
        pairs=tuple(panel.verdicts(sheet, chose, rounds)),
        scores=tuple(panel.scores(sheet, bool(with_rule), rng)),
        num_people=sheet.num_people,
        num_photos=len(people),
        margin=rules.margin,
        baselines=baselines_of(people),
    )
    return with_statements(
        verdict,
        approaches,
        people,
        sheet,
        fixed_models=rules.fixed_models,
        attributes=attributes,
        num_ends=1 if rounds is None else rounds.num_ends,
    )


def estimates_of(
    approaches: Sequence[Approach], people: People, *, fixed_models: bool = False
) -> dict[Pair, PairEstimate]:
    """Returns the differences of all pairs of approaches, by their names: what a look needs.

    Raises:
        AnalysisError: as `judge`.
    """
    _check(approaches, people)
    panel = Panel(approaches=approaches, people=people, rules=Rules(fixed_models=fixed_models))
    pairs = combinations([part.name for part in approaches], 2)
    return dict(zip(pairs, panel.estimates(panel.sheet(panel.headline)), strict=True))


def _check(approaches: Sequence[Approach], people: People) -> None:
    names = [part.name for part in approaches]
    if len(names) < 2 or len(set(names)) < len(names):
        raise AnalysisError(f"a verdict needs two approaches with different names, got {names}")
    for part in approaches:
        length = part.predicted.shape[1]
        if length != len(people):
            raise AnalysisError(
                f"all arrays must cover the same samples, got {len(people)} labels and {length} "
                f"for predictions of {part.name!r}"
            )


def _check_rounds(rounds: Rounds, approaches: Sequence[Approach]) -> None:
    pairs = tuple(combinations([part.name for part in approaches], 2))
    if rounds.pairs != pairs or len(rounds.closings) < len(pairs):
        raise AnalysisError(
            f"rounds must have looked at the pairs {pairs}, got looks at {tuple(rounds.closings)} "
            f"of {rounds.pairs}"
        )

"""Puts beside a verdict what else is said about its pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from search.analysis.approaches.approach import Approach
from search.analysis.people import People
from search.analysis.uncertainty.score_sheet import ScoreSheet
from search.analysis.verdict.attributes import attribute_scores
from search.analysis.verdict.log_score import log_scores
from search.analysis.verdict.outcomes import (
    PairVerdict,
    Verdict,
)
from search.analysis.verdict.served import deployed, equal_networks
from search.analysis.verdict.statements import Bound, PairStatements


def with_statements(
    verdict: Verdict,
    approaches: Sequence[Approach],
    people: People,
    sheet: ScoreSheet,
    *,
    fixed_models: bool,
    attributes: Mapping[str, int] | None = None,
    num_ends: int = 1,
) -> Verdict:
    """Returns a verdict with the statements on its pairs.

    Args:
        verdict: with the estimate of every pair.
        approaches: that were judged.
        people: that they were judged on.
        sheet: whose first rows are the single seeds of the approaches.
        fixed_models: whether the training seeds are no part of the question.
        attributes: number of classes of every attribute, in schema order, if they are known.
        num_ends: of the run so far, at each of which all of it was told.
    """
    num = len(verdict.pairs)
    logs = log_scores(approaches, people, fixed_models=fixed_models, num_ends=num_ends)
    averaged = deployed(approaches, people, sheet, fixed_models=fixed_models)
    equal = equal_networks(approaches, people, sheet, fixed_models=fixed_models)
    pairs = [
        replace(
            pair,
            statements=PairStatements(
                log_score=None if logs is None else logs[i],
                bound=_bound(pair, verdict.num_people, num, num_ends),
                deployed=averaged[i],
                equal_networks=equal[i],
            ),
        )
        for i, pair in enumerate(verdict.pairs)
    ]
    found = replace(verdict, pairs=tuple(pairs))
    if attributes is None:
        return found
    decided = [found.gives_reasons(pair) for pair in pairs]
    scores = attribute_scores(approaches, people, attributes, decided, fixed_models=fixed_models)
    return found.with_attributes(scores)


def _bound(pair: PairVerdict, num_people: int, num_pairs: int, num_ends: int) -> Bound | None:
    estimate = pair.headline.estimate
    if estimate is None or estimate.num_seeds == 1:
        return None
    return Bound.of(estimate, num_people, num_pairs, num_ends)

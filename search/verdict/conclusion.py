"""From refitted predictions on disk to the verdict and its reasons; trains nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from search.analysis.approaches.build import JointPredictions
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.gather import (
    calibration_quality,
    reasons_of_approach,
    reasons_of_pair,
)
from search.analysis.reasons.reason import Reason, rank_reasons
from search.analysis.uncertainty.interval import Interval
from search.analysis.verdict.judging import judge, part_scores
from search.analysis.verdict.outcomes import Rules, Verdict
from search.analysis.verdict.sentence import answer
from search.errors import ResultsError
from search.refit.refitted import Refitted

VERDICT_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conclusion:
    """What the refitted predictions say.

    Attributes:
        verdict: scores and pairs.
        built: joint probabilities and config choices of every approach.
        parts: score of every approach on the people the search saw and on those it never saw.
        reasons: about every pair, by its names, those that explain the difference first.
        descriptions: about every approach.
    """

    verdict: Verdict
    built: tuple[JointPredictions, ...]
    parts: Mapping[str, Mapping[str, Interval]]
    reasons: Mapping[tuple[str, str], tuple[Reason, ...]]
    descriptions: Mapping[str, tuple[Reason, ...]]


def conclude(refitted: Refitted, rules: Rules) -> Conclusion:
    """Judges the approaches and gathers the reasons that predictions alone can give.

    Raises:
        ResultsError: fewer than two approaches.
    """
    names, truth, schema = refitted.lineup.approaches, refitted.truth, refitted.lineup.schema
    if len(names) < 2:
        raise ResultsError(
            f"a verdict needs two approaches, got {', '.join(names) or 'none'}; run --space all"
        )
    built, cross_fit, people = refitted.build(), truth.cross_fit, refitted.people
    approaches = [part.approach(cross_fit, seed=rules.seed) for part in built]
    verdict = judge(
        approaches,
        people,
        held_out=truth.held_out if truth.held_out.any() else None,
        rules=rules,
    )
    evidence = Evidence.of(
        approaches,
        people,
        {attribute.name: attribute.classes for attribute in schema.attributes},
        seed=rules.seed,
    )
    edges = {a.name: a.edges for a in schema.attributes if a.has_raw}
    return Conclusion(
        verdict=verdict,
        built=built,
        parts=part_scores(approaches, people, truth.held_out, rules),
        reasons={
            (pair.a, pair.b): reasons_of_pair(evidence, pair.a, pair.b) for pair in verdict.pairs
        },
        descriptions={
            part.name: (
                *reasons_of_approach(evidence, part.name, truth.raw, edges),
                calibration_quality(part.name, part.probs, truth.label, cross_fit),
            )
            for part in built
        },
    )


def with_reasons(conclusion: Conclusion, more: Iterable[Reason]) -> Conclusion:
    """Returns the conclusion with more reasons.

    Args:
        conclusion: what predictions alone say.
        more: a reason about a judged pair, in its order, joins the pair's reasons by its rank; any
            other joins the descriptions of the approach it names first.
    """
    given = list(more)
    reasons = {
        pair: rank_reasons(
            [*known, *(reason for reason in given if reason.about == pair)],
            conclusion.verdict.pair(*pair).headline.estimate.difference,
        )
        for pair, known in conclusion.reasons.items()
    }
    rest = [reason for reason in given if reason.about not in reasons]
    descriptions = {
        name: (*known, *(reason for reason in rest if reason.about[0] == name))
        for name, known in conclusion.descriptions.items()
    }
    return replace(conclusion, reasons=reasons, descriptions=descriptions)


def verdict_json(
    conclusion: Conclusion, costs: Mapping[str, Any], extra: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the content of `verdict.json`."""
    verdict = conclusion.verdict
    return {
        "schema": VERDICT_SCHEMA,
        "metric": "macro_f1",
        "answer": answer(verdict),
        "margin": verdict.margin,
        "people": verdict.num_people,
        **verdict.to_dict(),
        "scores": {
            score.name: {**score.to_dict(), "parts": _parts(conclusion, score.name)}
            for score in verdict.scores
        },
        "reasons": [
            {"pair": list(pair), **reason.to_dict()}
            for pair, reasons in conclusion.reasons.items()
            for reason in reasons
        ],
        "descriptions": {
            name: [reason.to_dict() for reason in reasons]
            for name, reasons in conclusion.descriptions.items()
        },
        "choices": {
            part.name: {target: list(choice.by_round) for target, choice in part.choices.items()}
            for part in conclusion.built
        },
        "costs": dict(costs),
        **extra,
    }


def _parts(conclusion: Conclusion, name: str) -> dict[str, Any]:
    return {part: interval.to_dict() for part, interval in conclusion.parts[name].items()}

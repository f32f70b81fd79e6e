"""From refitted predictions on disk to the verdict and its reasons; trains nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.analysis.approaches import Built, build_joint, build_multihead, build_separate
from search.analysis.cross_fit import CrossFit
from search.analysis.evidence import Evidence, Reason
from search.analysis.judge import judge
from search.analysis.mechanisms import calibration_quality, reasons_of_approach, reasons_of_pair
from search.analysis.verdict import Outcome, PairVerdict, Rules, Verdict
from search.errors import ResultsError
from search.oof import Truth
from trainables.data.schema import LabelSchema

Predictions = Mapping[str, Mapping[str, Mapping[str, NDArray[np.float64]]]]

VERDICT_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conclusion:
    """What the refitted predictions say.

    Attributes:
        verdict: scores and pairs.
        built: joint probabilities and config choices of every approach.
        reasons: about every pair, by its names, those that explain the difference first.
        descriptions: about every approach.
    """

    verdict: Verdict
    built: tuple[Built, ...]
    reasons: Mapping[tuple[str, str], tuple[Reason, ...]]
    descriptions: Mapping[str, tuple[Reason, ...]]


def approaches_of(spaces: Mapping[str, str], schema: LabelSchema) -> tuple[str, ...]:
    """Returns the approaches whose spaces are all there.

    Args:
        spaces: approach of every space.
        schema: of the data.
    """
    found = [name for name in ("joint", "multihead") if name in spaces.values()]
    if all(spaces.get(name) == "separate" for name in schema.names):
        found.insert(0, "separate")
    return tuple(found)


def build_approaches(
    predictions: Predictions, names: Sequence[str], schema: LabelSchema, truth: Truth
) -> tuple[Built, ...]:
    """Returns the joint probabilities of every approach, with cross-fitted choices."""
    plan = CrossFit.of_people(truth.fold, truth.group, truth.held_out)
    sizes = [len(attribute.classes) for attribute in schema.attributes]
    built = []
    if "separate" in names:
        candidates = {
            name: {rank: heads[name] for rank, heads in predictions[name].items()}
            for name in schema.names
        }
        built.append(build_separate(candidates, truth.label, sizes, plan))
    if "joint" in names:
        candidates_joint = {rank: heads["joint"] for rank, heads in predictions["joint"].items()}
        built.append(build_joint(candidates_joint, truth.label, plan))
    if "multihead" in names:
        heads_of = {
            rank: [heads[name] for name in schema.names]
            for rank, heads in predictions["multihead"].items()
        }
        built.append(build_multihead(heads_of, truth.label, sizes, plan))
    return tuple(built)


def conclude(
    predictions: Predictions,
    names: Sequence[str],
    schema: LabelSchema,
    truth: Truth,
    rules: Rules,
) -> Conclusion:
    """Judges the approaches and gathers the reasons that predictions alone can give.

    Raises:
        ResultsError: fewer than two approaches.
    """
    if len(names) < 2:
        raise ResultsError(
            f"a verdict needs two approaches, got {', '.join(names) or 'none'}; run --space all"
        )
    built = build_approaches(predictions, names, schema, truth)
    plan = CrossFit.of_people(truth.fold, truth.group, truth.held_out)
    approaches = [part.approach(truth.group, plan, seed=rules.seed) for part in built]
    verdict = judge(
        approaches,
        truth.label,
        truth.group,
        schema.num_joint,
        held_out=truth.held_out if truth.held_out.any() else None,
        rules=rules,
    )
    evidence = Evidence.of(
        approaches,
        truth.label,
        np.unique(truth.group, return_inverse=True)[1].astype(np.int64),
        {attribute.name: attribute.classes for attribute in schema.attributes},
        seed=rules.seed,
    )
    edges = {a.name: a.edges for a in schema.attributes if a.has_raw}
    return Conclusion(
        verdict=verdict,
        built=built,
        reasons={
            (pair.a, pair.b): reasons_of_pair(evidence, pair.a, pair.b) for pair in verdict.pairs
        },
        descriptions={
            part.name: (
                *reasons_of_approach(evidence, part.name, truth.raw, edges),
                calibration_quality(part.name, part.probs, truth.label, plan),
            )
            for part in built
        },
    )


def answer(verdict: Verdict) -> str:
    """Returns the verdict in one sentence."""
    ranked = sorted(verdict.scores, key=lambda score: -score.interval.value)
    best = ranked[0]
    pairs = [verdict.pair(best.name, other.name) for other in ranked[1:]]
    if all(pair.winner == best.name for pair in pairs):
        gaps = " and ".join(_gap(pair) for pair in pairs)
        return f"{best.name} wins: macro-F1 {best.interval.value:.3f}, {gaps}."
    if all(pair.outcome is Outcome.EQUIVALENT for pair in verdict.pairs):
        names = ", ".join(score.name for score in ranked)
        return f"It makes no difference: {names} are equivalent within {verdict.margin:g}."
    beaten = [pair for pair in verdict.pairs if pair.winner is not None]
    text = f"Undecided: {best.name} scores highest ({best.interval.value:.3f}), but "
    open_pairs = [pair for pair in pairs if pair.winner != best.name]
    text += " and ".join(_open(pair, best.name) for pair in open_pairs)
    if beaten:
        text += "; " + " and ".join(
            f"{pair.winner} beats {pair.a if pair.winner == pair.b else pair.b}" for pair in beaten
        )
    return text + "."


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


def _gap(pair: PairVerdict) -> str:
    estimate = pair.headline.estimate
    other = pair.b if pair.winner == pair.a else pair.a
    return f"{abs(estimate.difference):.3f} above {other}"


def _open(pair: PairVerdict, best: str) -> str:
    other = pair.b if pair.a == best else pair.a
    if pair.outcome is Outcome.EQUIVALENT:
        return f"{other} is equivalent"
    decide = f"; {pair.would_decide} would decide" if pair.would_decide is not None else ""
    return f"{other} is within the noise ({abs(pair.headline.estimate.difference):.3f}{decide})"

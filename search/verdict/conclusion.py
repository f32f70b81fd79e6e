"""From refitted predictions on disk to the verdict and its reasons; trains nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from search.analysis.approaches.build import JointPredictions
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.gather import (
    calibration_quality,
    reasons_of_approach,
    reasons_of_pair,
)
from search.analysis.verdict.judging import judge, part_scores
from search.analysis.verdict.outcomes import Rules
from search.errors import ResultsError
from search.refit.approaches import build_approaches
from search.refit.files import Predictions, Truth
from search.verdict.findings import Findings, Training
from trainables.data.schema import LabelSchema


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conclusion:
    """What the refitted predictions say.

    Attributes:
        findings: the verdict, with the reasons that predictions alone can give.
        built: joint probabilities and config choices of every approach.
    """

    findings: Findings
    built: tuple[JointPredictions, ...]


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
    cross_fit = CrossFit.of_people(truth.fold, truth.group, truth.held_out)
    approaches = [part.approach(truth.group, cross_fit, seed=rules.seed) for part in built]
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
    parts = part_scores(
        approaches, truth.label, truth.group, schema.num_joint, truth.held_out, rules
    )
    edges = {a.name: a.edges for a in schema.attributes if a.has_raw}
    findings = Findings(
        verdict=replace(
            verdict,
            scores=tuple(replace(score, parts=parts[score.name]) for score in verdict.scores),
        ),
        training=Training(seeds=len(built[0].probs), folds=int(truth.fold.max()) + 1),
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
        choices={
            part.name: {target: tuple(choice.by_round) for target, choice in part.choices.items()}
            for part in built
        },
    )
    return Conclusion(findings=findings, built=built)

"""From refitted predictions on disk to the verdict and its reasons; trains nothing."""

from dataclasses import dataclass

from search.analysis.approaches.build import JointPredictions
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.gather import (
    calibration_quality,
    reasons_of_approach,
    reasons_of_pair,
)
from search.analysis.verdict.judging import judge
from search.analysis.verdict.rules import (
    Rules,
)
from search.errors import ResultsError
from search.refit.looks import retake_looks
from search.refit.refitted import Refitted
from search.store.reading import reading
from search.verdict.findings import Findings, Training


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conclusion:
    """What the refitted predictions say: a verdict with the reasons that they alone can give.

    `built` are joint probabilities and config choices of every approach.
    """

    findings: Findings
    built: tuple[JointPredictions, ...]


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
    with reading(refitted.store.predictions / "truth.csv", "copy the run whole"):
        cross_fit = truth.cross_fit
    built, people = refitted.build_whole(), refitted.people
    approaches = [part.approach(cross_fit, seed=rules.seed) for part in built]
    verdict = judge(
        approaches,
        people,
        chose=refitted.chose,
        rules=rules,
        rounds=retake_looks(refitted, rules.margin, rules.seed),
        attributes={attribute.name: len(attribute.classes) for attribute in schema.attributes},
    )
    evidence = Evidence.of(
        approaches,
        people,
        {attribute.name: attribute.classes for attribute in schema.attributes},
        seed=rules.seed,
    )
    edges = {a.name: a.edges for a in schema.attributes if a.has_raw}
    findings = Findings(
        verdict=verdict,
        training=Training(seeds=max(len(part.probs) for part in built), folds=refitted.num_folds),
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
        finalists={space: found for part in built for space, found in part.finalists.items()},
        choices={
            part.name: {target: tuple(choice.by_round) for target, choice in part.choices.items()}
            for part in built
        },
    )
    return Conclusion(findings=findings.with_reasons(()), built=built)

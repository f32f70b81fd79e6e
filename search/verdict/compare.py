"""`headrace compare`: a verdict on anybody's prediction files; nothing is trained."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from search.analysis.approaches.approach import Approach
from search.analysis.verdict.judging import judge
from search.analysis.verdict.recommendation import next_step, recommend
from search.analysis.verdict.rules import (
    Rules,
)
from search.report.contents import ReportContents
from search.report.render import render_html
from search.store.files import write_together
from search.verdict.findings import Findings
from search.verdict.prediction_files import read_files

_ALONE = (
    "no two samples of the truth are of one group, so every photo counts as a person of its own; "
    "where people have several, the intervals are too narrow: name them in a column group"
)


def compare(
    truth_path: Path,
    predictions: Mapping[str, Path],
    out: Path,
    rules: Rules,
) -> Findings:
    """Judges prediction files, writes `verdict.json` and `report.html`, and returns the findings.

    Args:
        truth_path: CSV `sample,group,label` with optional `fold` (a whole number from 0: the model
            of a fold never saw its people, and was trained by itself); other columns are ignored.
            Without `group` every sample is of a person of its own, which a note says.
        predictions: CSV `sample,p0,...,p{C-1}` with optional `seed`, by approach name; at least
            two. What `headrace predict --probabilities` writes is one; rounded probabilities are
            taken as parts of their sum.
        out: folder of the two files.
        rules: how to judge. Where a file has one seed, all are judged as fixed models: a win is
            one of these very models, not of the way they were trained. Where every file has seeds,
            their luck counts, by folds if there are any.

    Raises:
        UsageError: a file is missing or not what it should be; names file and row.
    """
    found, people, read = read_files(truth_path, predictions)
    approaches = [Approach.from_probs(name, probs) for name, probs in found.items()]
    fixed = rules.fixed_models or any(len(probs) == 1 for probs in found.values())
    verdict = judge(approaches, people, rules=replace(rules, fixed_models=fixed))
    advice = recommend(verdict, {}, next_step=next_step(verdict))
    notes = (*([_ALONE] * (people.num_people == len(people))), *read)
    findings = Findings(verdict=verdict, advice=advice, notes=notes)
    contents = ReportContents(
        title="headrace compare", verdict=verdict, advice=advice, notes=notes
    )
    page = render_html(contents)
    write_together({out / "verdict.json": findings.to_text(), out / "report.html": page})
    return findings

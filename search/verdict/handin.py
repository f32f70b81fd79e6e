"""`headrace report NAME --template ...`: a form filled in from what a run has stored.

Nothing is judged again and nothing is computed: a form says what `verdict.json` and the other
files of the run say, and leaves out what they lack.
"""

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from search.analysis.ensemble.summary import EnsembleSummary
from search.analysis.verdict.sentence import OF_FILES, finding
from search.predict.label_shift_files import read_shifts
from search.prepare.saved_run import SavedRun, load_listed_run
from search.refit.approaches import Lineup
from search.refit.truth import Truth
from search.report.contents import DataFacts, ReportContents, SpaceConfig
from search.report.handin.contents import HandIn
from search.report.handin.language import Language
from search.report.handin.paper import render_paper
from search.report.handin.template import Template
from search.report.handin.wrapup import render_wrapup
from search.store.best_file import BestFile
from search.store.commands import on_run
from search.store.files import write_text
from search.store.reading import is_there, read_json, reading, typed
from search.store.records import DEFAULT_NUMBER
from search.store.run_store import RunStore
from search.verdict.findings import Findings
from search.verdict.report_contents import (
    data_facts,
    effort_of,
    networks,
    origin_of,
    reproduce_of,
    search_summary,
    when_of,
)
from search.verdict.stage import read_ensemble

VERDICT_FILE = "verdict.json"
AUDIT_FILE = "audit/audit.json"
"""Where `headrace audit --run NAME` leaves it."""


def write_handin(store: RunStore, template: Template) -> Path:
    """Writes a form into the folder of a run and returns its path.

    Raises:
        ResultsError: a file of the run cannot be read, or the form cannot be written.
    """
    path, found = store.root / template.file, stored_handin(store)
    # Figures are of whatever kind the file has: one that is none shows where it is written out.
    with reading(store.root / VERDICT_FILE, _judge_again(store)):
        if template is Template.PAPER:
            text = render_paper(found)
        else:
            language = Language.KO if template is Template.WRAPUP_KO else Language.EN
            text = render_wrapup(found, language)
    write_text(path, text)
    return path


def stored_handin(store: RunStore) -> HandIn:
    """Returns what the files of a run say; raises as `write_handin`."""
    run = load_listed_run(store)
    judged, data = stored_findings(store), run.study["data"]
    contents = _contents(store, run, judged, read_ensemble(store))
    training = None if judged is None else judged.training
    with reading(store.root / "study.json", "copy the run whole"):
        corrections = typed(list[dict[str, Any]], data.get("corrections", []))
        corrected_photos = sum(int(each.get("num_changed", 0)) for each in corrections)
        readings = typed(tuple[str, ...], data.get("readings", ()))
    return HandIn(
        run=str(run.study["config"]["name"]),
        contents=contents,
        drawn=not run.study["config"].get("data"),
        folds=0 if training is None else training.folds,
        seeds=0 if training is None else training.seeds,
        margin=None if judged is None else judged.verdict.margin,
        holds=OF_FILES if judged is None else judged.holds,
        corrections=len(corrections),
        corrected_photos=corrected_photos,
        readings=readings,
        licence=str(data.get("licence") or ""),
        judge="" if judged is not None else _judging(store, contents),
        audit=_audit(store),
    )


def _judging(store: RunStore, contents: ReportContents) -> str:
    """Returns the command that judges a run, as any machine has it; empty of a mere search."""
    if contents.ensemble is None and not is_there(store.predictions / "refit.json"):
        return ""
    return f"headrace verdict {shlex.quote(store.root.name)}"


def stored_findings(store: RunStore) -> Findings | None:
    """Returns what `verdict.json` says; None where there is none.

    Raises:
        ResultsError: it cannot be read.
    """
    path, way_out = store.root / VERDICT_FILE, _judge_again(store)
    if not is_there(path):
        return None
    with reading(path, way_out):
        found = Findings.from_dict(read_json(path, way_out))
        finding(found.verdict)  # its sentence needs every pair with the best
        return found


def _judge_again(store: RunStore) -> str:
    return f"judge the run again with: {on_run('verdict', store)}"


def _contents(
    store: RunStore, run: SavedRun, judged: Findings | None, ensemble: EnsembleSummary | None
) -> ReportContents:
    lineup = Lineup.of_study(run.study)
    results = [result for result in run.results if result.records]
    with reading(store.root / "study.json", "copy the run whole"):
        reproduce, effort = reproduce_of(run.study), effort_of(run.study)
    contents = ReportContents(
        title=str(run.study["config"]["name"]),
        when=when_of(results),
        networks=networks(lineup),
        configs=tuple(_configs(store, run)),
        data=_data(store, run),
        searches=tuple(search_summary(result, lineup) for result in results),
        effort=effort,
        reproduce=reproduce,
        ensemble=ensemble,
    )
    if judged is None:
        return contents
    # Of a later one the verdict knows whether it is of these trainings.
    is_older = ensemble is not None and ensemble.refit is None
    return replace(
        contents,
        verdict=judged.verdict,
        advice=judged.advice,
        reasons=judged.every_reason,
        costs=judged.costs,
        notes=judged.notes,
        ensemble=judged.ensemble or (ensemble if is_older else None),
    )


def _configs(store: RunStore, run: SavedRun) -> Iterator[SpaceConfig]:
    for result in run.results:
        path = store.best_path(result.name)
        if is_there(path):
            default = [r.config for r in result.records if r.number == DEFAULT_NUMBER]
            best = BestFile.read(path)
            yield SpaceConfig(
                space=result.name,
                best=_flat(best.config),
                default=default[0] if default else {},
                is_of_refit=best.trial != best.search_trial,
            )


def _flat(tree: Mapping[str, Any]) -> dict[str, object]:
    return {
        f"{section}.{name}": value
        for section, values in tree.items()
        if isinstance(values, Mapping)
        for name, value in values.items()
    }


def _data(store: RunStore, run: SavedRun) -> DataFacts:
    study, schema = run.study["data"], run.schema
    name = str(study.get("name") or run.study["config"].get("data", ""))
    if is_there(store.predictions / "truth.csv"):
        facts = data_facts(schema, Truth.read(store.predictions, schema), name)
    else:
        facts = DataFacts(
            name=name,
            num_people=int(study.get("people", 0)),
            num_photos=int(study.get("photos", 0)),
            attributes={each.name: len(each.classes) for each in schema.attributes},
        )
    return replace(facts, origin=origin_of(run.study), shifts=read_shifts(store.root))


def _audit(store: RunStore) -> dict[str, int] | None:
    """Returns the number of findings of every level; None where no audit is stored."""
    path = store.root / AUDIT_FILE
    if not is_there(path):
        return None
    way_out = "delete it, or audit the data again"
    with reading(path, way_out):
        findings = typed(list[dict[str, Any]], read_json(path, way_out)["findings"])
        return dict(Counter(str(each["level"]) for each in findings))

"""Stage 5: the report of a run, gathered from its files."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from search.analysis import wording
from search.analysis.curves import Combine, Curve, TrialEnd, best_of_parts, best_so_far
from search.analysis.data_look import class_people, crossed, cuts_of
from search.analysis.examples import Examples, pick
from search.analysis.metrics import Ints, confusion_matrix, macro_f1
from search.errors import ResultsError
from search.predict.label_shift_files import read_shifts
from search.prepare.config import RunConfig, command_of
from search.prepare.saved_run import SavedRun
from search.prepare.space_result import SpaceResult
from search.refit.approaches import Lineup
from search.refit.refitted import Refitted
from search.refit.truth import Truth
from search.report.contents import (
    Confusion,
    DataFacts,
    Network,
    ReportContents,
    Reproduce,
    SearchSummary,
    SpaceConfig,
)
from search.report.render import render_html, render_markdown
from search.store.files import write_together
from search.store.reading import is_there, reading, typed
from search.store.records import (
    DEFAULT_NUMBER,
    TrialRecord,
    best_record,
    default_stop,
    default_value,
)
from search.store.run_store import IMPORTANCE_FILE, RunStore
from search.verdict.conclusion import Conclusion
from search.verdict.findings import Findings
from search.verdict.winners import Winner
from trainables.blocks import Form
from trainables.data.schema import JOINT, LabelSchema

logger = logging.getLogger(__name__)


def write_verdict(
    store: RunStore,
    findings: Findings,
    contents: ReportContents,
    best: Callable[[], Mapping[str, str]],
) -> None:
    """Writes verdict, report and the texts of best configs, by space: all of them, or none.

    `best` is asked for the texts last, when all else is made.
    """
    texts = {
        store.root / "verdict.json": findings.to_text(),
        store.root / "report.html": render_html(contents),
        store.root / "report.md": render_markdown(contents),
    }
    write_together({**{store.best_path(space): t for space, t in best().items()}, **texts})


def gather(
    run: SavedRun, refitted: Refitted, conclusion: Conclusion, best: Mapping[str, Winner]
) -> ReportContents:
    """Returns everything the page of a run shows; `best` are the winners of its spaces."""
    truth, lineup, findings = refitted.truth, refitted.lineup, conclusion.findings
    facts = replace(
        data_facts(run.schema, truth, run.study["data"]["name"]), origin=origin_of(run.study)
    )
    return ReportContents(
        title=f"headrace: {run.study['config']['name']}",
        verdict=findings.verdict,
        advice=findings.advice,
        when=when_of(run.results),
        networks=networks(lineup),
        configs=tuple(_configs(run.results, best)),
        reasons=findings.every_reason,
        costs=findings.costs,
        finalists=findings.finalists,
        ensemble=findings.ensemble,
        notes=findings.notes,
        curves=tuple(curves(refitted, run.results)),
        confusions=tuple(confusions(run.schema, truth.label, conclusion)),
        importances=importances(refitted.store, run),
        data=replace(facts, shifts=read_shifts(refitted.store.root)),
        searches=tuple(search_summary(result, lineup) for result in run.results),
        effort=effort_of(run.study),
        reproduce=reproduce_of(run.study),
        examples=examples_of(run.schema, truth, conclusion),
    )


def examples_of(schema: LabelSchema, truth: Truth, conclusion: Conclusion) -> Examples:
    """Returns the photos worth looking at."""
    return pick(
        truth.label,
        np.unique(truth.group, return_inverse=True)[1].reshape(-1),
        {attribute.name: attribute.classes for attribute in schema.attributes},
        {part.name: part.probs.mean(axis=0) for part in conclusion.built},
        conclusion.findings.verdict.ranked[0].name,
    )


def networks(lineup: Lineup) -> dict[str, tuple[Network, ...]]:
    """Returns the networks of every approach."""
    return {
        approach: tuple(
            Network(
                classes={
                    name: lineup.schema.num_classes(name)
                    for name in lineup.blocks[space].attributes
                },
                heads=lineup.blocks[space].form is Form.HEADS,
            )
            for space in spaces
        )
        for approach, spaces in lineup.approaches.items()
    }


def when_of(results: Sequence[SpaceResult]) -> str:
    """Returns the day and the hours of the search, in UTC."""
    records = [record for result in results for record in result.records]
    begun = [record.started for record in records if record.started]
    ended = [record.ended for record in records if record.ended]
    if not (begun and ended):
        return ""
    first, last = (datetime.fromtimestamp(time, tz=UTC) for time in (min(begun), max(ended)))
    until = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M}"
    return f"search {first:%Y-%m-%d %H:%M} to {until} UTC"


def origin_of(study: Mapping[str, Any]) -> str:
    """Returns whether people of the data are drawn or real, as far as that is known."""
    if study["config"]["data"]:
        return "a folder of yours; whether its photos show real people, nobody can tell from here"
    note = study["data"].get("note") or "drawn by headrace"
    return f"{note}; no photo shows a real person"


def _configs(results: Sequence[SpaceResult], best: Mapping[str, Winner]) -> Iterator[SpaceConfig]:
    for result in results:
        if result.best is not None:
            default = [r.config for r in result.records if r.number == DEFAULT_NUMBER]
            winner = best[result.name].record if result.name in best else result.best
            yield SpaceConfig(
                space=result.name,
                best=winner.config,
                default=default[0] if default else {},
                is_of_refit=winner != result.best,
            )


def importances(store: RunStore, run: SavedRun) -> dict[str, dict[str, float]]:
    """Returns which parameters the score of a space depended on, where it has trials enough.

    The search stores them; of a run that did not, they are computed where Optuna is installed.
    Nothing else depends on them: where they cannot be had, they are left out, and that is said.
    """
    try:
        return _importances(store, run)
    except ResultsError as error:
        logger.warning("the report leaves out which parameters mattered: %s", error)
        return {}


def _importances(store: RunStore, run: SavedRun) -> dict[str, dict[str, float]]:
    if is_there(store.root / IMPORTANCE_FILE):
        way_out = "delete it: it is computed again"
        with reading(store.root / IMPORTANCE_FILE, way_out):
            spaces = store.read_json(IMPORTANCE_FILE, way_out)["spaces"]
            stored: dict[str, dict[str, float]] = typed(dict[str, dict[str, float]], spaces)
        return stored
    try:
        from search.tuning.importance import importances_of
    except ImportError:
        return {}
    with reading(store.journal, "copy the run whole", wrong="cannot be read by Optuna"):
        return importances_of(store.journal, run.study["studies"], run.study["config"]["seed"])


def confusions(schema: LabelSchema, truth: Ints, conclusion: Conclusion) -> list[Confusion]:
    """Returns the out-of-fold confusion matrices of every approach: attributes first, joint last.

    Predictions are those of the probabilities averaged over seeds.
    """
    predicted = {part.name: part.probs.mean(axis=0).argmax(axis=1) for part in conclusion.built}
    codes = {name: schema.attribute_codes(joint) for name, joint in predicted.items()}
    labels = schema.attribute_codes(truth)

    def counts(true: Ints, found: Mapping[str, Ints], size: int) -> dict[str, Ints]:
        """Returns the confusion matrix of every approach, by its name."""
        return {name: confusion_matrix(true, given, size) for name, given in found.items()}

    attributes = [
        Confusion(
            name=attribute.name,
            classes=attribute.classes,
            counts=counts(
                labels[:, axis],
                {name: given[:, axis] for name, given in codes.items()},
                len(attribute.classes),
            ),
        )
        for axis, attribute in enumerate(schema.attributes)
    ]
    joint = Confusion(
        name=JOINT,
        classes=schema.joint_names,
        counts=counts(truth, predicted, schema.num_joint),
        block=schema.num_joint // len(schema.attributes[0].classes),
    )
    return [*attributes, joint]


def curves(refitted: Refitted, results: Sequence[SpaceResult]) -> list[Curve]:
    """Returns the anytime curve of every approach: validation joint macro-F1 in hand."""
    ends = {result.name: _ends(refitted.store, result) for result in results}
    found = []
    for approach, spaces in refitted.lineup.approaches.items():
        if len(spaces) == 1:
            found.append(best_so_far(approach, ends[spaces[0]]))
        else:
            parts = {space: ends[space] for space in spaces}
            found.append(best_of_parts(approach, parts, _joint_score(refitted, spaces)))
    return [curve for curve in found if curve.values]


def _ends(store: RunStore, result: SpaceResult) -> list[TrialEnd]:
    return [
        TrialEnd(
            record.ended,
            record.device_seconds,
            record.values[record.epochs]
            if record.epochs and store.has_predictions(record)
            else None,
            record.number,
        )
        for record in result.records
        if record.is_finished
    ]


def _joint_score(refitted: Refitted, spaces: Sequence[str]) -> Combine:
    """Returns what scores the product of the validation probabilities of the spaces' trials."""
    layout = refitted.lineup.by_space(spaces)

    def score(best: Mapping[str, TrialEnd]) -> float:
        """Returns the joint macro-F1 of the best configs of all spaces together."""
        parts = []
        for space in spaces:
            kept = refitted.store.read_validation(space, best[space].trial)
            saved = kept.first(len(refitted.truth.label))
            parts.append(saved.probabilities)
            indices = saved.indices
        joint = layout.joint(parts).argmax(axis=1)
        return macro_f1(refitted.truth.label[indices], joint, layout.num_classes)

    return score


def data_facts(schema: LabelSchema, truth: Truth, name: str) -> DataFacts:
    """Returns people, photos and classes of the data."""
    counts = np.bincount(truth.label, minlength=schema.num_joint)
    classes = {each.name: each.classes for each in schema.attributes}
    labels = schema.attribute_codes(truth.label)
    first, person = np.unique(truth.group, return_index=True, return_inverse=True)[1:]
    return DataFacts(
        name=name,
        num_people=len(first),
        num_photos=len(truth.label),
        attributes={each: len(own) for each, own in classes.items()},
        held_out_people=int(truth.held_out[first].sum()),
        people=crossed(classes, labels, person),
        class_people=class_people(classes, labels, person),
        class_photos=dict(zip(schema.joint_names, counts.tolist(), strict=True)),
        cuts=cuts_of(classes, {n: schema[n].edges for n in truth.raw}, truth.raw, person),
    )


def search_summary(result: SpaceResult, lineup: Lineup) -> SearchSummary:
    """Returns how the search of a space went."""
    counts, best, leader = result.counts, result.best, highest(result)
    return SearchSummary(
        space=result.name,
        approach=", ".join(lineup.of_space(result.name)),
        trials=len(result.records),
        complete=counts["complete"],
        stopped=counts["stopped early"],
        failed=counts["failed"] + counts["out of memory"],
        cut_off=counts["cut off by the budget"],
        best=best.objective if best else None,
        leader=leader.objective if leader else None,
        chose_default=best is not None and best.number == DEFAULT_NUMBER,
        interval=result.interval,
        default=default_value(result.records),
        default_stop=default_stop(result.records),
        device_seconds=sum(record.device_seconds for record in result.records),
        origins=tuple(record.origin for record in result.records if record.origin),
        chosen_origin=best.origin if best else "",
    )


def highest(result: SpaceResult) -> TrialRecord | None:
    """Returns the trial of the highest score where it is higher than that of the chosen one."""
    leader, best = best_record(result.records), result.best
    if leader is None or best is None:
        return None
    return leader if (leader.objective or 0.0) > (best.objective or 0.0) else None


def effort_of(study: Mapping[str, Any]) -> str:
    """Returns what of the search was the same for every approach, or for every space."""
    config = RunConfig.from_dict(study["config"])
    trials = "" if config.trials is None else wording.plural(config.trials, "trial")
    if config.budget_seconds is None:
        return f"every space gets {trials}, whatever time they take" if trials else ""
    same = "every approach gets the same device time"
    if config.race:
        same += " until one leaves the race"
    return f"{same}, or {trials} a space where they end sooner" if trials else same


def reproduce_of(study: Mapping[str, Any]) -> Reproduce:
    """Returns the command of a run, and all that decides its results."""
    config, data = RunConfig.from_dict(study["config"]), study["data"]
    return Reproduce(
        commands=(command_of(config),),
        versions={name: str(version) for name, version in study["versions"].items()},
        fingerprints={"data": data["fingerprint"], "split": data["split"], **study["spaces"]},
        hardware={name: str(value) for name, value in study["hardware"].items()},
        seed=config.seed,
        commit=study["git_commit"],
    )

"""What an ensemble is and what it is worth: as facts for the report, and on the console."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from search.analysis.ensemble.candidates import Candidate
from search.analysis.ensemble.nested import Finding
from search.analysis.ensemble.summary import EnsembleSummary, MemberSummary
from search.analysis.uncertainty.interval import Interval
from search.console import say
from search.predict.spec import EnsembleSpec
from search.refit.refitted import Refitted
from search.store.files import SCHEMA

SUMMARY_FILE = "summary.json"


def summary_of(
    spec: EnsembleSpec, finding: Finding, candidates: Sequence[Candidate], refitted: Refitted
) -> EnsembleSummary:
    """Returns the content of `summary.json`."""
    # A mirrored photo passes through every network once more.
    passes = 2 if spec.mirrored else 1
    ms = {candidate.name: passes * candidate.cost_ms for candidate in candidates}
    members = [
        MemberSummary(
            name=member.name,
            approach=member.approach,
            weight=member.weight,
            serving_ms=ms[member.name],
            parts=tuple(part.name for part in member.parts),
        )
        for member in spec.members
    ]
    return EnsembleSummary(
        schema=SCHEMA,
        sentence=sentence(finding),
        selection=spec.selection,
        fell_back=finding.fell_back,
        mirrored=spec.mirrored,
        score=finding.score,
        score_without_biases=finding.score_without_biases,
        best_approach=finding.best,
        gains=finding.gains,
        members=tuple(members),
        serving_ms=sum(ms[member.name] for member in spec.members),
        candidates=len(candidates),
        seeds=len(refitted.seeds),
        folds=refitted.num_folds,
        people=refitted.people.num_people,
        photos=len(refitted.people),
        refit=refitted.key,
    )


def sentence(finding: Finding) -> str:
    """Returns in one sentence what the ensemble gains over the best approach."""
    gain = next(gain for gain in finding.gains if gain.approach == finding.best).difference
    members, score = finding.fitted.members, f"macro-F1 {finding.score.value:.3f}"
    if finding.fell_back:
        equal = "" if len(members) == 1 else " with equal weights"
        return (
            f"No ensemble across approaches gains over {finding.best} ({gain:+.3f}): "
            f"{members[0].approach} alone is kept, its {_members(len(members))}"
            f"{equal}, {score}."
        )
    luck = "" if gain.excludes_zero else ", which may be luck"
    return (
        f"The ensemble of {_members(len(members))} has {score}, and without class biases "
        f"{gain:+.3f} over {finding.best}, the best approach{luck}."
    )


def print_ensemble(console: Console, summary: EnsembleSummary, folder: Path) -> None:
    """Says who is in the ensemble, what it scores and what it gains over every approach."""
    members = Table(title="Members of the ensemble", title_justify="left")
    for name in ("member", "weight", "ms per photo", "networks"):
        members.add_column(name, no_wrap=name != "networks")
    for member in summary.members:
        ms, parts = f"{member.serving_ms:.2f}", ", ".join(member.parts)
        members.add_row(escape(member.name), f"{member.weight:.3f}", ms, escape(parts))
    scores = Table(title="Nested out-of-fold macro-F1", title_justify="left")
    for name in ("", "macro-F1", "95 % interval", "gain over it"):
        scores.add_column(name, no_wrap=True)
    caption = "Approaches: one model each, its seeds averaged, no class biases."
    if summary.fell_back:
        caption += " Gains: of the ensemble across approaches, which was tried and is not kept."
    scores.caption = caption
    scores.add_row("ensemble", *_figures(summary.score), "")
    scores.add_row("without biases", *_figures(summary.score_without_biases), "")
    for gain in sorted(summary.gains, key=lambda gain: -gain.score.value):
        difference = f"{gain.difference.value:+.4f} {gain.difference.ends('{:+.3f}'.format)}"
        scores.add_row(escape(gain.approach), *_figures(gain.score), escape(difference))
    console.print()
    console.print(members)
    console.print(scores)
    say(console, summary.sentence, style="bold")
    say(console, f"Ensemble: {folder}")


def _figures(score: Interval) -> tuple[str, str]:
    return f"{score.value:.4f}", f"{score.low:.3f} to {score.high:.3f}"


def _members(count: int) -> str:
    return "one member" if count == 1 else f"{count} members"

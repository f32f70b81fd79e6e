"""What to use after a run's verdict, and the command that would decide what it left open."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, fsum

from search.analysis.ensemble.summary import EnsembleSummary
from search.analysis.verdict.outcomes import (
    Verdict,
)
from search.analysis.verdict.recommendation import (
    NextStep,
    Price,
    Recommendation,
    next_step,
    recommend,
)
from search.analysis.verdict.rules import Outcome
from search.prepare.config import MAX_REFIT_SEEDS, RunConfig
from search.refit.refitted import Refitted
from search.report.contents import Cost
from search.store.commands import resume_command

# The search of a resumed run has used more of its budget than its trials took.
_SAFE = 1.2


def advise(
    verdict: Verdict,
    costs: Sequence[Cost],
    refitted: Refitted,
    *,
    accept_loss: float,
    ensemble: EnsembleSummary | None = None,
) -> Recommendation:
    """Returns what to use.

    Args:
        verdict: with the bounds of every pair.
        costs: of the approaches.
        refitted: the refit that more seeds would be added to.
        accept_loss: macro-F1 that may be lost for a cheaper approach.
        ensemble: of the run, if it made one.
    """
    return recommend(
        verdict,
        {cost.approach: _price(cost) for cost in costs},
        accept_loss=accept_loss,
        ensemble=None if ensemble is None or not _gains(ensemble) else ensemble.score.value,
        next_step=_next_step(verdict, refitted),
    )


def _gains(ensemble: EnsembleSummary) -> bool:
    """Returns whether an ensemble is another predictor than the best approach, and scores more.

    Both are served with their seeds averaged, which the scores of approaches are not.
    """
    best = [each.difference for each in ensemble.gains if each.approach == ensemble.best_approach]
    return not ensemble.fell_back and all(gain.value > 0 for gain in best)


def _price(cost: Cost) -> Price:
    parts = (cost.search_device_seconds, cost.refit_device_seconds)
    known = [seconds for seconds in parts if seconds is not None]
    return Price(
        serve_ms=cost.serve_ms, device_seconds=sum(known) if len(known) == len(parts) else None
    )


def _next_step(verdict: Verdict, refitted: Refitted) -> NextStep | None:
    """Returns what would decide the open pair of the leader, with the command of its seeds."""
    step = next_step(verdict)
    # People cannot be added to a run: seeds and people together are a new one.
    if step is None or step.seeds is None or step.together:
        return step
    if step.seeds > MAX_REFIT_SEEDS:
        return replace(step, seeds=None)
    seconds = _seconds_to(step.seeds, verdict, refitted)
    command = f"{resume_command(refitted.store)} --refit-seeds {step.seeds}"
    budget = RunConfig.from_dict(refitted.store.read_study()["config"]).budget_seconds
    if step.seeds == refitted.note.asked and budget is not None:
        # As many as were asked for and not trained: what was missing is time.
        command += f" --budget {ceil((budget + _SAFE * seconds) / 60)}m"
    return replace(step, minutes=seconds / 60 if seconds else None, command=command)


def _seconds_to(seeds: int, verdict: Verdict, refitted: Refitted) -> float:
    """Returns the wall-clock time of so many seeds of all approaches with an undecided pair.

    They train on together. A run that deletes the models its ensemble does not use has to train
    again those that the ensemble of more seeds needs: at most all. 0 where nothing is known.
    """
    open_pairs = [pair for pair in verdict.pairs if pair.outcome is Outcome.UNDECIDED]
    names = {name for pair in open_pairs for name in (pair.a, pair.b)}
    taken, spaces = refitted.note.seed_seconds, refitted.lineup.approaches
    # In whatever order: sets have another one in every process.
    more = fsum(
        max(0, seeds - len(refitted.own_seeds(name)))
        * sum(taken.get(space, 0.0) for space in spaces[name])
        for name in names
    )
    again = sum(taken.get(space, 0.0) * refitted.seeds_without_models(space) for space in taken)
    return more + again

"""What to use after a run's verdict, and the command that would decide what it left open."""

from collections.abc import Sequence
from dataclasses import replace

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
from search.prepare.config import MAX_REFIT_SEEDS
from search.refit.refitted import Refitted
from search.report.contents import Cost
from search.store.commands import resume_command


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
        # One that is but the leader is no other predictor.
        ensemble=None if ensemble is None or ensemble.fell_back else ensemble.score.value,
        next_step=_next_step(verdict, refitted),
    )


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
    now = min(len(refitted.own_seeds(name)) for name in step.pair)
    taken = refitted.note.seed_seconds
    return replace(
        step,
        minutes=taken * (step.seeds - now) / 60 if taken else None,
        command=f"{resume_command(refitted.store)} --refit-seeds {step.seeds}",
    )

"""The ensemble's honest score, its gain over every approach, and what is deployed in the end.

Notation:
    N samples, C joint classes, R rounds of the cross_fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.analysis.ensemble.candidates import Candidate, Probs, check_candidates
from search.analysis.ensemble.fit import FittedEnsemble, fit_ensemble
from search.analysis.ensemble.gain import Baseline, Gain, PairedScores, members_to_fall_back_to
from search.analysis.ensemble.weights import Limit
from search.analysis.errors import AnalysisError
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import Ints
from search.analysis.people import People
from search.analysis.uncertainty.interval import Interval


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NestedEnsemble:
    """Predictions of every fold's people by an ensemble that the others' people made.

    Attributes:
        probs: float32 [N, C], rows sum to 1.
        predicted: int [N], with class biases: what is deployed.
        without_biases: int [N], argmax of `probs`.
        rounds: what each round of the cross-fit chose.
    """

    probs: Probs
    predicted: Ints
    without_biases: Ints
    rounds: tuple[FittedEnsemble, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finding:
    """What is deployed and what it is worth.

    Attributes:
        fitted: on all people.
        nested: its honest predictions (of the approach's members where it fell back).
        score: macro-F1 of `nested.predicted` with its interval over people.
        score_without_biases: that of `nested.without_biases`.
        gains: of the selected ensemble over every approach, in the order given; where it fell
            back, they say why.
        best: name of the approach with the highest score.
        fell_back: whether an approach is deployed for want of a gain over it.
    """

    fitted: FittedEnsemble
    nested: NestedEnsemble
    score: Interval
    score_without_biases: Interval
    gains: tuple[Gain, ...]
    best: str
    fell_back: bool


def nested_ensemble(
    candidates: Sequence[Candidate],
    people: People,
    cross_fit: CrossFit,
    *,
    limit: Limit,
    seed: int,
    only: Sequence[str] = (),
) -> NestedEnsemble:
    """Returns the predictions of each round's apply people by an ensemble of its fit people.

    The arguments are those of `fit_ensemble`.

    Raises:
        AnalysisError: as `fit_ensemble`, or a cross-fit or configs per round that do not fit.
    """
    check_candidates(candidates, people)
    rounds = list(cross_fit.rounds())
    _check_rounds(candidates, cross_fit, len(people), len(rounds))
    probs = np.empty((len(people), people.num_classes), dtype=np.float32)
    predicted = np.empty(len(people), dtype=np.int64)
    ensembles = []
    for number, (fit, apply) in enumerate(rounds):
        fitted = fit_ensemble(
            candidates,
            people,
            limit=limit,
            seed=seed,
            only=only,
            samples=np.flatnonzero(fit),
            when=number,
        )
        probs[apply] = fitted.probs(candidates, np.flatnonzero(apply))
        predicted[apply] = fitted.predict(probs[apply])
        ensembles.append(fitted)
    return NestedEnsemble(
        probs=probs,
        predicted=predicted,
        without_biases=probs.argmax(axis=1).astype(np.int64),
        rounds=tuple(ensembles),
    )


def find_ensemble(
    candidates: Sequence[Candidate],
    people: People,
    cross_fit: CrossFit,
    baselines: Sequence[Baseline],
    *,
    limit: Limit,
    seed: int,
    num_resamples: int = 10_000,
) -> Finding:
    """Returns the ensemble to deploy, its nested score and its gain over every approach.

    It falls back to the best approach, its members with equal weights, where the nested ensemble
    is not above it (both without class biases). An approach that breaks the limit cannot be fallen
    back to. The best of several approaches is a little luckier than it is good, so the gain over
    it errs to the low side.

    Args:
        candidates: different names, the same samples.
        people: with their joint classes; two people or more.
        cross_fit: who decides about whom.
        baselines: every approach, one or more.
        limit: on members or milliseconds.
        seed: of inner splits, CMA-ES and resamples.
        num_resamples: of the people, for the intervals.

    Raises:
        AnalysisError: arrays or names that do not fit, or no candidate within the limit.
    """
    nested = nested_ensemble(candidates, people, cross_fit, limit=limit, seed=seed)
    paired_scores = PairedScores(people=people, num_resamples=num_resamples, seed=seed)
    gains = paired_scores.gains(nested.without_biases, baselines)
    only = members_to_fall_back_to(candidates, gains, baselines, limit)
    if only:
        nested = nested_ensemble(candidates, people, cross_fit, limit=limit, seed=seed, only=only)
    score, plain = paired_scores.scores([nested.predicted, nested.without_biases])
    return Finding(
        fitted=fit_ensemble(candidates, people, limit=limit, seed=seed, only=only),
        nested=nested,
        score=score,
        score_without_biases=plain,
        gains=gains,
        best=max(gains, key=lambda gain: gain.score.value).approach,
        fell_back=bool(only),
    )


def _check_rounds(
    candidates: Sequence[Candidate], cross_fit: CrossFit, num_samples: int, num_rounds: int
) -> None:
    if len(cross_fit.folds) != num_samples:
        raise AnalysisError(
            f"the cross-fit must cover the {num_samples} labelled samples, got "
            f"{len(cross_fit.folds)}"
        )
    for candidate in candidates:
        for network in candidate.networks:
            if network.picks and len(network.picks) != num_rounds + 1:
                raise AnalysisError(
                    f"`picks` of {candidate.name!r} must name a config for each of the "
                    f"{num_rounds} rounds and one for all people, got {network.picks}"
                )

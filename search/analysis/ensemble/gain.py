"""What an ensemble gains over each approach, with its luck over people, and what to fall back to.

Notation:
    N samples, C joint classes. predicted: int [N].

Predictions are judged as those of fixed models: the intervals say what other people would change,
not what other trainings would.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from search.analysis.ensemble.candidates import Candidate
from search.analysis.ensemble.weights import Limit
from search.analysis.errors import AnalysisError
from search.analysis.metrics import Ints
from search.analysis.people import People
from search.analysis.plain import need
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import Interval
from search.analysis.uncertainty.score_sheet import score_sheet


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """A single approach that the ensemble must beat.

    Attributes:
        name: of the approach.
        predicted: int [N], of its probabilities averaged over seeds, without class biases.
        members: names of the candidates that make it up: its chosen config, one per seed.
    """

    name: str
    predicted: Ints
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """Macro-F1 of the nested ensemble minus that of an approach, both without class biases.

    `score` is the approach's; `p_greater` = P(ensemble > approach).
    """

    approach: str
    score: Interval
    difference: Interval
    p_greater: float

    def to_dict(self) -> dict[str, Any]:
        """Returns one element of `gains` in `summary.json`."""
        return {
            "approach": self.approach,
            "score": self.score.to_dict(),
            **self.difference.to_dict(),
            "p_greater": self.p_greater,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Returns the gain written by `to_dict`; raises AnalysisError where something lacks."""
        return cls(
            approach=need(data, "approach"),
            score=Interval.from_dict(need(data, "score")),
            difference=Interval.from_dict(data),
            p_greater=need(data, "p_greater"),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairedScores:
    """The people on whom predictions are judged.

    Attributes:
        people: with their joint classes; two people or more.
        num_resamples: of the people.
        seed: of the resamples.
    """

    people: People
    num_resamples: int
    seed: int

    def scores(self, predicted: Sequence[Ints]) -> tuple[Interval, ...]:
        """Returns the macro-F1 of every predicted int [N], with its interval over people."""
        return self._judge(predicted)[0]

    def gains(self, predicted: Ints, baselines: Sequence[Baseline]) -> tuple[Gain, ...]:
        """Returns the gains of the ensemble's `predicted`, int [N], over the baselines in order.

        Raises:
            AnalysisError: no baseline, lengths or classes that do not fit, or a single person.
        """
        if not baselines:
            raise AnalysisError("a gain needs one approach or more to compare with, got none")
        sets = [predicted, *(baseline.predicted for baseline in baselines)]
        scores, differences = self._judge(sets)
        return tuple(
            Gain(
                approach=baseline.name,
                score=score,
                difference=estimate.interval,
                p_greater=estimate.p_a_greater,
            )
            for baseline, score, estimate in zip(baselines, scores[1:], differences, strict=True)
        )

    def _judge(
        self, predicted: Sequence[Ints]
    ) -> tuple[tuple[Interval, ...], tuple[PairEstimate, ...]]:
        """Returns all scores, and the differences of the first to each of the others."""
        rng = np.random.default_rng(self.seed)
        sheet = score_sheet(
            [np.asarray(row)[None] for row in predicted],
            self.people,
            num_resamples=self.num_resamples,
            rng=rng,
        )
        every = range(len(predicted))
        return (
            tuple(sheet.score(which, fixed_models=True, rng=rng) for which in every),
            tuple(sheet.pair(0, which, fixed_models=True) for which in every[1:]),
        )


def members_to_fall_back_to(
    candidates: Sequence[Candidate],
    gains: Sequence[Gain],
    baselines: Sequence[Baseline],
    limit: Limit,
) -> tuple[str, ...]:
    """Returns the names of the members of the best approach; none where the ensemble gains on it.

    Args:
        candidates: that there are.
        gains: over every baseline, in their order.
        baselines: approaches; one whose members break the limit is left out.
        limit: on members or milliseconds.

    Raises:
        AnalysisError: a baseline's member is no candidate.
    """
    costs = {candidate.name: candidate.cost_ms for candidate in candidates}
    unknown = sorted({name for baseline in baselines for name in baseline.members} - set(costs))
    if unknown:
        raise AnalysisError(f"unknown members {unknown} of an approach; candidates: {list(costs)}")
    within = [
        (gain, baseline.members)
        for gain, baseline in zip(gains, baselines, strict=True)
        if limit.admits([costs[name] for name in baseline.members])
    ]
    if not within:
        return ()
    gain, members = max(within, key=lambda pair: pair[0].score.value)
    return members if gain.difference.value <= 0 else ()

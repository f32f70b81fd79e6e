"""What an ensemble is and what it is worth, as `ensemble/summary.json` has it."""

from dataclasses import dataclass

from search.analysis.ensemble.gain import Gain
from search.analysis.uncertainty.interval import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSummary:
    """A member: its weight, and milliseconds per photo of its networks, which `parts` names."""

    name: str
    approach: str
    weight: float
    serving_ms: float
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsembleSummary:
    """An ensemble, its nested scores and its gain over every approach.

    It `fell_back` where it is but the best approach, since no ensemble gains over it. `score` is
    its macro-F1 with class biases, `serving_ms` milliseconds per photo of all members and
    `candidates` how many networks it was chosen from; `seeds` and `folds` are those of the refit,
    `people` and `photos` those it was judged on. `refit` is the key of the predictions that it was
    chosen by; None in one of before.
    """

    schema: int
    sentence: str
    selection: str
    fell_back: bool
    mirrored: bool
    score: Interval
    score_without_biases: Interval
    best_approach: str
    gains: tuple[Gain, ...]
    members: tuple[MemberSummary, ...]
    serving_ms: float
    candidates: int
    seeds: int
    folds: int
    people: int
    photos: int
    refit: str | None = None

"""Everything a page shows, as frozen data. Every part may be missing; its section then is too.

Notation: K classes of a target; counts: int [K, K], row = true class, column = predicted class.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from search.analysis.curves import Curve
from search.analysis.data_look import Cut, PeopleTable, PhotoFacts
from search.analysis.ensemble.summary import EnsembleSummary
from search.analysis.examples import Examples
from search.analysis.reasons.reason import Reason
from search.analysis.uncertainty.interval import Interval
from search.analysis.verdict.outcomes import (
    PairVerdict,
    Score,
    Verdict,
)
from search.analysis.verdict.recommendation import Recommendation
from search.analysis.verdict.sentence import advised, finding
from search.report.errors import ReportError
from search.report.shift import Shift

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Confusion:
    """What was predicted for what, by every approach.

    Attributes:
        name: of the target: an attribute, or "joint".
        classes: names of its K classes, in code order.
        counts: approach -> int [K, K].
        block: classes that belong together, for a joint target the product of the class counts of
            all attributes but the first; a line is drawn after each block. 0 for none.

    Raises:
        ReportError: counts are not [K, K].
    """

    name: str
    classes: tuple[str, ...]
    counts: Mapping[str, Counts]
    block: int = 0

    def __post_init__(self) -> None:
        expected = (len(self.classes), len(self.classes))
        for approach, counts in self.counts.items():
            if counts.shape != expected:
                raise ReportError(
                    f"a confusion matrix of {self.name!r} must be {list(expected)}, one row and "
                    f"one column per class, got {list(counts.shape)} for {approach!r}"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What an approach takes; None where it was not measured.

    Attributes:
        approach: its name.
        search_device_seconds: to find its configs.
        refit_device_seconds: to train them again on all folds and seeds.
        parameters: of all its models together, to serve one prediction.
        flops: floating-point operations of one prediction of one picture.
        serve_ms: milliseconds of one prediction of one picture.
    """

    approach: str
    search_device_seconds: float | None = None
    refit_device_seconds: float | None = None
    parameters: int | None = None
    flops: float | None = None
    serve_ms: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """Returns the approach's entry in `costs` of `verdict.json`."""
        figures = asdict(self)
        del figures["approach"]
        return figures

    @classmethod
    def of(cls, approach: str, data: Mapping[str, float | None]) -> Self:
        """Returns the cost written by `to_dict`."""
        return cls(approach=approach, **data)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSummary:
    """How the search of one space went.

    `best` is the validation score of the trial that it chose, with its `interval`, and `leader`
    the highest score, where that is another trial's; `default` is that of the default config,
    `default_stop` the epoch that it comes from where the training ended before its schedule, and
    `chose_default` says whether that was chosen; `device_seconds` of all its trials. None where
    it is not known. `origins` are the trials of other runs whose configs it tried, and
    `chosen_origin` the one that it chose, if any.
    """

    space: str
    approach: str
    trials: int
    complete: int
    stopped: int
    failed: int
    cut_off: int = 0
    best: float | None = None
    leader: float | None = None
    chose_default: bool = False
    interval: Interval | None = None
    default: float | None = None
    default_stop: int | None = None
    device_seconds: float | None = None
    origins: tuple[str, ...] = ()
    chosen_origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """One network of an approach: `classes` of its attributes by name, in the data's order.

    With `heads` every attribute has an output of its own; else all have one, over their joint
    classes.
    """

    classes: Mapping[str, int]
    heads: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceConfig:
    """The chosen config of a space, and its default config; empty where that was no trial.

    `is_of_refit` tells that the refit chose it, and the search another one.
    """

    space: str
    best: Mapping[str, object]
    default: Mapping[str, object] = field(default_factory=dict)
    is_of_refit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """What the data is.

    `origin` says whether its people are drawn or real; `attributes` counts the classes of each.
    `held_out_people` no search saw, None where there is no such part; `people` by two attributes
    (gender x age band), None where there is but one; `class_people` of every class of each
    attribute, `class_photos` of every joint class, in code order; `cuts` between classes of
    numbers; `photo_facts` None where nobody looked at the photos; `means` the mean photos of
    cells, JPEG files in base64 by what the cell holds, empty where none may be shown; `shifts` one
    per target, where there is a folder of unlabelled photos.
    """

    name: str
    num_people: int
    num_photos: int
    origin: str = ""
    attributes: Mapping[str, int] = field(default_factory=dict)
    held_out_people: int | None = None
    people: PeopleTable | None = None
    class_people: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    class_photos: Mapping[str, int] = field(default_factory=dict)
    cuts: tuple[Cut, ...] = ()
    photo_facts: PhotoFacts | None = None
    means: Mapping[str, str] = field(default_factory=dict)
    shifts: tuple[Shift, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduce:
    """How to get the same page again: shell commands, and name -> text of the rest."""

    commands: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    hardware: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReportContents:
    """Everything a page shows.

    Attributes:
        title: of the page.
        answer: the answer in one sentence; that of the verdict where it is empty.
        verdict: scores and pairs; None where nothing was judged.
        advice: what to use.
        when: the run was made, in words; empty where that is not known.
        networks: what every approach is made of, in the order they are told.
        configs: the chosen config of every space.
        reasons: of every pair the strongest first, then the descriptions of single approaches;
            of a pair they are told as the page tells the pair, the leader first.
        ensemble: of the run, if it made one.
        notes: what a reader must know.
        curves: best score against device seconds, one per approach.
        confusions: attributes first, the joint label last.
        importances: space -> parameter -> share of the variance of the score.
        costs: one per approach.
        data: facts of the data.
        finalists: space -> config_id -> macro-F1 of its own label after the refit.
        searches: one per space.
        effort: what of the search was the same for all, in words; empty where that is not known.
        reproduce: how to make it again.
        examples: photos worth looking at, by their samples.
        photos: the JPEG files, in base64, of samples; empty where none may be shown.
    """

    title: str
    answer: str = ""
    verdict: Verdict | None = None
    advice: Recommendation | None = None
    when: str = ""
    networks: Mapping[str, tuple[Network, ...]] = field(default_factory=dict)
    configs: tuple[SpaceConfig, ...] = ()
    reasons: tuple[Reason, ...] = ()
    ensemble: EnsembleSummary | None = None
    notes: tuple[str, ...] = ()
    curves: tuple[Curve, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    importances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    costs: tuple[Cost, ...] = ()
    data: DataFacts | None = None
    finalists: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    searches: tuple[SearchSummary, ...] = ()
    effort: str = ""
    reproduce: Reproduce | None = None
    examples: Examples | None = None
    photos: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.verdict is not None and not self.answer:
            object.__setattr__(self, "answer", finding(self.verdict))
        pairs = {(pair.a, pair.b) for pair in self.pairs}
        found = (row.turned() if row.about[::-1] in pairs else row for row in self.reasons)
        object.__setattr__(self, "reasons", tuple(found))

    @property
    def advised(self) -> str:
        """What to use and what would decide, in one sentence; empty where that is not known."""
        if self.verdict is None or self.advice is None:
            return ""
        return advised(self.verdict, self.advice)

    @property
    def scores(self) -> tuple[Score, ...]:
        """The scores of the verdict, the best first."""
        return () if self.verdict is None else self.verdict.ranked

    @property
    def pairs(self) -> tuple[PairVerdict, ...]:
        """The pairs of the verdict, the leader of each first."""
        return () if self.verdict is None else tuple(p.leader_first() for p in self.verdict.pairs)

    @property
    def approaches(self) -> tuple[str, ...]:
        """Every approach named anywhere, in alphabetical order: its place decides its colour."""
        names = {row.name for row in self.scores} | {curve.name for curve in self.curves}
        names |= {cost.approach for cost in self.costs} | set(self.networks)
        names |= {name for confusion in self.confusions for name in confusion.counts}
        names |= {name for pair in self.pairs for name in (pair.a, pair.b)}
        return tuple(sorted(names))

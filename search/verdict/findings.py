"""`verdict.json`: the verdict with everything that is said beside it, schema 2.

Schema 1 had no statements on pairs, no baselines, and reasons that were tested one by one; a file
of it is read all the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

from search.analysis.ensemble.summary import EnsembleSummary
from search.analysis.errors import AnalysisError
from search.analysis.plain import from_plain, need, to_plain
from search.analysis.reasons.read import read_reason
from search.analysis.reasons.reason import Reason
from search.analysis.verdict.outcomes import (
    Verdict,
)
from search.analysis.verdict.recommendation import Recommendation
from search.analysis.verdict.sentence import OF_FILES, SCOPE, answer
from search.report.contents import Cost
from search.store.files import as_json
from search.verdict.gatekeeping import gated

VERDICT_SCHEMA = 2

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How a run trained again what is judged: seeds of every config and folds of the people."""

    seeds: int
    folds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything that `verdict.json` says.

    Attributes:
        verdict: scores and pairs.
        training: of a run; None where files of anybody's were compared.
        reasons: about every pair, by its names, those that explain the difference first.
        descriptions: about every approach.
        choices: approach -> target -> config_id that each group of people chose.
        finalists: space -> config_id -> macro-F1 of its own label, the mean over seeds.
        costs: one per approach.
        notes: what a reader must know.
        ensemble: of the run, if it made one.
        advice: what to use; None where it was read from a file of schema 1.
    """

    verdict: Verdict
    training: Training | None = None
    reasons: Mapping[tuple[str, str], tuple[Reason, ...]] = field(default_factory=dict)
    descriptions: Mapping[str, tuple[Reason, ...]] = field(default_factory=dict)
    choices: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    finalists: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    costs: tuple[Cost, ...] = ()
    notes: tuple[str, ...] = ()
    ensemble: EnsembleSummary | None = None
    advice: Recommendation | None = None

    @property
    def every_reason(self) -> tuple[Reason, ...]:
        """Reasons of all pairs, then the descriptions of approaches."""
        groups = (*self.reasons.values(), *self.descriptions.values())
        return tuple(reason for reasons in groups for reason in reasons)

    @property
    def holds(self) -> str:
        """What the verdict holds for."""
        return OF_FILES if self.training is None else SCOPE

    def with_reasons(self, more: Iterable[Reason]) -> Self:
        """Returns the findings with more reasons, all tested together anew.

        Args:
            more: a reason about a judged pair, in its order, joins the pair's reasons by its rank;
                any other joins the descriptions of the approach it names first, and keeps a test
                of its own.
        """
        given = list(more)
        joined = {
            pair: (*known, *(reason for reason in given if reason.about == pair))
            for pair, known in self.reasons.items()
        }
        verdict, reasons = gated(self.verdict, joined)
        rest = [reason for reason in given if reason.about not in reasons]
        descriptions = {
            name: (*known, *(reason for reason in rest if reason.about[0] == name))
            for name, known in self.descriptions.items()
        }
        return replace(self, verdict=verdict, reasons=reasons, descriptions=descriptions)

    def to_dict(self) -> dict[str, Any]:
        """Returns the content of the file."""
        verdict = self.verdict
        head = {
            "schema": VERDICT_SCHEMA,
            "metric": "macro_f1",
            "answer": answer(verdict, self.advice),
            "holds": self.holds,
            # Of scores that mean nothing none is to be used.
            "recommendation": None if self.verdict.means_nothing else to_plain(self.advice),
            "margin": verdict.margin,
            "people": verdict.num_people,
        }
        reasons = [
            {"pair": list(pair), **reason.to_dict()}
            for pair, found in self.reasons.items()
            for reason in found
        ]
        notes, photos = list(self.notes), verdict.num_photos
        if self.training is None:
            told = {"reasons": reasons, "costs": {}, "notes": notes}
            return {**head, "photos": photos, **verdict.to_dict(), **told}
        return {
            **head,
            **verdict.to_dict(),
            "reasons": reasons,
            "descriptions": to_plain(self.descriptions),
            "choices": to_plain(self.choices),
            "finalists": to_plain(self.finalists),
            "costs": {cost.approach: cost.to_dict() for cost in self.costs},
            **to_plain(self.training),
            "photos": photos,
            "notes": notes,
            **({} if self.ensemble is None else {"ensemble": to_plain(self.ensemble)}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Returns the findings of the content of a file.

        Raises:
            AnalysisError: something is missing, or is not what it should be.
        """
        try:
            return cls._of(data)
        except AnalysisError as error:
            raise AnalysisError(f"it is not whole: {error}") from error

    @classmethod
    def _of(cls, data: Mapping[str, Any]) -> Self:
        reasons: dict[tuple[str, str], tuple[Reason, ...]] = {
            (pair["a"], pair["b"]): () for pair in need(data, "pairs")
        }
        for row in data.get("reasons", ()):
            a, b = need(row, "pair")
            reasons[a, b] = (*reasons.get((a, b), ()), read_reason(row))
        descriptions = data.get("descriptions", {})
        return cls(
            verdict=Verdict.from_dict(data),
            training=from_plain(Training, data) if "folds" in data else None,
            reasons=reasons,
            descriptions={
                name: tuple(map(read_reason, rows)) for name, rows in descriptions.items()
            },
            choices={
                name: {target: tuple(chosen) for target, chosen in targets.items()}
                for name, targets in data.get("choices", {}).items()
            },
            finalists=data.get("finalists", {}),
            costs=tuple(Cost.of(name, cost) for name, cost in data.get("costs", {}).items()),
            notes=tuple(data.get("notes", ())),
            ensemble=_read(EnsembleSummary, data.get("ensemble")),
            advice=_read(Recommendation, data.get("recommendation")),
        )

    def to_text(self) -> str:
        """Returns the text of the file."""
        return as_json(self.to_dict())


def _read(kind: type[T], data: Any) -> T | None:
    return None if data is None else from_plain(kind, data)

"""A reason: one sentence with its figures, and which reasons come first."""

from collections.abc import Sequence
from dataclasses import dataclass

from search.analysis.reasons.evidence import Figures
from search.analysis.uncertainty.interval import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One mechanism, in figures and in a sentence.

    Attributes:
        key: what it is, one key a function.
        mechanism: M1..M10 of the list of candidate mechanisms; empty where it is none of them.
        about: the approaches it speaks of.
        sentence: for people, with its figure.
        figures: numbers, lists and mappings that JSON can hold, for a plot.
        effect: macro-F1 by which the mechanism favours `about[0]` over `about[1]`, with its
            interval; None where the reason describes and compares nothing.
    """

    key: str
    mechanism: str
    about: tuple[str, ...]
    sentence: str
    figures: Figures
    effect: Interval | None = None

    @property
    def supported(self) -> bool:
        """Whether the data show an effect: its interval excludes zero."""
        return self.effect is not None and self.effect.excludes_zero

    def to_dict(self) -> dict[str, object]:
        """Returns one element of `reasons` in `verdict.json`."""
        return {
            "key": self.key,
            "mechanism": self.mechanism,
            "about": list(self.about),
            "sentence": self.sentence,
            "supported": self.supported,
            "effect": self.effect and self.effect.to_dict(),
            "figures": dict(self.figures),
        }


def rank_reasons(reasons: Sequence[Reason], difference: float) -> tuple[Reason, ...]:
    """Returns reasons with those that explain a difference first.

    Supported effects in the direction of the difference, then supported ones against it, then the
    rest; the larger effect first. The order of equals is kept.

    Args:
        reasons: about the same pair (a, b), or about none.
        difference: score of a minus score of b.
    """

    def key(reason: Reason) -> tuple[int, float]:
        if reason.effect is None or not reason.supported:
            return 2, 0.0
        against = reason.effect.value * difference < 0
        return int(against), -abs(reason.effect.value)

    return tuple(sorted(reasons, key=key))

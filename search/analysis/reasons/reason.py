"""A reason: one sentence with its figures, and which reasons come first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from search.analysis import wording
from search.analysis.plain import fields_of
from search.analysis.reasons.plots import Plot
from search.analysis.uncertainty.interval import Interval

MECHANISMS = {
    "M1": "tuning per attribute",
    "M2": "shared features",
    "M3": "gradient conflict",
    "M4": "class imbalance",
    "M5": "decision rule",
    "M6": "label noise",
    "M7": "ensembling",
    "M8": "shortcuts",
    "M9": "attributes depend on each other",
    "M10": "search effort",
}
"""The candidate mechanisms in plain words."""

MEANINGS = {
    "M1": "a network of its own is tuned for one attribute alone",
    "M2": "what one attribute teaches helps the others in the same network",
    "M3": "attributes in one network pull its weights in opposite directions",
    "M4": "some classes have few photos to learn from",
    "M5": "where the thresholds between classes lie, not what is known of a photo",
    "M6": "wrong labels, which some approaches stand better than others",
    "M7": "several networks err on different photos, so their average errs less",
    "M8": "a network reads one attribute off another with which it often occurs",
    "M9": "whether one attribute is told well hangs on the state of another",
    "M10": "a search finds a high score by luck, or had too little time to find a good config",
}
"""What each mechanism says makes approaches differ."""


def of_seeds(seeds: int | None) -> str:
    """Returns over how many seeds two are compared, where one has more; the verdict takes all."""
    if seeds is None:
        return ""
    return f" over the first {'seed' if seeds == 1 else f'{seeds} seeds'} of each"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The numbers of one kind of reason; its fields are `figures` of `verdict.json`.

    A kind with numbers is a subclass beside the function that makes the reason. What it says in a
    few words and what its plot shows follow from the numbers, so a reason read from a file has
    both. This class itself has no numbers.
    """

    @classmethod
    def of(cls, reasons: Sequence["Reason"]) -> list[Self]:
        """Returns the figures of those reasons that are of this kind."""
        return [each.figures for each in reasons if isinstance(each.figures, cls)]

    def heading(self, reasons: Sequence["Reason"]) -> str:
        """Returns the finding in a few words.

        Args:
            reasons: all on one card, the first with these figures, which the page tells in words.
        """
        return wording.capital(reasons[0].key.replace("_", " ").replace(".", ", "))

    def plot(self, _reason: "Reason") -> Plot | None:
        """Returns the plot of the reason with these figures; None where its effect is the plot."""
        return None

    def turned(self) -> Self | None:
        """Returns the numbers with the two compared exchanged; None where only one way is told."""
        return None

    def sentence(self, reason: "Reason") -> str:
        """Returns the sentence of the reason with these figures, where its two were exchanged."""
        return reason.sentence

    def to_dict(self) -> dict[str, Any]:
        """Returns `figures` of `verdict.json`."""
        return fields_of(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread(Figures):
    """Figures of a kind that this version does not know, as they were read."""

    values: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Returns them as they were."""
        return dict(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One mechanism, in figures and in a sentence.

    Attributes:
        key: what it is, one key per function; what it is about after a point.
        mechanism: M1..M10 of the list of candidate mechanisms; empty where it is none of them.
        about: the approaches it speaks of.
        sentence: for people, with its figure.
        figures: its numbers.
        effect: macro-F1 by which the mechanism favours `about[0]` over `about[1]`, with its
            interval and its p; None where the reason describes and compares nothing.
        p_adjusted: p of the effect, adjusted for all that it was tested with; None before that.
        doubt: why the effect is not supported, whatever its own interval says; empty if nothing
            speaks against it.
    """

    key: str
    mechanism: str
    about: tuple[str, ...]
    sentence: str
    figures: Figures = field(default_factory=Figures)
    effect: Interval | None = None
    p_adjusted: float | None = None
    doubt: str = ""

    @property
    def supported(self) -> bool:
        """Whether the data show an effect: its interval excludes zero, and there is no doubt."""
        return self.effect is not None and self.effect.excludes_zero and not self.doubt

    @property
    def told(self) -> str:
        """The sentence with the doubt: a sentence is worded before it is known what decides."""
        return f"{self.sentence} {self.doubt}".rstrip()

    @property
    def kind(self) -> str:
        """The key without what it is about."""
        return self.key.partition(".")[0]

    @property
    def part(self) -> str:
        """What it is about: an attribute, or empty."""
        return self.key.partition(".")[2]

    @property
    def heading(self) -> str:
        """The finding in a few words."""
        return self.figures.heading((self,))

    @property
    def plot(self) -> Plot | None:
        """What its plot shows; None where that is its effect, or nothing."""
        return self.figures.plot(self)

    @property
    def winners(self) -> tuple[str, str]:
        """The two it speaks of, the one that the effect favours first."""
        a, b = self.about
        return (a, b) if self.effect is None or self.effect.value > 0 else (b, a)

    def turned(self) -> "Reason":
        """Returns the same with the other of the two first; itself where only one way is told."""
        figures = None if self.effect is None else self.figures.turned()
        if self.effect is None or figures is None:
            return self
        effect = self.effect.negated()
        found = replace(self, about=self.about[::-1], effect=effect, figures=figures)
        return replace(found, sentence=figures.sentence(found))

    def to_dict(self) -> dict[str, object]:
        """Returns one element of `reasons` in `verdict.json`."""
        return {
            "key": self.key,
            "mechanism": self.mechanism,
            "about": list(self.about),
            "sentence": self.sentence,
            "supported": self.supported,
            "effect": self.effect and self.effect.to_dict(),
            "figures": self.figures.to_dict(),
            **({} if self.p_adjusted is None else {"p_adjusted": self.p_adjusted}),
            **({"doubt": self.doubt} if self.doubt else {}),
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
        """Returns the place of a reason: those for the better one, those against, the rest."""
        if reason.effect is None or not reason.supported:
            return 2, 0.0
        against = reason.effect.value * difference < 0
        return int(against), -abs(reason.effect.value)

    return tuple(sorted(reasons, key=key))

"""Which reasons may be named: those of a decided pair, tested within 5 % together.

The verdict asks two questions of every pair, macro-F1 and the log score, each within 5 % of its
own. Whatever stands behind them is a reason. A reason is named only for a pair that one of the two
has decided, and all reasons of all such pairs, single attributes among them, share 5 % (Holm
1979). Where no approach is better than guessing, no reason is named: there is nothing to explain.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from search.analysis import wording
from search.analysis.reasons.reason import Reason, rank_reasons
from search.analysis.uncertainty.interval import ALPHA
from search.analysis.verdict.multiplicity import holm
from search.analysis.verdict.outcomes import (
    PairVerdict,
    Verdict,
)
from search.analysis.verdict.statements import AttributeScore

Pair = tuple[str, str]

NO_BETTER_THAN_GUESSING = (
    "Not tested: no approach is shown to be better than guessing, so there is nothing to explain."
)
NOT_DECIDED = "Not tested: a reason is named only where the verdict decides the pair."


def gated(
    verdict: Verdict, reasons: Mapping[Pair, tuple[Reason, ...]]
) -> tuple[Verdict, dict[Pair, tuple[Reason, ...]]]:
    """Returns a verdict and the reasons of its pairs, all tested together, the best first.

    Args:
        verdict: with the statements on its pairs.
        reasons: about its pairs. An effect without a p (`Interval.p_value`) is not tested with the
            others: its own interval speaks for it.
    """
    decided = {(pair.a, pair.b): verdict.gives_reasons(pair) for pair in verdict.pairs}
    p_values = [
        *(each.difference.p_value for pair in verdict.pairs for each in _attributes(pair)),
        *(_p_of(each) for names, found in reasons.items() if decided[names] for each in found),
    ]
    family = [p for p in p_values if p is not None]
    adjusted = iter(holm(family))  # taken in the order of `family`
    scores = [
        tuple(
            each if each.difference.p_value is None else replace(each, p_adjusted=next(adjusted))
            for each in _attributes(pair)
        )
        for pair in verdict.pairs
    ]
    doubt = NO_BETTER_THAN_GUESSING if verdict.means_nothing else NOT_DECIDED
    tested = {
        names: tuple(
            _tested(each, adjusted, len(family)) if decided[names] else _closed(each, doubt)
            for each in found
        )
        for names, found in reasons.items()
    }
    ranked = {
        names: rank_reasons(found, verdict.pair(*names).headline.difference.value)
        for names, found in tested.items()
    }
    return verdict.with_attributes(scores), ranked


def _attributes(pair: PairVerdict) -> tuple[AttributeScore, ...]:
    return () if pair.statements is None else pair.statements.attributes


def _p_of(reason: Reason) -> float | None:
    return None if reason.effect is None else reason.effect.p_value


def _tested(reason: Reason, adjusted: Iterator[float], num: int) -> Reason:
    """Returns a reason of a decided pair; `adjusted` has the p of each with a p of its own."""
    if reason.effect is None or reason.effect.p_value is None:
        return replace(reason, p_adjusted=None, doubt="")
    p, doubt = next(adjusted), ""
    if p >= ALPHA and reason.effect.excludes_zero:
        doubt = (
            f"Not supported: with {wording.plural(num, 'effect')} tested together, its p is "
            f"{wording.probability(p)} (Holm)."
        )
    return replace(reason, p_adjusted=p, doubt=doubt)


def _closed(reason: Reason, doubt: str) -> Reason:
    """Returns a reason that is not tested; one that compares nothing says what it says."""
    return replace(reason, p_adjusted=None, doubt="" if reason.effect is None else doubt)

"""The answer in at most two short sentences: is there a winner, and what to do now."""

from search.analysis import wording
from search.analysis.verdict.outcomes import (
    PairVerdict,
    Verdict,
)
from search.analysis.verdict.recommendation import NextStep, Recommendation
from search.analysis.verdict.rules import (
    Caveat,
    Outcome,
)

SCOPE = "between the configs this search found, trained on these people"
"""What a run's verdict holds for: other people to train on would give other models, and the luck
of the search is counted only as far as the finalists of a space differ."""

_ON_OTHERS = ", and not on the people that the search did not choose by"

NO_BETTER = "means nothing yet"
"""The outcome of a pair where no approach is shown to beat guessing."""

OF_FILES = "for these predictions; how their configs were found is not counted"
"""What a verdict on anybody's files holds for."""


def answer(verdict: Verdict, advice: Recommendation | None = None) -> str:
    """Returns the answer; `advice` adds what to use and what would decide."""
    found = finding(verdict)
    return found if advice is None else f"{found} {advised(verdict, advice)}"


def finding(verdict: Verdict) -> str:
    """Returns whether there is a winner, in one sentence."""
    best, *others = verdict.ranked
    score = f"{best.interval.value:.3f}"
    if verdict.means_nothing:
        guess = max(baseline.value for baseline in verdict.baselines)
        return (
            f"These scores mean nothing yet: no approach is shown to beat guessing ({guess:.3f})."
        )
    pairs = [verdict.pair(best.name, other.name).leader_first() for other in others]
    if all(pair.winner == best.name for pair in pairs):
        gaps = wording.listing([f"{_gap(pair)} above {_other(pair, best.name)}" for pair in pairs])
        return f"{best.name} wins: macro-F1 {score}, {gaps}."
    if all(pair.outcome is Outcome.EQUIVALENT for pair in verdict.pairs):
        names = wording.listing([each.name for each in verdict.ranked])
        return f"It makes no difference: {names} are equivalent within {verdict.margin:g}."
    if all(pair.headline.difference.value == 0 for pair in pairs):
        names = wording.listing([each.name for each in verdict.ranked])
        return f"No winner is proven: {names} score the same, {score}."
    if all(pair.is_of_one_seed for pair in pairs):
        return (
            f"No verdict from one training seed: {best.name} leads with {score}, but the luck of "
            "training is not known."
        )
    beaten = [pair for pair in pairs if pair.winner == best.name]
    left = [pair for pair in pairs if pair.winner != best.name]
    text = f"No winner is proven: {best.name} leads with {score}"
    by_chosen = [pair for pair in left if pair.caveat is Caveat.CHOSEN_BY]
    if len(by_chosen) == len(pairs):
        return f"{text}, but not on the people that the search did not choose by."
    if beaten:
        text += f" and beats {wording.listing([_other(pair, best.name) for pair in beaten])}"
    equal = [_other(pair, best.name) for pair in left if pair.outcome is Outcome.EQUIVALENT]
    near = [
        f"{_other(pair, best.name)} (by {_gap(pair)}{_ON_OTHERS if pair in by_chosen else ''})"
        for pair in left
        if pair.outcome is not Outcome.EQUIVALENT
    ]
    if equal:
        text += f", {wording.listing(equal)} {'is' if len(equal) == 1 else 'are'} equivalent"
    if near:
        text += f", {'but is ' if beaten else ''}not clearly ahead of {wording.listing(near)}"
    return f"{text}."


def advised(verdict: Verdict, advice: Recommendation) -> str:
    """Returns what to use and what would decide, in one sentence."""
    if verdict.means_nothing:
        return "Train longer or on more people before you choose."
    text = f"Use {advice.use}"
    if advice.use != advice.leader:
        text += f", the cheapest and at most {advice.loss:.3f} worse"
    if advice.most_accurate not in (advice.use, advice.leader):
        text += f" (the {advice.most_accurate} scores {advice.score:.3f})"
    last = "" if advice.next_step is None else _decided_by(verdict, advice.next_step)
    return f"{text}; {last}." if last else f"{text}."


def _decided_by(verdict: Verdict, step: NextStep) -> str:
    """Returns what would decide, as a command with its minutes, as people, or as both."""
    ways = []
    if step.seeds is not None:
        about = "" if step.minutes is None else f" (about {_minutes(step.minutes)})"
        ways.append(f"{step.command or wording.plural(step.seeds, 'seed')}{about}")
    if step.people is not None:
        ways.append(wording.plural(step.people, "person", "people"))
    if not ways:
        return ""
    joined = wording.listing(ways, "and" if step.together else "or")
    if verdict.pair(*step.pair).is_of_one_seed:
        return f"a verdict takes {joined} at least"
    return f"{joined} would likely decide between {step.pair[0]} and {step.pair[1]}"


def _minutes(minutes: float) -> str:
    return f"{max(1, round(minutes))} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _gap(pair: PairVerdict) -> str:
    return f"{abs(pair.headline.difference.value):.3f}"


def _other(pair: PairVerdict, name: str) -> str:
    return pair.b if pair.a == name else pair.a

"""The verdict on all pairs in one sentence."""

from collections.abc import Sequence

from search.analysis.verdict.outcomes import Outcome, PairVerdict, Verdict


def answer(verdict: Verdict) -> str:
    """Returns the verdict in one sentence."""
    ranked = verdict.ranked
    best = ranked[0]
    pairs = [verdict.pair(best.name, other.name) for other in ranked[1:]]
    if all(pair.winner == best.name for pair in pairs):
        gaps = " and ".join(_gap(pair) for pair in pairs)
        return f"{best.name} wins: macro-F1 {best.interval.value:.3f}, {gaps}."
    if all(pair.outcome is Outcome.EQUIVALENT for pair in verdict.pairs):
        names = ", ".join(score.name for score in ranked)
        return f"It makes no difference: {names} are equivalent within {verdict.margin:g}."
    text = f"Undecided: {best.name} scores highest ({best.interval.value:.3f})"
    if all(pair.is_of_one_seed for pair in pairs):
        return f"{text}, {_one_seed(pairs, best.name)}."
    beaten = [pair for pair in verdict.pairs if pair.winner is not None]
    open_pairs = [pair for pair in pairs if pair.winner != best.name]
    text += ", but " + " and ".join(_open(pair, best.name) for pair in open_pairs)
    if beaten:
        text += "; " + " and ".join(
            f"{pair.winner} beats {pair.a if pair.winner == pair.b else pair.b}" for pair in beaten
        )
    return text + "."


def _gap(pair: PairVerdict) -> str:
    other = pair.b if pair.winner == pair.a else pair.a
    return f"{abs(pair.headline.difference.value):.3f} above {other}"


def _open(pair: PairVerdict, best: str) -> str:
    other = pair.b if pair.a == best else pair.a
    if pair.outcome is Outcome.EQUIVALENT:
        return f"{other} is equivalent"
    decide = f"; {pair.would_decide} would decide" if pair.would_decide is not None else ""
    return f"{other} is within the noise ({abs(pair.headline.difference.value):.3f}{decide})"


def _one_seed(pairs: Sequence[PairVerdict], best: str) -> str:
    """Returns what the people say of the leader, whose luck of training nobody knows."""
    ahead, unclear = [], []
    for pair in pairs:
        found, other = pair.headline.difference, pair.b
        if pair.a != best:
            found, other = found.negated(), pair.a
        if found.excludes_zero:
            ahead.append(f"of {other} by {found:.3f}")
        else:
            unclear.append(f"of {other} ({found:.3f})")
    said = [f"ahead {' and '.join(ahead)}"] if ahead else []
    said += [f"not clearly ahead {' or '.join(unclear)}"] if unclear else []
    link = "but" if ahead else "and"
    return f"{', '.join(said)} over people, {link} one seed cannot tell the luck of training"

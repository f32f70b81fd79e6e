"""Looks of a refit at its approaches: how the pairs stand after some seeds."""

from collections.abc import Mapping, Sequence

from search.analysis.approaches.build import JointPredictions
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.people import People
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.verdict.judging import estimates_of
from search.analysis.verdict.rounds import Pair, Rounds, Standing
from search.refit.refitted import Refitted


def estimates_at(
    built: Sequence[JointPredictions],
    people: People,
    cross_fit: CrossFit,
    pairs: Sequence[Pair],
    *,
    seed: int,
) -> dict[Pair, PairEstimate]:
    """Returns the differences of some pairs, from the joint probabilities of their approaches.

    Args:
        built: the approaches of the pairs.
        people: labelled.
        cross_fit: that they were built with.
        pairs: of their names.
        seed: of the luck of their choices.
    """
    if not pairs:
        return {}
    # A look asks for macro-F1 alone.
    parts = [part.approach(cross_fit, seed=seed, log_scores=False) for part in built]
    found = estimates_of(parts, people)
    return {pair: found[pair] for pair in pairs}


def retake_looks(refitted: Refitted, margin: float, seed: int) -> Rounds | None:
    """Returns the looks that a refit took, taken again from its predictions.

    A pair that another margin leaves open, though its approaches were trained no further, is
    looked at once more, as it stands.

    Args:
        refitted: with the looks in its note.
        margin: of equivalence.
        seed: of the luck of choices.

    Returns:
        None where none is noted: all seeds were trained, and looked at once.
    """
    if not refitted.note.looks:
        return None
    names = tuple(refitted.lineup.approaches)
    num_seeds = {name: len(refitted.own_seeds(name)) for name in names}
    people, cross_fit = refitted.people, refitted.truth.cross_fit
    rounds = Rounds(names=names, num_people=people.num_people, margin=margin, full=0)

    def look(pairs: Sequence[Pair], seeds: Mapping[str, int], *, ended: bool) -> None:
        """Takes one look again, at the seeds that it had."""
        asked = [name for name in names if any(name in pair for pair in pairs)]
        built = [
            # The first ones there are: a seed whose training broke is none.
            refitted.build_one(name, refitted.own_seeds(name)[: seeds[name]], with_rule=False)
            for name in asked
        ]
        rounds.look(estimates_at(built, people, cross_fit, pairs, seed=seed), ended=ended)

    for each in refitted.note.looks:
        rounds.reopen(each.full)
        trained = {name for name in names if num_seeds[name] >= each.seeds}
        pairs = [pair for pair in rounds.open_pairs if set(pair) <= trained]
        look(pairs, dict.fromkeys(names, each.seeds), ended=each.ended)
    unended = [
        pair
        for pair in rounds.open_pairs
        if pair not in rounds.closings or not rounds.closings[pair].ended
    ]
    look(unended, num_seeds, ended=True)
    return rounds


def describe(rounds: Rounds) -> str:
    """Returns how all pairs stand: "separate - joint decided, joint - multihead ..."."""
    words = {
        Standing.OPEN: "not decided",
        Standing.WON: "decided",
        Standing.FUTILE: "more seeds would not decide it",
    }
    standings = {
        pair: rounds.closings[pair].standing for pair in rounds.pairs if pair in rounds.closings
    }
    return ", ".join(
        f"{a} - {b} {words.get(found, found.value)}" for (a, b), found in standings.items()
    )

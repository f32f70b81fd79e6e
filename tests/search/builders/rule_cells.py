"""Two rules of the verdict on simulated people: a winner keeps its sign, and a flip is real.

Notation:
    D data sets; two approaches, the first with the lead that is looked at.

Kept sign: the search of either approach trains its configs once and chooses the best by a fifth of
the people; what it chose is trained anew and judged on all people, those who chose among them. All
configs of an approach are equally good, so the best of many is ahead by luck on those who chose.

Flips: what a decision rule changes has the same expectation for two approaches, because it is
nothing but another training of each ("redrawn"), or the same class biases on equal approaches.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.analysis.approaches.approach import Approach
from search.analysis.fitting.class_biases import predict_with_biases
from search.analysis.metrics import macro_f1
from search.analysis.verdict.judging import judge
from search.analysis.verdict.outcomes import (
    PairFigures,
    PairVerdict,
)
from search.analysis.verdict.rules import (
    Caveat,
    Outcome,
    Rules,
)
from tests.search.builders.simulated_errors import NUM_CLASSES
from tests.search.builders.simulated_people import Sample
from tests.search.builders.statements_cells import samples_with_probs
from tests.search.builders.verdict_grid import Place, samples

_RULES = Rules(num_resamples=100)  # resamples serve single scores, which are not looked at
_SIGNS = {Outcome.A_WINS: 1, Outcome.B_WINS: -1}
_CHOSE = 5  # every fifth person chooses


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """What was declared of a pair on D data sets, 1 or -1 for a winner and 0 for none, int [D].

    Attributes:
        gain: by which the first is truly better.
        plain: by all people.
        ruled: by all people, if the winner is ahead on those who chose nothing.
        untouched: by those who chose nothing alone.
        bias: float [D], difference found less the true one.
    """

    gain: float
    plain: NDArray[np.int64]
    ruled: NDArray[np.int64]
    untouched: NDArray[np.int64]
    bias: NDArray[np.float64]

    def false(self, found: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Returns whether a winner was declared that is no better, bool [D]."""
        return np.asarray((found != 0) & (found != np.sign(self.gain)))

    def true(self, found: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Returns whether the better one was found, bool [D]."""
        return np.asarray((found != 0) & (found == np.sign(self.gain)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """Whether a rule is said to flip the verdict, one a data set.

    Attributes:
        by_outcomes: by two outcomes that differ.
        by_effect: as `PairVerdict.flips_with_rule` has it.
    """

    by_outcomes: tuple[bool, ...]
    by_effect: tuple[bool, ...]


def kept_cell(
    place: Place,
    num_configs: tuple[int, int],
    gain: float,
    num_sets: int,
    *,
    seed: int,
    num_seeds: int = 3,
    seed_sd: float = 0.005,
) -> Kept:
    """Returns what is declared between the best of some configs and the best of others.

    Args:
        place: world and people.
        num_configs: that either search trained.
        gain: by which the first approach is truly better, or worse.
        num_sets: D.
        seed: of everything.
        num_seeds: of the refit.
        seed_sd: s.d. of the macro-F1 of a training.
    """
    many, few = num_configs
    gains = (gain,) * many + (0.0,) * few
    # Training 0 of every config is the search's.
    world = place.world(gains, num_seeds=1 + num_seeds, seed_sd=seed_sd)
    found = []
    for sample in samples(world, num_sets, seed):
        chose = sample.g % _CHOSE == 0
        best = [_best(sample, group, chose) for group in (range(many), range(many, many + few))]
        parts = [Approach(name=str(i), predicted=sample.predicted[i, 1:]) for i in best]
        pair = judge(parts, sample.people, chose=chose, rules=_RULES).pairs[0]
        found.append((*_declared(pair), pair.headline.difference.value - gain))
    plain, ruled, untouched, bias = np.array(found).T
    return Kept(
        gain=gain,
        plain=plain.astype(np.int64),
        ruled=ruled.astype(np.int64),
        untouched=untouched.astype(np.int64),
        bias=bias,
    )


def redrawn_cell(
    place: Place, gain: float, rule_gain: float, num_sets: int, *, seed: int, num_seeds: int = 3
) -> Flips:
    """Returns how often a rule that trains anew is said to flip the verdict.

    Args:
        place: world and people.
        gain: by which the first approach is truly better.
        rule_gain: by how much the rule truly makes it better still; 0 is no flip.
        num_sets: data sets.
        seed: of everything.
        num_seeds: of both.
    """
    gains = (gain, gain + rule_gain, 0.0)
    world = place.world(gains, num_seeds=2 * num_seeds, seed_sd=0.005)
    pairs = []
    for sample in samples(world, num_sets, seed):
        rules = sample.predicted[:, num_seeds:]
        first = sample.predicted[0, :num_seeds]
        second = sample.predicted[2, :num_seeds]
        ruled = rules[1 if rule_gain else 0]
        pairs.append(_pair(sample, (first, second), (ruled, rules[2])))
    return _flips(pairs)


def biased_cell(
    place: Place, num_sets: int, *, seed: int, num_seeds: int = 3, size: float = 0.5
) -> Flips:
    """Returns the same of class biases of a size that equal approaches have in common."""
    world = place.world((0.0, 0.0), num_seeds=num_seeds, seed_sd=0.005)
    rng = np.random.default_rng(seed)
    pairs = []
    for sample in samples_with_probs(world, num_sets, seed):
        if sample.probs is None:
            raise ValueError("class biases need probabilities")
        biases = size * rng.standard_normal(NUM_CLASSES)
        ruled = predict_with_biases(sample.probs, biases)
        pairs.append(_pair(sample, (*sample.predicted,), (*ruled,)))
    return _flips(pairs)


def _best(sample: Sample, group: Sequence[int], chose: NDArray[np.bool_]) -> int:
    """Returns the config that the search finds best on the people it chooses by."""
    y = sample.y[chose]
    return max(group, key=lambda i: macro_f1(y, sample.predicted[i, 0, chose], NUM_CLASSES))


def _declared(pair: PairVerdict) -> tuple[int, int, int]:
    """Returns the winner by all people, with the rule of the sign, and by the untouched alone."""
    ruled = _sign(pair.headline)
    stopped = pair.caveat is Caveat.CHOSEN_BY
    plain = int(np.sign(pair.headline.difference.value)) if stopped else ruled
    if pair.chose_nothing is None:
        raise ValueError("people who chose nothing must be judged")
    return plain, ruled, _sign(pair.chose_nothing)


def _sign(figures: PairFigures) -> int:
    return _SIGNS.get(figures.outcome, 0)


def _pair(
    sample: Sample,
    predicted: Sequence[NDArray[np.int64]],
    ruled: Sequence[NDArray[np.int64]],
) -> PairVerdict:
    parts = [
        Approach(name=str(i), predicted=rows, with_rule=by_rule)
        for i, (rows, by_rule) in enumerate(zip(predicted, ruled, strict=True))
    ]
    return judge(parts, sample.people, rules=_RULES).pairs[0]


def _flips(pairs: Sequence[PairVerdict]) -> Flips:
    outcomes = [(pair.outcome, pair.with_rule and pair.with_rule.outcome) for pair in pairs]
    return Flips(
        by_outcomes=tuple(plain != ruled for plain, ruled in outcomes),
        by_effect=tuple(pair.flips_with_rule for pair in pairs),
    )

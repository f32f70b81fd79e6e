"""Rounds: a refit that looks after some seeds which pairs are decided, and trains on for the rest.

Notation:
    S seeds of both sides at a look, `full` the seeds of the whole design, a the level a pair is
    tested at: 0.05 over the pairs that can still be equal, which a win makes fewer (Shaffer 1986;
    Maurer and Bretz 2013, Multiple testing in group sequential trials using graphical approaches).

A difference at S seeds has variance P + Q / S with independent increments, so group-sequential
theory holds. Looking costs little where looks take little of the level: a pair is

    won         if p <= 0.1 a at an interim look, or p <= 0.9 a at the one that ends the run: the
                error of all looks together is at most 1.02 a. A run that ended, and goes on later,
                has taken its 0.9; its next end may take what exact Gaussian error leaves of 1.02 a;
    equivalent  if its interval lies inside the margin, at any look;
    futile      if neither end of the whole design is likely any more;
    open        else, and both its approaches train on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations

import numpy as np
from scipy.special import ndtr
from scipy.stats import norm

from search.analysis.errors import AnalysisError
from search.analysis.metrics import Floats
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import ALPHA, LEVEL, student_quantile
from search.analysis.verdict.multiplicity import possibly_equal

LOOKS = (2, 3, 4, 6, 9, 12)
"""Seeds after which a refit looks; beyond them, every third."""

SHARE_AFTER_END = 0.3
"""About what is left of the level for seeds that are trained after a run has ended."""

Pair = tuple[str, str]

_INTERIM, _END, _ALL_LOOKS = 0.1, 0.9, 1.02
_FUTILE = 0.05
_CELLS = 400  # of the numerical integration; four digits of the error


class Standing(StrEnum):
    """What a look knows of a pair."""

    OPEN = "open"
    WON = "won"
    EQUIVALENT = "equivalent"
    FUTILE = "futile"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A look that was taken: seeds of every approach that trained on, and whether a run ended."""

    seeds: int
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What is known of a pair at its last look.

    Attributes:
        standing: of the pair.
        estimate: that it was judged by.
        share: of the level that the look may take; p is judged as p / share.
        hopeless: whether no number of seeds would decide at these people.
    """

    standing: Standing
    estimate: PairEstimate
    share: float = 1.0
    hopeless: bool = False

    @property
    def p_value(self) -> float:
        """The p to judge by 0.05 like that of a single look."""
        return min(1.0, self.estimate.p_value / self.share)


@dataclass(kw_only=True)
class Rounds:
    """The looks at all pairs of some approaches, one after another.

    Attributes:
        names: of the approaches.
        num_people: that they are judged on.
        margin: of equivalence.
        full: seeds of the whole design.
        closings: of every pair at its last look so far.
    """

    names: Sequence[str]
    num_people: int
    margin: float
    full: int
    closings: dict[Pair, Closing] = field(default_factory=dict)
    _taken: dict[Pair, list[tuple[float, float]]] = field(default_factory=dict)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs, in the order of the names."""
        return tuple(combinations(self.names, 2))

    @property
    def open_pairs(self) -> tuple[Pair, ...]:
        """Those that more seeds are trained for."""
        closed = {p for p, found in self.closings.items() if found.standing is not Standing.OPEN}
        return tuple(pair for pair in self.pairs if pair not in closed)

    @property
    def training_on(self) -> tuple[str, ...]:
        """Approaches with an open pair."""
        return tuple(name for name in self.names if any(name in pair for pair in self.open_pairs))

    def look(self, estimates: Mapping[Pair, PairEstimate], *, ended: bool) -> None:
        """Takes a look at the open pairs.

        Args:
            estimates: of every open pair.
            ended: whether no more seeds are trained after it.

        Raises:
            AnalysisError: an open pair has no estimate.
        """
        missing = [pair for pair in self.open_pairs if pair not in estimates]
        if missing:
            raise AnalysisError(f"a look needs every open pair, got none of {missing}")
        asked = sorted(self.open_pairs, key=lambda pair: estimates[pair].p_value)
        for pair in asked:
            estimate = estimates[pair]
            share = self._share(pair, estimate, ended=ended)
            self._taken.setdefault(pair, []).append((share, estimate.variance))
            self.closings[pair] = self._closing(estimate, share, ended=ended)

    def _closing(self, estimate: PairEstimate, share: float, *, ended: bool) -> Closing:
        if estimate.num_seeds == 1:
            return Closing(standing=Standing.OPEN, estimate=estimate, share=share)
        standing, hopeless = Standing.OPEN, False
        if estimate.is_equivalent(self.num_people, self.margin):
            standing = Standing.EQUIVALENT
        elif estimate.p_value <= share * self._level:
            standing = Standing.WON
        elif is_futile(estimate, self.full, self.margin):
            # Told only where the design was not gone through: an end is no sign of futility.
            standing = Standing.OPEN if ended else Standing.FUTILE
            hopeless = is_futile(estimate, None, self.margin)
        return Closing(standing=standing, estimate=estimate, share=share, hopeless=hopeless)

    @property
    def _level(self) -> float:
        wins = sum(found.standing is Standing.WON for found in self.closings.values())
        return ALPHA / possibly_equal(len(self.names))[min(wins, len(self.pairs) - 1)]

    def _share(self, pair: Pair, estimate: PairEstimate, *, ended: bool) -> float:
        taken = self._taken.get(pair, [])
        if not ended:
            return _INTERIM
        if not taken:
            return 1.0
        if max(share for share, _ in taken) < _END / 2:
            return _END
        variances = [variance for _, variance in taken] + [estimate.variance]
        return _left([share for share, _ in taken], variances, self._level)


def next_look(seeds: int, full: int) -> int:
    """Returns the seeds of the look after one at `seeds`, at most `full`."""
    later = (*LOOKS, *range(LOOKS[-1] + 3, full + 3, 3), full)
    found: int = min([full, *(look for look in later if look > seeds)])
    return found


def is_futile(estimate: PairEstimate, full: int | None, margin: float) -> bool:
    """Returns whether the whole design is unlikely to find a win or equivalence.

    The estimate at `full` seeds is that of now plus an independent normal increment; futile is a
    pair that it makes significant with probability below 0.05, and whose interval then is wider
    than the margin.

    Args:
        estimate: of the pair now.
        full: seeds of the whole design; None is infinitely many.
        margin: of equivalence.
    """
    now = estimate.variance
    limit, final = estimate.limit_variance, estimate.limit_variance
    if full is not None:
        luck = sum(
            max(side.variance, side.interaction) * side.num_seeds / max(full, side.num_seeds)
            for side in estimate.training
        )
        final = limit + luck
    critical = student_quantile((1 + LEVEL) / 2, estimate.people_degrees) * final**0.5
    if critical <= margin:
        return False
    size, spread = abs(estimate.difference), float(max(0.0, now - final) ** 0.5)
    if spread == 0:
        return bool(size < critical)
    likely = ndtr((size - critical) / spread) + ndtr((-size - critical) / spread)
    return bool(likely < _FUTILE)


def error_of_looks(shares: Sequence[float], variances: Sequence[float], level: float) -> float:
    """Returns the chance that equal approaches are called different at any of some looks.

    By recursive integration over the looks (Armitage, McPherson and Rowe 1969).

    Args:
        shares: of the level, of every look.
        variances: of the difference at every look; information is 1 / variance.
        level: of a single look, two-sided.
    """
    information = np.maximum.accumulate(variances[-1] / np.array(variances))
    grid = np.linspace(-1, 1, 2 * _CELLS + 1)
    density: Floats = np.zeros(0)
    places: Floats = np.zeros(0)
    inside, before = 1.0, 0.0
    for share, now in zip(shares, information, strict=True):
        bound = float(norm.isf(share * level / 2) * now**0.5)
        step = max(now - before, 1e-9) ** 0.5
        here = grid * bound
        if not density.size:
            density = norm.pdf(here, scale=step)
        else:
            kernel = norm.pdf(here[:, None] - places[None], scale=max(step, 2 * bound / _CELLS))
            density = kernel @ (density * _weights(places))
        inside = float(density @ _weights(here))
        places, before = here, now
    return 1 - inside


def _weights(places: Floats) -> Floats:
    """Returns the weights of the trapezoidal rule."""
    weights = np.full(len(places), places[1] - places[0])
    weights[[0, -1]] /= 2
    return weights


def _left(taken: Sequence[float], variances: Sequence[float], level: float) -> float:
    """Returns the largest share that a further end may take, at least that of an interim look."""
    low, high = _INTERIM, _END
    for _ in range(12):
        middle = (low + high) / 2
        error = error_of_looks([*taken, middle], variances, level)
        low, high = (middle, high) if error <= _ALL_LOOKS * level else (low, middle)
    return low

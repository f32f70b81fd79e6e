"""Rounds: a refit that looks after some seeds which pairs are decided, and trains on for the rest.

Notation:
    S seeds of both sides at a look, `full` the seeds of the whole design, a the level a pair is
    tested at: 0.05 over the pairs that can still be equal, which a win makes fewer (Shaffer 1986;
    Maurer and Bretz 2013, Multiple testing in group sequential trials using graphical approaches).

A difference at S seeds has variance P + Q / S with independent increments, so group-sequential
theory holds. Looking costs little where looks take little of the level: a pair is

    won         if p <= 0.1 a at an interim look, or p <= 0.9 a at the one that ends the run, and a
                where the whole design is looked at once. No look takes more than what the exact
                Gaussian error of all looks leaves of 1.02 a: that is less where many looks, or
                much luck of seeds, make the looks differ, and where a run that ended goes on
                later. Then only the next end takes what is left;
    equivalent  if its interval lies inside the margin, at any look;
    futile      if neither end of the whole design is likely any more;
    open        else, and both its approaches train on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import combinations

import numpy as np
from scipy.special import ndtr, ndtri

from search.analysis.errors import AnalysisError
from search.analysis.metrics import Floats
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import ALPHA, LEVEL, student_quantile
from search.analysis.verdict.multiplicity import possibly_equal

LOOKS = (2, 3, 4, 6, 9, 12)
"""Seeds after which a refit looks; beyond them, every third."""

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
    """A look that was taken.

    Attributes:
        seeds: of every approach that trained on.
        full: seeds of the whole design at that time.
        ended: whether the run trained no more after it.
    """

    seeds: int
    full: int
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What is known of a pair at its last look.

    Attributes:
        standing: of the pair.
        estimate: that it was judged by.
        share: of the level that the look may take; p is judged as p / share.
        ended: whether the look ended a run.
        num_ends: of runs so far that looked at the pair at their end with more than one seed,
            this look among them.
        hopeless: whether no number of seeds would decide at these people.
    """

    standing: Standing
    estimate: PairEstimate
    share: float = 1.0
    ended: bool = True
    num_ends: int = 1
    hopeless: bool = False

    @property
    def p_value(self) -> float:
        """The p to judge by 0.05 like that of a single look; 1 where nothing of it is left."""
        return min(1.0, self.estimate.p_value / self.share) if self.share > 0 else 1.0


@dataclass(kw_only=True)
class Rounds:
    """The looks at all pairs of some approaches, one after another.

    Attributes:
        names: of the approaches.
        num_people: that they are judged on.
        margin: of equivalence.
        full: seeds of the whole design; more may be wished for between two looks.
        closings: of every pair at its last look so far.
    """

    names: Sequence[str]
    num_people: int
    margin: float
    full: int
    closings: dict[Pair, Closing] = field(default_factory=dict)
    _taken: dict[Pair, list[tuple[float, float]]] = field(default_factory=dict)
    _different: set[Pair] = field(default_factory=set)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All pairs, in the order of the names."""
        return tuple(combinations(self.names, 2))

    @property
    def open_pairs(self) -> tuple[Pair, ...]:
        """Those that more seeds are trained for."""
        closed = {p for p, found in self.closings.items() if found.standing is not Standing.OPEN}
        return tuple(pair for pair in self.pairs if pair not in closed)

    def reopen(self, full: int) -> None:
        """Wishes for more seeds: what was futile at fewer may be open again."""
        self.full = full
        for pair, found in self.closings.items():
            futile = is_futile(found.estimate, full, self.margin)
            if found.standing is Standing.FUTILE and not futile:
                self.closings[pair] = replace(found, standing=Standing.OPEN)

    @property
    def num_ends(self) -> int:
        """Of the run so far, at which something was told of a pair; at least one."""
        return max([1, *(found.num_ends for found in self.closings.values())])

    @property
    def training_on(self) -> tuple[str, ...]:
        """Approaches with an open pair."""
        return tuple(name for name in self.names if any(name in pair for pair in self.open_pairs))

    def look(self, estimates: Mapping[Pair, PairEstimate], *, ended: bool) -> None:
        """Takes a look at some open pairs.

        Args:
            estimates: of the pairs.
            ended: whether no more seeds are trained after it.

        Raises:
            AnalysisError: a pair is not open.
        """
        closed = [pair for pair in estimates if pair not in self.open_pairs]
        if closed:
            raise AnalysisError(f"a look is taken at open pairs, got {closed}")
        looks = {
            pair: Closing(
                standing=Standing.OPEN,
                estimate=estimate,
                share=self._share(pair, estimate, ended=ended),
                ended=ended,
                # Of one seed nothing is told, so nothing of the level is taken.
                num_ends=self._num_ends(pair) + (ended and estimate.num_seeds != 1),
            )
            for pair, estimate in estimates.items()
        }
        for pair, look in sorted(looks.items(), key=lambda each: each[1].p_value):
            self.closings[pair] = look
            if look.estimate.num_seeds != 1:  # of one seed nothing is declared, nothing is taken
                self._judge(pair, look)

    def _num_ends(self, pair: Pair) -> int:
        return self.closings[pair].num_ends if pair in self.closings else 0

    def _judge(self, pair: Pair, look: Closing) -> None:
        estimate = look.estimate
        if estimate.variance > 0:  # without luck nothing was drawn that a later look draws again
            self._taken.setdefault(pair, []).append((look.share, estimate.variance))
        if look.p_value <= self._level:
            self._different.add(pair)
        if estimate.is_equivalent(self.num_people, self.margin):
            self.closings[pair] = replace(look, standing=Standing.EQUIVALENT)
        elif pair in self._different:
            self.closings[pair] = replace(look, standing=Standing.WON)
        elif is_futile(estimate, self.full, self.margin):
            self.closings[pair] = replace(
                look,
                # After the whole design there is nothing left to be futile.
                standing=Standing.FUTILE if 0 < estimate.num_seeds < self.full else Standing.OPEN,
                hopeless=estimate.num_seeds > 1 and is_futile(estimate, None, self.margin),
            )

    @property
    def _level(self) -> float:
        """What a pair is tested at; one that differs within the margin differs all the same."""
        different = min(len(self._different), len(self.pairs) - 1)
        return ALPHA / possibly_equal(len(self.names))[different]

    def _share(self, pair: Pair, estimate: PairEstimate, *, ended: bool) -> float:
        taken = [share for share, _ in self._taken.get(pair, [])]
        if not ended:
            # What an earlier end has left is kept for the next one.
            return (
                0.0 if max(taken, default=0.0) > _INTERIM else self._left(pair, estimate, _INTERIM)
            )
        if not taken and not 0 < estimate.num_seeds < self.full:
            return 1.0
        return self.share_left(pair, estimate)

    def share_left(self, pair: Pair, estimate: PairEstimate) -> float:
        """Returns the share of the level that an end with such an estimate may take."""
        return self._left(pair, estimate, _END)

    def _left(self, pair: Pair, estimate: PairEstimate, most: float) -> float:
        taken = self._taken.get(pair, [])
        # Without luck there is nothing that another look could draw.
        if not taken or estimate.variance == 0:
            return most
        variances = [variance for _, variance in taken] + [estimate.variance]
        return _left([share for share, _ in taken], variances, self._level, most)


def next_look(seeds: int, full: int) -> int:
    """Returns the seeds of the look after one at `seeds`, at most `full`."""
    later = (*LOOKS, *range(LOOKS[-1] + 3, full + 3, 3), full)
    found: int = min([full, *(look for look in later if look > seeds)])
    return found


def likely_end(seeds: int, most: int) -> float:
    """Returns after how many seeds a refit ends that has `seeds` of them and trains on.

    It ends at the first look that settles all pairs. Which one that is nobody knows before, so it
    is half way between the next look and the last.

    Args:
        seeds: that are trained.
        most: that it may come to.
    """
    return (next_look(seeds, most) + most) / 2


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
        one, two = (max(full, side.num_seeds) for side in estimate.training)
        final = limit + sum(side.variance for side in estimate.training_at((one, two)))
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
    return _Walk.past(shares[:-1], variances, level).error_with(shares[-1])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Walk:
    """Where the sums of equal approaches are that no look but the last has called different.

    Attributes:
        places: float [n], of a sum whose variance is the information.
        mass: float [n], chance of every place.
        error: chance to be called different so far.
        information: at the last look.
        step: standard deviation of what is added until then.
        level: of a single look, two-sided.
    """

    places: Floats
    mass: Floats
    error: float
    information: float
    step: float
    level: float

    @classmethod
    def past(cls, taken: Sequence[float], variances: Sequence[float], level: float) -> "_Walk":
        """Returns the walk past looks that took shares of the level, up to one more look."""
        information = np.maximum.accumulate(variances[-1] / np.array(variances)).tolist()
        steps = np.maximum(np.diff(information, prepend=0.0), 1e-9) ** 0.5
        walk = cls(
            places=np.zeros(1),
            mass=np.ones(1),
            error=0.0,
            information=information[0],
            step=float(steps[0]),
            level=level,
        )
        for look, share in enumerate(taken):
            bound = walk.bound(share)
            here = np.linspace(-bound, bound, 2 * _CELLS + 1)
            width = max(walk.step, 2 * bound / _CELLS)
            kernel = np.exp(-0.5 * ((here[:, None] - walk.places) / width) ** 2)
            walk = cls(
                places=here,
                mass=(kernel @ walk.mass) * _weights(here) / (width * (2 * np.pi) ** 0.5),
                error=walk.error_with(share),
                information=information[look + 1],
                step=float(steps[look + 1]),
                level=level,
            )
        return walk

    def bound(self, share: float) -> float:
        """Returns from where on the last look calls approaches different."""
        return float(-ndtri(max(share * self.level / 2, 1e-12)) * self.information**0.5)

    def error_with(self, share: float) -> float:
        """Returns the error of all looks where the last takes a share."""
        bound = self.bound(share)
        out = ndtr((self.places - bound) / self.step) + ndtr((-self.places - bound) / self.step)
        return self.error + float(out @ self.mass)


def _weights(places: Floats) -> Floats:
    """Returns the weights of the trapezoidal rule."""
    weights = np.full(len(places), places[1] - places[0])
    weights[[0, -1]] /= 2
    return weights


def _left(taken: Sequence[float], variances: Sequence[float], level: float, most: float) -> float:
    """Returns the largest share, up to `most`, that the error of all looks leaves for the last."""
    walk, low, high = _Walk.past(taken, variances, level), 0.0, most
    if walk.error_with(most) <= _ALL_LOOKS * level:
        return most
    for _ in range(12):
        middle = (low + high) / 2
        fits = walk.error_with(middle) <= _ALL_LOOKS * level
        low, high = (middle, high) if fits else (low, middle)
    return low

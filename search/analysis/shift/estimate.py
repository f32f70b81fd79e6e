"""How the classes of an unlabelled folder differ from those of the labelled data.

Notation:
    N labelled samples of P people, out-of-fold; n unlabelled photos; C classes; B draws.
    pi, q: float [C], shares of the classes among the labelled samples and in the folder.
    w = q / pi: how many times more frequent a class is in the folder.
    probs: float [N, C] or [n, C], rows sum to 1.

Assumed is label shift: the photos of a class look the same on both sides, and only how many there
are differs. Then q is the maximum of the likelihood sum_i log sum_c w_c p(c | x_i), found by the
EM of Saerens, Latinne and Decaestecker (2002, equation 2.9). It needs calibrated probabilities:
they come from bias-corrected temperature scaling (Alexandari, Kundaje and Shrikumar 2020, section
2.2), and the prior they stand for is their own mean on the labelled samples, so that a folder like
the labelled samples gives w = 1 exactly. A class that the labelled samples lack cannot be found.

The likelihood is flat along the rare classes of a small folder, so the maximum is one a
posteriori: a Dirichlet prior adds the photos of five more people with the labelled shares. On
the people of tests/search/builders/simulated_evidence.py that lowers the error of a folder of 60
people by a tenth, costs one of 200 nothing, and keeps w above 0.

Beside it the two naive estimates, both drawn towards pi by every error of the classifier: the
share of photos predicted as a class, and the mean probability.

The intervals draw people on both sides. Who is on an unlabelled photo is often unknown; then n / k
photos are drawn for folders of k photos per person, as if all photos of a person were copies. That
is too wide for what differs within a person (masks), and right for what does not (gender, age).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.errors import AnalysisError
from search.analysis.fitting.calibration import Calibration, Method, fit_calibration
from search.analysis.metrics import Floats, Ints, person_index
from search.analysis.people import People, tally
from search.analysis.shift.labelled import Labelled, as_probs
from search.analysis.uncertainty.interval import LEVEL

_TOLERANCE, _MAX_STEPS = 1e-6, 5_000  # of the EM: the largest change of a share in a step
_PRIOR_PEOPLE = 5.0
_REFITS = 20  # draws of the labelled people; each costs a calibration and serves B / 20 draws


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A calibration, the prior its probabilities stand for, and shares of the folder by it.

    Attributes:
        calibration: fitted on labelled samples.
        prior: float [C], mean calibrated probability on them.
        odds: float [b, C], the EM's shares over `prior`: w, one row per draw of the folder.
    """

    calibration: Calibration
    prior: Floats
    odds: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShiftEstimate:
    """The classes of a folder as estimated, with what the estimate could have been.

    Attributes:
        training: float [C] shares of the labels, pi.
        averaged: float [C] mean calibrated probability of the folder.
        shares: float [C] the estimate of q.
        fit: the estimate itself, `odds` of one row.
        fits: those of the draws; the rows of their `odds` are the draws.
    """

    training: Floats
    averaged: Floats
    shares: Floats
    fit: Fit
    fits: tuple[Fit, ...]

    @property
    def draws(self) -> Floats:
        """Estimates of q in the draws, float [B, C]."""
        return normalised(np.concatenate([fit.odds for fit in self.fits]) * self.training)

    @property
    def bounds(self) -> Floats:
        """Ends of the 95 % intervals of the shares, float [2, C]; they hold `shares`."""
        low, high = np.quantile(self.draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        return np.stack([np.minimum(low, self.shares), np.maximum(high, self.shares)])

    @property
    def odds(self) -> Floats:
        """Estimate of w, float [C]."""
        row: Floats = self.fit.odds[0]
        return row


def estimate_shift(
    known: Labelled,
    target_probs: ArrayLike,
    *,
    target_people: ArrayLike | None = None,
    num_draws: int = 200,
    seed: int = 0,
) -> ShiftEstimate:
    """Returns the shares of the classes in an unlabelled folder.

    Args:
        known: out-of-fold predictions with labels.
        target_probs: float [n, C] of the same model on the folder, not calibrated further.
        target_people: int or str [n], where it is known who is on a photo; otherwise as many
            photos per person as on the labelled side are assumed.
        num_draws: B; above 20 it is rounded up to a multiple of 20.
        seed: of the draws.

    Raises:
        AnalysisError: arrays that do not fit together, or `num_draws < 1`.
    """
    target = as_probs(target_probs, "probabilities of the folder")
    if target.shape[1] != known.people.num_classes or num_draws < 1:
        raise AnalysisError(
            f"a folder needs probabilities of the {known.people.num_classes} labelled classes and "
            f"`num_draws >= 1`, got shape {target.shape}, num_draws={num_draws}"
        )
    per_person = len(known.people) / known.people.num_people
    draw = _FolderDraw.of(target_people, len(target), per_person)
    rng = np.random.default_rng(seed)
    num_refits = min(_REFITS, num_draws)
    fit = _fit(known, np.arange(len(known.people)), target, np.ones((1, len(target))))
    fits = tuple(
        _fit(known, rows, target, draw.weights(-(-num_draws // num_refits), rng))
        for rows in _labelled_draws(known.people, num_refits, rng)
    )
    pi = known.shares
    return ShiftEstimate(
        training=pi,
        averaged=fit.calibration.apply(target).mean(axis=0),
        shares=normalised(fit.odds * pi)[0],
        fit=fit,
        fits=fits,
    )


def em_shares(probs: Floats, prior: Floats, weights: Floats, pull: float = 0.0) -> Floats:
    """Returns the likeliest shares of the classes, float [B, C], one row per row of weights.

    Args:
        probs: float [n, C] calibrated probabilities under `prior`.
        prior: float [C], > 0.
        weights: float [B, n], >= 0, how often a photo counts.
        pull: photos with the shares of `prior` that are added to the folder's n.
    """
    likelihood = probs / prior
    pulled = pull / (pull + len(probs))
    weights = (1 - pulled) * weights / weights.sum(axis=1, keepdims=True)
    shares = np.tile(prior, (len(weights), 1))
    for _ in range(_MAX_STEPS):
        density = likelihood @ shares.T
        new = shares * ((weights / density.T) @ likelihood) + pulled * prior
        change = float(np.abs(new - shares).max())
        shares = new
        if change < _TOLERANCE:
            break
    return shares


def total_variation(first: Floats, second: Floats) -> float:
    """Returns half the summed differences of two distributions [C]: between 0 and 1."""
    return float(np.abs(first - second).sum() / 2)


def normalised(values: Floats) -> Floats:
    """Returns rows [..., C] divided by their sums."""
    rows: Floats = values / values.sum(axis=-1, keepdims=True)
    return rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FolderDraw:
    """How the people of the folder are drawn: `person` int [n], or photos for people."""

    person: Ints
    num_drawn: int

    @classmethod
    def of(cls, people: ArrayLike | None, num_photos: int, per_person: float) -> Self:
        """Returns the draw of given people, or of photos as if a person's were copies."""
        if people is None:
            return cls(
                person=np.arange(num_photos), num_drawn=max(1, round(num_photos / per_person))
            )
        person, num_people = person_index(people)
        if len(person) != num_photos:
            raise AnalysisError(
                f"the folder needs a person a photo, got {len(person)} for {num_photos} photos"
            )
        return cls(person=person, num_drawn=num_people)

    def weights(self, num_draws: int, rng: np.random.Generator) -> Floats:
        """Returns how often every photo is drawn, float [b, n]."""
        size = int(self.person.max()) + 1
        drawn = rng.integers(size, size=(num_draws, self.num_drawn))
        return tally(drawn, size).astype(float)[:, self.person]


def _fit(known: Labelled, rows: Ints, target: Floats, weights: Floats) -> Fit:
    """Calibrates on some labelled samples and estimates the shares of the folder by that."""
    calibration = fit_calibration(
        known.probs[rows], known.people.label[rows], Method.BIAS_CORRECTED
    )
    prior = calibration.apply(known.probs[rows]).mean(axis=0)
    pull = _PRIOR_PEOPLE * len(known.people) / known.people.num_people
    shares = em_shares(calibration.apply(target), prior, weights, pull)
    return Fit(calibration=calibration, prior=prior, odds=shares / prior)


def _labelled_draws(people: People, num_draws: int, rng: np.random.Generator) -> Iterator[Ints]:
    """Yields the samples of people drawn among those with the same labels, so that pi stays."""
    order = np.argsort(people.strata, kind="stable")
    sizes = np.bincount(people.strata)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    first, width = np.repeat(starts, sizes), np.repeat(sizes, sizes)
    for _ in range(num_draws):
        drawn = order[first + (rng.random(len(order)) * width).astype(np.int64)]
        times = np.bincount(drawn, minlength=len(order))[people.person]
        yield np.repeat(np.arange(len(people)), times)

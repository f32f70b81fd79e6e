"""Ranges of a number in which errors pile up beyond what chance would do.

Notation:
    N samples, P people, B bins of the number; wrong: float [N], the share of seeds that err.

The gain of a run of neighbouring bins is its errors beyond those it would have at the mean share.
Chance is what is left when whole people change places: the samples of a person share a fate, so
samples that changed places alone would find a pile in any noise. A pile has more gain than the
largest gain of 19 in 20 such draws.
"""

from dataclasses import dataclass

import numpy as np

from search.analysis.metrics import Floats, Ints, person_index

_DRAWS = 200
_QUANTILE = 0.95
LEAST_PEOPLE, LEAST_SAMPLES = 10, 30
"""Who err, and the samples that are wrong, below which nothing is said of where."""
_TIMES = 2.0  # as often wrong as elsewhere, from which on errors pile up; and as its gaps


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """A range of the number in which errors pile up.

    `first` and `last` are the least and the largest number of a sample in it, `wrong` the share of
    its samples that are wrong, `elsewhere` that outside all piles, `too_low` the share of its
    errors that are put too low.
    """

    first: float
    last: float
    wrong: float
    elsewhere: float
    too_low: float


def are_enough(wrong: Floats, person: Ints) -> bool:
    """Returns whether errors are of people and samples enough to say where they pile up."""
    return len(np.unique(person[wrong > 0])) >= LEAST_PEOPLE and wrong.sum() >= LEAST_SAMPLES


def piles_of(
    wrong: Floats, too_low: Floats, raw: Floats, bins: Ints, person: Ints, seed: int
) -> tuple[Pile, ...]:
    """Returns where errors pile up, by the number; nothing where chance may have done it.

    Args:
        wrong: float [N].
        too_low: float [N], the share of seeds that put the sample below its class.
        raw: float [N], the number.
        bins: int [N] in [0, B), in the order of the number.
        person: int [N].
        seed: of the draws.
    """
    if not are_enough(wrong, person):
        return ()
    samples = np.bincount(bins).astype(float)
    errors = np.bincount(bins, weights=wrong).astype(float)
    least = _chance(wrong, bins, person, np.random.default_rng(seed))
    runs = _runs(errors, samples, least)
    inside = np.isin(bins, np.concatenate([np.arange(*run) for run in runs])) if runs else None
    if inside is None or inside.all():
        return ()
    elsewhere = float(wrong[~inside].mean())
    found = []
    for first, end in runs:
        part = (bins >= first) & (bins < end)
        found.append(
            Pile(
                first=float(raw[part].min()),
                last=float(raw[part].max()),
                wrong=float(wrong[part].mean()),
                elsewhere=elsewhere,
                too_low=float(too_low[part].sum() / wrong[part].sum()),
            )
        )
    return tuple(found)


def _chance(wrong: Floats, bins: Ints, person: Ints, rng: np.random.Generator) -> float:
    """Returns the gain that errors without a place of their own exceed once in twenty times."""
    people, num_people = person_index(person)
    samples = np.bincount(people, minlength=num_people).astype(float)
    # A person stands at the middle of his samples; most have one number alone.
    place = np.rint(np.bincount(people, weights=bins, minlength=num_people) / samples).astype(int)
    beyond = np.bincount(people, weights=wrong - wrong.mean(), minlength=num_people)
    gains = [_largest_gain(place, rng.permutation(beyond)) for _ in range(_DRAWS)]
    return float(np.quantile(gains, _QUANTILE))


def _largest_gain(place: Ints, beyond: Floats) -> float:
    """Returns the largest sum over neighbouring bins.

    Args:
        place: int [P], bins of people.
        beyond: float [P], their errors beyond the mean share.
    """
    sums = np.concatenate([[0.0], np.cumsum(np.bincount(place, weights=beyond))])
    return float((sums[1:] - np.minimum.accumulate(sums)[:-1]).max())


def _runs(errors: Floats, samples: Floats, least: float) -> list[tuple[int, int]]:
    """Returns the runs of bins, [first, end), whose errors pile up.

    Args:
        errors: float [B].
        samples: float [B], above 0.
        least: gain that chance seldom exceeds.
    """
    mean = errors.sum() / samples.sum()
    inside, of = _sums(errors), _sums(samples)
    outside, rest = errors.sum() - inside, samples.sum() - of
    gains = inside - mean * of
    is_run = np.triu(np.ones(gains.shape, dtype=bool)) & (rest > 0)
    is_dense = inside * rest >= _TIMES * outside * of
    gains[~(is_run & is_dense & (gains > least))] = -np.inf
    if not np.isfinite(gains).any():
        return []
    first, last = (int(i) for i in np.unravel_index(gains.argmax(), gains.shape))
    run = _trimmed(errors, samples, (first, last + 1))
    return _split(errors, samples, run, mean, least)


def _trimmed(errors: Floats, samples: Floats, run: tuple[int, int]) -> tuple[int, int]:
    """Returns the run without bins at its ends that are like those outside.

    Beyond the mean lie half of all bins, so that a run of the largest gain takes some along.
    """
    first, end = run
    of, total = samples[first:end], samples.sum()
    inside = errors[first:end].sum()
    outside = (errors.sum() - inside) / (total - of.sum())
    beyond = _sums(errors[first:end] - (inside / of.sum() + outside) / 2 * of)
    beyond[np.tril_indices(len(of), -1)] = -np.inf
    low, high = (int(i) for i in np.unravel_index(beyond.argmax(), beyond.shape))
    return first + low, first + high + 1


def _split(
    errors: Floats, samples: Floats, run: tuple[int, int], mean: float, least: float
) -> list[tuple[int, int]]:
    """Returns the parts of a run on both sides of a gap in which there are few errors.

    A part is a pile by itself; a gap has half the share of its neighbours at most, and lacks as
    many errors as chance seldom adds.
    """
    first, end = run
    part, of = errors[first:end], samples[first:end]
    lacks = _sums(part.sum() / of.sum() * of - part)
    # A gap has a part on each side.
    lacks[np.tril_indices(len(part), -1)] = lacks[0, :] = lacks[:, -1] = -np.inf
    gap = tuple(int(i) for i in np.unravel_index(lacks.argmax(), lacks.shape))
    if not np.isfinite(lacks[gap]):
        return [run]
    sides = ((first, first + gap[0]), (first + gap[1] + 1, end))
    shares = [errors[a:b].sum() / samples[a:b].sum() for a, b in sides]
    gains = [errors[a:b].sum() - mean * samples[a:b].sum() for a, b in sides]
    in_gap = slice(first + gap[0], first + gap[1] + 1)
    lacking = min(shares) * samples[in_gap].sum() - errors[in_gap].sum()
    is_gap = errors[in_gap].sum() / samples[in_gap].sum() * _TIMES <= min(shares)
    if min(gains) <= least or lacking <= least or not is_gap:
        return [run]
    return [part for side in sides for part in _split(errors, samples, side, mean, least)]


def _sums(values: Floats) -> Floats:
    """Returns the sums of all runs, float [B, B], by first and last bin; nothing below these."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    found: Floats = sums[None, 1:] - sums[:-1, None]
    return found

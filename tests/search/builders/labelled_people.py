"""Labelled people in one word, and how wide an interval is."""

from numpy.typing import ArrayLike

from search.analysis.people import People
from search.analysis.uncertainty.interval import Interval


def people_of(y: ArrayLike, g: ArrayLike, num_classes: int) -> People:
    """Returns the people `g` [N] of samples with the true classes `y` [N]."""
    return People(label=y, person=g, num_classes=num_classes)  # type: ignore[arg-type]


def half_width(interval: Interval) -> float:
    """Returns half the distance between the ends."""
    return (interval.high - interval.low) / 2

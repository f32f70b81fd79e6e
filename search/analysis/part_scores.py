"""Scores on the people the search saw and on those it never saw.

Notation:
    N samples, C joint classes, P people, S seeds of an approach.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.interval import Interval
from search.analysis.metrics import as_classes, person_index
from search.analysis.panel import Panel
from search.analysis.predictions import Approach
from search.analysis.verdict import Rules

PartScores = dict[str, dict[str, Interval]]


def part_scores(
    approaches: Sequence[Approach],
    y: ArrayLike,
    g: ArrayLike,
    num_classes: int,
    held_out: ArrayLike,
    rules: Rules,
) -> PartScores:
    """Returns the headline score of every approach on both parts: name -> part -> interval.

    A class that a part has no sample of counts 0 there, for every approach alike.

    Args:
        approaches: with the same samples.
        y: int [N] true joint classes.
        g: [N] person of every sample.
        num_classes: C.
        held_out: bool [N], True for people the search never saw.
        rules: number of resamples, their seed, and whether the models are taken as fixed.

    Returns:
        Parts "search" and "held_out"; none where one of them has fewer than two people.
    """
    person, _ = person_index(g)
    untouched = np.asarray(held_out, dtype=bool)
    masks = {"search": ~untouched, "held_out": untouched}
    found: PartScores = {part.name: {} for part in approaches}
    if min(len(np.unique(person[mask])) for mask in masks.values()) < 2:
        return found
    true = as_classes(y, num_classes, "true classes")
    panel = Panel(approaches=approaches, y=true, person=person, num_classes=num_classes)
    rng = np.random.default_rng(rules.seed)
    for name, mask in masks.items():
        # Held-out people are predicted by one choice that they had no part in: no luck of choice.
        rows = [
            (predicted, luck if name == "search" else 0.0) for predicted, luck in panel.headline
        ]
        sheet = panel.sheet(rows, rules, rng, mask)
        for index, part in enumerate(approaches):
            interval = sheet.score(index, fixed_models=rules.fixed_models, rng=rng)
            found[part.name][name] = interval
    return found

"""Macro-F1 of single attributes: a reason, looked at behind a decided pair alone (gatekeeping).

Notation:
    A attributes with sizes K_1..K_A, N samples, S seeds of an approach.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from search.analysis.approaches.approach import Approach
from search.analysis.people import People
from search.analysis.recombine import attribute_classes
from search.analysis.uncertainty.score_sheet import score_sheet
from search.analysis.verdict.multiplicity import holm
from search.analysis.verdict.statements import AttributeScore


def attribute_scores(
    approaches: Sequence[Approach],
    people: People,
    sizes: Mapping[str, int],
    decided: Sequence[bool],
    *,
    fixed_models: bool,
) -> list[tuple[AttributeScore, ...]]:
    """Returns the differences of every attribute's macro-F1 for all pairs.

    By the verdict's rule, but for the luck of the search, which is known of joint macro-F1 alone.

    Args:
        approaches: with joint classes.
        people: with their joint classes.
        sizes: K of every attribute, in schema order.
        decided: for every pair whether macro-F1 or the log score decides it.
        fixed_models: whether the training seeds are no part of the question.

    Returns:
        One a pair; empty where the pair is not decided. p-values are adjusted (Holm) for all
        attributes of all decided pairs.
    """
    pairs = list(combinations(range(len(approaches)), 2))
    open_pairs = [place for place, is_open in enumerate(decided) if is_open]
    found: list[list[AttributeScore]] = [[] for _ in pairs]
    if not open_pairs:
        return [()] * len(pairs)
    order = tuple(sizes.values())
    true = attribute_classes(people.label, order)
    predicted = [attribute_classes(part.predicted, order) for part in approaches]
    # The luck of choosing is known of the joint class alone. It holds that of every attribute,
    # whose configs move the joint macro-F1 about as far as its own.
    luck = [part.choice_variance for part in approaches]
    for axis, (name, size) in enumerate(sizes.items()):
        labelled = People(
            label=np.ascontiguousarray(true[:, axis]),
            person=people.person,
            num_classes=size,
            fold=people.fold,
        )
        rows = [np.ascontiguousarray(part[..., axis]) for part in predicted]
        sheet = score_sheet(rows, labelled, choice_variances=luck)
        for place in open_pairs:
            estimate = sheet.pair(*pairs[place], fixed_models=fixed_models)
            found[place].append(
                AttributeScore(name=name, difference=estimate.tested, p_adjusted=estimate.p_value)
            )
    return together(found)


def together(found: Sequence[Sequence[AttributeScore]]) -> list[tuple[AttributeScore, ...]]:
    """Returns attributes with their p-values adjusted for the number of all of them (Holm)."""
    adjusted = iter(holm([each.p_adjusted for rows in found for each in rows]))
    return [tuple(replace(each, p_adjusted=next(adjusted)) for each in rows) for rows in found]

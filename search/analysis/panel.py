"""Approaches on common samples: their scores and the figures of their pairs, on any part of these.

Notation:
    N samples, C joint classes, S seeds. y: int [N] true class; person: int [N] in [0, P).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from search.analysis.cross_fit import Mask
from search.analysis.estimates import ScoreSheet, score_sheet
from search.analysis.metrics import Ints
from search.analysis.predictions import Approach
from search.analysis.verdict import Outcome, PairFigures, Rules, Score, holm, outcome_of

Row = tuple[Ints, float]  # predictions [S, N] and the variance that choosing them adds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """The approaches and the samples they are judged on."""

    approaches: Sequence[Approach]
    y: Ints
    person: Ints
    num_classes: int

    @property
    def headline(self) -> list[Row]:
        """The approaches without post-hoc biases."""
        return [(part.predicted, part.choice_variance) for part in self.approaches]

    @property
    def with_rule(self) -> list[Row]:
        """Empty unless all approaches have a rule."""
        rows = [
            (part.with_rule, part.choice_variance)
            for part in self.approaches
            if part.with_rule is not None
        ]
        return rows if len(rows) == len(self.approaches) else []

    @property
    def ensembles(self) -> list[Row]:
        """The averages over seeds of the approaches that have one."""
        return [
            (part.ensemble[None], part.choice_variance)
            for part in self.approaches
            if part.ensemble is not None
        ]

    def sheet(
        self,
        rows: Sequence[Row],
        rules: Rules,
        rng: np.random.Generator,
        part: Mask | slice = slice(None),
    ) -> ScoreSheet:
        """Returns the scores of rows on all samples or a part of them."""
        return score_sheet(
            [predicted[:, part] for predicted, _ in rows],
            self.y[part],
            self.person[part],
            self.num_classes,
            num_resamples=rules.num_resamples,
            rng=rng,
            choice_variances=[variance for _, variance in rows],
        )

    def judge_part(
        self,
        rows: Sequence[Row],
        part: Mask,
        rules: Rules,
        rng: np.random.Generator,
    ) -> list[PairFigures] | None:
        """Returns the headline figures on one part of the people; None with fewer than two."""
        if len(np.unique(self.person[part])) < 2:
            return None
        return judge_pairs(self.sheet(rows, rules, rng, part), len(rows), rules)

    def scores(
        self, sheet: ScoreSheet, with_rule: bool, rules: Rules, rng: np.random.Generator
    ) -> list[Score]:
        """Returns the scores on a sheet of `headline`, `with_rule` if so, and `ensembles`."""
        num = len(self.approaches)
        ensemble = 2 * num if with_rule else num  # position of the next ensemble on the sheet
        scores = []
        for index, approach in enumerate(self.approaches):
            fixed = rules.fixed_models
            averaged = None
            if approach.ensemble is not None:
                averaged = sheet.score(ensemble, fixed_models=True, rng=rng)
                ensemble += 1
            ruled = sheet.score(num + index, fixed_models=fixed, rng=rng) if with_rule else None
            scores.append(
                Score(
                    name=approach.name,
                    interval=sheet.score(index, fixed_models=fixed, rng=rng),
                    per_seed=tuple(sheet.scores[sheet.slices[index]].tolist()),
                    ensemble=averaged,
                    with_rule=ruled,
                )
            )
        return scores


def judge_pairs(sheet: ScoreSheet, num: int, rules: Rules, first: int = 0) -> list[PairFigures]:
    """Returns the figures of all pairs of the `num` approaches from position `first` on."""
    pairs = list(combinations(range(first, first + num), 2))
    estimates = [sheet.pair(a, b, fixed_models=rules.fixed_models) for a, b in pairs]
    adjusted = holm([estimate.p_value for estimate in estimates])
    figures = []
    for (a, b), estimate, p_holm in zip(pairs, estimates, adjusted, strict=True):
        unknown_luck = not rules.fixed_models and 1 in (sheet.num_seeds(a), sheet.num_seeds(b))
        found = outcome_of(estimate.interval, p_holm, rules.margin)
        outcome = Outcome.UNDECIDED if unknown_luck else found
        figures.append(PairFigures(estimate=estimate, p_holm=p_holm, outcome=outcome))
    return figures

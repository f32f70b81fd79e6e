"""Judges approaches on the same people: scores, differences, and a verdict on every pair.

Notation:
    N samples, C joint classes, P people, S seeds of an approach.
    held_out: bool [N], people no search saw.

The rules are those of `search.analysis.verdict.outcomes`, the luck that of
`search.analysis.uncertainty.score_sheet`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.fitting.cross_fit import Mask
from search.analysis.metrics import Ints
from search.analysis.people import People
from search.analysis.uncertainty.interval import Interval
from search.analysis.uncertainty.power import would_decide
from search.analysis.uncertainty.score_sheet import ScoreSheet, score_sheet
from search.analysis.verdict.outcomes import (
    Caveat,
    Outcome,
    PairFigures,
    PairVerdict,
    Rules,
    Score,
    Verdict,
    holm,
    outcome_of,
)

Row = tuple[Ints, float]  # predictions [S, N] and the variance that choosing them adds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """The approaches, the samples they are judged on, and how."""

    approaches: Sequence[Approach]
    people: People
    rules: Rules

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
        self, rows: Sequence[Row], rng: np.random.Generator, part: Mask | None = None
    ) -> ScoreSheet:
        """Returns the scores of rows on all samples or a part of them."""
        return score_sheet(
            [predicted if part is None else predicted[:, part] for predicted, _ in rows],
            self.people if part is None else self.people.part(part),
            num_resamples=self.rules.num_resamples,
            rng=rng,
            choice_variances=[variance for _, variance in rows],
        )

    def parts(self, held_out: Mask) -> dict[str, tuple[list[Row], Mask]]:
        """Returns rows and samples of the people that the search saw and of those it did not."""
        # Held-out people are predicted by one choice that they had no part in: no luck of choice.
        chosen = [(predicted, 0.0) for predicted, _ in self.headline]
        return {"search": (self.headline, ~held_out), "held_out": (chosen, held_out)}

    def figures(self, sheet: ScoreSheet, first: int = 0) -> list[PairFigures]:
        """Returns the figures of all pairs of the approaches from position `first` of a sheet."""
        pairs = list(combinations(range(first, first + len(self.approaches)), 2))
        fixed = self.rules.fixed_models
        estimates = [sheet.pair(a, b, fixed_models=fixed) for a, b in pairs]
        adjusted = holm([estimate.p_value for estimate in estimates])
        figures = []
        for (a, b), estimate, p_holm in zip(pairs, estimates, adjusted, strict=True):
            unknown_luck = not fixed and 1 in (sheet.num_seeds(a), sheet.num_seeds(b))
            found = outcome_of(estimate.interval, p_holm, self.rules.margin)
            outcome = Outcome.UNDECIDED if unknown_luck else found
            figures.append(PairFigures.of(estimate, p_holm, outcome))
        return figures

    def verdict_on(
        self, a: Approach, b: Approach, headline: PairFigures, beside: Mapping[str, PairFigures]
    ) -> PairVerdict:
        """Returns the verdict on a pair; `beside` are its other figures, by field."""
        rules, num = self.rules, len(self.approaches)
        num_seeds = None if rules.fixed_models else min(len(a.predicted), len(b.predicted))
        decide = None
        if headline.outcome is Outcome.UNDECIDED and headline.estimate is not None:
            decide = would_decide(
                headline.estimate,
                num_people=self.people.num_people,
                num_seeds=num_seeds,
                margin=rules.margin,
                num_pairs=num * (num - 1) // 2,
            )
        return PairVerdict(
            a=a.name,
            b=b.name,
            headline=headline,
            **beside,
            would_decide=decide,
            caveat={None: Caveat.FIXED_MODELS, 1: Caveat.ONE_SEED}.get(num_seeds, Caveat.NONE),
        )

    def scores(self, sheet: ScoreSheet, with_rule: bool, rng: np.random.Generator) -> list[Score]:
        """Returns the scores on a sheet of `headline`, `with_rule` if so, and `ensembles`."""
        num, fixed = len(self.approaches), self.rules.fixed_models
        ensemble = 2 * num if with_rule else num  # position of the next ensemble on the sheet
        scores = []
        for index, approach in enumerate(self.approaches):
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


def judge(
    approaches: Sequence[Approach],
    people: People,
    *,
    held_out: ArrayLike | None = None,
    rules: Rules | None = None,
) -> Verdict:
    """Returns the scores of two or more approaches and the verdict on every pair of them.

    The figures with post-hoc biases are there if every approach has `with_rule`: a rule for some
    of them would be no fair comparison.

    Args:
        approaches: at least two, different names, the same samples.
        people: with their joint classes; at least two people.
        held_out: bool [N], True for people the search never saw; a person is in one part only.
        rules: how to judge; the defaults if None.

    Raises:
        AnalysisError: fewer than two approaches, a name twice, arrays that do not fit, a person in
            both parts, or fewer than two people.
    """
    _check(approaches, people)
    rules = rules or Rules()
    panel = Panel(approaches=approaches, people=people, rules=rules)
    rng = np.random.default_rng(rules.seed)
    with_rule = panel.with_rule
    sheet = panel.sheet([*panel.headline, *with_rule, *panel.ensembles], rng)
    beside = _in_parts(panel, held_out, rng)
    if with_rule:
        beside["with_rule"] = panel.figures(sheet, first=len(approaches))
    headlines = zip(combinations(approaches, 2), panel.figures(sheet), strict=True)
    pairs = [
        panel.verdict_on(a, b, headline, {name: found[i] for name, found in beside.items()})
        for i, ((a, b), headline) in enumerate(headlines)
    ]
    return Verdict(
        scores=tuple(panel.scores(sheet, bool(with_rule), rng)),
        pairs=tuple(pairs),
        num_people=sheet.num_people,
        num_photos=len(people),
        margin=rules.margin,
    )


def _in_parts(
    panel: Panel, held_out: ArrayLike | None, rng: np.random.Generator
) -> dict[str, Sequence[PairFigures]]:
    """Returns the figures of all pairs on every part that has two people or more."""
    if held_out is None:
        return {}
    untouched = np.asarray(held_out)
    _check_parts(untouched, panel.people.person)
    return {
        name: panel.figures(panel.sheet(rows, rng, mask))
        for name, (rows, mask) in panel.parts(untouched).items()
        if panel.people.num_in(mask) > 1
    }


def _check(approaches: Sequence[Approach], people: People) -> None:
    names = [part.name for part in approaches]
    if len(names) < 2 or len(set(names)) < len(names):
        raise AnalysisError(f"a verdict needs two approaches with different names, got {names}")
    for part in approaches:
        length = part.predicted.shape[1]
        if length != len(people):
            raise AnalysisError(
                f"all arrays must cover the same samples, got {len(people)} labels and {length} "
                f"for predictions of {part.name!r}"
            )


def _check_parts(held_out: Mask, person: Ints) -> None:
    if held_out.shape != person.shape or held_out.dtype != bool:
        raise AnalysisError(
            f"`held_out` must be bool [{len(person)}], got {held_out.dtype} {held_out.shape}"
        )
    both = np.intersect1d(person[held_out], person[~held_out])
    if both.size:
        raise AnalysisError(
            f"a person is held out with all samples or with none, got {both.size} people in both "
            "parts; split by person"
        )


PartScores = dict[str, dict[str, Interval]]


def part_scores(
    approaches: Sequence[Approach],
    people: People,
    held_out: ArrayLike,
    rules: Rules,
) -> PartScores:
    """Returns the headline score of every approach on both parts: name -> part -> interval.

    A class that a part has no sample of counts 0 there, for every approach alike.

    Args:
        approaches: with the same samples.
        people: with their joint classes.
        held_out: bool [N], True for people the search never saw.
        rules: number of resamples, their seed, and whether the models are taken as fixed.

    Returns:
        Parts "search" and "held_out"; none where one of them has fewer than two people.
    """
    panel = Panel(approaches=approaches, people=people, rules=rules)
    parts = panel.parts(np.asarray(held_out, dtype=bool))
    found: PartScores = {part.name: {} for part in approaches}
    if min(people.num_in(mask) for _, mask in parts.values()) < 2:
        return found
    rng = np.random.default_rng(rules.seed)
    for name, (rows, mask) in parts.items():
        sheet = panel.sheet(rows, rng, mask)
        for index, part in enumerate(approaches):
            interval = sheet.score(index, fixed_models=rules.fixed_models, rng=rng)
            found[part.name][name] = interval
    return found

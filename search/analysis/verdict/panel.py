"""The approaches to judge, on the same people: their scores, differences and pairs.

Notation: that of `search.analysis.verdict.judging`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.fitting.cross_fit import Mask
from search.analysis.metrics import Ints
from search.analysis.people import People
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import UNSEEN_PEOPLE, Interval
from search.analysis.uncertainty.power import would_decide
from search.analysis.uncertainty.score_sheet import ScoreSheet, score_sheet
from search.analysis.uncertainty.search_luck import SearchLuck, pooled, search_luck
from search.analysis.verdict.multiplicity import shaffer
from search.analysis.verdict.outcomes import (
    PairFigures,
    PairVerdict,
    Score,
)
from search.analysis.verdict.rounds import Closing, Rounds, Standing, is_futile
from search.analysis.verdict.rules import (
    Caveat,
    Outcome,
    Rules,
    outcome_of,
)

Row = tuple[Ints, float]  # predictions [S, N] and the variance that choosing them adds


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """The approaches, the samples they are judged on, and how."""

    approaches: Sequence[Approach]
    people: People
    rules: Rules

    @property
    def headline(self) -> list[Row]:
        """The approaches without post-hoc biases."""
        return [(part.predicted, part.choice_variance) for part in self.approaches]

    @cached_property
    def search_lucks(self) -> list[SearchLuck]:
        """The luck of the search of every model with several finalists."""
        models = (variants for part in self.approaches for variants in part.variants)
        return [search_luck(variants, self.people) for variants in models]

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
        part: Mask | None = None,
        *,
        num_resamples: int = 0,
        rng: np.random.Generator | None = None,
    ) -> ScoreSheet:
        """Returns the scores of rows on all samples or a part of them."""
        return score_sheet(
            [predicted if part is None else predicted[:, part] for predicted, _ in rows],
            self.people if part is None else self.people.part(part),
            num_resamples=num_resamples,
            rng=rng,
            choice_variances=[variance for _, variance in rows],
        )

    def estimates(
        self, sheet: ScoreSheet, first: int = 0, *, by_fold: bool = True
    ) -> list[PairEstimate]:
        """Returns the differences of all pairs of the approaches from position `first`."""
        fixed, num = self.rules.fixed_models, len(self.approaches)
        found = []
        for a, b in combinations(range(num), 2):
            pair = sheet.pair(first + a, first + b, fixed_models=fixed, by_fold=by_fold)
            num_models = len(self.approaches[a].variants) + len(self.approaches[b].variants)
            # Whoever predicts alike does so with whatever config.
            if not fixed and pair.num_differing > 0 and num_models:
                pair = replace(pair, search=(pooled(self.search_lucks, num_models),))
            found.append(pair)
        return found

    def figures(
        self, sheet: ScoreSheet, first: int = 0, *, by_fold: bool = True
    ) -> list[PairFigures]:
        """Returns the figures of all pairs of the approaches from position `first` of a sheet."""
        estimates = self.estimates(sheet, first, by_fold=by_fold)
        adjusted = shaffer([each.p_value for each in estimates], len(self.approaches))
        figures = []
        for estimate, p_adjusted in zip(estimates, adjusted, strict=True):
            found = outcome_of(estimate, p_adjusted, sheet.num_people, self.rules.margin)
            outcome = Outcome.UNDECIDED if estimate.num_seeds == 1 else found
            figures.append(PairFigures.of(estimate, p_adjusted, outcome))
        return figures

    def headlines(
        self, closings: Sequence[Closing], estimates: Sequence[PairEstimate]
    ) -> list[PairFigures]:
        """Returns the figures of all pairs at all seeds there are, and what their looks decided.

        What a look decided stands, unless the seeds that were trained after it speak against it.
        """
        adjusted = shaffer([each.p_value for each in closings], len(self.approaches))
        figures = []
        for closing, now, p_adjusted in zip(closings, estimates, adjusted, strict=True):
            outcome = Outcome.UNDECIDED
            if (
                closing.standing is Standing.WON
                and now.difference * closing.estimate.difference > 0
            ):
                outcome = Outcome.A_WINS if now.difference > 0 else Outcome.B_WINS
            if closing.standing is Standing.EQUIVALENT and now.is_equivalent(
                self.people.num_people, self.rules.margin
            ):
                outcome = Outcome.EQUIVALENT
            figures.append(PairFigures.of(now, p_adjusted, outcome))
        return figures

    def verdict_on(
        self,
        a: Approach,
        b: Approach,
        headline: PairFigures,
        now: PairEstimate,
        rounds: Rounds,
        beside: Mapping[str, PairFigures],
    ) -> PairVerdict:
        """Returns the verdict on a pair.

        Args:
            a: the first.
            b: the second.
            headline: figures of the pair.
            now: that they were taken from.
            rounds: the looks at it.
            beside: other figures, by field.
        """
        names = (a.name, b.name)
        closing = rounds.closings[names]
        caveat = {0: Caveat.FIXED_MODELS, 1: Caveat.ONE_SEED}.get(now.num_seeds)
        untouched = beside.get("chose_nothing")
        if headline.outcome in (Outcome.A_WINS, Outcome.B_WINS) and untouched is not None:
            ahead = headline.difference.value * untouched.difference.value
            if ahead <= 0:
                headline = replace(headline, outcome=Outcome.UNDECIDED)
                caveat = Caveat.CHOSEN_BY
        unseen = UNSEEN_PEOPLE * self.people.largest_move
        if headline.outcome is Outcome.EQUIVALENT and unseen > self.rules.margin:
            caveat = caveat or Caveat.RARE_KINDS
        decide = None
        # Where the lead comes from the choice, no number of people or seeds is what is missing.
        if headline.outcome is Outcome.UNDECIDED and caveat is not Caveat.CHOSEN_BY:
            num = len(self.approaches)
            decide = would_decide(
                now,
                num_people=self.people.num_people,
                num_seeds=None if self.rules.fixed_models else now.num_seeds,
                margin=self.rules.margin,
                num_pairs=num * (num - 1) // 2,
                share=lambda planned: rounds.share_left(names, planned),
            )
        return PairVerdict(
            a=a.name,
            b=b.name,
            headline=headline,
            with_rule=beside.get("with_rule"),
            chose_nothing=untouched,
            chose=beside.get("chose"),
            standing=closing.standing,
            look_seeds=closing.estimate.num_seeds,
            hopeless=now.num_seeds > 1
            and headline.outcome is Outcome.UNDECIDED
            and is_futile(now, None, self.rules.margin),
            would_decide=decide,
            caveat=caveat or Caveat.NONE,
        )

    def rule_effects(self, sheet: ScoreSheet) -> list[Interval]:
        """Returns what post-hoc biases change about the difference of every pair.

        Args:
            sheet: of `headline`, then of `with_rule`.
        """
        num = len(self.approaches)
        pairs = combinations(range(num), 2)
        fixed = self.rules.fixed_models
        return [
            sheet.gain_difference((a, b), (num + a, num + b), fixed_models=fixed).interval
            for a, b in pairs
        ]

    def scores(self, sheet: ScoreSheet, with_rule: bool, rng: np.random.Generator) -> list[Score]:
        """Returns the scores on a sheet of `headline`, `with_rule` if so, and `ensembles`."""
        num, fixed = len(self.approaches), self.rules.fixed_models
        ensemble = 2 * num if with_rule else num  # position of the next ensemble on the sheet
        scores = []
        for index, approach in enumerate(self.approaches):
            averaged = None
            if approach.ensemble is not None:
                averaged = sheet.averaged_score(ensemble, index, fixed_models=fixed)
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

    def in_parts(self, chose: ArrayLike | None) -> dict[str, Sequence[PairFigures]]:
        """Returns the figures of all pairs on every part that has two people or more."""
        if chose is None:
            return {}
        chosen_by = np.asarray(chose)
        _check_parts(chosen_by, self.people.person)
        return {
            name: self.figures(self.sheet(self.headline, mask))
            for name, mask in (("chose_nothing", ~chosen_by), ("chose", chosen_by))
            if self.people.num_in(mask) > 1
        }

    def verdicts(
        self, sheet: ScoreSheet, chose: ArrayLike | None, rounds: Rounds | None
    ) -> list[PairVerdict]:
        """Returns the verdicts on all pairs.

        Args:
            sheet: of `headline`, then of `with_rule`.
            chose: bool [N], people by whom the search chose; None where that is not known.
            rounds: the looks at the pairs; one look, now, if None.
        """
        num = len(self.approaches)
        beside: dict[str, Sequence[PairFigures]] = self.in_parts(chose)
        effects: list[Interval | None] = [None] * (num * (num - 1) // 2)
        if self.with_rule:
            beside["with_rule"] = self.figures(sheet, first=num, by_fold=False)
            effects = [*self.rule_effects(sheet)]
        estimates = self.estimates(sheet)
        looks = rounds or self.one_look(estimates)
        headlines = self.headlines([looks.closings[pair] for pair in looks.pairs], estimates)
        found = []
        for i, (a, b) in enumerate(combinations(self.approaches, 2)):
            others = {name: figures[i] for name, figures in beside.items()}
            pair = self.verdict_on(a, b, headlines[i], estimates[i], looks, others)
            found.append(replace(pair, rule_effect=effects[i]))
        return found

    def one_look(self, estimates: Sequence[PairEstimate]) -> Rounds:
        """Returns the rounds of what is looked at once, and whose seeds are all that will be."""
        rounds = Rounds(
            names=[part.name for part in self.approaches],
            num_people=self.people.num_people,
            margin=self.rules.margin,
            full=0,
        )
        rounds.look(dict(zip(rounds.pairs, estimates, strict=True)), ended=True)
        return rounds


def _check_parts(chose: Mask, person: Ints) -> None:
    if chose.shape != person.shape or chose.dtype != bool:
        raise AnalysisError(
            f"`chose` must be bool [{len(person)}], got {chose.dtype} {chose.shape}"
        )
    both = np.intersect1d(person[chose], person[~chose])
    if both.size:
        raise AnalysisError(
            f"the search chose by a person with all samples or with none, got {both.size} people "
            "in both parts; split by person"
        )

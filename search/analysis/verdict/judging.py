"""Judges approaches on the same people: scores, differences, and a verdict on every pair.

Notation:
    N samples, C joint classes, P people, S seeds of an approach.
    chose: bool [N], people by whom the search chose its finalists.

The rules are those of `search.analysis.verdict.rules`, the luck that of
`search.analysis.uncertainty.score_sheet`.
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
from search.analysis.uncertainty.search_luck import SearchLuck, search_luck
from search.analysis.verdict.baselines import baselines_of
from search.analysis.verdict.multiplicity import shaffer
from search.analysis.verdict.outcomes import (
    PairFigures,
    PairVerdict,
    Score,
    Verdict,
)
from search.analysis.verdict.rounds import Closing, Pair, Rounds, Standing
from search.analysis.verdict.rules import (
    Caveat,
    Outcome,
    Rules,
    outcome_of,
)
from search.analysis.verdict.stating import with_statements

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
    def search_lucks(self) -> list[tuple[SearchLuck, ...]]:
        """The luck of the search of every approach, by its models with several finalists."""
        return [
            tuple(search_luck(variants, self.people) for variants in part.variants)
            for part in self.approaches
        ]

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
            # Whoever predicts alike does so with whatever config.
            lucky = not fixed and pair.num_differing > 0
            search = (*self.search_lucks[a], *self.search_lucks[b]) if lucky else ()
            found.append(replace(pair, search=search))
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
            hopeless=closing.hopeless,
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


def judge(
    approaches: Sequence[Approach],
    people: People,
    *,
    chose: ArrayLike | None = None,
    rules: Rules | None = None,
    rounds: Rounds | None = None,
    attributes: Mapping[str, int] | None = None,
) -> Verdict:
    """Returns the scores of two or more approaches and the verdict on every pair of them.

    The figures with post-hoc biases are there if every approach has `with_rule`: a rule for some
    of them would be no fair comparison.

    Args:
        approaches: at least two, different names, the same samples.
        people: with their joint classes; at least two people.
        chose: bool [N], True for people by whom the search chose its finalists; a person is in one
            part only. None where nothing was searched, or it is not known.
        rules: how to judge; the defaults if None.
        rounds: the looks at these approaches, where there was more than one; every pair is judged
            as it stood at its last look.
        attributes: number of classes of every attribute, in schema order, whose classes make up
            the joint class; None where they are not known.

    Raises:
        AnalysisError: fewer than two approaches, a name twice, arrays that do not fit, a person in
            both parts, fewer than two people, or rounds that did not look at all pairs.
    """
    _check(approaches, people)
    rules = rules or Rules()
    panel = Panel(approaches=approaches, people=people, rules=rules)
    rng = np.random.default_rng(rules.seed)
    with_rule = panel.with_rule
    sheet = panel.sheet(
        [*panel.headline, *with_rule, *panel.ensembles],
        num_resamples=rules.num_resamples,
        rng=rng,
    )
    beside: dict[str, Sequence[PairFigures]] = _in_parts(panel, chose)
    effects: list[Interval | None] = [None] * (len(approaches) * (len(approaches) - 1) // 2)
    if with_rule:
        beside["with_rule"] = panel.figures(sheet, first=len(approaches), by_fold=False)
        effects = [*panel.rule_effects(sheet)]
    estimates = panel.estimates(sheet)
    rounds = rounds or _one_look(panel, sheet)
    _check_rounds(rounds, approaches)
    headlines = panel.headlines([rounds.closings[pair] for pair in rounds.pairs], estimates)
    pairs = [
        replace(
            panel.verdict_on(
                a,
                b,
                headlines[i],
                estimates[i],
                rounds,
                {name: found[i] for name, found in beside.items()},
            ),
            rule_effect=effects[i],
        )
        for i, (a, b) in enumerate(combinations(approaches, 2))
    ]
    verdict = Verdict(
        scores=tuple(panel.scores(sheet, bool(with_rule), rng)),
        pairs=tuple(pairs),
        num_people=sheet.num_people,
        num_photos=len(people),
        margin=rules.margin,
        baselines=baselines_of(people),
    )
    return with_statements(
        verdict,
        approaches,
        people,
        sheet,
        fixed_models=rules.fixed_models,
        attributes=attributes,
    )


def estimates_of(
    approaches: Sequence[Approach], people: People, *, fixed_models: bool = False
) -> dict[Pair, PairEstimate]:
    """Returns the differences of all pairs of approaches, by their names: what a look needs.

    Raises:
        AnalysisError: as `judge`.
    """
    _check(approaches, people)
    panel = Panel(approaches=approaches, people=people, rules=Rules(fixed_models=fixed_models))
    pairs = combinations([part.name for part in approaches], 2)
    return dict(zip(pairs, panel.estimates(panel.sheet(panel.headline)), strict=True))


def _one_look(panel: Panel, sheet: ScoreSheet) -> Rounds:
    """Returns the rounds of a refit that looked once, at its end."""
    names = [part.name for part in panel.approaches]
    rounds = Rounds(
        names=names,
        num_people=sheet.num_people,
        margin=panel.rules.margin,
        full=max(len(part.predicted) for part in panel.approaches),
    )
    rounds.look(dict(zip(rounds.pairs, panel.estimates(sheet), strict=True)), ended=True)
    return rounds


def _in_parts(panel: Panel, chose: ArrayLike | None) -> dict[str, Sequence[PairFigures]]:
    """Returns the figures of all pairs on every part that has two people or more."""
    if chose is None:
        return {}
    chosen_by = np.asarray(chose)
    _check_parts(chosen_by, panel.people.person)
    return {
        name: panel.figures(panel.sheet(panel.headline, mask))
        for name, mask in (("chose_nothing", ~chosen_by), ("chose", chosen_by))
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


def _check_rounds(rounds: Rounds, approaches: Sequence[Approach]) -> None:
    pairs = tuple(combinations([part.name for part in approaches], 2))
    if rounds.pairs != pairs or len(rounds.closings) < len(pairs):
        raise AnalysisError(
            f"rounds must have looked at the pairs {pairs}, got looks at {tuple(rounds.closings)} "
            f"of {rounds.pairs}"
        )


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

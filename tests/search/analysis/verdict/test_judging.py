import json
from dataclasses import replace

import numpy as np
import pytest

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.metrics import macro_f1
from search.analysis.verdict.judging import estimates_of, judge
from search.analysis.verdict.rules import (
    Caveat,
    Outcome,
    Rules,
)
from tests.search.builders.judged import FIXED, QUICK, approaches_of, judged, people_with_errors
from tests.search.builders.labelled_people import half_width, people_of
from tests.search.builders.simulated_errors import NUM_CLASSES
from tests.search.builders.simulated_people import Sample


def test_a_far_better_approach_wins_on_either_side():
    sample = people_with_errors(factors=(0.1, 1.0))
    pair = judged(sample).pairs[0]
    assert (pair.outcome, pair.winner, pair.would_decide) == (Outcome.A_WINS, "a", None)
    assert pair.headline.estimate.p_a_greater > 0.99
    mirrored = judged(sample, approaches=approaches_of(sample)[::-1]).pairs[0]
    assert (mirrored.outcome, mirrored.winner) == (Outcome.B_WINS, "a")


def test_nearly_equal_predictions_of_many_people_are_equivalent():
    sample = people_with_errors(2_400)
    near = sample.predicted[0].copy()
    near[:, ::2000] = (near[:, ::2000] + 1) % NUM_CLASSES
    parts = [
        Approach(name="a", predicted=sample.predicted[0]),
        Approach(name="b", predicted=near),
    ]
    assert judged(sample, approaches=parts).pairs[0].outcome is Outcome.EQUIVALENT
    strict = Rules(num_resamples=400, margin=1e-6)
    assert judged(sample, strict, approaches=parts).pairs[0].outcome is Outcome.UNDECIDED
    few = sample.g < 1_190  # 6 / 1190 is more than the margin, however near they are
    part = Sample(y=sample.y[few], g=sample.g[few], predicted=sample.predicted[:, :, few])
    fewer = [replace(each, predicted=each.predicted[:, few]) for each in parts]
    assert judged(part, approaches=fewer).pairs[0].outcome is Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("margin", "outcome"), [(0.1, Outcome.EQUIVALENT), (0.0999, Outcome.UNDECIDED)]
)
def test_equal_predictions_are_equivalent_within_what_people_allow(margin, outcome):
    sample = people_with_errors(60)
    parts = [Approach(name=name, predicted=sample.predicted[0]) for name in "ab"]
    verdict = judged(sample, Rules(num_resamples=400, margin=margin), approaches=parts)
    assert verdict.pairs[0].outcome is outcome
    assert verdict.pairs[0].headline.p_adjusted == 1


def test_four_people_with_equal_predictions_are_no_proof_of_equivalence():
    people = people_of(np.arange(8) % 2, np.arange(8) // 2, 2)
    rows = np.tile(np.arange(8) % 2, (3, 1))
    verdict = judge([Approach(name=name, predicted=rows) for name in "ab"], people, rules=QUICK)
    assert verdict.pairs[0].outcome is Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("num_rare", "caveat"), [(400, Caveat.NONE), (200, Caveat.NONE), (100, Caveat.RARE_KINDS)]
)
def test_what_unseen_people_of_a_rare_class_could_change_is_said(num_rare, caveat):
    """Three of them move the difference by 3 * 2 / (2 classes * their number): 0.03 of 100."""
    label = (np.arange(800) < num_rare).astype(int)
    people = people_of(label, np.arange(800), 2)
    assert people.largest_move == pytest.approx(1 / num_rare)
    parts = [Approach(name=name, predicted=np.tile(label, (2, 1))) for name in "ab"]
    pair = judge(parts, people, rules=Rules(num_resamples=400, margin=0.02)).pairs[0]
    assert (pair.outcome, pair.caveat) == (Outcome.EQUIVALENT, caveat)


def test_an_undecided_pair_says_what_would_decide():
    pair = judged(people_with_errors(factors=(0.8, 1.0))).pairs[0]
    assert pair.outcome is Outcome.UNDECIDED
    assert pair.would_decide.people > 300
    enough = judged(
        people_with_errors(2 * pair.would_decide.people, factors=(0.8, 1.0), seed=1)
    ).pairs[0]
    assert enough.outcome is Outcome.A_WINS


def test_one_seed_declares_neither_win_nor_equivalence_and_says_why():
    better = judged(people_with_errors(num_seeds=1, factors=(0.1, 1.0))).pairs[0]
    assert better.headline.p_adjusted < 0.05
    assert (better.outcome, better.caveat) == (Outcome.UNDECIDED, Caveat.ONE_SEED)
    assert better.would_decide.seeds == 2
    sample = people_with_errors(60, num_seeds=1)
    same = [Approach(name=name, predicted=sample.predicted[0]) for name in "ab"]
    assert judged(sample, approaches=same).pairs[0].outcome is Outcome.UNDECIDED


def test_fixed_models_are_judged_with_one_seed_and_the_text_says_so():
    pair = judged(people_with_errors(num_seeds=1, factors=(0.1, 1.0)), FIXED).pairs[0]
    assert (pair.outcome, pair.caveat) == (Outcome.A_WINS, Caveat.FIXED_MODELS)
    undecided = judged(people_with_errors(num_seeds=1), FIXED).pairs[0]
    assert undecided.would_decide.seeds is None


def test_training_luck_counts_unless_the_models_are_fixed():
    sample = people_with_errors(num_seeds=3, seed_sd=0.05)
    free, fixed = judged(sample).pairs[0], judged(sample, FIXED).pairs[0]
    assert free.headline.estimate.people_variance == fixed.headline.estimate.people_variance
    assert free.headline.estimate.variance > 1.5 * fixed.headline.estimate.variance
    assert free.caveat is Caveat.NONE


def test_three_approaches_give_three_pairs_with_shaffers_p():
    verdict = judged(people_with_errors(factors=(0.4, 0.7, 1.0)))
    assert [(pair.a, pair.b) for pair in verdict.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    raw = [pair.headline.estimate.p_value for pair in verdict.pairs]
    adjusted = [pair.headline.p_adjusted for pair in verdict.pairs]
    first, second, third = sorted(raw)
    smallest = min(1.0, 3 * first)
    expected = [smallest, max(smallest, second), max(smallest, second, third)]
    assert sorted(adjusted) == pytest.approx(expected)
    assert expected[1] < 2 * second  # where Holm's would be larger


def test_scores_stand_beside_the_pairs_with_seeds_and_their_average():
    sample = people_with_errors(60)
    probs = np.eye(NUM_CLASSES)[sample.predicted[0]]
    parts = [
        Approach.from_probs("a", probs),
        Approach(name="b", predicted=sample.predicted[1]),
    ]
    verdict = judged(sample, approaches=parts)
    first, second = verdict.scores
    scores = [macro_f1(sample.y, row, NUM_CLASSES) for row in sample.predicted[0]]
    assert first.per_seed == pytest.approx(tuple(scores))
    assert first.interval.value == pytest.approx(np.mean(scores))
    averaged = macro_f1(sample.y, parts[0].ensemble, NUM_CLASSES)
    assert first.ensemble.value == pytest.approx(averaged)
    assert second.ensemble is None
    assert verdict.num_people == 60


def test_figures_with_the_decision_rule_stand_beside_and_can_flip_the_verdict():
    sample = people_with_errors(factors=(0.1, 1.0, 0.1))
    better, worse, other = sample.predicted
    parts = [
        Approach(name="a", predicted=better, with_rule=better),
        Approach(name="b", predicted=worse, with_rule=other),
    ]
    verdict = judged(sample, approaches=parts)
    pair = verdict.pairs[0]
    assert pair.outcome is Outcome.A_WINS
    assert pair.with_rule.outcome is Outcome.UNDECIDED
    assert pair.rule_effect.high < 0  # the rule takes all of the lead away
    scores = [
        np.mean([macro_f1(sample.y, row, NUM_CLASSES) for row in rows])
        for rows in (better, worse, other)
    ]
    assert pair.rule_effect.value == pytest.approx(scores[1] - scores[2])
    assert pair.flips_with_rule
    assert verdict.scores[1].with_rule.value > verdict.scores[1].interval.value


def test_a_rule_that_may_have_changed_nothing_flips_no_verdict():
    """Outcomes differ by chance where p is near the level; what the rule does must not."""
    by_chance = 0
    for seed in range(30):
        sample = people_with_errors(factors=(0.7, 1.0), seed=seed)
        ruled = sample.predicted[0].copy()
        rng = np.random.default_rng(seed)
        for row in ruled:  # a few photos of either kind move, at random
            moved = rng.choice(np.flatnonzero(row != sample.y), 30, replace=False)
            row[moved] = sample.y[moved]
            moved = rng.choice(row.size, 30, replace=False)
            row[moved] = (sample.y[moved] + 1) % NUM_CLASSES
        parts = [
            Approach(name="a", predicted=sample.predicted[0], with_rule=ruled),
            Approach(name="b", predicted=sample.predicted[1], with_rule=sample.predicted[1]),
        ]
        pair = judged(sample, Rules(num_resamples=100), approaches=parts).pairs[0]
        differs = pair.outcome is not pair.with_rule.outcome
        assert pair.flips_with_rule == (differs and pair.rule_effect.excludes_zero)
        by_chance += differs and not pair.rule_effect.excludes_zero
    assert by_chance > 0


def test_a_rule_for_one_approach_only_is_no_comparison():
    sample = people_with_errors(60)
    parts = approaches_of(sample)
    parts[0] = Approach(name="a", predicted=parts[0].predicted, with_rule=parts[0].predicted)
    verdict = judged(sample, approaches=parts)
    assert verdict.pairs[0].with_rule is None
    assert verdict.scores[0].with_rule is None


def _with_folds(sample, num_folds=5):
    return replace(sample.people, fold=sample.people.person % num_folds)


def test_folds_of_people_tell_of_the_luck_of_training_but_not_with_a_rule_that_ties_them():
    sample = people_with_errors(num_seeds=2, seed_sd=0.02)
    parts = [
        Approach(name="ab"[i], predicted=p, with_rule=p) for i, p in enumerate(sample.predicted)
    ]
    whole = judge(parts, sample.people, rules=QUICK).pairs[0]
    by_fold = judge(parts, _with_folds(sample), rules=QUICK, chose=sample.g % 5 == 1).pairs[0]
    assert [side.folds for side in whole.headline.estimate.training] == [None, None]
    assert all(1 <= side.folds <= 5 for side in by_fold.headline.estimate.training)
    assert all(side.folds is None for side in by_fold.with_rule.estimate.training)
    assert all(1 <= side.folds <= 4 for side in by_fold.chose_nothing.estimate.training)
    assert by_fold.with_rule.estimate == whole.with_rule.estimate == whole.headline.estimate
    # Two seeds are half a degree, ten trainings are five or so.
    assert by_fold.headline.estimate.degrees > 2 * whole.headline.estimate.degrees


def test_the_estimates_of_a_look_are_those_of_the_verdict():
    sample = people_with_errors(factors=(0.4, 0.7, 1.0))
    people = _with_folds(sample)
    found = estimates_of(approaches_of(sample), people)
    verdict = judge(approaches_of(sample), people, rules=QUICK)
    assert found == {(pair.a, pair.b): pair.headline.estimate for pair in verdict.pairs}
    fixed = estimates_of(approaches_of(sample), people, fixed_models=True)
    assert {each.num_seeds for each in fixed.values()} == {0}


def test_a_mean_over_seeds_and_their_average_have_intervals_of_their_own():
    sample = people_with_errors(num_seeds=3, seed_sd=0.05)
    parts = [
        Approach.from_probs(name, np.eye(NUM_CLASSES)[rows])
        for name, rows in zip("ab", sample.predicted, strict=True)
    ]
    people = _with_folds(sample)
    free, fixed = (
        judge(parts, people, rules=rules).scores[0].ensemble for rules in (QUICK, FIXED)
    )
    assert free.value == fixed.value
    assert half_width(free) > half_width(fixed)


def test_a_verdict_is_reproducible_and_becomes_json():
    sample = people_with_errors(60)
    texts = [
        json.dumps(judged(sample, Rules(num_resamples=400, seed=seed)).to_dict(), sort_keys=True)
        for seed in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_names_of_people_do_not_matter():
    sample = people_with_errors(60)
    named = Sample(
        y=sample.y, g=np.array([f"p{i:04}" for i in sample.g]), predicted=sample.predicted
    )
    assert judged(named).to_dict() == judged(sample).to_dict()


def test_input_that_does_not_fit_is_refused():
    sample = people_with_errors(60)
    parts = approaches_of(sample)
    with pytest.raises(AnalysisError, match=r"two approaches with different names, got \['a'\]"):
        judged(sample, approaches=parts[:1])
    with pytest.raises(AnalysisError, match=r"different names, got \['a', 'a'\]"):
        judged(sample, approaches=[parts[0], parts[0]])
    short = Approach(name="b", predicted=parts[1].predicted[:, 1:])
    with pytest.raises(AnalysisError, match="got 420 labels and 419 for predictions of 'b'"):
        judged(sample, approaches=[parts[0], short])
    with pytest.raises(AnalysisError, match="60 people in both parts; split by person"):
        judged(sample, chose=np.arange(420) % 7 == 0)
    with pytest.raises(AnalysisError, match=r"`chose` must be bool \[420\], got int64 \(3,\)"):
        judged(sample, chose=np.zeros(3, dtype=np.int64))
    with pytest.raises(AnalysisError, match="at least 2 people, got 1"):
        judge(parts, people_of(sample.y, np.zeros(420, int), NUM_CLASSES), rules=QUICK)


def test_the_luck_of_choosing_configs_counts_on_all_people_and_on_every_part():
    sample = people_with_errors(120)
    chose = sample.g % 3 == 0
    plain = approaches_of(sample)
    lucky = [replace(part, choice_variance=1e-3) for part in plain]
    one, two = (judged(sample, approaches=parts, chose=chose).pairs[0] for parts in (plain, lucky))
    for name in ("headline", "chose_nothing", "chose"):
        before, after = (getattr(pair, name).estimate for pair in (one, two))
        assert after.variance - before.variance == pytest.approx(2e-3, abs=1e-12)
        assert after.people_variance == before.people_variance
    widths = [
        half_width(judged(sample, FIXED, approaches=parts).scores[0].interval)
        for parts in (plain, lucky)
    ]
    assert widths[1] > 1.1 * widths[0]

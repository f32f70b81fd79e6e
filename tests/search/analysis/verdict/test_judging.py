import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.metrics import macro_f1
from search.analysis.uncertainty.difference import NO_LUCK, PairEstimate
from search.analysis.uncertainty.power import would_decide
from search.analysis.uncertainty.training_luck import TrainingLuck
from search.analysis.verdict.judging import estimates_of, judge
from search.analysis.verdict.rounds import Rounds, Standing
from search.analysis.verdict.rules import (
    Caveat,
    Outcome,
    Rules,
)
from tests.search.builders.labelled_people import half_width, people_of
from tests.search.builders.simulated_errors import NUM_CLASSES
from tests.search.builders.simulated_people import Sample, World, simulate

QUICK = Rules(num_resamples=400)
FIXED = Rules(num_resamples=400, fixed_models=True)


def _sample(num_people=300, num_seeds=3, factors=(1.0, 1.0), seed=0, **world) -> Sample:
    given = World(
        num_people=num_people,
        shared=0.8,
        num_seeds=num_seeds,
        error_factors=factors,
        num_folds=0,
        **world,
    )
    return simulate(given, np.random.default_rng(seed))


def _approaches(sample, names="abc"):
    return [
        Approach(name=name, predicted=rows)
        for name, rows in zip(names, sample.predicted, strict=False)
    ]


def _judge(sample, rules=QUICK, approaches=None, **options):
    parts = approaches or _approaches(sample)
    return judge(parts, sample.people, rules=rules, **options)


def test_a_far_better_approach_wins_on_either_side():
    sample = _sample(factors=(0.1, 1.0))
    pair = _judge(sample).pairs[0]
    assert (pair.outcome, pair.winner, pair.would_decide) == (Outcome.A_WINS, "a", None)
    assert pair.headline.estimate.p_a_greater > 0.99
    mirrored = _judge(sample, approaches=_approaches(sample)[::-1]).pairs[0]
    assert (mirrored.outcome, mirrored.winner) == (Outcome.B_WINS, "a")


def test_nearly_equal_predictions_of_many_people_are_equivalent():
    sample = _sample(2_400)
    near = sample.predicted[0].copy()
    near[:, ::2000] = (near[:, ::2000] + 1) % NUM_CLASSES
    parts = [
        Approach(name="a", predicted=sample.predicted[0]),
        Approach(name="b", predicted=near),
    ]
    assert _judge(sample, approaches=parts).pairs[0].outcome is Outcome.EQUIVALENT
    strict = Rules(num_resamples=400, margin=1e-6)
    assert _judge(sample, strict, approaches=parts).pairs[0].outcome is Outcome.UNDECIDED
    few = sample.g < 1_190  # 6 / 1190 is more than the margin, however near they are
    part = Sample(y=sample.y[few], g=sample.g[few], predicted=sample.predicted[:, :, few])
    fewer = [replace(each, predicted=each.predicted[:, few]) for each in parts]
    assert _judge(part, approaches=fewer).pairs[0].outcome is Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("margin", "outcome"), [(0.1, Outcome.EQUIVALENT), (0.0999, Outcome.UNDECIDED)]
)
def test_equal_predictions_are_equivalent_within_what_people_allow(margin, outcome):
    sample = _sample(60)
    parts = [Approach(name=name, predicted=sample.predicted[0]) for name in "ab"]
    verdict = _judge(sample, Rules(num_resamples=400, margin=margin), approaches=parts)
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
    pair = _judge(_sample(factors=(0.8, 1.0))).pairs[0]
    assert pair.outcome is Outcome.UNDECIDED
    assert pair.would_decide.people > 300
    enough = _judge(_sample(2 * pair.would_decide.people, factors=(0.8, 1.0), seed=1)).pairs[0]
    assert enough.outcome is Outcome.A_WINS


def test_one_seed_declares_neither_win_nor_equivalence_and_says_why():
    better = _judge(_sample(num_seeds=1, factors=(0.1, 1.0))).pairs[0]
    assert better.headline.p_adjusted < 0.05
    assert (better.outcome, better.caveat) == (Outcome.UNDECIDED, Caveat.ONE_SEED)
    assert better.would_decide.seeds == 2
    sample = _sample(60, num_seeds=1)
    same = [Approach(name=name, predicted=sample.predicted[0]) for name in "ab"]
    assert _judge(sample, approaches=same).pairs[0].outcome is Outcome.UNDECIDED


def test_fixed_models_are_judged_with_one_seed_and_the_text_says_so():
    pair = _judge(_sample(num_seeds=1, factors=(0.1, 1.0)), FIXED).pairs[0]
    assert (pair.outcome, pair.caveat) == (Outcome.A_WINS, Caveat.FIXED_MODELS)
    undecided = _judge(_sample(num_seeds=1), FIXED).pairs[0]
    assert undecided.would_decide.seeds is None


def test_training_luck_counts_unless_the_models_are_fixed():
    sample = _sample(num_seeds=3, seed_sd=0.05)
    free, fixed = _judge(sample).pairs[0], _judge(sample, FIXED).pairs[0]
    assert free.headline.estimate.people_variance == fixed.headline.estimate.people_variance
    assert free.headline.estimate.variance > 1.5 * fixed.headline.estimate.variance
    assert free.caveat is Caveat.NONE


def test_three_approaches_give_three_pairs_with_shaffers_p():
    verdict = _judge(_sample(factors=(0.4, 0.7, 1.0)))
    assert [(pair.a, pair.b) for pair in verdict.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    raw = [pair.headline.estimate.p_value for pair in verdict.pairs]
    adjusted = [pair.headline.p_adjusted for pair in verdict.pairs]
    first, second, third = sorted(raw)
    smallest = min(1.0, 3 * first)
    expected = [smallest, max(smallest, second), max(smallest, second, third)]
    assert sorted(adjusted) == pytest.approx(expected)
    assert expected[1] < 2 * second  # where Holm's would be larger


def test_scores_stand_beside_the_pairs_with_seeds_and_their_average():
    sample = _sample(60)
    probs = np.eye(NUM_CLASSES)[sample.predicted[0]]
    parts = [
        Approach.from_probs("a", probs),
        Approach(name="b", predicted=sample.predicted[1]),
    ]
    verdict = _judge(sample, approaches=parts)
    first, second = verdict.scores
    scores = [macro_f1(sample.y, row, NUM_CLASSES) for row in sample.predicted[0]]
    assert first.per_seed == pytest.approx(tuple(scores))
    assert first.interval.value == pytest.approx(np.mean(scores))
    averaged = macro_f1(sample.y, parts[0].ensemble, NUM_CLASSES)
    assert first.ensemble.value == pytest.approx(averaged)
    assert second.ensemble is None
    assert verdict.num_people == 60


def test_figures_with_the_decision_rule_stand_beside_and_can_flip_the_verdict():
    sample = _sample(factors=(0.1, 1.0, 0.1))
    better, worse, other = sample.predicted
    parts = [
        Approach(name="a", predicted=better, with_rule=better),
        Approach(name="b", predicted=worse, with_rule=other),
    ]
    verdict = _judge(sample, approaches=parts)
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
        sample = _sample(factors=(0.7, 1.0), seed=seed)
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
        pair = _judge(sample, Rules(num_resamples=100), approaches=parts).pairs[0]
        differs = pair.outcome is not pair.with_rule.outcome
        assert pair.flips_with_rule == (differs and pair.rule_effect.excludes_zero)
        by_chance += differs and not pair.rule_effect.excludes_zero
    assert by_chance > 0


def test_a_rule_for_one_approach_only_is_no_comparison():
    sample = _sample(60)
    parts = _approaches(sample)
    parts[0] = Approach(name="a", predicted=parts[0].predicted, with_rule=parts[0].predicted)
    verdict = _judge(sample, approaches=parts)
    assert verdict.pairs[0].with_rule is None
    assert verdict.scores[0].with_rule is None


def _turned(sample, mask):
    """The two approaches change places on some samples."""
    swapped = np.where(mask, sample.predicted[::-1], sample.predicted)
    return Sample(y=sample.y, g=sample.g, predicted=swapped)


def test_a_winner_that_is_behind_on_the_people_who_chose_nothing_is_none():
    sample = _sample(factors=(0.1, 1.0))
    nothing = sample.g % 5 == 0
    turned = _turned(sample, nothing)
    pair = _judge(turned, chose=~nothing).pairs[0]
    for found, mask in ((pair.chose_nothing, nothing), (pair.chose, ~nothing)):
        first, second = (
            np.mean([macro_f1(turned.y[mask], row[mask], NUM_CLASSES) for row in rows])
            for rows in turned.predicted
        )
        assert found.estimate.difference == pytest.approx(first - second)
    assert pair.chose_nothing.difference.value < 0 < pair.headline.difference.value
    assert pair.headline.p_adjusted < 0.05
    assert (pair.outcome, pair.winner) == (Outcome.UNDECIDED, None)
    assert pair.caveat is Caveat.CHOSEN_BY
    assert pair.would_decide is None  # more of the same people would not
    unknown = _judge(turned).pairs[0]
    assert (unknown.winner, unknown.caveat) == ("a", Caveat.NONE)
    other_side = _judge(turned, approaches=_approaches(turned)[::-1], chose=~nothing).pairs[0]
    assert (other_side.outcome, other_side.caveat) == (Outcome.UNDECIDED, Caveat.CHOSEN_BY)


def test_a_winner_that_is_level_on_the_people_who_chose_nothing_is_none():
    sample = _sample(factors=(0.1, 1.0))
    nothing = sample.g % 5 == 0
    level = np.where(nothing, sample.predicted[:1], sample.predicted)
    same = Sample(y=sample.y, g=sample.g, predicted=level)
    pair = _judge(same, chose=~nothing).pairs[0]
    assert pair.chose_nothing.difference.value == 0
    assert (pair.outcome, pair.caveat) == (Outcome.UNDECIDED, Caveat.CHOSEN_BY)


def test_a_winner_ahead_on_the_people_who_chose_nothing_stays_one_without_significance_there():
    sample = _sample(factors=(0.1, 1.0))
    chose = sample.g % 100 != 1  # three people are left, who prove nothing
    pair = _judge(sample, chose=chose).pairs[0]
    assert pair.chose_nothing.outcome is Outcome.UNDECIDED
    assert (pair.winner, pair.caveat) == ("a", Caveat.NONE)
    behind = _judge(_turned(sample, ~chose), chose=~chose).pairs[0]  # on those it was chosen by
    assert behind.chose.difference.value < 0 < behind.chose_nothing.difference.value
    assert behind.winner == "a"


def test_fixed_models_lose_a_win_by_the_people_who_chose_nothing_too():
    sample = _sample(factors=(0.1, 1.0))
    nothing = sample.g % 5 == 0
    pair = _judge(_turned(sample, nothing), FIXED, chose=~nothing).pairs[0]
    assert (pair.outcome, pair.caveat) == (Outcome.UNDECIDED, Caveat.CHOSEN_BY)


def test_a_part_of_one_person_is_not_judged():
    sample = _sample(60)
    pair = _judge(sample, chose=sample.g == 3).pairs[0]
    assert pair.chose is None
    assert pair.chose_nothing is not None
    turned = _judge(sample, chose=sample.g != 3).pairs[0]
    assert turned.chose_nothing is None


def _with_folds(sample, num_folds=5):
    return replace(sample.people, fold=sample.people.person % num_folds)


def test_folds_of_people_tell_of_the_luck_of_training_but_not_with_a_rule_that_ties_them():
    sample = _sample(num_seeds=2, seed_sd=0.02)
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
    sample = _sample(factors=(0.4, 0.7, 1.0))
    people = _with_folds(sample)
    found = estimates_of(_approaches(sample), people)
    verdict = judge(_approaches(sample), people, rules=QUICK)
    assert found == {(pair.a, pair.b): pair.headline.estimate for pair in verdict.pairs}
    fixed = estimates_of(_approaches(sample), people, fixed_models=True)
    assert {each.num_seeds for each in fixed.values()} == {0}


def _made_estimate(difference, seeds=3, people=5e-5):
    """A standard error of 0.01; what is not of people is that of training."""
    side = TrainingLuck(variance=(1e-4 - people) / 2, num_seeds=seeds, folds=1e9)
    return PairEstimate(
        difference=difference,
        people_variance=people,
        people_degrees=1e9,
        training=(side, side),
        num_differing=200,
    )


def test_rounds_decide_a_pair_by_its_last_look():
    """What was won, given up or left open at a look is what the verdict says."""
    sample = _sample(60, factors=(1.0, 0.2, 1.0))
    rounds = Rounds(names="abc", num_people=60, margin=0.005, full=6)
    won, given_up = _made_estimate(-0.06, seeds=2), _made_estimate(0.0, seeds=2)
    open_one = _made_estimate(0.024, seeds=2)
    first = {("a", "b"): won, ("a", "c"): given_up, ("b", "c"): open_one}
    rounds.look(first, ended=False)
    last = _made_estimate(0.0195, seeds=6)
    rounds.look({("b", "c"): last}, ended=True)
    pairs = _judge(sample, rounds=rounds).pairs
    assert [pair.outcome for pair in pairs] == [
        Outcome.B_WINS,
        Outcome.UNDECIDED,
        Outcome.UNDECIDED,
    ]
    now = estimates_of(_approaches(sample), sample.people)
    assert [pair.headline.estimate for pair in pairs] == list(now.values())
    assert [pair.standing for pair in pairs] == [Standing.WON, Standing.FUTILE, Standing.OPEN]
    assert [pair.hopeless for pair in pairs] == [False, True, False]
    # Shares of a tenth, and of nine tenths where the run ended.
    raw = [won.p_value / 0.1, 1.0, last.p_value / 0.9]
    assert raw[0] < raw[2]
    assert [pair.headline.p_adjusted for pair in pairs] == pytest.approx([3 * raw[0], 1.0, raw[2]])
    assert last.p_value < 0.053
    assert raw[2] > 0.05


def test_rounds_with_a_single_look_at_the_end_say_what_no_rounds_say():
    sample = _sample(factors=(0.4, 0.7, 1.0))
    plain = _judge(sample)
    rounds = Rounds(names=["a", "b", "c"], num_people=300, margin=0.005, full=3)
    rounds.look(estimates_of(_approaches(sample), sample.people), ended=True)
    assert _judge(sample, rounds=rounds).to_dict() == plain.to_dict()
    assert [pair.standing for pair in plain.pairs] == [
        Standing.OPEN if pair.winner is None else Standing.WON for pair in plain.pairs
    ]


def test_a_plan_after_an_end_has_what_is_left_of_the_level():
    sample = _sample(60)
    rounds = Rounds(names="ab", num_people=60, margin=0.005, full=3)
    estimates = estimates_of(_approaches(sample), sample.people)
    rounds.look(estimates, ended=True)
    found = _judge(sample, rounds=rounds).pairs[0].would_decide
    (pair,), planned = rounds.pairs, {"num_people": 60, "margin": 0.005, "num_pairs": 1}
    share = partial(rounds.share_left, pair)
    assert found == would_decide(estimates[pair], num_seeds=3, **planned, share=share)
    lucky = _made_estimate(0.0185, people=1e-6)
    rounds = Rounds(names="ab", num_people=60, margin=0.005, full=3)
    rounds.look({pair: lucky}, ended=True)
    share = partial(rounds.share_left, pair)
    whole = would_decide(lucky, num_seeds=3, **planned).seeds
    left = would_decide(lucky, num_seeds=3, **planned, share=share).seeds
    assert whole < left
    # What is planned with is what an end at so many seeds then gets.
    more = lucky.with_more(seeds=left - 3)
    promised = share(more)
    rounds.reopen(left)
    rounds.look({pair: more}, ended=True)
    assert rounds.closings[pair].share == promised


def test_what_seeds_after_a_decision_speak_against_does_not_stand():
    sample = _sample(factors=(0.4, 1.0))
    rounds = Rounds(names="ab", num_people=300, margin=0.005, full=3)
    (pair,) = rounds.pairs
    ahead = _made_estimate(0.1, people=1e-5)
    rounds.look({pair: ahead}, ended=False)
    assert rounds.closings[pair].standing is Standing.WON
    found = _judge(sample, rounds=rounds).pairs[0]
    assert found.winner == "a"
    # The figures are of all seeds there are.
    now = estimates_of(_approaches(sample), sample.people)[pair]
    assert found.headline.difference == now.interval
    behind = Rounds(names="ab", num_people=300, margin=0.005, full=3)
    behind.look({pair: _made_estimate(-0.1, people=1e-5)}, ended=False)
    assert behind.closings[pair].standing is Standing.WON
    assert _judge(sample, rounds=behind).pairs[0].outcome is Outcome.UNDECIDED
    alike = Rounds(names="ab", num_people=10**6, margin=0.005, full=3)
    tiny = replace(ahead, difference=0.0, people_variance=1e-9, training=(NO_LUCK, NO_LUCK))
    alike.look({pair: tiny}, ended=False)
    assert alike.closings[pair].standing is Standing.EQUIVALENT
    assert _judge(sample, rounds=alike).pairs[0].outcome is Outcome.UNDECIDED


def test_rounds_of_other_approaches_or_without_a_look_are_refused():
    sample = _sample(60)
    options = {"num_people": 60, "margin": 0.005, "full": 3}
    for names in ("ba", "ac", "abc"):
        rounds = Rounds(names=names, **options)
        rounds.look(dict.fromkeys(rounds.pairs, _made_estimate(0.01)), ended=True)
        with pytest.raises(
            AnalysisError, match=r"looked at the pairs \(\('a', 'b'\),\), got looks"
        ):
            _judge(sample, rounds=rounds)
    with pytest.raises(AnalysisError, match=r"got looks at \(\) of \(\('a', 'b'\),\)"):
        _judge(sample, rounds=Rounds(names="ab", **options))


def test_a_mean_over_seeds_and_their_average_have_intervals_of_their_own():
    sample = _sample(num_seeds=3, seed_sd=0.05)
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
    sample = _sample(60)
    texts = [
        json.dumps(_judge(sample, Rules(num_resamples=400, seed=seed)).to_dict(), sort_keys=True)
        for seed in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_names_of_people_do_not_matter():
    sample = _sample(60)
    named = Sample(
        y=sample.y, g=np.array([f"p{i:04}" for i in sample.g]), predicted=sample.predicted
    )
    assert _judge(named).to_dict() == _judge(sample).to_dict()


def test_input_that_does_not_fit_is_refused():
    sample = _sample(60)
    parts = _approaches(sample)
    with pytest.raises(AnalysisError, match=r"two approaches with different names, got \['a'\]"):
        _judge(sample, approaches=parts[:1])
    with pytest.raises(AnalysisError, match=r"different names, got \['a', 'a'\]"):
        _judge(sample, approaches=[parts[0], parts[0]])
    short = Approach(name="b", predicted=parts[1].predicted[:, 1:])
    with pytest.raises(AnalysisError, match="got 420 labels and 419 for predictions of 'b'"):
        _judge(sample, approaches=[parts[0], short])
    with pytest.raises(AnalysisError, match="60 people in both parts; split by person"):
        _judge(sample, chose=np.arange(420) % 7 == 0)
    with pytest.raises(AnalysisError, match=r"`chose` must be bool \[420\], got int64 \(3,\)"):
        _judge(sample, chose=np.zeros(3, dtype=np.int64))
    with pytest.raises(AnalysisError, match="at least 2 people, got 1"):
        judge(parts, people_of(sample.y, np.zeros(420, int), NUM_CLASSES), rules=QUICK)


def test_the_luck_of_choosing_configs_counts_on_all_people_and_on_every_part():
    sample = _sample(120)
    chose = sample.g % 3 == 0
    plain = _approaches(sample)
    lucky = [replace(part, choice_variance=1e-3) for part in plain]
    one, two = (_judge(sample, approaches=parts, chose=chose).pairs[0] for parts in (plain, lucky))
    for name in ("headline", "chose_nothing", "chose"):
        before, after = (getattr(pair, name).estimate for pair in (one, two))
        assert after.variance - before.variance == pytest.approx(2e-3, abs=1e-12)
        assert after.people_variance == before.people_variance
    widths = [
        half_width(_judge(sample, FIXED, approaches=parts).scores[0].interval)
        for parts in (plain, lucky)
    ]
    assert widths[1] > 1.1 * widths[0]

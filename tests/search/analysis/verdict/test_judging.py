import json
from dataclasses import replace

import numpy as np
import pytest

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.metrics import macro_f1
from search.analysis.verdict.judging import judge, part_scores
from search.analysis.verdict.outcomes import Caveat, Outcome, Rules
from tests.search.builders.labelled_people import half_width, people_of
from tests.search.builders.simulated_errors import NUM_CLASSES
from tests.search.builders.simulated_people import Sample, World, simulate

QUICK = Rules(num_resamples=400)
FIXED = Rules(num_resamples=400, fixed_models=True)
PART_RULES = Rules(num_resamples=200)
PART_Y = np.arange(160) % 4
PART_G = np.arange(160) // 2
PART_PEOPLE = people_of(PART_Y, PART_G, 4)


def _sample(num_people=300, num_seeds=3, factors=(1.0, 1.0), seed=0, **world) -> Sample:
    given = World(
        num_people=num_people, shared=0.8, num_seeds=num_seeds, error_factors=factors, **world
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


def test_nearly_equal_predictions_are_equivalent():
    sample = _sample(900)
    near = sample.predicted[0].copy()
    near[:, ::2000] = (near[:, ::2000] + 1) % NUM_CLASSES
    parts = [
        Approach(name="a", predicted=sample.predicted[0]),
        Approach(name="b", predicted=near),
    ]
    assert _judge(sample, approaches=parts).pairs[0].outcome is Outcome.EQUIVALENT
    strict = Rules(num_resamples=400, margin=1e-6)
    assert _judge(sample, strict, approaches=parts).pairs[0].outcome is Outcome.UNDECIDED


def test_equal_predictions_are_equivalent_even_without_a_margin():
    sample = _sample(60)
    parts = [Approach(name=name, predicted=sample.predicted[0]) for name in "ab"]
    verdict = _judge(sample, Rules(num_resamples=400, margin=0.0), approaches=parts)
    assert verdict.pairs[0].outcome is Outcome.EQUIVALENT
    assert verdict.pairs[0].headline.p_holm == 1


def test_an_undecided_pair_says_what_would_decide():
    pair = _judge(_sample(factors=(0.8, 1.0))).pairs[0]
    assert pair.outcome is Outcome.UNDECIDED
    assert pair.would_decide.people > 300
    enough = _judge(_sample(2 * pair.would_decide.people, factors=(0.8, 1.0), seed=1)).pairs[0]
    assert enough.outcome is Outcome.A_WINS


def test_one_seed_declares_neither_win_nor_equivalence_and_says_why():
    better = _judge(_sample(num_seeds=1, factors=(0.1, 1.0))).pairs[0]
    assert better.headline.p_holm < 0.05
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


def test_three_approaches_give_three_pairs_with_adjusted_p():
    verdict = _judge(_sample(factors=(0.4, 0.7, 1.0)))
    assert [(pair.a, pair.b) for pair in verdict.pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    raw = [pair.headline.estimate.p_value for pair in verdict.pairs]
    adjusted = [pair.headline.p_holm for pair in verdict.pairs]
    assert min(adjusted) == pytest.approx(min(1.0, 3 * min(raw)))
    assert all(high >= low for high, low in zip(adjusted, raw, strict=True))


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
    assert pair.flips_with_rule
    assert verdict.scores[1].with_rule.value > verdict.scores[1].interval.value


def test_a_rule_for_one_approach_only_is_no_comparison():
    sample = _sample(60)
    parts = _approaches(sample)
    parts[0] = Approach(name="a", predicted=parts[0].predicted, with_rule=parts[0].predicted)
    verdict = _judge(sample, approaches=parts)
    assert verdict.pairs[0].with_rule is None
    assert verdict.scores[0].with_rule is None


def test_both_parts_are_judged_and_a_winner_may_lose_on_the_untouched_one():
    sample = _sample(factors=(0.1, 1.0))
    held_out = sample.g % 5 == 0
    swapped = np.where(held_out, sample.predicted[::-1], sample.predicted)
    turned = Sample(y=sample.y, g=sample.g, predicted=swapped)
    pair = _judge(turned, held_out=held_out).pairs[0]
    parts = [
        np.mean([macro_f1(turned.y[m], row[m], NUM_CLASSES) for row in turned.predicted[0]])
        - np.mean([macro_f1(turned.y[m], row[m], NUM_CLASSES) for row in turned.predicted[1]])
        for m in (~held_out, held_out)
    ]
    assert pair.search.estimate.difference == pytest.approx(parts[0])
    assert pair.held_out.estimate.difference == pytest.approx(parts[1])
    assert pair.winner == "a"
    assert pair.loses_on_held_out


def test_a_held_out_part_of_one_person_is_not_judged():
    sample = _sample(60)
    pair = _judge(sample, held_out=sample.g == 3).pairs[0]
    assert pair.held_out is None
    assert pair.search is not None


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
        _judge(sample, held_out=np.arange(420) % 7 == 0)
    with pytest.raises(AnalysisError, match=r"`held_out` must be bool \[420\], got int64 \(3,\)"):
        _judge(sample, held_out=np.zeros(3, dtype=np.int64))
    with pytest.raises(AnalysisError, match="at least 2 people, got 1"):
        judge(parts, people_of(sample.y, np.zeros(420, int), NUM_CLASSES), rules=QUICK)


def test_the_luck_of_choosing_configs_counts_except_on_people_without_a_part_in_it():
    sample = _sample(120)
    held_out = sample.g % 3 == 0
    plain = _approaches(sample)
    lucky = [replace(part, choice_variance=1e-3) for part in plain]
    one, two = (
        _judge(sample, approaches=parts, held_out=held_out).pairs[0] for parts in (plain, lucky)
    )
    for name, added in (("headline", 2e-3), ("search", 2e-3), ("held_out", 0.0)):
        before, after = (getattr(pair, name).estimate.people_variance for pair in (one, two))
        assert after - before == pytest.approx(added, abs=1e-12)
    widths = [
        half_width(_judge(sample, FIXED, approaches=parts).scores[0].interval)
        for parts in (plain, lucky)
    ]
    assert widths[1] > 1.1 * widths[0]


def guesses(accuracy, num_seeds, seed):
    rng = np.random.default_rng(seed)
    right = rng.random((num_seeds, len(PART_Y))) < accuracy
    return np.where(right, PART_Y, (PART_Y + 1) % 4)


def test_every_part_has_the_mean_score_over_seeds_of_its_own_people():
    held_out = PART_G % 4 == 0
    first, second = guesses(0.8, 2, 0), guesses(0.5, 1, 1)
    parts = [Approach(name="a", predicted=first), Approach(name="b", predicted=second)]
    found = part_scores(parts, PART_PEOPLE, held_out, PART_RULES)
    for name, rows in (("a", first), ("b", second)):
        for part, mask in (("search", ~held_out), ("held_out", held_out)):
            expected = np.mean([macro_f1(PART_Y[mask], row[mask], 4) for row in rows])
            interval = found[name][part]
            assert interval.value == pytest.approx(expected)
            assert interval.low < expected < interval.high


def test_luck_of_choice_widens_the_search_part_alone():
    held_out = PART_G % 2 == 0
    rows = guesses(0.7, 2, 2)

    def widths(luck):
        part = Approach(name="a", predicted=rows, choice_variance=luck)
        found = part_scores([part], PART_PEOPLE, held_out, PART_RULES)["a"]
        return half_width(found["search"]), half_width(found["held_out"])

    plain, lucky = widths(0.0), widths(0.01)
    assert lucky[0] > 1.3 * plain[0]
    assert lucky[1] == pytest.approx(plain[1], rel=0.1)


@pytest.mark.parametrize("held_out", [np.zeros(160, bool), PART_G == 0])
def test_without_two_people_in_a_part_there_are_no_parts(held_out):
    part = Approach(name="a", predicted=guesses(0.7, 1, 3))
    assert part_scores([part], PART_PEOPLE, held_out, PART_RULES) == {"a": {}}

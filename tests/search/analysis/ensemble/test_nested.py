from dataclasses import replace

import numpy as np
import pytest

from search.analysis.ensemble.candidates import Candidate, StoredNetwork
from search.analysis.ensemble.gain import Baseline
from search.analysis.ensemble.nested import find_ensemble, nested_ensemble
from search.analysis.ensemble.recipe import Selection
from search.analysis.ensemble.weights import Limit
from search.analysis.errors import AnalysisError
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import macro_f1
from tests.search.builders.ensemble_worlds import (
    NUM_CLASSES,
    WHOLE,
    joint,
    labels_of,
    mixed,
    output,
    people_of,
    plan_of,
)

NO_LIMIT = Limit()


def _nested(candidates, y, g, cross_fit, **options):
    return nested_ensemble(
        candidates, people_of(y, g), cross_fit, **{"limit": NO_LIMIT, "seed": 0, **options}
    )


def _find(candidates, y, g, cross_fit, baselines, limit=NO_LIMIT):
    return find_ensemble(
        candidates,
        people_of(y, g),
        cross_fit,
        baselines,
        limit=limit,
        seed=0,
        num_resamples=200,
    )


def _baseline(candidates, approach, y):
    own = [candidate for candidate in candidates if candidate.approach == approach]
    rows = np.arange(len(y))
    temperatures = [tuple((1.0,) * len(n.heads[0]) for n in one.networks) for one in own]
    probs = [
        one.probs(one.configs(-1), t, rows, False)
        for one, t in zip(own, temperatures, strict=True)
    ]
    return Baseline(
        name=approach,
        predicted=np.mean(probs, axis=0).argmax(axis=1),
        members=tuple(one.name for one in own),
    )


@pytest.mark.parametrize("part", [0, 1, 2, "held out"])
def test_no_label_of_a_fold_reaches_its_own_predictions(seed, part):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    candidates = mixed(rng, y, 1.0, num=2)
    cross_fit = plan_of(g, held_out=True)
    apply = (
        cross_fit.held_out
        if part == "held out"
        else ~cross_fit.held_out & (cross_fit.folds == part)
    )
    poisoned = np.where(apply, (y + 1) % NUM_CLASSES, y)
    clean, other = (_nested(candidates, labels, g, cross_fit) for labels in (y, poisoned))
    np.testing.assert_array_equal(clean.probs[apply], other.probs[apply])
    np.testing.assert_array_equal(clean.predicted[apply], other.predicted[apply])
    if part != "held out":  # it does reach the people of other folds, so the poison works
        assert not np.array_equal(clean.probs[~apply], other.probs[~apply])


def test_on_noise_the_nested_score_is_chance_where_the_score_on_the_selected_data_is_not(seed):
    gaps, honest = [], []
    for number in range(3):
        rng = np.random.default_rng([seed, number])
        y, g = labels_of(rng, 240, photos=1)
        candidates = mixed(rng, y, 0.0, num=6)
        cross_fit = plan_of(g)
        nested = _nested(candidates, y, g, cross_fit)
        honest.append(macro_f1(y, nested.predicted, NUM_CLASSES))
        fit = np.flatnonzero(cross_fit.folds != 0)
        seen = nested.rounds[0].probs(candidates, fit)
        inside = macro_f1(y[fit], nested.rounds[0].predict(seen), NUM_CLASSES)
        gaps.append(inside - 1 / NUM_CLASSES)
    assert np.mean(honest) < 1 / NUM_CLASSES + 0.05  # 3.5 standard errors of 720 guesses
    assert np.mean(gaps) > 0.09


def test_predictions_of_every_round_are_those_of_its_own_ensemble(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    candidates = mixed(rng, y, 1.0, num=2)
    cross_fit = plan_of(g, held_out=True)
    nested = _nested(candidates, y, g, cross_fit)
    assert len(nested.rounds) == 4
    for fitted, (_, apply) in zip(nested.rounds, cross_fit.rounds(), strict=True):
        rows = np.flatnonzero(apply)
        probs = fitted.probs(candidates, rows)
        np.testing.assert_array_equal(nested.probs[rows], probs)
        np.testing.assert_array_equal(nested.predicted[rows], fitted.predict(probs))
    np.testing.assert_array_equal(nested.without_biases, nested.probs.argmax(axis=1))


def test_each_round_takes_the_config_chosen_for_it(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 30)
    heads = tuple((output(rng, y, NUM_CLASSES, 1.0),) for _ in range(2))
    network = StoredNetwork(configs=("a", "b"), heads=heads, picks=(0, 1, 1, 0))
    one = Candidate(name="chosen", approach="joint", networks=(network,), layout=WHOLE)
    rounds = _nested([one], y, g, plan_of(g)).rounds
    assert [fitted.members[0].configs for fitted in rounds] == [("a",), ("b",), ("b",)]
    with pytest.raises(AnalysisError, match=r"each of the 4 rounds and one for all people"):
        _nested([one], y, g, plan_of(g, held_out=True))


def test_a_plan_of_other_samples_is_an_error(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 30)
    short = CrossFit.of_people(g[:-2] % 3, g[:-2])
    with pytest.raises(AnalysisError, match="must cover the 60 labelled samples, got 58"):
        _nested([joint(rng, y, 1.0, "j")], y, g, short)


def test_limits_hold_in_every_round_and_for_what_is_deployed(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    candidates = mixed(rng, y, 1.0)
    baseline = replace(_baseline(candidates, "joint", y), predicted=(y + 1) % NUM_CLASSES)
    found = _find(candidates, y, g, plan_of(g), [baseline], Limit(max_members=2))
    assert all(len(fitted.members) <= 2 for fitted in (*found.nested.rounds, found.fitted))


def test_an_ensemble_of_diverse_members_gains_on_every_approach_and_is_deployed(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 120)
    candidates = mixed(rng, y, 1.2, num=4)
    baselines = [_baseline(candidates, name, y) for name in ("separate", "joint", "multihead")]
    found = _find(candidates, y, g, plan_of(g), baselines)
    assert not found.fell_back
    assert found.fitted.selection in (Selection.GREEDY, Selection.CMA_ES)
    plain = macro_f1(y, found.nested.without_biases, NUM_CLASSES)
    assert found.score_without_biases.value == pytest.approx(plain)
    assert found.score.value == pytest.approx(macro_f1(y, found.nested.predicted, NUM_CLASSES))
    assert [gain.approach for gain in found.gains] == ["separate", "joint", "multihead"]
    for gain, baseline in zip(found.gains, baselines, strict=True):
        score = macro_f1(y, baseline.predicted, NUM_CLASSES)
        assert gain.score.value == pytest.approx(score)
        assert gain.difference.value == pytest.approx(plain - score)
        assert gain.difference.low < gain.difference.value < gain.difference.high
        assert 0.5 < gain.p_greater <= 1
    best = max(baselines, key=lambda baseline: macro_f1(y, baseline.predicted, NUM_CLASSES))
    assert found.best == best.name


def test_without_a_gain_the_best_approach_is_deployed_with_equal_weights(seed):
    """The baseline is perfect, so no ensemble is above it."""
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    candidates = mixed(rng, y, 1.0)
    members = ("separate.0", "separate.2")
    baselines = [
        Baseline(name="joint", predicted=(y + 1) % NUM_CLASSES, members=("joint.0.0",)),
        Baseline(name="separate", predicted=y, members=members),
    ]
    found = _find(candidates, y, g, plan_of(g), baselines)
    assert found.fell_back
    assert found.best == "separate"
    assert found.fitted.selection is Selection.SINGLE
    assert {m.name: m.weight for m in found.fitted.members} == dict.fromkeys(members, 0.5)
    for fitted in found.nested.rounds:  # the honest score is that of what is deployed
        assert {m.name for m in fitted.members} == set(members)
    assert found.gains[0].difference.value > 0 > found.gains[1].difference.value


def test_a_tie_with_the_best_approach_is_no_gain(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    only = joint(rng, y, 1.0, "j")
    found = _find([only], y, g, plan_of(g), [_baseline([only], "joint", y)])
    assert found.gains[0].difference.value == 0
    assert found.fell_back


def test_an_approach_that_breaks_the_limit_is_not_fallen_back_to(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 60)
    candidates = mixed(rng, y, 1.0)
    baseline = Baseline(name="separate", predicted=y, members=("separate.0", "separate.1"))
    found = _find(candidates, y, g, plan_of(g), [baseline], Limit(max_members=1))
    assert not found.fell_back
    assert len(found.fitted.members) == 1


def test_rivals_must_be_there_and_made_of_candidates(seed):
    rng = np.random.default_rng(seed)
    y, g = labels_of(rng, 30)
    candidates = [joint(rng, y, 1.0, "j")]
    with pytest.raises(AnalysisError, match="one approach or more to compare with, got none"):
        _find(candidates, y, g, plan_of(g), [])
    baseline = Baseline(name="joint", predicted=y, members=("x.0",))
    with pytest.raises(AnalysisError, match=r"unknown members \['x\.0'\] of an approach"):
        _find(candidates, y, g, plan_of(g), [baseline])

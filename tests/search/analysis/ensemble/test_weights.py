import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.analysis.ensemble.weights import Limit, cma_weights, greedy_selection
from search.analysis.errors import AnalysisError
from search.analysis.metrics import macro_f1

NO_LIMIT = Limit()


def _members(seed, num=5, num_samples=60, num_classes=3, steps=None):
    """Random members; with `steps`, multiples of 1 / steps: sums are exact and ties are common."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(num_classes, 0.7), (num, num_samples))
    if steps:
        probs = np.round(probs * steps) / steps
    return probs.astype(np.float32), rng.integers(0, num_classes, num_samples)


def _score(weights, probs, y):
    mean = np.tensordot(np.asarray(weights, dtype=float), probs.astype(float), axes=1)
    return macro_f1(y, mean.argmax(axis=1), probs.shape[2])


def _slow_greedy(probs, y, num_steps):
    """Ensemble selection as the paper says it: every step tries every member."""
    taken, best, best_taken = [], -1.0, []
    for _ in range(num_steps):
        scores = []
        for member in range(len(probs)):
            mean = probs[[*taken, member]].astype(float).sum(axis=0)
            scores.append(macro_f1(y, mean.argmax(axis=1), probs.shape[2]))
        taken.append(int(np.argmax(scores)))
        if max(scores) > best:
            best, best_taken = max(scores), list(taken)
    return np.bincount(best_taken, minlength=len(probs))


@given(seed=st.integers(0, 10_000), steps=st.sampled_from([1, 2, 8, 64]))
@settings(max_examples=40)
def test_greedy_selection_takes_what_its_slow_twin_takes_even_among_ties(seed, steps):
    probs, y = _members(seed, steps=steps)
    fast = greedy_selection(probs, y, num_steps=8, limit=NO_LIMIT)
    np.testing.assert_array_equal(fast, _slow_greedy(probs, y, 8))


@given(seed=st.integers(0, 10_000), num_steps=st.integers(1, 12))
@settings(max_examples=40)
def test_the_ensemble_is_no_worse_than_its_best_member_on_the_data_it_selected_on(seed, num_steps):
    probs, y = _members(seed)
    counts = greedy_selection(probs, y, num_steps=num_steps, limit=NO_LIMIT)
    assert 1 <= counts.sum() <= num_steps
    best_single = max(_score(one, probs, y) for one in np.eye(len(probs)))
    assert _score(counts, probs, y) >= best_single - 1e-12


def test_members_that_err_differently_are_taken_together():
    y = np.tile([0, 1, 2], 20)
    truth = np.eye(3)[y]
    half = (np.arange(60) < 30)[:, None]
    probs = np.stack([np.where(half, truth, 1 / 3), np.where(half, 1 / 3, truth)])
    counts = greedy_selection(probs, y, limit=NO_LIMIT)
    assert counts.tolist() == [1, 1]
    assert _score(counts, probs, y) == 1.0


def test_ties_go_to_the_first_member_and_the_first_class():
    y = np.array([0, 0, 1, 1])
    flat = np.full((4, 2), 0.5)
    assert greedy_selection(np.stack([flat, flat]), y, limit=NO_LIMIT).tolist() == [1, 0]
    as_second = np.eye(2)[[1, 1, 1, 1]]  # the same score as all flat, which is all class 0
    assert greedy_selection(np.stack([as_second, flat]), y, limit=NO_LIMIT).tolist() == [1, 0]


def test_a_class_that_no_sample_has_scores_0_as_in_the_metric():
    probs, _ = _members(1, num_classes=4)
    y = np.random.default_rng(1).integers(0, 2, 60)
    np.testing.assert_array_equal(
        greedy_selection(probs, y, num_steps=5, limit=NO_LIMIT), _slow_greedy(probs, y, 5)
    )


@pytest.mark.parametrize("max_members", [1, 2, 3])
def test_no_more_different_members_than_the_limit_are_taken(max_members):
    probs, y = _members(3, num=8, num_samples=200)
    free = greedy_selection(probs, y, limit=NO_LIMIT)
    assert (free > 0).sum() > 3
    counts = greedy_selection(probs, y, limit=Limit(max_members=max_members))
    assert (counts > 0).sum() <= max_members
    if max_members > 1:
        assert counts.sum() > 1  # members already taken may be taken again


@given(seed=st.integers(0, 1_000), max_ms=st.floats(1.0, 30.0))
@settings(max_examples=40)
def test_different_members_keep_within_the_milliseconds_and_count_once(seed, max_ms):
    probs, y = _members(seed, num=6)
    costs = np.random.default_rng(seed).uniform(0.5, 10.0, 6)
    costs[0] = 0.5
    counts = greedy_selection(probs, y, limit=Limit(max_ms=max_ms), costs_ms=costs)
    assert costs[counts > 0].sum() <= max_ms


def test_a_costly_best_member_gives_way_to_one_within_the_limit():
    y = np.tile([0, 1], 10)
    perfect, worse = np.eye(2)[y], np.eye(2)[np.where(np.arange(20) < 4, 1 - y, y)]
    probs = np.stack([perfect, worse])
    limit = Limit(max_ms=5.0)
    assert greedy_selection(probs, y, limit=limit, costs_ms=[9.0, 5.0])[0] == 0
    assert greedy_selection(probs, y, limit=limit, costs_ms=[5.0, 5.0])[1] == 0


def test_a_limit_admits_members_that_keep_within_both_its_parts():
    limit = Limit(max_members=2, max_ms=5.0)
    assert limit.admits([2.0, 3.0])
    assert not limit.admits([2.0, 3.1])
    assert not limit.admits([1.0, 1.0, 1.0])
    assert NO_LIMIT.admits([1e9] * 100)


def test_a_limit_below_every_member_is_an_error():
    probs, y = _members(0)
    with pytest.raises(AnalysisError, match=r"within 1\.0 ms a photo, the fastest takes 2 ms"):
        greedy_selection(probs, y, limit=Limit(max_ms=1.0), costs_ms=[2.0] * 5)


@pytest.mark.parametrize("costs", [None, [1.0] * 4, [1.0] * 4 + [0.0]])
def test_a_limit_in_milliseconds_needs_every_cost(costs):
    probs, y = _members(0)
    with pytest.raises(AnalysisError, match="a cost > 0 ms of each of the 5 members"):
        greedy_selection(probs, y, limit=Limit(max_ms=1.0), costs_ms=costs)


@pytest.mark.parametrize("wrong", [{"max_members": 0}, {"max_ms": 0.0}, {"max_ms": float("nan")}])
def test_an_impossible_limit_is_an_error(wrong):
    with pytest.raises(AnalysisError, match="`max_members >= 1` and `max_ms > 0` must hold"):
        Limit(**wrong)


def test_arrays_that_do_not_fit_are_errors():
    probs, y = _members(0)
    with pytest.raises(AnalysisError, match="finite probabilities"):
        greedy_selection(probs[0], y, limit=NO_LIMIT)
    with pytest.raises(AnalysisError, match="finite probabilities"):
        greedy_selection(np.where(probs > 0.9, np.nan, probs), y, limit=NO_LIMIT)
    with pytest.raises(AnalysisError, match="labels must be one a sample"):
        greedy_selection(probs, y[:-1], limit=NO_LIMIT)
    with pytest.raises(AnalysisError, match="true classes must lie in"):
        greedy_selection(probs, y + 1, limit=NO_LIMIT)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20)
def test_cma_es_is_never_worse_than_its_start_on_the_data_it_fits(seed):
    probs, y = _members(seed)
    start = greedy_selection(probs, y, num_steps=6, limit=NO_LIMIT)
    weights = cma_weights(probs, y, start, num_evaluations=60, seed=seed)
    assert weights.sum() == pytest.approx(1.0)
    assert ((weights > 0) == (start > 0)).all()
    assert _score(weights, probs, y) >= _score(start, probs, y) - 1e-12


def test_cma_es_finds_weights_that_equal_parts_are_far_from():
    """Member 0 is right with 0.6, the others wrong with 0.9: it must outweigh them together."""
    y = np.tile([0, 1], 30)
    right, wrong = np.eye(2)[y], np.eye(2)[1 - y]
    probs = np.stack([0.6 * right + 0.4 * wrong, *[0.45 * right + 0.55 * wrong] * 3])
    assert _score(np.ones(4), probs, y) == 0.0
    weights = cma_weights(probs, y, np.ones(4), seed=0)
    assert _score(weights, probs, y) == 1.0


def test_among_weights_of_one_score_cma_es_takes_the_likelier():
    y = np.tile([0, 1], 30)
    sure, unsure = np.eye(2)[y] * 0.8 + 0.1, np.eye(2)[y] * 0.1 + 0.45
    weights = cma_weights(np.stack([unsure, sure]), y, [1, 1], seed=0)
    assert weights[1] > 0.9


def test_equal_seeds_give_equal_weights_and_the_evaluations_are_bounded():
    probs, y = _members(5)
    runs = [cma_weights(probs, y, np.ones(5), num_evaluations=n, seed=3) for n in (40, 40, 400)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_cma_es_leaves_a_single_member_alone():
    probs, y = _members(0)
    assert cma_weights(probs, y, [0, 0, 4, 0, 0], seed=0).tolist() == [0, 0, 1, 0, 0]


@pytest.mark.parametrize("start", [[0] * 5, [1] * 4, [1, 1, 1, 1, -1]])
def test_cma_es_needs_a_weight_to_start_from(start):
    probs, y = _members(0)
    with pytest.raises(AnalysisError, match="starts from 5 weights >= 0, not all 0"):
        cma_weights(probs, y, start, seed=0)

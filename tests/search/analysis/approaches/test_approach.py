import numpy as np
import pytest

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError


def test_probabilities_become_classes_and_their_average_an_ensemble():
    probs = np.array([[[0.6, 0.4], [0.2, 0.8]], [[0.1, 0.9], [0.3, 0.7]]])
    approach = Approach.from_probs("joint", probs, with_rule=[[1, 1], [1, 0]])
    assert approach.predicted.tolist() == [[0, 1], [1, 1]]
    assert approach.ensemble.tolist() == [1, 1]
    assert approach.with_rule.tolist() == [[1, 1], [1, 0]]


def test_one_seed_has_no_ensemble():
    assert Approach.from_probs("joint", np.full((1, 2, 3), 1 / 3)).ensemble is None


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 3), r"finite \[seeds, samples, classes\], got shape \(2, 3\)"),
        ((0, 3, 2), r"one or more of each, got shape \(0, 3\)"),
    ],
)
def test_probabilities_of_another_shape_are_refused(shape, message):
    with pytest.raises(AnalysisError, match=message):
        Approach.from_probs("joint", np.zeros(shape))


def test_a_probability_that_is_no_number_is_refused():
    with pytest.raises(AnalysisError, match="of 'joint' must be finite"):
        Approach.from_probs("joint", np.full((1, 2, 3), np.nan))


def test_rule_and_ensemble_must_cover_the_same_seeds_and_samples():
    predicted = np.zeros((2, 5), dtype=int)
    with pytest.raises(AnalysisError, match=r"`with_rule` of 'a' .* \(2, 5\), got \(1, 5\)"):
        Approach(name="a", predicted=predicted, with_rule=predicted[:1])
    with pytest.raises(AnalysisError, match=r"`ensemble` of 'a' .* \(5,\), got \(4,\)"):
        Approach(name="a", predicted=predicted, ensemble=predicted[0, :4])


def test_an_approach_keeps_its_probabilities_and_knows_its_networks():
    probs = np.random.default_rng(0).dirichlet(np.ones(3), (2, 4))
    kept = Approach.from_probs("separate", probs, num_networks=3)
    assert kept.probs.dtype == np.float32
    assert kept.probs == pytest.approx(probs)
    assert kept.num_networks == 3
    with pytest.raises(AnalysisError, match="`num_networks >= 1` must hold, got 0 for 'a'"):
        Approach.from_probs("a", probs, num_networks=0)
    with pytest.raises(AnalysisError, match="`log_choice_variance >= 0` must hold, got -1"):
        Approach.from_probs("a", probs, log_choice_variance=-1)
    with pytest.raises(AnalysisError, match=r"`probs` of 'a' must have shape \(2, 4\)"):
        Approach(name="a", predicted=kept.predicted, probs=kept.probs[:1])

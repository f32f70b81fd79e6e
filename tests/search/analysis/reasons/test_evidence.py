import json

import numpy as np
import pytest

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.metrics import macro_f1
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.reason import Reason, rank_reasons
from search.analysis.uncertainty.interval import Interval
from search.analysis.verdict.judging import judge
from search.analysis.verdict.rules import (
    Rules,
)
from tests.search.builders.labelled_people import half_width, people_of
from tests.search.builders.simulated_errors import ATTRIBUTES, NUM_CLASSES
from tests.search.builders.simulated_people import World, simulate


@pytest.fixture(scope="module")
def sample():
    world = World(num_people=120, shared=0.8, num_seeds=2, error_factors=(0.4, 1.0), num_folds=0)
    return simulate(world, np.random.default_rng(0))


def _evidence(sample, **options):
    parts = [
        Approach(name=name, predicted=rows)
        for name, rows in zip("ab", sample.predicted, strict=True)
    ]
    return Evidence.of(parts, sample.people, ATTRIBUTES, **options)


def _reason(key, effect=None):
    return Reason(key=key, mechanism="M1", about=("a", "b"), sentence="So.", effect=effect)


def test_evidence_knows_attributes_people_and_scores(sample):
    evidence = _evidence(sample)
    assert (evidence.sizes, evidence.people.num_classes, evidence.people.num_people) == (
        (3, 2, 3),
        18,
        120,
    )
    expected = np.mean([macro_f1(sample.y, row, NUM_CLASSES) for row in sample.predicted[0]])
    assert evidence.score(evidence.predicted("a")) == pytest.approx(expected)
    assert evidence.score(sample.y) == pytest.approx(len(np.unique(sample.y)) / 18)


def test_a_contrast_of_scores_agrees_with_the_verdict_on_the_pair(sample):
    evidence = _evidence(sample, num_resamples=4_000)
    found = evidence.contrast_by_seed(
        [[(1.0, one), (-1.0, two)] for one, two in evidence.seed_pairs("a", "b")]
    )
    parts = list(evidence.approaches.values())
    rules = Rules(num_resamples=4_000, fixed_models=True)
    pair = judge(parts, sample.people, rules=rules).pairs[0]
    assert found.value == pytest.approx(pair.headline.estimate.difference)
    one_seed = [[(1.0, sample.predicted[0].copy()[0]), (-1.0, sample.predicted[1][0])]] * 2
    fixed = evidence.contrast_by_seed(one_seed)  # the same seed twice: no luck of training
    first = [Approach(name=p.name, predicted=p.predicted[:1]) for p in parts]
    alone = judge(first, sample.people, rules=rules).pairs[0]
    expected = half_width(alone.headline.estimate.interval)
    assert half_width(fixed) == pytest.approx(expected, rel=0.1)


def test_reasons_are_ranked_by_support_direction_and_size():
    reasons = [
        _reason("none"),
        _reason("unsupported", Interval(value=0.5, low=-0.1, high=1.1)),
        _reason("against", Interval(value=-0.3, low=-0.4, high=-0.2)),
        _reason("small", Interval(value=0.01, low=0.005, high=0.015)),
        _reason("large", Interval(value=0.02, low=0.01, high=0.03)),
    ]
    ranked = [reason.key for reason in rank_reasons(reasons, difference=0.02)]
    assert ranked == ["large", "small", "against", "none", "unsupported"]
    assert rank_reasons(reasons, difference=-0.02)[0].key == "against"


def test_a_reason_is_supported_if_its_interval_excludes_zero_and_becomes_json():
    reason = _reason("x", Interval(value=0.02, low=0.01, high=0.03))
    assert reason.supported
    assert not _reason("x").supported
    fields = json.loads(json.dumps(reason.to_dict()))
    assert fields["effect"] == {"value": 0.02, "interval": [0.01, 0.03]}
    assert fields["supported"] is True
    assert _reason("x").to_dict()["effect"] is None


def test_input_that_does_not_fit_is_refused(sample):
    parts = [Approach(name="a", predicted=sample.predicted[0])]
    with pytest.raises(AnalysisError, match=r"got 839 labels and \{'a': 840\}"):
        Evidence.of(parts, sample.people.part(np.arange(1, 840)), ATTRIBUTES)
    with pytest.raises(AnalysisError, match="at least 2 people, got 1"):
        Evidence.of(parts, people_of(sample.y, np.zeros(840, int), NUM_CLASSES), ATTRIBUTES)
    with pytest.raises(AnalysisError, match="unknown approach 'joint'; available: a, b"):
        _evidence(sample).predicted("joint")
    with pytest.raises(
        AnalysisError, match=r"to the 18 joint classes of the people, got \(3, 2\)"
    ):
        Evidence.of(parts, sample.people, {"mask": ("x", "y", "z"), "gender": ("m", "f")})

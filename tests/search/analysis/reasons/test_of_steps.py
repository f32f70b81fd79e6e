import json

import numpy as np
import pytest

from search.analysis.errors import AnalysisError
from search.analysis.reasons.of_steps import Level, Treatment, responses
from tests.search.analysis.reasons.test_of_controls import evidence_of, trained

DOSE = Treatment(
    key="label_noise",
    mechanism="M6",
    x_name="wrong (%)",
    strong="With wrong labels",
    plain="without",
    doing="wrong labels favour",
)


def levels_of(evidence, rng, accuracies, seeds=2):
    """Levels from accuracies by approach, one a level."""
    return [
        Level(
            x=x,
            predicted={
                name: trained(evidence, rng, values[x], seeds)
                for name, values in accuracies.items()
            },
        )
        for x in range(len(next(iter(accuracies.values()))))
    ]


def test_an_approach_that_suffers_less_is_favoured():
    rng = np.random.default_rng(0)
    evidence = evidence_of(rng)
    levels = levels_of(evidence, rng, {"a": (0.9, 0.85, 0.85), "b": (0.9, 0.7, 0.5)})
    (reason,) = responses(evidence, levels, DOSE)
    first, last = levels[0].predicted, levels[-1].predicted
    lead = [evidence.score(part["a"]) - evidence.score(part["b"]) for part in (first, last)]
    assert reason.effect.value == pytest.approx(lead[1] - lead[0])
    assert reason.supported
    assert "wrong labels favour a by +0." in reason.sentence
    assert reason.sentence.startswith("With wrong labels, a and b score ")


def test_what_harms_both_alike_favours_none():
    rng = np.random.default_rng(1)
    evidence = evidence_of(rng)
    levels = levels_of(evidence, rng, {"a": (0.9, 0.6), "b": (0.8, 0.5)})
    (reason,) = responses(evidence, levels, DOSE)
    assert not reason.supported
    said = "that wrong labels favour either is not supported by this data ("
    assert said in reason.sentence


def test_every_pair_has_a_reason_with_its_own_two_lines_that_json_can_hold():
    rng = np.random.default_rng(2)
    evidence = evidence_of(rng)
    levels = levels_of(evidence, rng, dict.fromkeys("abc", (0.9, 0.8)))
    own = {name: trained(evidence, rng, 0.95) for name in "abc"}
    found = responses(evidence, levels, DOSE, own)
    assert [reason.about for reason in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    for reason in found:
        figures = json.loads(json.dumps(reason.to_dict()))["figures"]
        assert tuple(figures["lines"]) == reason.about == tuple(figures["own"])
        assert [cell["x"] for cell in figures["lines"][reason.about[0]]] == [0, 1]
        assert "(as each has chosen, 0." in reason.sentence


def test_a_change_needs_levels_that_can_be_compared():
    rng = np.random.default_rng(3)
    evidence = evidence_of(rng)
    (plain,) = levels_of(evidence, rng, {"a": (0.9,), "b": (0.9,)})
    with pytest.raises(AnalysisError, match="needs two levels or more with the same approaches"):
        responses(evidence, [plain], DOSE)
    fewer = Level(x=1, predicted={name: rows[:1] for name, rows in plain.predicted.items()})
    with pytest.raises(AnalysisError, match="the same approaches, seeds and samples"):
        responses(evidence, [plain, fewer], DOSE)


@pytest.mark.parametrize("seeds", [2, 3])
def test_a_change_that_does_nothing_is_rarely_called_something(seeds):
    rng = np.random.default_rng(10 + seeds)
    false = 0
    for _ in range(120):
        evidence = evidence_of(rng)
        levels = levels_of(evidence, rng, dict.fromkeys("ab", (0.8, 0.8, 0.8)), seeds)
        false += responses(evidence, levels, DOSE)[0].supported
    assert false <= 11  # 5 % of 120 are 6; more than 11 come by luck once in fifty times


def test_with_two_seeds_a_clear_effect_is_found_nearly_always():
    rng = np.random.default_rng(4)
    found = 0
    for _ in range(40):
        evidence = evidence_of(rng)
        levels = levels_of(evidence, rng, {"a": (0.9, 0.9, 0.9), "b": (0.9, 0.75, 0.6)})
        found += responses(evidence, levels, DOSE)[0].supported
    assert found >= 36

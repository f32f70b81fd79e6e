import pytest

from search.analysis.errors import AnalysisError
from search.analysis.reasons.read import read_reason
from tests.search.builders.example import NUMBERS, PAIR, REASONS, effect, reason

OTHERS = {key: reason(key, {}, PAIR, effect=effect(0.02)) for key in NUMBERS if key not in REASONS}


@pytest.mark.parametrize(
    "written", [*REASONS.values(), *OTHERS.values()], ids=lambda row: row["key"]
)
def test_every_kind_of_reason_is_read_as_it_was_written(written):
    found = read_reason(written)
    assert found.to_dict() == written
    assert list(found.to_dict()["figures"]) == list(written["figures"])
    assert found.heading
    assert found.plot or found.effect


@pytest.mark.parametrize("key", ["key", "sentence"])
def test_a_reason_says_what_it_is(key):
    broken = {name: value for name, value in REASONS["class_size"].items() if name != key}
    with pytest.raises(AnalysisError, match=f"needs '{key}', got only"):
        read_reason(broken)


def test_a_known_kind_needs_its_figures():
    broken = {**REASONS["class_size"], "figures": {"samples": [1, 2]}}
    with pytest.raises(AnalysisError, match="needs 'people', got only samples"):
        read_reason(broken)

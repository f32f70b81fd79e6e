"""docs/parameters.md is what its generator writes, and every parameter has a meaning."""

import pytest

from docs.parameters import PAGE, kinds_of, meanings, page
from trainables.config import TrialConfig

SECTIONS = [kind for field in TrialConfig.model_fields.values() for kind in kinds_of(field)]


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m docs.parameters"


@pytest.mark.parametrize("kind", SECTIONS, ids=lambda kind: kind.__name__)
def test_every_parameter_says_what_it_means(kind):
    told = meanings()
    tagged = {"name"} if kind.__name__ != "Backbone" else set()
    named = {name for name in kind.model_fields if told.get((kind.__name__, name))}
    assert named >= set(kind.model_fields) - tagged
    assert kind.__doc__


def test_every_parameter_stands_on_the_page():
    text = page()
    for section, field in TrialConfig.model_fields.items():
        for kind in kinds_of(field):
            assert all(f"| `{section}.{name}` |" in text for name in kind.model_fields)

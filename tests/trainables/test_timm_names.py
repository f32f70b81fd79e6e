"""Names of timm's models, known without timm."""

import pytest
import timm

from trainables import timm_names


def test_the_names_are_those_of_timm():
    names = timm_names.model_names()
    assert set(timm.list_models(include_tags=False)) <= names
    assert all(timm.is_model(name) for name in names)


@pytest.mark.parametrize("name", ["resnet18", "resnet18.a1_in1k", "resnet*", "*.a1_in1k"])
def test_names_with_a_tag_and_patterns_are_known(name):
    assert not timm_names.is_unknown(name)


@pytest.mark.parametrize("name", ["resnet1", "resnet1.a1_in1k", "nope*"])
def test_what_timm_lacks_is_unknown(name):
    assert timm_names.is_unknown(name)


def test_nothing_is_unknown_where_the_files_of_timm_are_others(monkeypatch):
    monkeypatch.setattr(timm_names, "model_names", frozenset)
    assert not timm_names.is_unknown("resnet1")

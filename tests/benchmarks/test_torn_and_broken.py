"""Benchmarks that take hours: a torn line costs one cell, and a fault of the machine none."""

import json

import pytest

from benchmarks import search_simulation, trial_corpus
from tests.search.builders.people import shared_images, write_people
from trainables.errors import ConfigError


def test_a_line_that_was_not_written_whole_is_cut_off(tmp_path):
    path = tmp_path / "cells.jsonl"
    lines = [json.dumps({"key": key}) + "\n" for key in ("a", "b")]
    path.write_text("".join(lines) + lines[0][:5], encoding="utf-8")
    assert search_simulation._read(path) == [{"key": "a"}, {"key": "b"}]
    assert path.read_text(encoding="utf-8") == "".join(lines)
    assert search_simulation._read(tmp_path / "none.jsonl") == []


@pytest.mark.parametrize("error", [MemoryError(), OSError(5, "Input/output error")])
def test_a_fault_of_the_machine_is_no_broken_config(error, tmp_path, monkeypatch):
    world = trial_corpus.World(space="gender", people=24, test_people=24, folds=3, epochs=1)
    images = shared_images(write_people(tmp_path / "people"), tmp_path / "cache", tmp_path)

    def broken(*_args, **_options):
        raise raised

    monkeypatch.setattr(trial_corpus.TrialConfig, "from_flat", broken)
    raised = error
    with pytest.raises(type(error)):
        trial_corpus._train(world, {}, 0, 0, images, images)
    raised = ConfigError("no such backbone")
    assert not trial_corpus._train(world, {}, 0, 0, images, images)["tested"].size

"""A resumed run offers what it began with; whether its leaders are trained again."""

from dataclasses import replace

import pytest

from search.cli.study import as_begun, has_second_fold, note_start
from search.errors import ResultsError
from tests.search.builders.prepared_run import prepared_run
from tests.search.builders.scripted import SCALE, tiny_space

BEGAN = {"scale": SCALE.reason, "backbones": list(SCALE.backbones)}


def test_weights_that_came_meanwhile_are_not_offered():
    more = replace(SCALE, backbones=("another", *SCALE.backbones))
    assert as_begun(more, BEGAN) == SCALE
    assert as_begun(SCALE, {}) == SCALE  # of a run of before


def test_another_kind_of_device_is_told_as_such():
    here = replace(SCALE, reason="GPU: ImageNet-size backbones")
    with pytest.raises(ResultsError, match=rf"began with \({SCALE.reason}\), got GPU: .*; resume"):
        as_begun(here, BEGAN)


def test_more_time_may_bring_a_second_fold(tmp_path):
    run = prepared_run(tmp_path, [tiny_space("gender")])
    run = replace(
        run,
        config=replace(run.config, trials=None, budget_seconds=60.0),
        photo_seconds={"gender": 1.0},
    )
    run.store.root.mkdir()
    note_start(run, resume=False)
    assert run.store.read_study()["second_fold"] is False
    assert not has_second_fold(run)
    longer = replace(run, config=replace(run.config, budget_seconds=1e6))
    assert has_second_fold(longer)
    note_start(longer, resume=True)
    assert run.store.read_study()["second_fold"] is True
    assert has_second_fold(run)  # once it has one it keeps it

"""The leaders of a search trained again by real workers."""

import io
import math
import time

from rich.console import Console

import spaces
from search.prepare.timeline import Timeline
from search.tuning.second_fold import SecondFold, train_again
from tests.search.builders.made import made_record
from tests.search.builders.prepared_run import prepared_run
from trainables.data.layouts.profiles import SCHEMA


def test_leaders_are_trained_once_and_leave_no_models(ray_runtime, tmp_path):
    run = prepared_run(tmp_path, (spaces.load("gender", SCHEMA),))
    config = {**run.default_config("gender"), "schedule.epochs": 1}
    records = [made_record(number, {1: 0.5 + number / 20}, config=config) for number in range(5)]

    def said(seconds):
        console = Console(file=io.StringIO(), width=200)
        train_again(run, console, [records], seconds, Timeline(began=time.monotonic()))
        return console.file.getvalue()

    assert said(1.0) == "No time is left to train the leaders on a second fold.\n"
    text = said(math.inf)
    second = SecondFold.of(run.store, run.dataset.table)
    assert [each.number for each in records if second.predicted(each) is not None] == [0, 3, 4]
    assert [f"gender trial {number} again, " in text for number in (0, 3, 4)] == [True] * 3
    assert not (second.files.folder / "models").exists()
    assert " again, " not in said(math.inf)

"""A search with every way that a trial can end, and its verdict, as trackers get them."""

from dataclasses import replace

from search.export.tracked import Tracked, tracked_runs
from search.prepare.saved_run import SavedRun
from search.prepare.space_result import SpaceResult
from search.store.records import Cause, State
from tests.search.builders.logged_run import SCHEMA
from tests.search.builders.made import made_record

NAN = float("nan")
RECORDS = (
    made_record(0, {1: 0.25, 2: 0.5}, ended=110.0),
    made_record(1, {1: 0.125}, state=State.PRUNED, started=101.0, ended=111.0),
    made_record(
        2, {}, state=State.FAIL, cause=Cause.ERROR, error="no\nphoto", started=102.0, ended=112.0
    ),
    made_record(3, {1: 0.3}, state=State.FAIL, cause=Cause.NOT_FINITE, seconds=NAN, started=103.0),
    made_record(4, {1: 0.3}, state=State.FAIL, cause=Cause.BUDGET, started=104.0, ended=114.0),
    made_record(5, {1: 0.2}, state=State.RUNNING, started=105.0),
)
"""Complete, stopped early, broken before an epoch, not finite, cut off, and still running."""
CONFIG = {
    "optim.lr": 0.01,
    "backbone.name": "resnet18",
    "augment.flip": True,
    "head.hidden": None,
    "target.attributes": ("나이", "a|b[c]"),
    "task_weight.나이/a[b]": 0.5,
}


def saved_run(records=RECORDS) -> SavedRun:
    """Returns a run named mine of the space gender."""
    with_configs = tuple(replace(record, config=CONFIG) for record in records)
    study = {
        "config": {"name": "mine", "spaces": ["all"], "trials": None, "seed": 0},
        "data": {"fingerprint": "abc"},
        "studies": {"gender": "gender-1-2"},
        "git_commit": "c0ffee",
    }
    result = SpaceResult(name="gender", records=with_configs, best=None, interval=None)
    return SavedRun(study=study, schema=SCHEMA, results=(result,))


def tracked(records=RECORDS, judged=None) -> tuple[Tracked, ...]:
    """Returns what a tracker gets of it."""
    return tracked_runs(saved_run(records), judged)


def resumed():
    """The trial that was running has ended since, after another epoch."""
    ended = {"state": State.COMPLETE, "objective": 0.6, "values": {1: 0.2, 2: 0.6}}
    return (*RECORDS[:5], replace(RECORDS[5], ended=120.0, **ended))

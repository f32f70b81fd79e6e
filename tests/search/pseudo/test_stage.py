"""Which config is trained again with pseudo-labels."""

import pytest

from search.prepare.space_result import SpaceResult
from search.pseudo.stage import _config_id
from search.refit.files import RefitNote
from search.refit.plan import FULL
from tests.search.builders.made import made_record


@pytest.mark.parametrize(
    ("best", "refitted", "expected"),
    [
        (3, ("default", "1", "2"), "1"),
        (0, ("default", "1", "2"), "default"),
        (0, ("1",), "1"),
        (3, ("default",), "default"),
        (None, ("default",), "default"),
    ],
)
def test_it_is_the_one_that_the_search_chose(best, refitted, expected):
    record = None if best is None else made_record(best)
    result = SpaceResult(name="gender", records=(), best=record, interval=None)
    configs = {f"gender.{each}": {"optim.lr": 0.1} for each in refitted}
    note = RefitNote(shape=FULL, notes=(), configs=configs)
    assert _config_id(note, result) == expected

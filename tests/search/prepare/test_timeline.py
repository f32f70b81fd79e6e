"""What the lines of a run say of its time."""

import pytest

from search.prepare.timeline import Timeline, within


@pytest.mark.parametrize(
    ("later_s", "stage_s", "text"),
    [
        (300.0, 25.0, "[ 1m 35s of 7m 00s]"),
        (0.0, 0.0, "[ 1m 35s of 1m 35s]"),
        (None, 25.0, "[ 1m 35s]"),
        (300.0, None, "[ 1m 35s]"),
    ],
)
def test_a_line_says_what_has_passed_and_the_total_where_that_is_known(
    monkeypatch, later_s, stage_s, text
):
    monkeypatch.setattr("search.prepare.timeline.time.monotonic", lambda: 195.0)
    assert Timeline(began=100.0).before(later_s).stamp(stage_s) == text


@pytest.mark.parametrize(
    ("seconds", "expected", "left"),
    [(None, 500.0, 500.0), (100.0, 3.0, 3.0), (100.0, 500.0, 5.0), (60.0, 500.0, 0.0)],
)
def test_a_stage_takes_no_longer_than_its_time(monkeypatch, seconds, expected, left):
    monkeypatch.setattr("search.prepare.timeline.time.monotonic", lambda: 195.0)
    assert within(100.0, seconds)(expected) == left

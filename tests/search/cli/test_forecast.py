"""What `--plan` says of a run that is new, and of one that goes on."""

import io
import itertools
from dataclasses import replace

import pytest
from rich.console import Console

import spaces
from search.cli import forecast
from search.cli.forecast import Past, print_forecast
from search.refit.files import RefitNote
from search.refit.plan import FULL, Shape
from tests.search.builders.prepared_run import prepared_run
from trainables.data.schema import Attribute, LabelSchema

ALL = ("mask", "gender", "joint", "multihead")
NOTHING = Past()
SCHEMA = LabelSchema(
    name="people",
    attributes=(
        Attribute(name="gender", classes=("female", "male")),
        Attribute(name="mask", classes=("normal", "wear")),
    ),
)
SHAPE = Shape(folds=3, seeds=2, configs=1)


@pytest.fixture
def planned(tmp_path, monkeypatch):
    """Returns a function that plans a run whose photos cost a millisecond each."""

    folders = (tmp_path / str(number) for number in itertools.count())

    def of(past=NOTHING, *, names=("gender",), **options):
        run = prepared_run(next(folders), [spaces.load(name, SCHEMA) for name in names])
        asked = ("all",) if len(names) > 1 else names
        config = replace(
            run.config, **{"spaces": asked, "budget_seconds": None, "trials": None, **options}
        )
        run = replace(run, config=config, photo_seconds=dict.fromkeys(names, 0.5))
        told = io.StringIO()
        print_forecast(Console(file=told, width=200), run, past)
        return told.getvalue()

    return of


def seconds_of_search(text):
    (line,) = (line for line in text.splitlines() if line.startswith("search: "))
    return line.removeprefix("search: ")


def test_trials_that_are_done_are_not_planned_again(planned):
    new = planned(trials=8)
    assert seconds_of_search(planned(Past(trials={"gender": 0}), trials=8)) == seconds_of_search(
        new
    )
    half, done = (planned(Past(trials={"gender": n}), trials=8) for n in (4, 8))
    assert len({seconds_of_search(text) for text in (new, half)}) == 2
    assert seconds_of_search(done) == "about 0s"


def test_time_that_is_used_is_not_planned_again(planned):
    assert seconds_of_search(planned(budget_seconds=600.0)) == "8m 30s"  # and a second fold
    past = Past(trials={"gender": 3}, seconds=240.0, second_fold=False)
    assert seconds_of_search(planned(past, budget_seconds=600.0)) == "6m 00s"


def test_trials_may_end_the_search_of_all_before_its_time(planned):
    text = planned(names=ALL, budget_seconds=36_000.0, trials=1)
    assert seconds_of_search(text).endswith(", whichever is first")


@pytest.mark.parametrize(
    ("done", "asked", "said"),
    [
        (False, None, "refit: goes on as it began, "),
        (True, None, "refit: has ended, "),
        (True, 6, "on to 6 seeds while pairs are open, whatever time that takes"),
    ],
)
def test_a_refit_that_has_begun_keeps_its_shape(planned, done, asked, said):
    note = RefitNote(shape=SHAPE, notes=(), configs={}, done=done)
    past = Past(trials=dict.fromkeys(ALL, 5), seconds=500.0, has_searched=True, refit=note)
    text = planned(past, names=ALL, budget_seconds=7_200.0, refit_seeds=asked)
    assert seconds_of_search(text) == "has ended"
    assert said in text
    assert SHAPE.describe() in text
    assert f"and {asked or SHAPE.seeds} seeds, true differences" in text


def test_a_longer_search_may_bring_other_finalists(planned):
    note = RefitNote(shape=SHAPE, notes=(), configs={}, done=True)
    past = Past(trials=dict.fromkeys(ALL, 5), seconds=500.0, refit=note)
    text = planned(past, names=ALL, budget_seconds=14_400.0)
    assert "refit: again of what the longer search chooses otherwise, " in text


def test_a_run_that_has_begun_is_not_refused_for_its_time(planned):
    with pytest.raises(forecast.UsageError):
        planned(names=ALL, budget_seconds=35.0)
    text = planned(Past(trials=dict.fromkeys(ALL, 1)), names=ALL, budget_seconds=35.0)
    assert "refit: " in text
    assert FULL.describe() not in text


def test_what_a_second_fold_takes_is_no_time_of_the_search(planned):
    past = Past(trials={"gender": 3}, seconds=240.0, second_fold=True, second_seconds=30.0)
    text = planned(past, budget_seconds=600.0)
    assert seconds_of_search(text) == "4m 30s"
    assert "its leaders on a second fold: at most 1m 00s" in text
    without = planned(replace(past, second_fold=False), budget_seconds=600.0)
    assert seconds_of_search(without) == "6m 00s"
    assert "second fold" not in without


def test_a_refit_that_is_done_leaves_a_longer_run_half_of_its_time(planned):
    note = RefitNote(shape=SHAPE, notes=(), configs={}, done=True)
    past = Past(trials=dict.fromkeys(ALL, 5), seconds=0.0, refit=note)
    budget = 600.0 + forecast.VERDICT_SECONDS
    assert seconds_of_search(planned(past, names=ALL, budget_seconds=budget)) == "5m 00s"

"""What the plan of a run says beside its figures."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import spaces
from search.cli import plan_notes
from trainables.data.layouts.profiles import SCHEMA
from trainables.data.sample_table import SampleTable


@pytest.mark.parametrize(
    ("device", "address", "can", "told"),
    [
        ("cpu", "", True, "a model trains in bf16 where"),
        ("cpu", "", False, "does nothing here: this CPU has no instructions"),
        ("cpu", "head:6379", False, "a model trains in bf16 where"),
        ("cuda", "", True, "is for CPUs"),
    ],
)
def test_the_plan_says_what_bf16_does(monkeypatch, device, address, can, told):
    monkeypatch.setattr(plan_notes, "computes_bf16", lambda: can)
    run = SimpleNamespace(
        config=SimpleNamespace(bf16=True, race=False, address=address),
        resources=SimpleNamespace(device=device),
        portfolio=(),
    )
    (note,) = plan_notes.notes_of(run)
    assert told in note
    run.config.bf16 = False
    assert plan_notes.notes_of(run) == ()


@pytest.mark.parametrize(("trials", "is_told"), [(9, True), (10, False), (None, False)])
def test_the_plan_says_where_a_race_has_too_few_trials(trials, is_told):
    config = SimpleNamespace(bf16=False, race=True, trials=trials)
    notes = plan_notes.notes_of(SimpleNamespace(config=config, portfolio=()))
    assert ("--race looks from 10 trials a space on" in "".join(notes)) == is_told


def test_the_plan_says_how_many_configs_of_several_runs_are_kept(monkeypatch):
    monkeypatch.setattr(plan_notes, "few_of", lambda portfolio, *given: portfolio[:2])
    monkeypatch.setattr(plan_notes, "replace", lambda run, portfolio: portfolio)
    run, given = SimpleNamespace(spaces=(), schema=None, scale=None), ("a", "b", "c")
    kept, (note,) = plan_notes.begin_with(run, given, is_new=True)
    assert (kept, note[:38]) == (("a", "b"), "2 of 3 configs of other runs are kept,")
    assert plan_notes.begin_with(run, given, is_new=False) == (given, ())
    assert plan_notes.begin_with(run, given[:2], is_new=True) == (given[:2], ())


def test_the_plan_says_what_classes_without_people_cost(tmp_path):
    codes = np.repeat(np.arange(SCHEMA.num_joint), 2)
    table = SampleTable(
        schema=SCHEMA,
        root=tmp_path,
        paths=tuple(f"{n}.jpg" for n in range(len(codes))),
        groups=tuple(f"p{n}" for n in range(len(codes))),
        labels=SCHEMA.attribute_codes(codes),
        raw={"age": np.full(len(codes), 40.0)},
        source_rows=tuple(f"row {n}" for n in range(len(codes))),
    )
    run = SimpleNamespace(
        dataset=SimpleNamespace(table=table),
        schema=SCHEMA,
        spaces=[spaces.load(name, SCHEMA) for name in ("gender", "joint", "multihead")],
    )
    assert list(plan_notes.nobody_notes(run)) == []
    labels = table.labels.copy()
    labels[labels[:, 2] == 2, 2] = 1
    run.dataset.table = replace(table, labels=labels)
    assert list(plan_notes.nobody_notes(run)) == [
        "6 of the 18 classes of mask x gender x age have nobody and count 0: no model can score "
        "above 0.667"
    ]

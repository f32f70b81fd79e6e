"""What the plan of a run says beside its figures."""

from types import SimpleNamespace

import pytest

from search.cli import plan_notes


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
        config=SimpleNamespace(bf16=True, address=address),
        resources=SimpleNamespace(device=device),
        portfolio=(),
    )
    (note,) = plan_notes.notes_of(run)
    assert told in note
    run.config.bf16 = False
    assert plan_notes.notes_of(run) == ()

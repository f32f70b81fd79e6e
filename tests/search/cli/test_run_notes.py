"""What the plan of a run says beside its figures."""

from types import SimpleNamespace

import pytest

from search.cli import run as cli_run


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
    monkeypatch.setattr(cli_run, "computes_bf16", lambda: can)
    run = SimpleNamespace(
        config=SimpleNamespace(bf16=True, address=address),
        resources=SimpleNamespace(device=device),
    )
    (note,) = cli_run._bf16_notes(run)
    assert told in note
    run.config.bf16 = False
    assert cli_run._bf16_notes(run) == ()

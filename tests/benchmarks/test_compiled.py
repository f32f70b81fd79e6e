"""Whether compiling pays: photos, seconds and ratios as a row of the table."""

import torch

from benchmarks import compiled


def test_a_model_is_a_row(monkeypatch, one_torch_thread):
    monkeypatch.setattr(torch, "compile", lambda network: network)
    told = iter([2.0, 4.0])
    monkeypatch.setattr(compiled, "_seconds", lambda loop: next(told))
    rate, ratio, _, pays = compiled.measure("test_resnet", 32, 1)
    assert (rate, ratio) == ("64", "2.00 (2.00 to 2.00)")
    assert pays != "never"


def test_what_gains_nothing_never_pays(monkeypatch, one_torch_thread):
    monkeypatch.setattr(torch, "compile", lambda network: network)
    monkeypatch.setattr(compiled, "_seconds", lambda loop: 2.0)
    assert compiled.measure("test_resnet", 32, 2)[-1] == "never"

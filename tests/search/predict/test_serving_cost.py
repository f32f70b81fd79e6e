import hashlib
import json

import pytest
import torch

from search.predict import serving_cost as serving
from search.predict.serving_cost import SERVING_FILE, ServingCost, measure_serving, serving_costs
from search.store.run_store import RunStore
from spaces import load
from spaces.scale import choose_scale
from trainables.backbone import build_backbone
from trainables.config import TrialConfig
from trainables.data.schema import Attribute, LabelSchema
from trainables.errors import ConfigError, OutOfMemoryError
from trainables.precision import processor

SCHEMA = LabelSchema(
    name="two",
    attributes=(
        Attribute(name="gender", classes=("male", "female")),
        Attribute(name="age", classes=("<30", "30-59", ">=60"), edges=(30, 60)),
    ),
)
CPU = torch.device("cpu")


def config_of(space, **changes):
    scale = choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=1)
    config = load(space, SCHEMA).default_config(SCHEMA, scale)
    return {**config, "input.size": 32, "backbone.name": "test_resnet", **changes}


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path)


@pytest.fixture
def measured(monkeypatch):
    """Costs without a network; the list grows with every measurement."""
    asked = []

    def measure(config, schema, device):
        asked.append(config)
        return ServingCost(flops=100.0 * len(asked), milliseconds=0.5 * len(asked))

    monkeypatch.setattr(serving, "measure_serving", measure)
    return asked


def test_operations_grow_with_the_input_and_with_the_head(one_torch_thread):
    small, large = (
        measure_serving(config_of("joint", **{"input.size": side}), SCHEMA, CPU).flops
        for side in (32, 64)
    )
    assert 3.5 < large / small < 4.5  # four times the pixels
    hidden = measure_serving(config_of("joint", **{"head.hidden": 16}), SCHEMA, CPU).flops
    plain = measure_serving(config_of("joint", **{"head.hidden": 0}), SCHEMA, CPU).flops
    backbone = TrialConfig.from_flat(config_of("joint")).backbone
    features = build_backbone(backbone, None, 32).num_features
    # A multiplication and an addition a weight.
    assert hidden - plain == 2 * (16 * features + 16 * 6) - 2 * 6 * features


def test_every_kind_of_head_has_a_time(one_torch_thread):
    own = {"head.kind": "ordinal", "loss.name": "own"}
    configs = [config_of("multihead"), config_of("age"), config_of("age")]
    configs[2] = {k: v for k, v in configs[2].items() if not k.startswith("loss.")} | own
    for config in configs:
        assert measure_serving(config, SCHEMA, CPU).milliseconds > 0


def test_pretrained_weights_are_not_needed(one_torch_thread):
    config = config_of("joint", **{"backbone.pretrained": True, "backbone.frozen_stages": 1})
    assert measure_serving(config, SCHEMA, CPU).flops > 0


def test_a_config_is_measured_once(store, measured):
    configs = {"joint.1": config_of("joint"), "age.1": config_of("age")}
    first = serving_costs(store, SCHEMA, configs)
    assert first["age.1"] == ServingCost(flops=200.0, milliseconds=1.0)
    assert serving_costs(store, SCHEMA, configs) == first
    assert len(measured) == 2
    stored = json.loads((store.root / SERVING_FILE).read_text(encoding="utf-8"))["configs"]
    assert stored["joint.1"]["device"] == (processor()[0] or "cpu")
    assert stored["joint.1"]["threads"] == torch.get_num_threads()


def test_another_config_under_the_same_name_is_measured_anew_and_the_others_stay(store, measured):
    serving_costs(store, SCHEMA, {"joint.1": config_of("joint"), "age.1": config_of("age")})
    changed = {"joint.1": config_of("joint", **{"input.size": 64})}
    assert serving_costs(store, SCHEMA, changed)["joint.1"].flops == 300.0
    assert serving_costs(store, SCHEMA, {"age.1": config_of("age")})["age.1"].flops == 200.0
    assert len(measured) == 3


def moved(store, names):
    """Has some figures come from a machine with a GPU."""
    path = store.root / SERVING_FILE
    kept = json.loads(path.read_text(encoding="utf-8"))
    for name in names:
        kept["configs"][name] |= {"device": "NVIDIA H200", "milliseconds": 0.01}
    path.write_text(json.dumps(kept), encoding="utf-8")


def test_the_figures_of_another_machine_stay_until_one_is_lacking(store, measured):
    """A repeated verdict has the same figures, and one of two machines compares nothing."""
    configs = {"joint.1": config_of("joint"), "age.1": config_of("age")}
    serving_costs(store, SCHEMA, configs)
    moved(store, configs)
    found = serving_costs(store, SCHEMA, configs)
    assert {cost.milliseconds for cost in found.values()} == {0.01}
    configs["age.2"] = config_of("age", **{"input.size": 64})
    found = serving_costs(store, SCHEMA, configs)
    assert sorted(cost.milliseconds for cost in found.values()) == [1.5, 2.0, 2.5]
    assert serving_costs(store, SCHEMA, configs) == found


def test_what_is_mixed_of_two_machines_is_measured_on_this_one(store, measured):
    configs = {"joint.1": config_of("joint"), "age.1": config_of("age")}
    serving_costs(store, SCHEMA, configs)
    moved(store, ["age.1"])
    found = serving_costs(store, SCHEMA, configs)
    assert [found[name].milliseconds for name in configs] == [0.5, 1.5]


def test_a_limit_of_this_machine_is_held_by_figures_of_this_machine(store, measured):
    configs = {"joint.1": config_of("joint")}
    serving_costs(store, SCHEMA, configs)
    moved(store, configs)
    assert serving_costs(store, SCHEMA, configs, here=True)["joint.1"].milliseconds == 1.0


def test_what_a_headrace_before_blocks_measured_stays_known(store, measured):
    config = config_of("joint")
    serving_costs(store, SCHEMA, {"joint.1": config})
    known = json.loads((store.root / SERVING_FILE).read_text(encoding="utf-8"))["configs"]
    before = {name: value for name, value in config.items() if not name.startswith("target.")}
    text = repr(sorted({**before, "target.kind": "joint"}.items()))
    assert known["joint.1"]["key"] == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_without_configs_nothing_is_measured_or_written(store, measured):
    assert serving_costs(store, SCHEMA, {}) == {}
    assert not (store.root / SERVING_FILE).exists()


def test_a_network_that_cannot_be_built_has_no_cost(store, caplog):
    configs = {"joint.1": config_of("joint", **{"backbone.name": "no_such_model"})}
    assert serving_costs(store, SCHEMA, configs) == {}
    assert "the cost to serve joint.1 is not known: unknown timm model" in caplog.text
    with pytest.raises(ConfigError, match="unknown timm model"):
        measure_serving(configs["joint.1"], SCHEMA, CPU)


def test_where_memory_runs_out_fewer_photos_are_served_at_once(monkeypatch, one_torch_thread):
    asked, fastest = [], serving._fastest

    def fit(network, photos, device):
        asked.append(len(photos))
        if len(photos) > 10:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return fastest(network, photos, device)

    monkeypatch.setattr(serving, "_fastest", fit)
    cost = measure_serving(config_of("joint"), SCHEMA, CPU)
    assert (asked, cost.batch) == ([32, 16, 8], 8)
    monkeypatch.setattr(serving, "_fastest", lambda *_: fit(None, range(11), None))
    with pytest.raises(OutOfMemoryError, match="a network and a photo do not fit in memory"):
        measure_serving(config_of("joint"), SCHEMA, CPU)

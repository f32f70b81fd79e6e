import pytest

from search.predict.serving_cost import ServingCost
from search.verdict import costs
from search.verdict.costs import approach_costs
from tests.search.builders.logged_run import built_of, made_run, with_configs, write_part


@pytest.fixture
def logged(tmp_path, monkeypatch):
    """A run whose networks cost 10 operations and half a millisecond each."""

    def serve(store, schema, configs):
        return {name: ServingCost(flops=10.0, milliseconds=0.5) for name in configs}

    monkeypatch.setattr(costs, "serving_costs", serve)
    return made_run(tmp_path)


def found(logged):
    costs = approach_costs(logged, list(built_of(logged).values()))
    return {cost.approach: cost.to_dict() for cost in costs}


def test_separate_models_cost_the_sum_of_all_attributes(logged):
    for space, parameters in (("gender", 100), ("mask", 20), ("joint", 50), ("multihead", 60)):
        write_part(logged, space, "default", 0, 0, parameters=parameters, gradient_cosine=[])
        write_part(logged, space, "1", 0, 0, parameters=7, gradient_cosine=[])
    values = found(logged)
    assert values["separate"] == {
        "search_device_seconds": 30.0,
        "refit_device_seconds": 10.0,
        "parameters": 120,
        "flops": 20.0,
        "serve_ms": 1.0,
    }
    assert values["joint"] == {
        "search_device_seconds": 15.0,
        "refit_device_seconds": 5.0,
        "parameters": 50,
        "flops": 10.0,
        "serve_ms": 0.5,
    }


def test_an_older_run_lacks_what_it_did_not_note(tmp_path):
    logged = made_run(tmp_path, configs=False)
    write_part(logged, "joint", "default", 0, 0)
    values = found(logged)["joint"]
    assert values["refit_device_seconds"] == 2.5
    assert (values["parameters"], values["flops"], values["serve_ms"]) == (None, None, None)
    assert not (logged.refitted.store.predictions / "serving.json").exists()


def test_a_sum_with_an_unknown_part_is_unknown(logged):
    write_part(logged, "gender", "default", 0, 0, parameters=100, gradient_cosine=[])
    assert found(logged)["separate"]["parameters"] is None
    configs = logged.refitted.note.configs
    torn = with_configs(logged, {n: c for n, c in configs.items() if n != "mask.default"})
    assert found(torn)["separate"]["flops"] is None
    assert found(torn)["joint"]["flops"] == 10.0

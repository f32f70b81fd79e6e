"""Made-up controlled trainings, from their files to sentences: what was planted is found."""

import numpy as np
import pytest

from search.why.plan import ControlCosts, plan_controls
from search.why.reasons import controlled_reasons
from search.why.record import read_record
from search.why.stage import planned_units, record_why
from tests.search.builders.made_why import SPACES, made_design, made_refitted, write_units

COSTS = ControlCosts(seconds=dict.fromkeys(SPACES, 1.0), slots=1)
NOT = "not supported by this data"


def reasons(root, accuracy, num_seeds=2, seconds=None):
    design = made_design(num_seeds=num_seeds)
    refitted = made_refitted(root, design, accuracy)
    plan = plan_controls(design, COSTS, seconds)
    write_units(refitted, planned_units(design, plan), accuracy)
    record_why(refitted, design, plan)
    found = controlled_reasons(refitted, read_record(refitted), seed=0)
    return {(reason.key, reason.about): reason for reason in found}


def even(space, config_id):
    """Nothing that is changed matters."""
    return 0.8 if space == "joint" else 0.9


def planted(space, config_id):
    """Shared configs hurt; joint suffers from fewer people, wrong labels and balancing."""
    loss = {"shared": 0.2, "people-25": 0.3, "noise-5": 0.25, "sampler-100": 0.35}
    suffers = space == "joint" or config_id == "shared"
    return even(space, config_id) - (loss.get(config_id, 0.0) if suffers else 0.0)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return reasons(tmp_path_factory.mktemp("planted"), planted)


@pytest.fixture(scope="module")
def absent(tmp_path_factory):
    return reasons(tmp_path_factory.mktemp("absent"), even)


def test_every_control_has_its_reasons(found):
    pairs = [("separate", "joint"), ("separate", "multihead"), ("joint", "multihead")]
    steps = [(key, pair) for key in ("learning_curve", "label_noise", "sampler") for pair in pairs]
    models = [(key, pairs[0]) for key in ("shared_config", "equal_parameters")]
    assert list(found) == [*models, *steps]


@pytest.mark.parametrize(
    ("key", "mechanism", "said"),
    [
        ("shared_config", "M1", "tuning per attribute is worth +0."),
        ("learning_curve", "M2", "fewer people favour separate by +0."),
        ("label_noise", "M6", "wrong labels favour separate by +0."),
        ("sampler", "M4", "balanced classes favour separate by +0."),
    ],
)
def test_a_planted_effect_is_found_and_an_absent_one_is_not(found, absent, key, mechanism, said):
    yes, no = found[key, ("separate", "joint")], absent[key, ("separate", "joint")]
    assert yes.supported
    assert yes.effect.low > 0.03
    assert yes.mechanism == mechanism
    assert said in yes.sentence
    assert NOT not in yes.sentence
    assert not no.supported
    assert NOT in no.sentence


def test_the_sign_of_an_effect_follows_the_order_of_the_pair(found):
    reason = found["learning_curve", ("joint", "multihead")]
    assert reason.effect.high < 0
    assert "fewer people favour multihead by +0." in reason.sentence
    assert not found["learning_curve", ("separate", "multihead")].supported


def test_the_averages_are_reported_beside_both_approaches(absent):
    reason = absent["equal_parameters", ("separate", "joint")]
    assert reason.mechanism == "M7"
    assert set(reason.figures.bars) == {"joint, one model", "joint, 2 averaged", "separate"}
    assert "At equal parameters, separate less joint is" in reason.sentence


def test_lines_have_a_point_with_interval_for_every_setting(found):
    lines = found["learning_curve", ("separate", "joint")].figures.lines
    assert [cell.x for cell in lines["joint"]] == [100, 50, 25]
    for cell in lines["joint"]:
        assert cell.interval[0] < cell.value < cell.interval[1]
    assert lines["joint"][2].value < lines["joint"][0].value - 0.1
    own = found["sampler", ("separate", "joint")].figures.own
    assert own["joint"].value == lines["joint"][0].value  # both are the winner


def test_with_one_seed_nothing_is_supported_and_the_reason_is_said(tmp_path):
    for reason in reasons(tmp_path, planted, num_seeds=1).values():
        assert not reason.supported
        assert NOT in reason.sentence
        assert "one seed cannot tell the luck of training" in reason.sentence


def test_on_fewer_folds_the_people_of_these_are_compared(tmp_path):
    design = made_design(num_seeds=3)
    least = COSTS.of(design, design.controls[0], 2, 2)
    found = reasons(tmp_path, planted, num_seeds=3, seconds=least)
    (reason,) = (r for (key, _), r in found.items() if key == "shared_config")
    assert reason.supported
    scores = [v for row in reason.figures.bars.values() for v in row.values()]
    assert np.isfinite(scores).all()


def test_without_controlled_trainings_there_are_no_reasons(tmp_path):
    refitted = made_refitted(tmp_path, made_design(), even)
    assert controlled_reasons(refitted, read_record(refitted), seed=0) == ()

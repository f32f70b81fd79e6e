import json

import numpy as np
import pytest

from search.errors import ResultsError
from search.refit.refitted import Refitted
from search.why.controls import Control
from search.why.plan import ControlCosts, PlannedControl, plan_controls
from search.why.record import complete_part, read_record
from search.why.stage import planned_units, record_why
from tests.search.builders.made_why import (
    FOLDS,
    LINEUP,
    SPACES,
    made_design,
    made_refitted,
    write_units,
)

COSTS = ControlCosts(seconds=dict.fromkeys(SPACES, 1.0), slots=1)


def right(space, config_id):
    return 0.9


def made(tmp_path):
    design = made_design()
    return design, made_refitted(tmp_path, design, right)


def read_again(refitted):
    return Refitted.read(refitted.store, LINEUP)


def recorded(refitted, design, units=None):
    plan = plan_controls(design, COSTS, None)
    write_units(refitted, planned_units(design, plan) if units is None else units, right)
    record_why(refitted, design, plan, ["a note"])
    return read_record(read_again(refitted))


def part(control, repeats=3, num_folds=4):
    return PlannedControl(control=control, repeats=repeats, num_folds=num_folds, seconds=0.0)


def test_a_record_survives_the_disk_and_holds_every_control(tmp_path):
    design, refitted = made(tmp_path)
    record = recorded(refitted, design)
    assert [found.control for found in record.controls] == list(Control)
    assert record.winners == dict.fromkeys(SPACES, "1")
    assert (record.seeds, record.noisy, record.notes) == ((0, 1), "gender", ("a note",))
    people = next(found for found in record.controls if found.control is Control.PEOPLE)
    assert (people.seeds, people.folds) == ((0, 1), (0, 1, 2, 3))
    assert [level.x for level in people.levels] == [100, 50, 25]
    assert people.levels[2].config_ids == dict.fromkeys(SPACES, "people-25")
    averaged = next(found for found in record.controls if found.control is Control.AVERAGED)
    assert averaged.seeds == (0, 1, 2, 3)


def test_merged_files_hold_the_trained_folds_and_nothing_mirrored(tmp_path):
    design, refitted = made(tmp_path)
    units = [u for fold in (0, 2) for u in design.units(Control.SHARED, 0, fold)]
    recorded(refitted, design, units)
    with np.load(refitted.store.predictions / "why" / "gender.shared.0.npz") as merged:
        assert merged.files == ["head:gender"]
        there = np.isfinite(merged["head:gender"]).all(axis=1)
    assert there.tolist() == np.isin(refitted.truth.fold, (0, 2)).tolist()


def test_the_predictions_of_the_refit_stay_as_they_were(tmp_path):
    design, refitted = made(tmp_path)
    before = refitted.predictions
    recorded(refitted, design)
    after = read_again(refitted).predictions
    assert {space: list(config_ids) for space, config_ids in after.items()} == {
        space: ["1", "default"] for space in SPACES
    }
    np.testing.assert_array_equal(before["joint"]["1"]["joint"], after["joint"]["1"]["joint"])


def test_a_plan_that_shrank_leaves_no_file_of_the_larger_one(tmp_path):
    design, refitted = made(tmp_path)
    recorded(refitted, design)
    small = plan_controls(design, COSTS, COSTS.of(design, Control.SHARED, 2, 4))
    record_why(refitted, design, small)
    names = {
        path.name.split(".")[1] for path in (refitted.store.predictions / "why").glob("*.npz")
    }
    assert names == {"shared", "1"}  # the rest has no time


def test_a_record_of_another_refit_is_none(tmp_path):
    design, refitted = made(tmp_path)
    assert read_record(refitted) is None
    recorded(refitted, design)
    path = refitted.store.predictions / "refit.json"
    note = json.loads(path.read_text(encoding="utf-8"))
    note["configs"]["joint.1"]["optim.lr"] = 0.5
    path.write_text(json.dumps(note), encoding="utf-8")
    assert read_record(read_again(refitted)) is None


def test_a_torn_record_is_an_error(tmp_path):
    design, refitted = made(tmp_path)
    recorded(refitted, design)
    path = refitted.store.predictions / "why" / "why.json"
    path.write_text(path.read_text(encoding="utf-8")[:50], encoding="utf-8")
    with pytest.raises(ResultsError, match="is not JSON"):
        read_record(refitted)


@pytest.mark.parametrize(
    ("missing", "seeds", "folds"),
    [
        ((), (0, 1, 2), (0, 1, 2, 3)),
        ({(2, 3)}, (0, 1, 2), (0, 1, 2)),  # 3 seeds x 3 folds are more than 2 x 4
        ({(2, 0), (2, 1), (2, 2)}, (0, 1), (0, 1, 2, 3)),
        ({(1, 1), (2, 1)}, (0, 1, 2), (0, 2, 3)),
        # Two seeds on two folds rather than one seed on four.
        ({(1, 0), (1, 1), *((2, fold) for fold in range(4))}, (0, 1), (2, 3)),
    ],
)
def test_of_an_unfinished_control_whole_seeds_on_whole_folds_are_compared(missing, seeds, folds):
    design = made_design(num_seeds=3)
    found = complete_part(
        design, part(Control.NOISE), lambda unit: (unit.seed, unit.fold) not in missing
    )
    assert (found.seeds, found.folds) == (seeds, folds)


def test_a_control_with_less_than_two_folds_is_none():
    design = made_design(num_seeds=3)
    assert complete_part(design, part(Control.PEOPLE), lambda unit: unit.fold == 0) is None


def test_one_missing_level_leaves_its_fold_out():
    design = made_design()
    lost = ("joint.people-50", 1)
    found = complete_part(
        design,
        part(Control.PEOPLE, repeats=2),
        lambda unit: (f"{unit.space}.{unit.config_id}", unit.fold) != lost,
    )
    assert found.folds == tuple(fold for fold in range(FOLDS) if fold != 1)


def test_averages_need_no_training_where_the_refit_has_seeds_enough():
    design = made_design(num_seeds=3)
    found = complete_part(design, part(Control.AVERAGED, repeats=1), lambda unit: False)
    assert (found.seeds, found.folds) == ((0, 1, 2), (0, 1, 2, 3))
    none = made_design(num_seeds=1)
    assert complete_part(none, part(Control.AVERAGED, repeats=1), lambda unit: False) is None

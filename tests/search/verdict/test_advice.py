"""The command that would decide, and the minutes it takes."""

import json
import shutil
from dataclasses import replace

import pytest

from search.analysis.uncertainty.power import WouldDecide
from search.analysis.verdict.rules import Outcome
from search.refit.refitted import Refitted
from search.verdict.advice import advise
from tests.search.analysis.verdict.test_sentence import pair, verdict
from tests.search.builders.made import made_config
from tests.search.builders.made_refit import CONFIG_IDS, FOLDS, LINEUP, SEEDS, write_refit

ACCURACY = dict.fromkeys(LINEUP.blocks, 0.8)
SECONDS = {"gender": 60.0, "age": 120.0, "joint": 240.0, "multihead": 480.0}


OPEN = replace(pair("separate", "joint"), would_decide=WouldDecide(people=None, seeds=5))
WON = pair("separate", "multihead", Outcome.A_WINS)
DECIDED = pair("joint", "multihead", Outcome.A_WINS)


@pytest.fixture
def refitted(tmp_path):
    found = Refitted.read(write_refit(tmp_path / "mine", ACCURACY), LINEUP)
    config = replace(made_config(data=""), budget_seconds=3600.0).to_dict()
    found.store.write_study({**found.store.read_study(), "config": config})
    return replace(found, note=replace(found.note, seed_seconds=SECONDS))


def step(refitted):
    return advise(verdict(OPEN, WON, DECIDED), (), refitted, accept_loss=0.02).next_step


def test_more_seeds_train_all_spaces_of_the_open_pair(refitted):
    found = step(refitted)
    assert found.command.endswith(
        "--resume mine --results " + str(refitted.store.root.parent) + " --refit-seeds 5"
    )
    assert found.minutes == pytest.approx((5 - SEEDS) * (60 + 120 + 240) / 60)


def test_models_that_the_run_deleted_are_trained_again_for_an_ensemble_of_more_seeds(refitted):
    before = step(refitted).minutes
    (refitted.store.models / "joint.1.0.2.safetensors").unlink()
    one_of = len(CONFIG_IDS) * FOLDS  # trainings of a seed
    assert step(refitted).minutes == pytest.approx(before + 240 / one_of / 60)


def test_models_that_are_in_a_store_and_not_here_are_not_deleted(refitted):
    one_of = len(CONFIG_IDS) * FOLDS  # trainings of a seed
    (refitted.store.models / "joint.1.0.2.safetensors").unlink()
    before = step(refitted).minutes
    names = [f"models/{path.name}" for path in refitted.store.models.iterdir()]
    shutil.rmtree(refitted.store.models)
    assert step(refitted).minutes > before
    (refitted.store.root / ".mirror.json").write_text(json.dumps({"left": names}))
    assert step(refitted).minutes == before
    assert before == pytest.approx((5 - SEEDS) * (60 + 120 + 240) / 60 + 240 / one_of / 60)


def test_seeds_that_were_asked_for_and_found_no_time_need_a_budget(refitted):
    again = replace(refitted, note=replace(refitted.note, asked=5))
    # 21 minutes, and a fifth for what the search took longer than its trials, on top of 60.
    assert step(again).command.endswith("--refit-seeds 5 --budget 86m")


def test_without_known_times_no_minutes_are_named(refitted):
    assert step(replace(refitted, note=replace(refitted.note, seed_seconds={}))).minutes is None

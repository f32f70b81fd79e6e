"""The ensemble of a real, tiny refit: its weights say what the refit said."""

import numpy as np
import torch
from rich.console import Console

from search.ensemble.stage import build_ensemble
from search.prepare.setting import SharedImages
from search.refit.approaches import Lineup
from search.refit.files import RefitFiles, RefitNote
from search.refit.plan import Shape
from search.refit.train import train_unit
from search.refit.truth import write_truth
from search.refit.units import Folds, Unit
from search.store.run_store import RunStore
from spaces import load
from spaces.scale import choose_scale
from tests.search.builders.people import trial_setting
from trainables.config import TrialConfig
from trainables.data.splits import make_folds
from trainables.predictor import Predictor


def test_a_real_refits_weights_predict_each_fold_as_they_did_out_of_fold(
    people, cache, tmp_path, one_torch_thread
):
    setting = trial_setting(people, cache, tmp_path / "run")
    store, table = RunStore(tmp_path / "run"), setting.table
    folds = Folds(of_sample=make_folds(table, 3, 1), num_folds=3)
    scale = choose_scale(device="cpu", pretrained=None, weights=(), max_epochs=1)
    space = load("joint", table.schema)
    default = space.default_config(table.schema, scale)
    config = {**default, "input.size": 32, "backbone.name": "test_efficientnet"}
    units = [
        Unit(space="joint", config_id="default", seed=0, fold=fold, config=config)
        for fold in range(3)
    ]
    images, files = SharedImages(setting), RefitFiles(store.predictions)
    for unit in units:
        train_unit(unit, folds, images, 0, files, store.models)
    files.merge(units, folds)
    write_truth(store.predictions, table, folds, setting.split)
    shape, configs = Shape(folds=3, seeds=1, configs=1), {"joint.default": config}
    RefitNote(shape=shape, notes=(), configs=configs).write(store)
    data = {
        "schema": table.schema.to_dict(),
        "photos": table.num_samples,
        "people": table.num_groups,
        "fingerprint": table.fingerprint,
        "stored_size": list(setting.stored_size),
    }
    blocks = Lineup.of(table.schema, [space]).to_dict()
    study = {"config": {"seed": 0}, "blocks": blocks, "versions": {}}
    store.write_study({**study, "data": data})
    part = build_ensemble(store, Console(quiet=True)).members[0].parts[0]
    with np.load(store.predictions / "joint.default.0.npz") as file:
        stored = file["head:joint"]
    for fold, file in enumerate(part.files):
        predictor = Predictor(
            TrialConfig.from_flat(part.config),
            table.schema,
            store.root / "ensemble" / file,
            mean=part.mean,
            std=part.std,
            device=torch.device("cpu"),
        )
        again = predictor.predict(images.tensor[torch.from_numpy(folds.out(fold))])["joint"]
        np.testing.assert_allclose(again, stored[folds.out(fold)], atol=1e-6)

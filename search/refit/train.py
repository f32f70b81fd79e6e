"""One unit of a refit trained and written."""

import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save

from search.prepare.setting import SharedImages
from search.refit.files import RefitFiles
from search.refit.unit_file import TrainedUnit
from search.refit.units import Folds, Unit
from trainables.classifier import ImageClassifier
from trainables.config import TrialConfig
from trainables.data.sample_table import SampleTable
from trainables.drafts import written
from trainables.seeding import derive_seed


def train_unit(
    unit: Unit, folds: Folds, images: SharedImages, seed: int, files: RefitFiles, models: Path
) -> float:
    """Trains one unit, writes its probabilities and weights, and returns its seconds.

    They are those of training and predicting: images are decoded and resized, and photos labelled,
    by the unit that comes first, for all.

    The labels of the out-fold are never read: not for stopping, not for choosing an epoch.
    """
    setting, config = images.setting, TrialConfig.from_flat(unit.config)
    out = folds.out(unit.fold)
    data = images.training_data(_with_others(setting.table, folds.train(unit.fold), out))
    if unit.change is not None:
        data = unit.change.apply(data, setting.table, images.outputs)
    data.images.at(config.input)
    weights_dir = images.weights_for(config)
    started = time.perf_counter()
    classifier = ImageClassifier(
        config,
        data,
        seed=derive_seed(seed, "refit", unit.space, unit.config_id, unit.seed, unit.fold),
        device=images.device,
        weights_dir=weights_dir,
    )
    reports = [classifier.train_epoch() for _ in range(classifier.config.schedule.epochs)]
    probabilities = classifier.predict(out)
    mirrored = classifier.predict(out, mirrored=True)
    seconds = time.perf_counter() - started
    # Before the unit's own file, which says that all of it is there.
    weights = models / f"{unit.name}.safetensors"
    with written(weights) as draft:
        # By Python: its own writer would not say of what kind an error is, nor of which file.
        draft.write_bytes(save(classifier.weights()))
    images.outputs.hand_over(weights)
    trained = TrainedUnit(
        indices=out,
        seconds=seconds,
        key=folds.key(unit),
        note={
            "parameters": classifier.num_parameters,
            "gradient_cosine": [dict(report.gradient_cosine) for report in reports],
            "mean": classifier.preprocess.mean,
            "std": classifier.preprocess.std,
            "device_share": images.setting.device_share,
            "ended": time.time(),
        },
        heads=probabilities,
        mirrored=mirrored,
    )
    files.write_unit(unit, trained)
    images.outputs.hand_over(files.part_path(unit))
    return seconds


def _with_others(
    table: SampleTable, train: NDArray[np.int64], out: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Returns what a fold trains on: beside its samples, those behind them that only train.

    These lack a label or are added, and of nobody who is predicted.
    """
    person = table.group_index
    others = np.arange(table.num_whole, table.num_samples)
    return np.concatenate([train, others[~np.isin(person[others], person[out])]])

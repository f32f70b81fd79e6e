"""What an epoch will cost: a few steps of every default config before anything is planned."""

import time
from collections.abc import Mapping

import numpy as np

from search.prepare.prepared import Prepared
from search.prepare.setting import SharedImages
from trainables.classifier import ImageClassifier
from trainables.config import TrialConfig

_NUM_BATCHES = 6
# All devices at work together are slower than one alone, and the sampler finds dearer configs.
_CAUTION = 1.3


def probe_costs(run: Prepared) -> Mapping[str, float]:
    """Returns device seconds per photo and epoch of every space's default config."""
    images = SharedImages(run.setting)
    table = run.dataset.table
    found = {}
    for space in run.spaces:
        config = TrialConfig.from_flat(space.default_config(table.schema, run.scale))
        photos = min(_NUM_BATCHES * config.optim.batch_size, len(run.dataset.split.search_train))
        train = np.random.default_rng(0).choice(
            run.dataset.split.search_train, size=photos, replace=False
        )
        data = images.training_data(np.sort(train))
        classifier = ImageClassifier(
            config,
            data,
            seed=0,
            device=images.device,
            weights_dir=run.setting.weights_dir,
        )
        classifier.train_epoch()  # the first one warms up
        started = time.perf_counter()
        classifier.train_epoch()
        seconds = time.perf_counter() - started
        found[space.name] = _CAUTION * run.resources.device_share * seconds / photos
    return found

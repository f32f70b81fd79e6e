"""What an epoch will cost: a few steps of every default config before anything is planned."""

import time
from collections.abc import Callable, Mapping

import numpy as np
import torch

from search.prepare.prepared import Prepared
from search.prepare.setting import SharedImages, TrialSetting
from search.store.heartbeat import heartbeat_path
from trainables.blocks import FlatValue
from trainables.classifier import ImageClassifier
from trainables.config import TrialConfig

_NUM_BATCHES = 6
# All devices at work together are slower than one alone, and the sampler finds dearer configs.
_CAUTION = 1.3


def is_timed_here(run: Prepared) -> bool:
    """Returns whether this machine has a device of the trials."""
    # The head of a cluster often has no GPU.
    return run.resources.device != "cuda" or torch.cuda.is_available()


def probe_costs(run: Prepared) -> Mapping[str, float]:
    """Returns device seconds per photo and epoch of every space's default config.

    Raises:
        StalledError: this machine has no such device, and no worker of the cluster answers.
    """
    configs = {space.name: run.default_config(space.name) for space in run.spaces}
    if not is_timed_here(run):
        # Ray is not loaded for the others.
        from search.refit.on_worker import on_worker

        beat = heartbeat_path(run.store.root.resolve(), "probe")
        sign = run.setting.sign
        found = on_worker(run.resources, beat, measure_costs, run.setting, configs, sign=sign)
    else:
        found = measure_costs(lambda: None, run.setting, configs)
    share = _CAUTION * run.resources.device_share
    return {name: share * seconds for name, seconds in found.items()}


def measure_costs(
    on_step: Callable[[], None],
    setting: TrialSetting,
    configs: Mapping[str, Mapping[str, FlatValue]],
) -> dict[str, float]:
    """Returns the seconds that a photo of an epoch takes here, by the name of a config."""
    images = SharedImages(setting, on_step)
    split, found = setting.split, {}
    for name, flat in configs.items():
        config = TrialConfig.from_flat(images.with_precision(flat))
        search_train = setting.table.with_labels(split.search_train, config.target.attributes)
        photos = min(_NUM_BATCHES * config.optim.batch_size, len(search_train))
        train = np.random.default_rng(0).choice(search_train, size=photos, replace=False)
        classifier = ImageClassifier(
            config,
            images.training_data(np.sort(train)),
            seed=0,
            device=images.device,
            weights_dir=images.weights_for(config),
        )
        classifier.train_epoch()  # the first one warms up
        started = time.perf_counter()
        classifier.train_epoch()
        found[name] = (time.perf_counter() - started) / photos
    return found

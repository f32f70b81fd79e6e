"""What an epoch will cost: a few steps of every default config before anything is planned."""

import logging
from collections.abc import Callable, Mapping

import numpy as np
import torch

from search.errors import BrokenDefaultError
from search.prepare.prepared import Prepared
from search.prepare.setting import SharedImages, TrialSetting
from search.store.heartbeat import heartbeat_path
from trainables.blocks import FlatValue, Form
from trainables.classifier import ImageClassifier
from trainables.config import TrialConfig
from trainables.errors import NonFiniteLossError, TrainablesError
from trainables.memory import freed_kept, is_out_of_memory, release

logger = logging.getLogger(__name__)

_NUM_BATCHES = 6
# All devices at work together are slower than one alone, and the sampler finds dearer configs.
_CAUTION = 1.3


def is_timed_here(run: Prepared) -> bool:
    """Returns whether this process may time the steps itself."""
    # The head of a cluster often has no GPU; and what this process keeps of one, workers cannot
    # open where a GPU has one process at a time.
    return run.resources.device == "cpu"


def probe_costs(run: Prepared) -> Mapping[str, float]:
    """Returns device seconds per photo and epoch of every space's default config.

    One that breaks is taken to cost as much as the dearest of the others; its trial says why.

    Raises:
        StalledError: they are timed on a worker, and none answers.
        BrokenDefaultError: every default config breaks.
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
    # Trials that share a GPU take turns on it, as far as nobody has measured anything else.
    share = _CAUTION / (run.resources.sharing_gain or 1.0)
    dearest = max(found.values())
    return {name: share * found.get(name, dearest) for name in configs}


def measure_costs(
    on_step: Callable[[], None],
    setting: TrialSetting,
    configs: Mapping[str, Mapping[str, FlatValue]],
) -> dict[str, float]:
    """Returns the seconds that a photo of an epoch takes here, by the name of a config.

    A config that breaks has none.

    Raises:
        BrokenDefaultError: all break.
    """
    found, broken = _measured(SharedImages(setting, on_step), configs)
    release(torch.device(setting.device))  # the images, too: the driver has no other use for them
    if not found:
        raise BrokenDefaultError(broken)
    return found


def _measured(
    images: SharedImages, configs: Mapping[str, Mapping[str, FlatValue]]
) -> tuple[dict[str, float], str]:
    """Returns the seconds of the configs that do not break, and why the last of the others did."""
    found: dict[str, float] = {}
    broken = ""
    with freed_kept(images.device):
        for name, flat in configs.items():
            config = TrialConfig.from_flat(images.with_precision(flat))
            try:
                found[name] = _seconds_of(images, config)
            except (TrainablesError, RuntimeError, MemoryError) as error:
                if not (isinstance(error, NonFiniteLossError) or is_out_of_memory(error)):
                    raise
                if fault := images.crowded(error):
                    raise fault from error
                broken = f"the default config of {name} breaks: {error}"
                logger.warning("%s", broken)
            release(images.device)  # the error is gone, and what it kept of the network, too
    return found, broken


def _seconds_of(images: SharedImages, config: TrialConfig) -> float:
    """Returns the seconds that a photo of an epoch takes, of whatever labels it has."""
    classifier, photos, share = of_a_few(images, config)
    classifier.train_epoch()  # the first one warms up
    return classifier.train_epoch().seconds / photos * share


def of_a_few(images: SharedImages, config: TrialConfig) -> tuple[ImageClassifier, int, float]:
    """Returns the model of a config with a few photos to train on, and how many they are.

    The third is the share of all photos of a training that has the labels of the config.
    """
    table, target = images.setting.table, config.target
    everybody = images.setting.split.search_train
    every = target.form is not Form.HEADS
    labelled = table.with_labels(everybody, target.attributes, every=every)
    photos = min(_NUM_BATCHES * config.optim.batch_size, len(labelled))
    train = np.random.default_rng(0).choice(labelled, size=photos, replace=False)
    classifier = ImageClassifier(
        config,
        images.training_data(np.sort(train)),
        seed=0,
        device=images.device,
        weights_dir=images.weights_for(config),
    )
    return classifier, photos, len(labelled) / len(everybody)

"""The Tune trainable: a warm process that runs one trial after another, an epoch per step."""

import gc
import os
import time
from pathlib import Path
from typing import Any

import ray
from ray import tune

from search.prepare.setting import SharedImages, TrialSetting
from search.store.heartbeat import Heartbeat
from search.trial.trial_run import TrialRun
from trainables.memory import keep_freed


class Worker(tune.Trainable):  # type: ignore[misc]
    """One device slot. Ray calls `setup` once, then `reset_config` for every further trial."""

    _heartbeat: Heartbeat
    _images: SharedImages
    _run: TrialRun
    _ended: float | None = None
    _has_settled = False

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> tune.PlacementGroupFactory | None:
        """Returns what Ray gives the trial, and on which nodes it may be; Tune asks it of each."""
        if not config.get("asks"):
            return None
        bundle, selector = config["asks"]["bundle"], config["asks"]["selector"]
        where = {"bundle_label_selector": [selector]} if selector else {}
        return tune.PlacementGroupFactory([bundle], **where)

    def setup(self, config: dict[str, Any], setting: TrialSetting) -> None:
        """Opens the images and the first trial."""
        if setting.device == "cpu":
            # Ray leaves the variable alone for a trial without a GPU, which then sees them all.
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        node = ray.get_runtime_context().get_node_id() if ray.is_initialized() else ""
        self._heartbeat = Heartbeat(node, note=setting.sign)
        self._begin(config)  # what fails from here on is told with its node
        self._images = SharedImages(setting, on_step=self._heartbeat)
        keep_freed(self._images.device)
        self._open(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Replaces the trial; the process, its imports and its images stay."""
        self._run.close()
        self._run.forget()
        if not self._has_settled:
            # What is alive between two trials stays: modules and images, most of a million objects
            # that no later collection need look at, each of which a device waits for.
            gc.freeze()
            self._has_settled = True
        self._begin(new_config)
        self._open(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Runs one epoch."""
        is_first = self._run.first_batch is None
        result = self._run.epoch()
        if is_first and self._ended is not None and self._run.first_batch is not None:
            result["gap"] = self._run.first_batch - self._ended
        self._ended = time.time()
        return result

    def cleanup(self) -> None:
        """Ends the trial's files before the process ends."""
        self._run.close()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Saves nothing for Ray: trials keep their own checkpoints."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Loads nothing from Ray."""

    def _begin(self, config: dict[str, Any]) -> None:
        if config.get("heartbeat"):
            self._heartbeat.begin(Path(config["heartbeat"]))

    def _open(self, config: dict[str, Any]) -> None:
        self._run = TrialRun(
            self._images,
            space=config["space"],
            number=config["number"],
            config=config["config"],
            seed=config["seed"],
        )

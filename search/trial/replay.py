"""Training the winning config again: the same score, on the same machine bit for bit."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from search.errors import ResultsError, UsageError
from search.prepare.config import RunConfig
from search.prepare.dataset import ProgressBar, decode_images, open_dataset
from search.prepare.setting import SharedImages, TrialSetting
from search.store.best_file import digest
from search.trial.trial_run import TrialRun
from trainables.config import TrialConfig

_NEEDED = (
    *("space", "trial", "seed", "config", "score.value", "score.probabilities"),
    *("data.path", "data.layout", "data.demo_people", "data.fingerprint", "data.split"),
    *("data.stored_size", "training.device", "training.num_threads", "training.weights_dir"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The score of the best config then and now."""

    recorded: float
    value: float
    same_bits: bool


def replay(
    path: Path,
    cache: Path,
    progress: ProgressBar,
    *,
    data: str = "",
    weights_dir: str = "",
) -> Replayed:
    """Trains the config of `best/<space>.yaml` again with its seed, data, split and threads.

    Args:
        path: the YAML file.
        cache: folder of demo data and decoded images.
        progress: makes a progress callback for a described step.
        data: where the data is now; empty is where it was.
        weights_dir: where the weights are now; empty is where they were.

    Raises:
        ResultsError: the file is not a best config, or the data is not what it was.
        UsageError: the device it was trained on is not here.
    """
    best = _read(path)
    config = TrialConfig.from_tree(best["config"])
    study = _study_config(best, data or best["data"]["path"], weights_dir)
    dataset = open_dataset(study, cache, progress)
    found = (dataset.table.fingerprint, dataset.split.fingerprint)
    recorded = (best["data"]["fingerprint"], best["data"]["split"])
    if found != recorded:
        raise ResultsError(
            f"the data must be what {path.name} was found on (fingerprint "
            f"{'/'.join(recorded)}), got {'/'.join(found)}; give its place with --data"
        )
    device = best["training"]["device"]
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"{path.name} was trained on a GPU, and there is none here")
    size = (int(best["data"]["stored_size"][0]), int(best["data"]["stored_size"][1]))
    threads = int(best["training"]["num_threads"])
    decode_images(dataset.table, size, cache, len(os.sched_getaffinity(0)), progress)
    setting = TrialSetting(
        table=dataset.table,
        split=dataset.split,
        stored_size=size,
        cache_dir=cache,
        results_dir=path.parent,
        weights_dir=study.weights_path,
        device=device,
        num_threads=threads,
        device_share=1.0,
    )
    return _train(best, config, setting, progress)


def _train(
    best: dict[str, Any], config: TrialConfig, setting: TrialSetting, progress: ProgressBar
) -> Replayed:
    run = TrialRun(
        SharedImages(setting),
        space=best["space"],
        number=best["trial"],
        config=config.to_flat(),
        seed=best["seed"],
        write=False,
    )
    epochs = config.schedule.epochs
    bar = progress(f"training {best['space']} trial {best['trial']} again")
    for done in range(1, epochs + 1):
        result = run.epoch()
        if "error" in result:
            raise ResultsError(f"the config breaks now: {result['error']}")
        bar(done, epochs)
    if run.last is None:
        raise ResultsError(f"the config trains no epoch: schedule.epochs={epochs}")
    return Replayed(
        recorded=float(best["score"]["value"]),
        value=run.last.value,
        same_bits=digest(run.last.probabilities) == best["score"]["probabilities"],
    )


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ResultsError(f"a best config must exist, got {path}; runs write best/<space>.yaml")
    try:
        best = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path} is not YAML: {error}") from error
    missing = [path for path in _NEEDED if not _has(best, path.split("."))]
    if missing:
        raise ResultsError(
            f"{path} is not a best config of headrace: it lacks {', '.join(missing)}"
        )
    return dict(best)


def _has(tree: Any, path: Sequence[str]) -> bool:
    for name in path:
        if not isinstance(tree, dict) or name not in tree:
            return False
        tree = tree[name]
    return True


def _study_config(best: dict[str, Any], data: str, weights_dir: str) -> RunConfig:
    return RunConfig(
        name="replay",
        spaces=(best["space"],),
        data=str(Path(data).resolve()) if data else "",
        layout=best["data"]["layout"],
        people=best["data"]["demo_people"] or 0,
        budget_seconds=None,
        trials=1,
        max_epochs=None,
        seed=0,
        gpus_per_trial="auto",
        pretrained=None,
        weights_dir=weights_dir or best["training"]["weights_dir"],
        address="",
    )

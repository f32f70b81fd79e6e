"""The recipe of Ray's documentation: OptunaSearch, ASHA, a trainable that reports checkpoints.

Cold, a function trainable, whose every trial starts a process. Warm, `reuse_actors=True` with a
class Trainable that has `reset_config`, as the documentation of Ray wants it for that. Written
after https://docs.ray.io/en/latest/tune/examples/tune-pytorch-cifar.html (grace period 1,
reduction factor 2, a checkpoint an epoch), .../tune/api/trainable.html and
.../tune/tutorials/tune-trial-checkpoints.html.
"""

import math
import os
import random
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.rivals.found import Found
from benchmarks.rivals.task import Ground, Task
from spaces.scale import Scale
from spaces.space import Schema, Space
from tests.search.builders.choice_curves import LAST, Report, choice_curve

_NOT_THEIRS = (
    "RAY_AIR_NEW_OUTPUT",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS",
    "TUNE_DISABLE_SIGINT_HANDLER",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING",
    "TUNE_FORCE_TRIAL_CLEANUP_S",
    "TUNE_FUNCTION_THREAD_TIMEOUT_S",
    "TUNE_GLOBAL_CHECKPOINT_S",
    "TUNE_PRINT_ALL_TRIAL_ERRORS",
    "MALLOC_ARENA_MAX",
)
"""What headrace sets and the users of the recipe do not."""
_OBJECT_STORE_BYTES = 256 * 2**20


class DefineByRun:
    """A space of headrace as a define-by-run function of OptunaSearch, which pickles it."""

    def __init__(self, space: Space, schema: Schema, scale: Scale) -> None:
        self._given = space, schema, scale

    def __call__(self, trial: Any) -> dict[str, Any]:
        """Suggests a config and returns all of it."""
        space, schema, scale = self._given
        return dict(space.config(trial, schema, scale))


def search(task: Task, *, warm: bool) -> Found:
    """Searches the spaces of a task one after another, a Tune run each."""
    for name in _NOT_THEIRS:
        os.environ.pop(name, None)
    import ray  # reads the environment

    ground = Ground.of(task)
    scratch = tempfile.mkdtemp(prefix="w-")  # Ray's sockets need a short path
    ray.init(
        "local",
        num_cpus=task.slots,
        include_dashboard=False,
        object_store_memory=_OBJECT_STORE_BYTES,
        _temp_dir=scratch,
    )
    try:
        found = Found(started=time.time() - task.launched, ended=0.0)
        found.trials = {"complete": 0, "stopped": 0, "cut_off": 0, "failed": 0}
        for space, deadline in ground.turns(task):
            _search_space(task, ground, space, deadline, found, warm=warm)
        found.ended = time.time() - task.launched
        return found
    finally:
        ray.shutdown()
        shutil.rmtree(scratch, ignore_errors=True)


def _search_space(
    task: Task, ground: Ground, space: Space, deadline: float, found: Found, *, warm: bool
) -> None:
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    epochs = ground.epochs(space)
    trainable = _class_trainable() if warm else _train
    watch = _watch()
    checkpoints = {"checkpoint_frequency": 1} if warm else {}
    tuner = tune.Tuner(
        tune.with_resources(
            tune.with_parameters(trainable, ground=ground, space=space.name), {"cpu": 1}
        ),
        tune_config=tune.TuneConfig(
            metric="macro_f1",
            mode="max",
            search_alg=OptunaSearch(
                DefineByRun(space, ground.table.schema, ground.scale),
                metric="macro_f1",
                mode="max",
                seed=task.seed,
            ),
            scheduler=ASHAScheduler(max_t=epochs, grace_period=1, reduction_factor=2),
            num_samples=-1,
            max_concurrent_trials=task.slots,
            time_budget_s=max(1.0, deadline - time.time()),
            reuse_actors=warm,
        ),
        run_config=tune.RunConfig(
            name=space.name,
            storage_path=str(Path(task.work, "ray_results").resolve()),
            callbacks=[watch],
            stop={"training_iteration": epochs},
            checkpoint_config=tune.CheckpointConfig(num_to_keep=2, **checkpoints),
            verbose=0,
        ),
    )
    random.seed(task.seed)
    results = tuner.fit()
    _note(task, space, epochs, deadline, watch, found)
    found.trials["failed"] += results.num_errors


def _note(
    task: Task, space: Space, epochs: int, deadline: float, watch: Any, found: Found
) -> None:
    """Adds what a Tune run reported; its choice is that of `get_best_result` without options.

    A Tune run waits for its last epochs beyond its time: they count for nothing.
    """
    reports = []
    for moment, trial, result in watch.reports:
        if moment <= deadline:
            report = Report(
                time=moment - task.launched,
                trial=trial,
                epoch=int(result["epoch"]),
                value=float(result["macro_f1"]),
            )
            reports.append(report)
        found.training.add(*result["training"])
        found.evaluation.add(*result["evaluation"])
    chosen, found.curves[space.name] = choice_curve(reports, LAST, epochs)
    found.choices[space.name] = None if chosen is None else watch.configs[chosen]
    reached = {report.trial: report.epoch for report in sorted(reports, key=lambda r: r.time)}
    for trial, epoch in reached.items():
        ended = "complete" if epoch >= epochs else "stopped"
        in_time = watch.ended.get(trial, math.inf) <= deadline
        found.trials[ended if in_time or epoch >= epochs else "cut_off"] += 1


def _watch() -> Any:
    """Returns a callback that keeps what trials report, and when."""
    from ray import tune

    class Watch(tune.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.reports: list[tuple[float, str, dict[str, Any]]] = []
            self.configs: dict[str, dict[str, Any]] = {}
            self.ended: dict[str, float] = {}

        def on_trial_result(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:  # noqa: ARG002  # by Ray, by name
            self.reports.append((time.time(), trial.trial_id, dict(info["result"])))
            self.configs[trial.trial_id] = dict(trial.config)

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:  # noqa: ARG002  # by Ray, by name
            self.ended[trial.trial_id] = time.time()

        def __getstate__(self) -> dict[str, Any]:
            return {}

    return Watch()


def _train(config: dict[str, Any], ground: Ground, space: str) -> None:
    """The function trainable: an epoch, a checkpoint and a report at a time."""
    from ray import tune

    from benchmarks.rivals.recipe_training import RecipeTraining

    training = RecipeTraining(ground, space, config)
    before = tune.get_checkpoint()
    if before:
        with before.as_directory() as folder:
            training.load(folder)
    while training.epoch < training.epochs:
        reported = training.run_epoch()
        with tempfile.TemporaryDirectory() as folder:
            training.save(folder)
            tune.report(reported, checkpoint=tune.Checkpoint.from_directory(folder))


def _class_trainable() -> Any:
    from ray import tune

    class WarmTrainable(tune.Trainable):  # type: ignore[misc]
        """The class trainable: the process and its imports stay from trial to trial."""

        def setup(self, config: dict[str, Any], ground: Ground, space: str) -> None:
            from benchmarks.rivals.recipe_training import RecipeTraining

            self._make = lambda config: RecipeTraining(ground, space, config)
            self._training = self._make(config)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self._training = self._make(new_config)
            return True

        def step(self) -> dict[str, Any]:
            return self._training.run_epoch()

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            self._training.save(checkpoint_dir)

        def load_checkpoint(self, checkpoint: str) -> None:
            self._training.load(checkpoint)

    return WarmTrainable

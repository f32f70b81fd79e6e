"""Configs drawn at random and trained by headrace's own code, without Ray and without TPE.

Random search trains every one in full. One-epoch successive discarding (Egele et al. 2024, The
Unreasonable Effectiveness of Early Discarding After One Epoch, arXiv 2404.04111) trains each for
one epoch and then only the best one to its end.
"""

import statistics
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import optuna
import torch

from benchmarks.rivals.found import Found, Work
from benchmarks.rivals.task import Ground, Task, block_of
from search.prepare.setting import SharedImages, TrialSetting
from search.trial.trial_run import evaluate
from spaces.space import Space
from tests.search.builders.choice_curves import COMPLETE, FIRST_EPOCH, Report, choice_curve
from trainables.blocks import Block
from trainables.classifier import ImageClassifier
from trainables.config import TrialConfig
from trainables.errors import TrainablesError
from trainables.memory import keep_freed
from trainables.seeding import derive_seed

_SPARE = 1.1
"""The last training is begun so much earlier than it is expected to take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A training for a worker.

    Attributes:
        trial: its name.
        config: by dotted names.
        block: what it predicts.
        seed: of the training.
        epochs: to train up to.
        deadline: seconds since the epoch when it is given up.
        state: file of its state: read where it is there, written where the order asks for less
            than the whole schedule and the trial is the best of its worker; None for neither.
    """

    trial: str
    config: Mapping[str, Any]
    block: Block
    seed: int
    epochs: int
    deadline: float
    state: str | None = None


@dataclass(slots=True, kw_only=True)
class Trained:
    """What a worker did; the times of reports are seconds since the epoch."""

    reports: list[Report]
    training: Work
    evaluation: Work
    failed: bool = False
    cut_off: bool = False


class _TimeIsUpError(Exception):
    pass


_images: SharedImages
_deadline = 0.0
_kept: dict[Block, tuple[float, Path | None]] = {}
"""The best first epoch of this worker and the state it left, by what is predicted."""


def _open(setting: TrialSetting) -> None:
    global _images  # noqa: PLW0603  the state of a worker process
    _images = SharedImages(setting, on_step=_check_time)
    keep_freed(_images.device)
    _images.tensor  # noqa: B018  decoded before the first trial


def _check_time() -> None:
    if _deadline and time.time() > _deadline:
        raise _TimeIsUpError


def _ready() -> None:
    """Answers once the worker is open."""
    time.sleep(0.05)  # so that the other workers get one of the questions each


def _train(order: Order) -> Trained:
    global _deadline  # noqa: PLW0603
    done = Trained(reports=[], training=Work(), evaluation=Work())
    _deadline = order.deadline
    try:
        _run(order, done)
    except _TimeIsUpError:
        done.cut_off = True
    except TrainablesError:
        done.failed = True
    finally:
        _deadline = 0.0
    return done


def _run(order: Order, done: Trained) -> None:
    setting = _images.setting
    classifier = ImageClassifier(
        TrialConfig.from_flat(order.config),
        _images.training_data(setting.split.search_train),
        seed=order.seed,
        device=_images.device,
        weights_dir=setting.weights_dir,
    )
    if order.state is not None and Path(order.state).exists():
        classifier.load_state_dict(torch.load(order.state, weights_only=False))
    while classifier.epoch < order.epochs:
        trained = classifier.train_epoch()
        done.training.add(trained.num_samples, trained.seconds)
        began = time.perf_counter()
        predictions = classifier.predict(setting.split.search_val)
        value = evaluate(predictions, setting.table, setting.split.search_val, order.block).value
        done.evaluation.add(len(setting.split.search_val), time.perf_counter() - began)
        done.reports.append(
            Report(time=time.time(), trial=order.trial, epoch=trained.epoch, value=value)
        )
    if order.state is not None and order.epochs < classifier.config.schedule.epochs:
        _keep(classifier, order, value)


def _keep(classifier: ImageClassifier, order: Order, value: float) -> None:
    """Keeps the state of the best trial of this worker, which may be the best of all."""
    best, path = _kept.get(order.block, (-1.0, None))
    if value > best:
        torch.save(classifier.state_dict(), str(order.state))
        _kept[order.block] = value, Path(str(order.state))
        if path is not None:
            path.unlink()


def search(task: Task, *, discarding: bool) -> Found:
    """Searches the spaces of a task one after another."""
    ground = Ground.of(task)
    context = get_context("spawn")
    Path(task.work).mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(
        task.slots, mp_context=context, initializer=_open, initargs=(ground.setting,)
    ) as pool:
        for answer in [pool.submit(_ready) for _ in range(task.slots)]:
            answer.result()
        found = Found(started=time.time() - task.launched, ended=0.0)
        found.trials = {"complete": 0, "stopped": 0, "cut_off": 0, "failed": 0}
        for space, deadline in ground.turns(task):
            drawing = _Drawing(task, ground, space, deadline, pool)
            drawing.discard() if discarding else drawing.train_all()
            drawing.note(found, FIRST_EPOCH if discarding else COMPLETE)
        found.ended = time.time() - task.launched
    return found


class _Drawing:
    """The search of one space."""

    def __init__(
        self,
        task: Task,
        ground: Ground,
        space: Space,
        deadline: float,
        pool: ProcessPoolExecutor,
    ) -> None:
        self._task, self._ground, self._space = task, ground, space
        self._deadline, self._pool = deadline, pool
        self._epochs = ground.epochs(space)
        self._orders: dict[str, Order] = {}
        self._done: list[Trained] = []

    def train_all(self) -> None:
        """Trains configs in full until the time is up."""
        self._keep_busy(self._drawn(self._epochs, keep=False))

    def discard(self) -> None:
        """Trains configs for an epoch, as long as time is left to train the best in full."""
        self._keep_busy(self._drawn(1, keep=self._epochs > 1), self._must_finish)
        chosen = self._best()
        if chosen is not None:
            order = replace(self._orders[chosen.trial], epochs=self._epochs)
            self._done.append(self._pool.submit(_train, order).result())

    def note(self, found: Found, rule: str) -> None:
        """Adds what came of it."""
        launched, name = self._task.launched, self._space.name
        for done in self._done:
            found.training.add(done.training.photos, done.training.seconds)
            found.evaluation.add(done.evaluation.photos, done.evaluation.seconds)
            found.trials["failed"] += done.failed
            found.trials["cut_off"] += done.cut_off
            last = done.reports[-1].epoch if done.reports else 0
            if not (done.failed or done.cut_off):
                found.trials["complete" if last >= self._epochs else "stopped"] += 1
        reports = [
            replace(report, time=report.time - launched)
            for done in self._done
            for report in done.reports
        ]
        if rule == FIRST_EPOCH and found.trials["stopped"]:
            found.trials["stopped"] -= 1  # the one that was trained on to its end
        chosen, found.curves[name] = choice_curve(reports, rule, self._epochs)
        found.choices[name] = None if chosen is None else dict(self._orders[chosen].config)

    def _drawn(self, epochs: int, *, keep: bool) -> Iterator[Order]:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        name, seed = self._space.name, self._task.seed
        sampler = optuna.samplers.RandomSampler(derive_seed(seed, "drawn", name) % 2**32)
        study = optuna.create_study(sampler=sampler, direction="maximize")
        schema, scale = self._ground.table.schema, self._ground.scale
        while True:
            trial = study.ask()
            key = f"{name}-{trial.number}"
            self._orders[key] = Order(
                trial=key,
                config=self._space.config(trial, schema, scale),
                block=block_of(self._space),
                seed=derive_seed(seed, name, trial.number),
                epochs=epochs,
                deadline=self._deadline,
                state=str(Path(self._task.work) / f"{key}.pt") if keep else None,
            )
            yield self._orders[key]

    def _keep_busy(self, orders: Iterator[Order], is_over: Any = None) -> None:
        """Hands orders to idle workers until the time is up, or what is asked is true."""
        running: set[Future[Trained]] = set()
        while True:
            is_late = time.time() > self._deadline or (is_over is not None and is_over())
            while not is_late and len(running) < self._task.slots:
                running.add(self._pool.submit(_train, next(orders)))
            if not running:
                return
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            self._done += [future.result() for future in ended]

    def _must_finish(self) -> bool:
        best = self._best()
        if best is None:
            return False
        taken = [d.training.seconds + d.evaluation.seconds for d in self._done]
        place = next(
            i for i, d in enumerate(self._done) if d.reports and d.reports[0].trial == best.trial
        )
        an_epoch, later = taken[place], taken[self._task.slots :]
        if place < self._task.slots and later:  # a worker's first takes far longer than others
            an_epoch = min(an_epoch, statistics.median(later))
        return self._deadline - time.time() < _SPARE * (self._epochs - 1) * an_epoch + an_epoch

    def _best(self) -> Report | None:
        first = [d.reports[0] for d in self._done if d.reports and d.reports[0].epoch == 1]
        return max(first, key=lambda report: report.value, default=None)

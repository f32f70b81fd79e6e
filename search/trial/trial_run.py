"""One trial from its config to its epochs: builds, resumes, trains, evaluates, writes. No Ray.

The Tune worker and `headrace replay` run the same code.
"""

import logging
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.analysis.metrics import confusion_matrix, macro_f1
from search.analysis.recombine import marginals, recombine
from search.ending.faults import fault_of
from search.errors import bounded
from search.prepare.setting import SharedImages
from search.store.files import write_arrays
from search.store.names import as_file
from search.store.reading import reading
from search.store.records import DEFAULT_NUMBER, PRECISION, Cause
from search.store.run_store import trial_file
from search.trial.board import TrialBoard
from trainables.blocks import Block, FlatValue
from trainables.checkpoint import load_checkpoint, save_checkpoint
from trainables.classifier import EpochReport, ImageClassifier
from trainables.config import TrialConfig
from trainables.data.sample_table import SampleTable
from trainables.data.schema import UNKNOWN
from trainables.errors import CheckpointError, NonFiniteLossError, TrainablesError
from trainables.memory import is_out_of_memory, peak_bytes, release, reset_peak

logger = logging.getLogger(__name__)

# A checkpoint may take this share of the training time between two of them.
_CHECKPOINT_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Validation of one epoch."""

    value: float
    """The objective: macro-F1 of the target."""
    scalars: Mapping[str, float]
    confusions: Mapping[str, NDArray[np.int64]]
    classes: Mapping[str, tuple[str, ...]]
    """Names of the classes of every confusion matrix."""
    probabilities: NDArray[np.float32]
    """Of the target, float32 [n, K], of the samples that have its label."""


def evaluate(
    predictions: Mapping[str, NDArray[np.float32]],
    table: SampleTable,
    indices: NDArray[np.int64],
    block: Block,
) -> Evaluation:
    """Scores predictions on the true labels.

    Args:
        predictions: probabilities [n, K] of every head of the model.
        table: holds the true labels.
        indices: the n samples that were predicted; every label is scored on those that have it.
        block: what the model predicts; the objective is the macro-F1 of the label that its
            attributes make together.
    """
    schema, label = table.schema, block.label(table.schema)
    own = schema.only(block.attributes)
    probs: dict[str, NDArray[np.floating]] = dict(predictions)
    if label not in probs:
        probs[label] = recombine([probs[name] for name in own.names])
    if own.names[0] not in probs:
        sizes = [schema.num_classes(name) for name in own.names]
        probs |= dict(zip(own.names, marginals(probs[label], sizes), strict=True))
    scalars, confusions, classes = {}, {}, {}
    for name, found in probs.items():
        names = own.names if name == label else (name,)
        true = schema.codes(table.labels, names)[indices]
        known = true != UNKNOWN
        true, predicted = true[known], found[known].argmax(axis=1)
        classes[name] = schema.only(names).joint_names
        confusions[name] = confusion_matrix(true, predicted, len(classes[name]))
        scalars[f"val/{name}/macro_f1"] = macro_f1(true, predicted, len(classes[name]))
        scalars[f"val/{name}/accuracy"] = float(np.mean(true == predicted))
    return Evaluation(
        value=scalars[f"val/{label}/macro_f1"],
        scalars=scalars,
        confusions=confusions,
        classes=classes,
        probabilities=probs[label][
            schema.codes(table.labels, own.names)[indices] != UNKNOWN
        ].astype(np.float32),
    )


def scored(table: SampleTable, rows: NDArray[np.int64], block: Block) -> NDArray[np.int64]:
    """Returns those of some rows that have all labels of a block, which it is scored on."""
    return table.with_labels(rows, block.attributes)


class TrialRun:
    """A trial in progress on this process; without `write` it leaves no files (replay)."""

    def __init__(
        self,
        images: SharedImages,
        *,
        space: str,
        number: int,
        config: Mapping[str, FlatValue],
        seed: int,
        write: bool = True,
    ) -> None:
        self._images = images
        self._config: dict[str, FlatValue] = dict(config)
        self._seed = seed
        self._number = number
        results = images.setting.results_dir
        here = images.outputs.here if write else Path
        name = trial_file(space, number)
        self._checkpoint = here(results / "checkpoints" / f"{name}.pt")
        self.predictions_path = here(results / "checkpoints" / f"{name}.npz")
        self._board_dir = here(results / "tensorboard" / as_file(space) / f"{number:04d}")
        self._write = write
        self._began = time.time()
        self._started = time.perf_counter()
        self._board: TrialBoard | None = None
        self._classifier: ImageClassifier | None = None
        self._to_draw: tuple[int, Evaluation] | None = None
        self._is_faulted = False
        self._has_ended = False
        self._off_clock = 0.0
        self._saved = 0.0
        self._save_cost = 0.0
        self.first_batch: float | None = None
        self.last: Evaluation | None = None

    def epoch(self) -> dict[str, object]:
        """Trains and evaluates one epoch; returns what the search needs to know.

        Never raises for what a config can cause: the result then has `cause`, `error` and `done`.
        Where the machine failed instead, it has `fault`, and the checkpoint stays.
        """
        try:
            return self._epoch()
        except Exception as error:  # a broken config must not take the worker along
            logger.info("trial broke", exc_info=True)
            return self._broken(error)

    def forget(self) -> None:
        """Deletes the checkpoint of a trial that is over: nobody will go on with it.

        A default config that the search cut off goes on where the run gets more time.
        """
        may_go_on = self._number == DEFAULT_NUMBER and not self._has_ended
        if self._write and not (self._is_faulted or may_go_on):
            self._images.outputs.remove(self._checkpoint)

    def close(self) -> None:
        """Frees the model, draws what is left to draw and ends the event file."""
        try:
            if self._board is not None:
                self._draw()
                self._board.close()
                self._images.outputs.hand_over_grown(self._board_dir)
        except OSError:
            # Curves and pictures are for the eye; the search has what it needs.
            logger.warning("the event file of a trial was not written whole", exc_info=True)
        self._board = self._classifier = None
        release(self._images.device)

    def _epoch(self) -> dict[str, object]:
        if self._classifier is None:
            self._classifier, told = self._open()
            if told is not None:
                # It may never have arrived; the search ignores a second one.
                return {**told, **self._costs()}
        report = self._classifier.train_epoch()
        setting = self._images.setting
        block = self._classifier.config.target.block
        table, val = setting.table, setting.split.search_val
        indices = table.with_labels(val, block.attributes, every=False)
        predictions = self._classifier.predict(indices)
        self.last = evaluate(predictions, setting.table, indices, block)
        is_last = self._has_ended = report.epoch >= self._classifier.config.schedule.epochs
        now = {
            **({"precision": self._config[PRECISION]} if PRECISION in self._config else {}),
            "num_threads": setting.num_threads,
            "epoch": report.epoch,
            "value": self.last.value,
            "last_epoch": is_last,
            "done": is_last,
        }
        if self._write:
            with self._clock_stopped():
                self._write_curves(report, self.last)
                if is_last:
                    self._draw()
                self._save(self._classifier, self.last, now)
        return {**now, **self._costs()}

    @contextmanager
    def _clock_stopped(self) -> Iterator[None]:
        # What drawing and writing cost grows with the classes and the disk, not with the device:
        # on its clock it would take time from approaches with many classes.
        began = time.perf_counter()
        try:
            yield
        finally:
            self._off_clock += time.perf_counter() - began

    def _open(self) -> tuple[ImageClassifier, dict[str, object] | None]:
        """Builds the classifier, with the report of the epoch that its checkpoint ends with."""
        reset_peak(self._images.device)  # the last trial's is not this one's
        classifier, told = None, None
        if self._write and self._images.outputs.fetch(self._checkpoint):
            try:
                with reading(self._checkpoint, "the trial starts again", CheckpointError):
                    classifier, told = self._resumed(load_checkpoint(self._checkpoint))
            except CheckpointError as error:
                logger.warning("%s; the trial starts again", error)
        if classifier is None:
            if self._write:
                with self._clock_stopped():
                    self._config = self._images.with_precision(self._config)
            classifier = self._new()
        self.first_batch = time.time()
        return classifier, told

    def _resumed(self, state: Mapping[str, Any]) -> tuple[ImageClassifier, dict[str, object]]:
        if "classifier" in state and (chosen := state["classifier"]["config"].get("numerics")):
            # Chosen when the trial began, and the search may not have heard of it.
            self._config.setdefault(PRECISION, chosen["precision"])
        classifier = self._new()
        if "classifier" in state:
            classifier.load_state_dict(state["classifier"])
        return classifier, dict(state["report"])

    def _new(self) -> ImageClassifier:
        config = TrialConfig.from_flat(self._config)
        with self._clock_stopped():
            # Decoded and resized by whoever comes first, for all: no cost of this config.
            data = self._images.training_data(self._images.setting.split.search_train)
            data.images.at(config.input)
            weights_dir = self._images.weights_for(config)
        return ImageClassifier(
            config,
            data,
            seed=self._seed,
            device=self._images.device,
            weights_dir=weights_dir,
        )

    def _write_curves(self, report: EpochReport, evaluation: Evaluation) -> None:
        if self._board is None:
            self._board = TrialBoard(self._board_dir, self._config)
        rate = report.num_samples / report.seconds
        scalars = {
            "objective": evaluation.value,
            "train/loss": report.loss,
            "train/lr": report.lr,
            "speed/images_per_second": rate,
            **evaluation.scalars,
            **{f"train/gradient_cosine/{pair}": c for pair, c in report.gradient_cosine.items()},
        }
        if peak := peak_bytes(self._images.device):
            scalars["train/peak_memory_gib"] = peak / 2**30
        self._board.scalars(report.epoch, scalars)
        if self._to_draw is None or evaluation.value > self._to_draw[1].value:
            self._to_draw = report.epoch, evaluation
        self._board.flush()
        self._images.outputs.hand_over_growing(self._board_dir)

    def _draw(self) -> None:
        """Draws the confusion matrices of the best epoch since the last start, once."""
        if self._board is None or self._to_draw is None:
            return
        (epoch, best), self._to_draw = self._to_draw, None
        for name, counts in best.confusions.items():
            self._board.confusion(epoch, name, counts, best.classes[name])

    def _save(
        self, classifier: ImageClassifier, evaluation: Evaluation, told: Mapping[str, object]
    ) -> None:
        state = {"report": told}
        if told["done"]:
            # No weights any more, but the report: it must survive until the search has it.
            setting = self._images.setting
            block = classifier.config.target.block
            indices = scored(setting.table, setting.split.search_val, block)
            arrays = {"indices": indices, "probabilities": evaluation.probabilities}
            write_arrays(self.predictions_path, arrays)
            self._images.outputs.hand_over(self.predictions_path)
            save_checkpoint(self._checkpoint, state)
            self._images.outputs.hand_over(self._checkpoint)
            return
        started = time.perf_counter()
        if started - self._saved < self._save_cost / _CHECKPOINT_SHARE:
            return
        save_checkpoint(self._checkpoint, {**state, "classifier": classifier.state_dict()})
        self._images.outputs.hand_over(self._checkpoint)
        self._saved = time.perf_counter()
        self._save_cost = self._saved - started

    def _broken(self, error: Exception) -> dict[str, object]:
        self._classifier = None
        release(self._images.device)
        if fault := fault_of(error) or self._images.crowded(error):
            self._is_faulted, self._to_draw = True, None
            return {
                "fault": fault.kind.value,
                "error": fault.detail,
                "done": True,
                **self._costs(),
            }
        with suppress(OSError):
            if self._write:
                self._images.outputs.remove(self._checkpoint)
        cause, text = Cause.ERROR, "".join(traceback.format_exception_only(error)).strip()
        if is_out_of_memory(error):
            cause = Cause.OUT_OF_MEMORY
        elif isinstance(error, NonFiniteLossError):
            cause = Cause.NOT_FINITE
        if isinstance(error, TrainablesError) and cause is not Cause.ERROR:
            text = str(error)
        return {"cause": cause.value, "error": bounded(text), "done": True, **self._costs()}

    def _costs(self) -> dict[str, float]:
        seconds = time.perf_counter() - self._started - self._off_clock
        return {"started": self._began, "seconds": seconds}

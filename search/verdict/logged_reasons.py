"""Reasons from what a run logged beside its out-of-fold probabilities.

The search kept the validation predictions of its complete trials, the refit the gradient cosines
of its trainings. What a run did not log gives no reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from search.analysis.approaches.build import JointPredictions
from search.analysis.people import People
from search.analysis.reasons.of_search import gradient_conflict, overtuning
from search.analysis.reasons.reason import Reason
from search.analysis.recombine import recombine
from search.prepare.prepared import SpaceResult
from search.refit.approaches import chosen_configs
from search.refit.files import DEFAULT_CONFIG, Predictions, Truth, unit_notes
from search.store.records import DEFAULT_NUMBER, FlatValue
from search.store.run_store import RunStore
from search.tuning.saved_run import SavedRun

_EPOCHS = "schedule.epochs"  # a refit that lacks the time shortens the schedule of a config


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A finished run with what it logged.

    Attributes:
        store: of the run.
        run: its search.
        truth: labels, people and folds.
        predictions: out-of-fold probabilities by space, config_id and head.
        configs: of the refit by "<space>.<config_id>"; empty for a run that did not write them.
        epochs_share: how much of its schedules the refit could afford.
    """

    store: RunStore
    run: SavedRun
    truth: Truth
    predictions: Predictions
    configs: Mapping[str, Mapping[str, FlatValue]]
    epochs_share: float

    @property
    def num_folds(self) -> int:
        """Of the refit."""
        return int(self.truth.fold.max()) + 1

    def notes(self, built: JointPredictions) -> dict[str, list[Mapping[str, Any]]]:
        """Returns the notes of all trainings of the configs an approach chose, by space."""
        return {
            space: unit_notes(
                self.store, space, config_id, num_seeds=len(built.probs), num_folds=self.num_folds
            )
            for space, config_id in chosen_configs(built).items()
        }

    def overtuning(self, built: JointPredictions) -> Reason | None:
        """Returns the overtuning gap of an approach, each space at the best config of its search.

        None where a best config was not refitted or its validation predictions are gone.
        """
        searched, fresh = [], []
        indices = np.empty(0, dtype=np.int64)
        results = {result.name: result for result in self.run.results}
        for space in built.choices:
            result = results[space]
            config_id = self._config_of_best(result)
            if (
                config_id is None
                or result.best is None
                or not self.store.has_predictions(result.best)
            ):
                return None
            with np.load(self.store.validation_path(space, result.best.number)) as saved:
                indices = saved["indices"]
                searched.append(saved["probabilities"])
            heads = self.predictions[space][config_id]
            names = [head for head in (*self.run.schema.names, "joint") if head in heads]
            fresh += [heads[head][:, indices] for head in names]
        return overtuning(
            built.name,
            recombine(searched).argmax(axis=-1),
            recombine(fresh).argmax(axis=-1),
            People(
                label=self.truth.label[indices],
                person=self.truth.group[indices],
                num_classes=self.run.schema.num_joint,
            ),
            {attribute.name: attribute.classes for attribute in self.run.schema.attributes},
            epochs_share=self.epochs_share,
        )

    def gradient_conflict(self, built: JointPredictions) -> Reason | None:
        """Returns whether the heads of an approach pull apart; None where it has no two heads."""
        logged = [
            note["gradient_cosine"] for notes in self.notes(built).values() for note in notes
        ]
        trainings = [epochs for epochs in logged if epochs and all(epochs)]
        return gradient_conflict(built.name, trainings) if trainings else None

    def reasons(self, built: JointPredictions) -> tuple[Reason, ...]:
        """Returns every reason about an approach that the run logged something of."""
        found = (self.overtuning(built), self.gradient_conflict(built))
        return tuple(reason for reason in found if reason is not None)

    def _config_of_best(self, result: SpaceResult) -> str | None:
        """Returns the config_id under which the refit has the best config of a space's search."""
        if result.best is None:
            return None
        config_ids = self.predictions[result.name]
        wanted = {**result.best.config, _EPOCHS: None}
        known = {
            config_id: {**self.configs[f"{result.name}.{config_id}"], _EPOCHS: None}
            for config_id in config_ids
            if f"{result.name}.{config_id}" in self.configs
        }
        if known:
            return next(
                (config_id for config_id, config in known.items() if config == wanted), None
            )
        defaults = [r.config for r in result.records if r.number == DEFAULT_NUMBER]
        config_id = DEFAULT_CONFIG if result.best.config in defaults else "1"
        return config_id if config_id in config_ids else None

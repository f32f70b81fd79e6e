"""Reasons from what a run logged beside its out-of-fold probabilities.

The search kept the validation predictions of its complete trials, the refit the gradient cosines
of its trainings. What a run did not log gives no reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from search.analysis.approaches.build import JointPredictions
from search.analysis.reasons.of_search import gradient_conflict, overtuning
from search.analysis.reasons.reason import Reason
from search.prepare.saved_run import SavedRun
from search.prepare.space_result import SpaceResult
from search.refit.approaches import chosen_configs
from search.refit.refitted import Refitted
from search.refit.units import BEST_CONFIG, DEFAULT_CONFIG, config_name
from search.store.records import DEFAULT_NUMBER, EPOCHS


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A finished run, its search and its refit, with what they logged."""

    run: SavedRun
    refitted: Refitted

    def notes(self, built: JointPredictions) -> dict[str, list[Mapping[str, Any]]]:
        """Returns the notes of all trainings of the configs an approach chose, by space."""
        return {
            space: self.refitted.notes(space, config_id)
            for space, config_id in chosen_configs(built).items()
        }

    def overtuning(self, built: JointPredictions) -> Reason | None:
        """Returns the overtuning gap of an approach, at the config that each search chose.

        None where a chosen config was not refitted, its validation predictions are gone, or one
        person alone validated.
        """
        searched, fresh = [], []
        refitted, lineup, store = self.refitted, self.refitted.lineup, self.refitted.store
        indices = np.empty(0, dtype=np.int64)
        results = {result.name: result for result in self.run.results}
        for space in built.choices:
            result = results[space]
            config_id = self._config_of_best(result)
            if config_id is None or result.best is None or not store.has_predictions(result.best):
                return None
            kept = store.read_validation(space, result.best.number)
            saved = kept.first(len(refitted.truth.label))
            indices = saved.indices
            searched.append(saved.probabilities)
            heads = refitted.predictions[space][config_id]
            fresh += [heads[head][:, indices] for head in lineup.heads(space)]
        people = refitted.people.part(indices)
        if people.num_people < 2:
            return None
        layout = lineup.layout(*built.choices)
        return overtuning(
            built.name,
            lineup.by_space(built.choices).joint(searched).argmax(axis=-1),
            layout.joint(fresh).argmax(axis=-1),
            people,
            {attribute.name: attribute.classes for attribute in self.run.schema.attributes},
            epochs_share=refitted.note.shape.epochs_share,
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
        """Returns the config under which the refit has the best one of a space's search."""
        if result.best is None:
            return None
        config_ids = self.refitted.predictions[result.name]
        wanted = {**result.best.config, EPOCHS: None}
        configs = self.refitted.note.configs
        names = {config_id: config_name(result.name, config_id) for config_id in config_ids}
        known = {
            i: {**configs[name], EPOCHS: None} for i, name in names.items() if name in configs
        }
        if known:
            return next((each for each, config in known.items() if config == wanted), None)
        defaults = [r.config for r in result.records if r.number == DEFAULT_NUMBER]
        config_id = DEFAULT_CONFIG if result.best.config in defaults else BEST_CONFIG
        return config_id if config_id in config_ids else None

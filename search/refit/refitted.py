"""A finished refit, read once: everything that later stages build on."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.analysis.approaches.build import JointPredictions
from search.analysis.people import People
from search.errors import ResultsError
from search.refit.agreement import Agreement, Trained
from search.refit.approaches import Lineup, Predictions
from search.refit.files import RefitFiles, RefitNote
from search.refit.truth import Truth
from search.refit.units import config_file, config_name
from search.store.commands import resume_command
from search.store.mirror import left_in_store
from search.store.reading import reading
from search.store.run_store import RunStore, read_validation
from trainables.blocks import FlatValue

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refitted:
    """A finished refit.

    Attributes:
        store: of the run.
        lineup: spaces and approaches.
        truth: labels, people and folds.
        note: shape, notes and configs.
        seeds: that all configs have.
        predictions: out-of-fold probabilities float [S, N, K] by space, config and head.
        trained: seeds of every config, by space.
        whole: seeds that all configs of an approach have, by its name, where they are more.
    """

    store: RunStore
    lineup: Lineup
    truth: Truth
    note: RefitNote
    seeds: tuple[int, ...]
    predictions: Predictions
    trained: Trained = field(default_factory=dict)
    whole: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, store: RunStore, lineup: Lineup) -> "Refitted":
        """Reads the refit of all spaces of a run.

        Raises:
            ResultsError: there is none, a space has no refitted config, a file is torn or lost,
                or two contradict each other.
        """
        truth = Truth.read(store.predictions, lineup.schema)
        note = RefitNote.read(store, lineup.schema.names)
        if not note.done:
            raise ResultsError(
                f"a verdict needs a whole refit, and that of {store.root.name} has not ended; "
                f"{resume_command(store)} goes on with it"
            )
        files, spaces = RefitFiles(store.predictions), tuple(lineup.blocks)
        trained = Agreement(store=store, lineup=lineup, truth=truth, note=note).trained()
        seeds = in_common(store.predictions, trained, spaces)
        predictions = {
            space: {config_id: files.heads(space, config_id, seeds) for config_id in configs}
            for space, configs in trained.items()
        }
        return cls(
            store=store,
            lineup=lineup,
            truth=truth,
            note=note,
            seeds=seeds,
            predictions=predictions,
            trained=trained,
            whole={
                name: in_common(store.predictions, trained, own)
                for name, own in lineup.approaches.items()
            },
        )

    @property
    def files(self) -> RefitFiles:
        """The files it was read from."""
        return RefitFiles(self.store.predictions)

    @property
    def people(self) -> People:
        """The labelled people, by their joint classes."""
        num_classes = self.lineup.schema.num_joint
        return People(
            label=self.truth.label,
            person=self.truth.group,
            num_classes=num_classes,
            fold=self.truth.fold,
        )

    @property
    def chose(self) -> NDArray[np.bool_] | None:
        """Who is among the people that the search chose its finalists by, bool [N].

        A run that did not note it has kept the validation predictions of its trials. None of one
        that kept neither.
        """
        if self.truth.chose is not None:
            return self.truth.chose
        for path in sorted(self.store.predictions.glob("validation.*.npz")):
            found = np.zeros(len(self.truth.label), dtype=bool)
            with reading(path, "put it back, or delete it"):
                found[read_validation(path).indices] = True
            return found
        return None

    @property
    def key(self) -> str:
        """Digest of all that is predicted, and by which configs and seeds."""
        digest = hashlib.sha256(repr(self.seeds).encode())
        for space, configs in sorted(self.predictions.items()):
            for config_id, heads in sorted(configs.items()):
                for head, probs in sorted(heads.items()):
                    digest.update(repr((space, config_id, head, probs.shape)).encode())
                    digest.update(probs.tobytes())
        return digest.hexdigest()[:16]

    @property
    def num_folds(self) -> int:
        """Of every seed."""
        return self.truth.num_folds

    def seeds_without_models(self, space: str) -> float:
        """Returns how much was trained of a space, in seeds of it, whose models are deleted."""
        configs = self.predictions[space]
        names = [
            f"{config_file(space, config_id)}.{seed}.{fold}"
            for config_id in configs
            for seed in self.seeds_of(space, config_id)
            for fold in range(self.num_folds)
        ]
        away = left_in_store(self.store.root)
        files = [self.store.models / f"{name}.safetensors" for name in names]
        here = [
            path.relative_to(self.store.root).as_posix() in away or path.is_file()
            for path in files
        ]
        deleted = here.count(False)
        return deleted / (len(configs) * self.num_folds)

    @property
    def mirrored(self) -> Predictions:
        """The predictions of mirrored photos, read anew at every call."""
        return {
            space: {
                config_id: self.files.heads(space, config_id, self.seeds, mirrored=True)
                for config_id in configs
            }
            for space, configs in self.predictions.items()
        }

    def build(self) -> tuple[JointPredictions, ...]:
        """Returns the joint probabilities of every approach at the seeds that all have."""
        return self.lineup.build(self.predictions, self.people, self.truth.cross_fit)

    def build_whole(self) -> tuple[JointPredictions, ...]:
        """Returns the joint probabilities of every approach at all seeds of its own.

        Rounds train on for an approach whose pairs are open, and not for the others.
        """
        return tuple(self.build_one(name, self.own_seeds(name)) for name in self.lineup.approaches)

    def build_one(
        self, name: str, seeds: Sequence[int], *, with_rule: bool = True
    ) -> JointPredictions:
        """Returns the joint probabilities of an approach at some seeds, as `Lineup.build_one`."""
        predictions = self.predictions
        if tuple(seeds) != self.seeds:
            predictions = {
                space: {
                    config_id: self.files.heads(space, config_id, seeds)
                    for config_id in self.predictions[space]
                }
                for space in self.lineup.approaches[name]
            }
        return self.lineup.build_one(
            name, predictions, self.people, self.truth.cross_fit, with_rule=with_rule
        )

    def own_seeds(self, name: str) -> tuple[int, ...]:
        """Returns the seeds that all configs of an approach have."""
        return self.whole.get(name, self.seeds)

    def seeds_of(self, space: str, config_id: str) -> tuple[int, ...]:
        """Returns the seeds of a config."""
        return self.trained.get(space, {}).get(config_id, self.seeds)

    def notes(self, space: str, config_id: str) -> list[Mapping[str, Any]]:
        """Returns what the trainings of a config noted; nothing in a run that noted nothing."""
        return self.files.notes(space, config_id, self.seeds, self.num_folds)

    def config(self, space: str, config_id: str) -> Mapping[str, FlatValue]:
        """Returns the complete config of a refitted network.

        Raises:
            ResultsError: the refit was made by a headrace that did not keep it.
        """
        name = config_name(space, config_id)
        if name not in self.note.configs:
            raise self._too_old(name)
        return self.note.configs[name]

    def normalisation(self, space: str, config_id: str) -> tuple[Triple, Triple]:
        """Returns mean and std of the channels that a network was trained with.

        Raises:
            ResultsError: the refit was made by a headrace that did not keep them.
        """
        notes = self.notes(space, config_id)
        if not notes or "mean" not in notes[0]:
            raise self._too_old(config_name(space, config_id))
        return _triple(notes[0]["mean"]), _triple(notes[0]["std"])

    def _too_old(self, name: str) -> ResultsError:
        return ResultsError(
            f"an ensemble needs the config and the normalisation of every refitted network, and "
            f"{self.store.root} has not those of {name}: an older headrace refitted it; start a "
            "new run"
        )


def in_common(folder: Path, trained: Trained, spaces: Sequence[str]) -> tuple[int, ...]:
    """Returns the seeds that all configs of some spaces have.

    Raises:
        ResultsError: a space has no refitted config, or there is no such seed.
    """
    missing = [space for space in spaces if not trained[space]]
    if missing:
        raise ResultsError(
            f"{folder} has no refitted predictions of {', '.join(missing)}; resume the run, which "
            "trains them, or copy it whole"
        )
    seeds = [frozenset(own) for space in spaces for own in trained[space].values()]
    common = sorted(frozenset.intersection(*seeds))
    if not common:
        raise ResultsError(
            f"the refitted configs in {folder} have no seed in common; resume the run"
        )
    return tuple(common)


def _triple(values: Sequence[Any]) -> Triple:
    red, green, blue = map(float, values)
    return red, green, blue

"""From predictions/why to reasons; trains nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.people import People
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.of_controls import (
    Level,
    Treatment,
    equal_parameters,
    joint_predictions,
    responses,
    shared_config,
)
from search.analysis.reasons.reason import Reason
from search.refit.files import MIRRORED, Truth
from search.store.run_store import RunStore
from search.why.controls import Control
from search.why.record import RecordedControl, WhyRecord
from trainables.data.schema import LabelSchema

Ints = NDArray[np.int64]


def controlled_reasons(
    store: RunStore, record: WhyRecord | None, schema: LabelSchema, truth: Truth, seed: int
) -> tuple[Reason, ...]:
    """Returns what controlled trainings say about every pair; nothing where there are none.

    Args:
        store: of the run.
        record: from `read_record`.
        schema: of the data.
        truth: of the refit.
        seed: of the resamples.
    """
    if record is None:
        return ()
    found: list[Reason] = []
    for control in record.controls:
        files = _Files(
            store=store, record=record, schema=schema, truth=truth, control=control, seed=seed
        )
        found += _reasons(files)
    return tuple(found)


def _reasons(files: "_Files") -> tuple[Reason, ...]:
    control, levels = files.control, files.control.levels
    if control.control is Control.SHARED:
        own, shared = (files.predicted("separate", level.config_ids) for level in levels)
        joint = files.predicted("joint", files.record.winners)
        return (shared_config(files.evidence, own, shared, joint),)
    if control.control is Control.AVERAGED:
        return (_averaged(files),)
    steps = [Level(x=level.x, predicted=files.all_predicted(level.config_ids)) for level in levels]
    treatment = _treatment(control, files.record.noisy)
    own_sampler = None
    if control.control is Control.SAMPLER:
        own_sampler = files.all_predicted(files.record.winners)
    return responses(files.evidence, steps, treatment, own_sampler)


def _averaged(files: "_Files") -> Reason:
    record = files.record
    joint = files.load("joint", record.winners["joint"], files.control.seeds)["joint"]
    separate = files.predicted("separate", record.winners, record.seeds)
    return equal_parameters(files.evidence, separate, joint, len(files.schema.names))


def _treatment(control: RecordedControl, noisy: str) -> Treatment:
    strongest = control.levels[-1].x
    if control.control is Control.PEOPLE:
        return Treatment(
            key="learning_curve",
            mechanism="M2",
            x_name="people who train (%)",
            strong=f"On {strongest:g} % of the training people",
            plain="on all of them",
            doing="fewer people favour",
        )
    if control.control is Control.NOISE:
        return Treatment(
            key="label_noise",
            mechanism="M6",
            x_name=f"people with a wrong {noisy} in training (%)",
            strong=f"With a wrong {noisy} for {strongest:g} % of the people in training",
            plain="with the labels as they are",
            doing="wrong labels favour",
        )
    return Treatment(
        key="sampler",
        mechanism="M4",
        x_name="strength of class balancing (0 none, 1 full)",
        strong="Drawing all classes equally often",
        plain="drawing photos as they come",
        doing="balanced classes favour",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Files:
    """The predictions of a control on the people of its folds."""

    store: RunStore
    record: WhyRecord
    schema: LabelSchema
    truth: Truth
    control: RecordedControl
    seed: int

    @property
    def rows(self) -> NDArray[np.bool_]:
        """Samples of the control's folds, bool [N]."""
        return np.isin(self.truth.fold, self.control.folds)

    @property
    def evidence(self) -> Evidence:
        """Labels and people of these samples."""
        classes = {attribute.name: attribute.classes for attribute in self.schema.attributes}
        people = People(
            label=self.truth.label[self.rows],
            person=self.truth.group[self.rows],
            num_classes=self.schema.num_joint,
        )
        return Evidence.of([], people, classes, seed=self.seed)

    def all_predicted(self, config_ids: Mapping[str, str]) -> dict[str, Ints]:
        """Returns int [S, n] of every approach whose spaces all have a config."""
        names = [name for name in ("joint", "multihead") if name in config_ids]
        if all(name in config_ids for name in self.schema.names):
            names.insert(0, "separate")
        return {name: self.predicted(name, config_ids) for name in names}

    def predicted(
        self, approach: str, config_ids: Mapping[str, str], seeds: tuple[int, ...] = ()
    ) -> Ints:
        """Returns the joint classes int [S, n] of an approach with these configs of its spaces."""
        seeds, names, rows = seeds or self.control.seeds, self.schema.names, self.rows
        if approach == "joint":
            heads = [self.load("joint", config_ids["joint"], seeds)["joint"]]
        elif approach == "multihead":
            loaded = self.load("multihead", config_ids["multihead"], seeds)
            heads = [loaded[name] for name in names]
        else:
            heads = [self.load(name, config_ids[name], seeds)[name] for name in names]
        labels = self.schema.attribute_codes(self.truth.label[rows])
        cross_fit = CrossFit.of_people(
            self.truth.fold[rows], self.truth.group[rows], self.truth.held_out[rows]
        )
        return joint_predictions(heads, list(labels.T), cross_fit)

    def load(
        self, space: str, config_id: str, seeds: tuple[int, ...]
    ) -> dict[str, NDArray[np.float64]]:
        """Returns probabilities [S, n, K] of every head: the refit's own, or controlled ones."""
        rows, found = self.rows, []
        for seed in seeds:
            own = config_id == self.record.winners[space] and seed in self.record.seeds
            folder = self.store.predictions if own else self.store.predictions / "why"
            with np.load(folder / f"{space}.{config_id}.{seed}.npz") as part:
                heads = [head for head in part.files if not head.startswith(MIRRORED)]
                found.append({head: part[head][rows] for head in heads})
        return {head: np.stack([part[head] for part in found]).astype(float) for head in found[0]}

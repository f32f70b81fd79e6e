"""From predictions/why to reasons; trains nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.of_controls import (
    equal_parameters,
    joint_predictions,
    shared_config,
)
from search.analysis.reasons.of_steps import Level, Treatment, responses
from search.analysis.reasons.reason import Reason
from search.refit.approaches import JOINT, SEPARATE
from search.refit.refitted import Refitted
from search.why.controls import Control
from search.why.record import RecordedControl, WhyRecord, why_files

Ints = NDArray[np.int64]


def controlled_reasons(
    refitted: Refitted, record: WhyRecord | None, seed: int
) -> tuple[Reason, ...]:
    """Returns what controlled trainings say about every pair; nothing where there are none."""
    if record is None:
        return ()
    found: list[Reason] = []
    for control in record.controls:
        found += _reasons(_Files(refitted=refitted, record=record, control=control, seed=seed))
    return tuple(found)


def _reasons(files: "_Files") -> tuple[Reason, ...]:
    control, levels = files.control, files.control.levels
    if control.control is Control.SHARED:
        own, shared = (files.predicted(SEPARATE, level.config_ids) for level in levels)
        joint = files.predicted(JOINT, files.record.winners)
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
    record, lineup = files.record, files.refitted.lineup
    (space,) = lineup.approaches[JOINT]
    (head,) = lineup.heads(space)
    joint = files.load(space, record.winners[space], files.control.seeds)[head]
    separate = files.predicted(SEPARATE, record.winners, record.seeds)
    return equal_parameters(files.evidence, separate, joint, len(lineup.schema.names))


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

    refitted: Refitted
    record: WhyRecord
    control: RecordedControl
    seed: int

    @property
    def rows(self) -> NDArray[np.bool_]:
        """Samples of the control's folds, bool [N]."""
        return np.isin(self.refitted.truth.fold, self.control.folds)

    @property
    def evidence(self) -> Evidence:
        """Labels and people of these samples."""
        schema = self.refitted.lineup.schema
        classes = {attribute.name: attribute.classes for attribute in schema.attributes}
        return Evidence.of([], self.refitted.people.part(self.rows), classes, seed=self.seed)

    def all_predicted(self, config_ids: Mapping[str, str]) -> dict[str, Ints]:
        """Returns int [S, n] of every approach whose spaces all have a config."""
        return {
            name: self.predicted(name, config_ids)
            for name, spaces in self.refitted.lineup.approaches.items()
            if set(spaces) <= set(config_ids)
        }

    def predicted(
        self, approach: str, config_ids: Mapping[str, str], seeds: tuple[int, ...] = ()
    ) -> Ints:
        """Returns the joint classes int [S, n] of an approach with these configs of its spaces."""
        seeds, rows, truth = seeds or self.control.seeds, self.rows, self.refitted.truth
        lineup = self.refitted.lineup
        spaces = lineup.approaches[approach]
        heads = []
        for space in spaces:
            loaded = self.load(space, config_ids[space], seeds)
            heads += [loaded[head] for head in lineup.heads(space)]
        cross_fit = CrossFit.of_people(truth.fold[rows], truth.group[rows], truth.held_out[rows])
        return joint_predictions(heads, lineup.layout(*spaces), truth.label[rows], cross_fit)

    def load(
        self, space: str, config_id: str, seeds: tuple[int, ...]
    ) -> dict[str, NDArray[np.float64]]:
        """Returns probabilities [S, n, K] of every head: the refit's own, or controlled ones."""
        record, found = self.record, []
        for seed in seeds:
            own = config_id == record.winners[space] and seed in record.seeds
            files = self.refitted.files if own else why_files(self.refitted.store)
            heads = files.heads(space, config_id, [seed])
            found.append({head: probs[0][self.rows] for head, probs in heads.items()})
        return {head: np.stack([of_seed[head] for of_seed in found]) for head in found[0]}

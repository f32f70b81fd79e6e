"""Backbones ranked by what a linear probe of their frozen features scores.

Notation:
    n samples of the people who are not held out, C joint classes.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

from search.analysis.metrics import Ints
from search.analysis.people import People
from search.analysis.probing.basis import Features, Moments
from search.analysis.probing.probe import Division, divisions, strongest
from search.analysis.uncertainty.bootstrap import person_bootstrap_interval
from search.analysis.uncertainty.interval import LEVEL, Interval
from search.analysis.uncertainty.score_sheet import score_sheet
from search.screen.frozen import NUM_FOLDS, one_thread_each
from trainables.data.sample_table import SampleTable
from trainables.data.schema import JOINT
from trainables.data.splits import Split, deal
from trainables.seeding import derive_seed

OFFERED = 3
"""Backbones that a ranking offers to the spaces: as many as they have by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """The samples that probes are scored on: those of the people who are not held out.

    What was learnt from held-out people must not choose what is searched.

    Attributes:
        rows: int [n] of the table.
        people: labelled by target: the attributes, and their joint label where there are several.
        fold: int [n], of every sample's person.
    """

    rows: Ints
    people: Mapping[str, People]
    fold: Ints

    @classmethod
    def of(cls, table: SampleTable, split: Split) -> "Panel":
        """Returns the panel of a data set; raises DataError where it has too few people."""
        rows = np.sort(np.concatenate([split.search_train, split.search_val]))
        schema, group, joint = table.schema, table.group_index[rows], table.joint[rows]
        fold = deal(group, joint, NUM_FOLDS, derive_seed(0, "screen"))
        labels = {
            name: (table.labels[rows, axis], len(schema[name].classes))
            for axis, name in enumerate(schema.names)
        }
        if len(labels) > 1:
            labels[JOINT] = (joint, schema.num_joint)
        people = {
            name: People(label=label, person=group, num_classes=num, fold=fold)
            for name, (label, num) in labels.items()
        }
        return cls(rows=rows, people=people, fold=fold)

    @property
    def target(self) -> str:
        """By which backbones are ranked: the last, the joint label where there is one."""
        return list(self.people)[-1]

    def predicted(self, features: Features) -> dict[str, Ints]:
        """Returns out-of-fold classes int [n] of every target, by probes of features [n, F]."""
        found = {name: np.empty(len(self.rows), dtype=np.int64) for name in self.people}

        def probe(make: Callable[[], Division]) -> None:
            """Predicts one fold, by a probe fitted on the others."""
            division = make()
            for name, people in self.people.items():
                label, num = people.label, people.num_classes
                strength = strongest(division.losses(label, num))
                probs = division.fitted(label, num, strength)
                found[name][division.out] = probs.argmax(axis=-1)

        moments = Moments.of(features, np.arange(len(features)))
        makers = divisions(features, moments, self.fold, NUM_FOLDS - 1)
        with one_thread_each() as threads, ThreadPoolExecutor(threads) as pool:
            list(pool.map(probe, makers))  # raises what a probe raised
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Screened:
    """A backbone and what a probe of it scores.

    Attributes:
        name: timm's.
        num_features: of a photo.
        num_parameters: of the backbone.
        weights: sha256 of its weights.
        predicted: int [n] out-of-fold classes of every target.
        scores: macro-F1 of every target with its interval over people.
        feature_seconds: that computing the features took, now or when it was done.
        probe_seconds: that all probes took.
        was_cached: whether the features lay in the cache.
    """

    name: str
    num_features: int
    num_parameters: int
    weights: str
    predicted: Mapping[str, Ints]
    scores: Mapping[str, Interval]
    feature_seconds: float
    probe_seconds: float
    was_cached: bool

    @property
    def seconds(self) -> float:
        """Features and probes together."""
        return self.feature_seconds + self.probe_seconds


def score(panel: Panel, features: Features) -> tuple[dict[str, Ints], dict[str, Interval], float]:
    """Returns predictions and scores by target, and the seconds they took.

    Args:
        panel: whom to score.
        features: float32 [n, F] of the panel's samples.
    """
    began = time.perf_counter()
    predicted = panel.predicted(features)
    scores = {
        name: person_bootstrap_interval(people, predicted[name])
        for name, people in panel.people.items()
    }
    return predicted, scores, time.perf_counter() - began


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranking:
    """Backbones, the best first.

    Attributes:
        target: that they are ranked by.
        ranked: with the highest macro-F1 of the target first.
        behind: what the first is ahead of each, with its interval over the same people; the first
            is not behind. The intervals hold for all pairs together (Bonferroni): which is first
            was chosen from the same scores.
    """

    target: str
    ranked: tuple[Screened, ...]
    behind: tuple[Interval, ...]

    @classmethod
    def of(cls, panel: Panel, found: Sequence[Screened]) -> "Ranking":
        """Returns the ranking of one backbone or more; ties stay in the order given."""
        target, people = panel.target, panel.people[panel.target]
        ranked = tuple(sorted(found, key=lambda each: -each.scores[target].value))
        sheet = score_sheet([each.predicted[target][None] for each in ranked], people)
        pairs = [sheet.pair(0, other, fixed_models=True) for other in range(len(ranked))]
        level = 1 - (1 - LEVEL) / 2 / max(1, comb(len(ranked), 2))
        behind = tuple(_around(pair.difference, pair.reach_at(level)) for pair in pairs)
        return cls(target=target, ranked=ranked, behind=behind)

    @property
    def offer(self) -> tuple[str, ...]:
        """The names that a run may offer in its spaces."""
        return tuple(each.name for each in self.ranked[:OFFERED])

    def to_dict(self) -> dict[str, Any]:
        """Returns the entries `ranked_by`, `offer` and `backbones` of `screen.json`."""
        return {
            "ranked_by": self.target,
            "offer": list(self.offer),
            "backbones": [
                {
                    "name": each.name,
                    "macro_f1": {name: s.to_dict() for name, s in each.scores.items()},
                    "behind_the_first": behind.to_dict(),
                    "features": each.num_features,
                    "parameters": each.num_parameters,
                    "weights_sha256": each.weights,
                    "feature_seconds": each.feature_seconds,
                    "probe_seconds": each.probe_seconds,
                    "features_were_cached": each.was_cached,
                }
                for each, behind in zip(self.ranked, self.behind, strict=True)
            ],
        }


def _around(value: float, reach: float) -> Interval:
    return Interval(value=value, low=value - reach, high=value + reach)

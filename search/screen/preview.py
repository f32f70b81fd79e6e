"""Approaches as heads on the same frozen features, over many deals of the people into folds.

Notation:
    N samples, F features, C joint classes, S seeds.

A seed deals the people into five folds anew and, for heads with a hidden layer, draws new weights.
Every head is fitted on the people of four folds and scored on those of the fifth.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch

from search.analysis.metrics import Floats, Ints
from search.analysis.probing.basis import Features, Moments
from search.analysis.probing.probe import Division, divisions, strongest
from search.refit.approaches import Lineup, blocks_of_all
from search.screen.frozen import NUM_FOLDS, one_thread_each
from trainables.blocks import Block, Form
from trainables.data.sample_table import SampleTable
from trainables.data.schema import LabelSchema
from trainables.data.splits import deal
from trainables.seeding import derive_seed
from trainables.small_heads import SmallHeads

NUM_SEEDS = 20
SECONDS = 100.0
"""In which seeds are begun, so that with the verdict the answer is there within two minutes."""
LEAST_SEEDS = 2
LINEAR, SMALL = "linear", "small"
KINDS = (LINEAR, SMALL)
Joint = dict[str, dict[str, Features]]
"""Joint probabilities [N, C] by kind of head and approach."""


def lineup_of(schema: LabelSchema) -> Lineup:
    """Returns the blocks of all approaches that fit the data, as spaces of their own."""

    def name(block: Block) -> str:
        """Returns the name of the space: heads and joint of one label differ."""
        return block.label(schema) + ("-heads" if block.form is Form.HEADS else "")

    return Lineup(schema=schema, blocks={name(block): block for block in blocks_of_all(schema)})


@dataclass(frozen=True, kw_only=True, eq=False)
class Heads:
    """Heads of one deal of the people, fold by fold.

    Attributes:
        lineup: the approaches.
        table: of the photos.
        parts: what is learnt from and what is left out, of every fold.
        seed: of the deal.
    """

    lineup: Lineup
    table: SampleTable
    parts: Sequence[Division]
    seed: int
    _losses: dict[tuple[int, tuple[str, ...]], Floats] = field(default_factory=dict, init=False)
    _fitted: dict[tuple[int, tuple[str, ...], float], Features] = field(
        default_factory=dict, init=False
    )

    def joint(self) -> Joint:
        """Returns the joint probabilities of every approach out of fold, by kind of head."""
        found: Joint = {}
        for kind, heads_of in ((LINEAR, self._linear), (SMALL, self._small)):
            probs = {space: heads_of(space) for space in self.lineup.blocks}
            found[kind] = {
                name: self.lineup.layout(*spaces)
                .joint([each for space in spaces for each in probs[space]])
                .astype(np.float32)
                for name, spaces in self.lineup.approaches.items()
            }
        return found

    def _label(self, attributes: tuple[str, ...]) -> Ints:
        return self.lineup.schema.codes(self.table.labels, attributes)

    def _linear(self, space: str) -> list[Features]:
        """Returns the out-of-fold probabilities of every head; one strength for all of a model."""
        heads, sizes = self.lineup.heads(space), self.lineup.sizes(space)
        found = [self._empty(sizes[head]) for head in heads]
        for number, part in enumerate(self.parts):
            for head, axes in heads.items():
                if (number, axes) not in self._losses:
                    losses = part.losses(self._label(axes), sizes[head])
                    self._losses[number, axes] = losses
            together = [self._losses[number, axes] for axes in heads.values()]
            strength = strongest(np.sum(together, axis=0))
            for place, (head, axes) in enumerate(heads.items()):
                key = (number, axes, strength)
                if key not in self._fitted:
                    self._fitted[key] = part.fitted(self._label(axes), sizes[head], strength)
                found[place][part.out] = self._fitted[key]
        return found

    def _small(self, space: str) -> list[Features]:
        """Returns the out-of-fold probabilities of every head, behind one hidden layer."""
        heads, sizes = self.lineup.heads(space), list(self.lineup.sizes(space).values())
        # Folds of people have about as many photos; the least of them is what all can learn from.
        least = min(len(part.train) for part in self.parts)
        rng = np.random.default_rng(derive_seed(self.seed, "quick", "samples", space))
        kept = [np.sort(rng.permutation(len(part.train))[:least]) for part in self.parts]
        width = min(part.x.shape[1] for part in self.parts)
        scale = np.float32(np.sqrt(width))
        x = [part.x[rows, :width] * scale for part, rows in zip(self.parts, kept, strict=True)]
        labels = [
            torch.from_numpy(
                np.stack(
                    [
                        self._label(axes)[part.train[rows]]
                        for part, rows in zip(self.parts, kept, strict=True)
                    ]
                )
            )
            for axes in heads.values()
        ]
        model = SmallHeads(len(self.parts), width, sizes, derive_seed(self.seed, "quick", space))
        model.fit(torch.from_numpy(np.stack(x)), labels)
        found = [self._empty(size) for size in sizes]
        for number, part in enumerate(self.parts):
            own = torch.from_numpy(part.x_out[:, :width] * scale)
            probs = model.probabilities(own, fold=number)
            for place, each in enumerate(probs):
                found[place][part.out] = each
        return found

    def _empty(self, num_classes: int) -> Features:
        return np.empty((self.table.num_samples, num_classes), dtype=np.float32)


def of_seed(
    features: Features, moments: Moments, table: SampleTable, lineup: Lineup, seed: int
) -> Joint:
    """Returns the joint probabilities of one deal of the people.

    Args:
        features: float32 [N, F] of all photos.
        moments: of all of them.
        table: of the photos.
        lineup: the approaches.
        seed: of the deal.
    """
    fold = deal(table.group_index, table.joint, NUM_FOLDS, derive_seed(seed, "quick"))
    parts = [make() for make in divisions(features, moments, fold, num_validated=1)]
    return Heads(lineup=lineup, table=table, parts=parts, seed=seed).joint()


def preview(
    features: Features,
    table: SampleTable,
    *,
    num_seeds: int = NUM_SEEDS,
    seconds: float = SECONDS,
    progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> dict[str, dict[str, Features]]:
    """Returns joint probabilities float32 [S, N, C] by kind of head and approach.

    Args:
        features: float32 [N, F] of all photos.
        table: of the photos.
        num_seeds: S, unless the time ends first.
        seconds: in which seeds are begun, `LEAST_SEEDS` whatever they take.
        progress: called with (seeds done, S).

    Raises:
        DataError: there are fewer people than folds.
    """
    lineup, moments = lineup_of(table.schema), Moments.of(features, np.arange(len(features)))
    began, found = time.monotonic(), list[Joint]()
    with one_thread_each() as threads, ThreadPoolExecutor(threads) as pool:
        while len(found) < num_seeds:
            spent = time.monotonic() - began
            waves = max(1, len(found) / threads)
            if len(found) >= LEAST_SEEDS and spent * (1 + 1 / waves) > seconds:
                break
            wave = range(len(found), min(len(found) + threads, num_seeds))
            found += pool.map(lambda s: of_seed(features, moments, table, lineup, s), wave)
            progress(len(found), num_seeds)
    return {
        kind: {name: np.stack([each[kind][name] for each in found]) for name in lineup.approaches}
        for kind in KINDS
    }

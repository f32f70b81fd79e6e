"""The members an ensemble may take: networks of a refit and their out-of-fold probabilities.

Notation:
    N samples, C joint classes, R rounds of the cross-fit (`CrossFit`), K classes of a head.
    probs: float32 [N, K], rows sum to 1; y: int [N] joint class.

A member makes joint probabilities: the product over its networks and their heads of calibrated
probabilities, in the order of the attributes (`search.analysis.recombine`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.analysis.errors import AnalysisError
from search.analysis.fitting.calibration import Calibration
from search.analysis.metrics import Floats, Ints
from search.analysis.people import People
from search.analysis.recombine import HeadLayout

Probs = NDArray[np.float32]
Heads = tuple[Probs, ...]
Temperatures = tuple[tuple[float, ...], ...]  # of every network's heads


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredNetwork:
    """A place in a member for one network, and the configs that may fill it.

    Attributes:
        configs: names, such as `("age.1",)`, or several where the best of them takes the place.
        heads: of every config, the out-of-fold probabilities of its heads, float32 [N, K].
        mirrored: the same of the mirrored photos; empty where there are none.
        picks: position in `configs` for every round of the cross-fit (chosen on the people of
            other folds, as `search.analysis.approaches.build.choose` does), then the one chosen on
            all people: R + 1 of them, or none where there is one config.
    """

    configs: tuple[str, ...]
    heads: tuple[Heads, ...]
    mirrored: tuple[Heads, ...] = ()
    picks: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        shapes = {tuple(head.shape for head in heads) for heads in (*self.heads, *self.mirrored)}
        fits = len(self.heads) == len(self.configs) and len(self.mirrored) in (0, len(self.heads))
        if len(shapes) != 1 or not fits:
            raise AnalysisError(
                f"a network needs the same heads of each of its configs {self.configs}, mirrored "
                f"or not, got {len(self.heads)} and {len(self.mirrored)} of shapes {shapes}"
            )
        allowed = range(len(self.configs))
        if any(p not in allowed for p in self.picks) or (len(allowed) > 1 and not self.picks):
            raise AnalysisError(
                f"`picks` must be positions in the {len(allowed)} configs, one per round and one "
                f"for all people, got {self.picks}"
            )

    def config(self, when: int) -> str:
        """Returns the config of round `when` of the cross-fit; that for all people at -1."""
        return self.configs[self.picks[when] if self.picks else 0]

    def output(self, config: str, which: int, samples: Ints, mirrored: bool) -> Probs:
        """Returns the probabilities of a head of a config, float32 [n, K].

        Args:
            config: its name.
            which: position of the head.
            samples: int [n], which samples.
            mirrored: whether to average with the prediction of the mirrored photo.
        """
        position = self.configs.index(config)
        plain = self.heads[position][which][samples]
        if not mirrored:
            return plain
        return (plain + self.mirrored[position][which][samples]) / np.float32(2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Candidate:
    """A member that an ensemble may take.

    Attributes:
        name: unique, such as `joint.1.0` or `separate.chosen.0`.
        approach: that it is a member of.
        networks: whose heads between them decide every attribute once.
        layout: of all their heads, in order.
        cost_ms: to serve one photo by all its networks and folds, > 0, the photo alone.
    """

    name: str
    approach: str
    networks: tuple[StoredNetwork, ...]
    layout: HeadLayout
    cost_ms: float = 1.0

    def __post_init__(self) -> None:
        shapes = [head.shape for network in self.networks for head in network.heads[0]]
        lengths = {shape[0] for shape in shapes}
        sizes = tuple(shape[1] for shape in shapes)
        if sizes != self.layout.head_sizes or not self.layout.is_whole:
            raise AnalysisError(
                f"candidate {self.name!r} needs heads of {self.layout.head_sizes} classes that "
                f"decide every attribute, got {sizes}"
            )
        if len(lengths) != 1 or not self.cost_ms > 0:
            raise AnalysisError(
                f"candidate {self.name!r} needs networks of the same samples and a cost > 0 ms, "
                f"got {sorted(lengths)} samples and {self.cost_ms} ms"
            )

    @property
    def num_samples(self) -> int:
        """N."""
        return len(self.networks[0].heads[0][0])

    @property
    def has_mirrored(self) -> bool:
        """Whether every network has predictions of the mirrored photos."""
        return all(network.mirrored for network in self.networks)

    def configs(self, when: int) -> tuple[str, ...]:
        """Returns the config of every network in round `when`; those for all people at -1."""
        return tuple(network.config(when) for network in self.networks)

    def probs(
        self, configs: Sequence[str], temperatures: Temperatures, samples: Ints, mirrored: bool
    ) -> Probs:
        """Returns calibrated joint probabilities, float32 [n, C].

        Args:
            configs: of every network.
            temperatures: of every network's heads; p becomes softmax(log p / T).
            samples: int [n], which samples.
            mirrored: whether to average with the predictions of the mirrored photos.
        """
        parts = [
            _calibrated(network.output(config, which, samples, mirrored), temperature)
            for network, config, own in zip(self.networks, configs, temperatures, strict=True)
            for which, temperature in enumerate(own)
        ]
        return self.layout.joint(parts).astype(np.float32)

    def predicted(self, when: int, samples: Ints, mirrored: bool) -> Ints:
        """Returns the joint classes, int [n], of round `when`.

        Temperatures do not move them: the largest product is that of the largest factors.
        """
        chosen = [
            network.output(network.config(when), which, samples, mirrored).argmax(axis=1)
            for network in self.networks
            for which in range(len(network.heads[0]))
        ]
        return self.layout.classes(chosen)


def check_candidates(candidates: Sequence[Candidate], people: People) -> None:
    """Checks that all candidates fit the labelled people.

    Raises:
        AnalysisError: no candidate, a name twice, or different samples or joint classes.
    """
    names = [candidate.name for candidate in candidates]
    if not names or len(set(names)) < len(names):
        raise AnalysisError(f"an ensemble needs candidates of different names, got {names}")
    expected = (len(people), people.num_classes)
    for candidate in candidates:
        if (candidate.num_samples, candidate.layout.num_classes) != expected:
            raise AnalysisError(
                f"every candidate must predict the {len(people)} labelled samples in "
                f"{people.num_classes} joint classes, {candidate.name!r} has "
                f"{candidate.num_samples} samples and {candidate.layout.num_classes} classes; "
                "refit all spaces on the same data"
            )


def _calibrated(probs: Probs, temperature: float) -> Floats:
    return Calibration(temperature=temperature, bias=np.zeros(probs.shape[1])).apply(probs)

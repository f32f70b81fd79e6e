"""From the models of a refit to the joint probabilities of the three approaches.

Notation:
    N samples, S seeds, A attributes with sizes K_1..K_A, C = K_1 * ... * K_A joint classes.
    candidates: name of a config -> float [S, N, K], its out-of-fold probabilities.
    y: int [N] joint class = mixed radix of the attribute classes, first attribute most
    significant (founding case: 6 * mask + 3 * gender + age).

The best of many configs looks better than it is. So a config is chosen for the people of a fold by
the people of the other folds (`CrossFit`), and its score there owes nothing to the choice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from search.analysis.calibration import Method, cross_fit_calibration
from search.analysis.cross_fit import CrossFit
from search.analysis.decision_rule import nested_biased_predictions
from search.analysis.errors import AnalysisError
from search.analysis.metrics import Floats, Ints, as_classes, macro_f1
from search.analysis.predictions import Approach

Candidates = Mapping[str, Floats]


def joint_classes(labels: ArrayLike, sizes: Sequence[int]) -> Ints:
    """Returns the joint class, int [...], of attribute classes [..., A]."""
    array = np.asarray(labels)
    parts = tuple(
        as_classes(array[..., i], size, f"classes of attribute {i}")
        for i, size in enumerate(sizes)
    )
    return np.asarray(np.ravel_multi_index(parts, tuple(sizes)), dtype=np.int64)


def attribute_classes(joint: ArrayLike, sizes: Sequence[int]) -> Ints:
    """Returns the attribute classes, int [..., A], of joint classes [...]."""
    codes = as_classes(joint, int(np.prod(sizes)), "joint classes")
    return np.stack(np.unravel_index(codes, tuple(sizes)), axis=-1).astype(np.int64)


def recombine(parts: Sequence[ArrayLike]) -> Floats:
    """Returns joint probabilities, float [..., C], the product of attribute probabilities.

    Args:
        parts: one float [..., K_a] an attribute, in schema order, equal leading shapes.

    Raises:
        AnalysisError: no attribute, or leading shapes that differ.
    """
    arrays = [np.asarray(part, dtype=float) for part in parts]
    if not arrays or len({array.shape[:-1] for array in arrays}) != 1:
        raise AnalysisError(
            f"recombining needs the same seeds and samples of every attribute, got shapes "
            f"{[array.shape for array in arrays]}"
        )
    joint = arrays[0]
    for array in arrays[1:]:
        joint = (joint[..., :, None] * array[..., None, :]).reshape(*joint.shape[:-1], -1)
    return joint


def marginals(probs: ArrayLike, sizes: Sequence[int]) -> tuple[Floats, ...]:
    """Returns the probabilities of every attribute, float [..., K_a], from joint ones [..., C].

    Raises:
        AnalysisError: C is not the product of the sizes.
    """
    joint = np.asarray(probs, dtype=float)
    if joint.shape[-1] != np.prod(sizes):
        raise AnalysisError(
            f"joint probabilities must have {int(np.prod(sizes))} classes for attributes of "
            f"{tuple(sizes)}, got {joint.shape[-1]}"
        )
    cube, lead = joint.reshape(*joint.shape[:-1], *sizes), joint.ndim - 1
    axes = range(lead, lead + len(sizes))
    return tuple(cube.sum(axis=tuple(other for other in axes if other != axis)) for axis in axes)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Choice:
    """Which config every sample is predicted by.

    Attributes:
        names: of the configs, in the order given (ties go to the first).
        index: int [N] into `names`.
        by_round: the name chosen in each round of the plan: fold by fold, then held-out people.
    """

    names: tuple[str, ...]
    index: Ints
    by_round: tuple[str, ...]

    def assemble(self, candidates: Candidates) -> Floats:
        """Returns float [S, N, K]: of every sample the probabilities of its config."""
        stacked = np.stack([candidates[name] for name in self.names])
        return np.moveaxis(stacked[self.index, :, np.arange(len(self.index))], 0, 1)


def choose(candidates: Candidates, y: ArrayLike, plan: CrossFit) -> Choice:
    """Returns for the people of each fold the config with the best macro-F1 on the others.

    Args:
        candidates: probabilities of one target; the score of a config is the mean over seeds.
        y: int [N] classes of that target.
        plan: who decides about whom.

    Raises:
        AnalysisError: no config, or shapes that differ between configs.
    """
    shapes = {name: np.shape(probs) for name, probs in candidates.items()}
    if len(set(shapes.values())) != 1 or len(next(iter(shapes.values()))) != 3:
        raise AnalysisError(
            f"configs to choose from must have probabilities [seeds, samples, classes] of one "
            f"shape, got {shapes}"
        )
    names, num_classes = tuple(candidates), next(iter(shapes.values()))[2]
    true = as_classes(y, num_classes, "true classes")
    predicted = {name: np.argmax(candidates[name], axis=-1) for name in names}
    index, by_round = np.empty(len(true), dtype=np.int64), []
    for fit, apply in plan.rounds():
        scores = [
            np.mean([macro_f1(true[fit], row[fit], num_classes) for row in predicted[name]])
            for name in names
        ]
        index[apply] = int(np.argmax(scores))
        by_round.append(names[int(np.argmax(scores))])
    return Choice(names=names, index=index, by_round=tuple(by_round))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Built:
    """Joint probabilities of an approach, float [S, N, C], and the choices behind them."""

    name: str
    probs: Floats
    choices: Mapping[str, Choice]

    def judged_with(self, y: ArrayLike, plan: CrossFit) -> Approach:
        """Returns the approach for the verdict, with nested post-hoc biases beside it."""
        return Approach.from_probs(
            self.name, self.probs, with_rule=nested_biased_predictions(self.probs, y, plan)
        )


def build_separate(
    candidates: Mapping[str, Candidates],
    y: ArrayLike,
    sizes: Sequence[int],
    plan: CrossFit,
    method: Method = Method.TEMPERATURE,
    name: str = "separate",
) -> Built:
    """Returns the product of models of single attributes, each chosen by its own metric.

    Args:
        candidates: attribute, in schema order -> its configs' probabilities [S, N, K_a].
        y: int [N] joint classes.
        sizes: K_1..K_A in the same order.
        plan: who decides about whom.
        method: calibration of every attribute before the product.
        name: of the approach.
    """
    labels = attribute_classes(y, sizes)
    choices, parts = {}, []
    for axis, (attribute, configs) in enumerate(candidates.items()):
        choices[attribute] = choose(configs, labels[:, axis], plan)
        chosen = choices[attribute].assemble(configs)
        parts.append(cross_fit_calibration(chosen, labels[:, axis], plan, method))
    return Built(name=name, probs=recombine(parts), choices=choices)


def build_multihead(
    candidates: Mapping[str, Sequence[Floats]],
    y: ArrayLike,
    sizes: Sequence[int],
    plan: CrossFit,
    method: Method = Method.TEMPERATURE,
    name: str = "multihead",
) -> Built:
    """Returns the product of the heads of one model, chosen by the joint metric.

    Args:
        candidates: config -> its heads' probabilities, one [S, N, K_a] an attribute.
        y: int [N] joint classes.
        sizes: K_1..K_A.
        plan: who decides about whom.
        method: calibration of every head before the product.
        name: of the approach.
    """
    labels = attribute_classes(y, sizes)
    choice = choose({config: recombine(heads) for config, heads in candidates.items()}, y, plan)
    parts = []
    for axis in range(len(sizes)):
        chosen = choice.assemble({config: heads[axis] for config, heads in candidates.items()})
        parts.append(cross_fit_calibration(chosen, labels[:, axis], plan, method))
    return Built(name=name, probs=recombine(parts), choices={name: choice})


def build_joint(
    candidates: Candidates, y: ArrayLike, plan: CrossFit, name: str = "joint"
) -> Built:
    """Returns the probabilities of one model over the joint classes, chosen by its metric."""
    choice = choose(candidates, y, plan)
    return Built(name=name, probs=choice.assemble(candidates), choices={name: choice})

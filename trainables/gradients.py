"""Whether heads pull the shared weights the same way (mechanism M3: gradient conflict)."""

import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional


def gradient_cosines(losses: Mapping[str, Tensor], shared: Sequence[Tensor]) -> dict[str, float]:
    """Returns the cosine between the gradients of every two losses, by "a|b".

    Args:
        losses: scalar losses of one forward pass.
        shared: the weights to differentiate by; -1 is open conflict, 1 the same direction (Yu et
            al. 2020).
    """
    flat = {}
    for name, loss in losses.items():
        gradients = torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True)
        parts = [
            (torch.zeros_like(weight) if gradient is None else gradient).flatten()
            for gradient, weight in zip(gradients, shared, strict=True)
        ]
        flat[name] = torch.cat(parts)
    cosine = functional.cosine_similarity
    return {
        f"{_escaped(a)}|{_escaped(b)}": float(cosine(flat[a], flat[b], dim=0))
        for a, b in itertools.combinations(flat, 2)
    }


def _escaped(name: str) -> str:
    # "|" stands between two names alone.
    return name.replace("%", "%25").replace("|", "%7C")

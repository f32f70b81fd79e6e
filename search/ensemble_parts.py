"""Members of an ensemble and the networks they are made of."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from search.errors import ResultsError
from search.store.records import FlatValue

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One network, trained once a fold.

    Attributes:
        space: name of the space.
        rank: of its config among the refitted ones, or "default".
        seed: number of the refit's seed, from 0.
        heads: outputs of the network: "joint", one attribute, or all attributes in schema order.
        temperatures: of each head; calibrated p = softmax(log p / T).
        config: complete config by dotted names.
        mean: of each channel that the network was trained with.
        std: of each channel that the network was trained with.
        files: weights of each fold's network, in the order of the folds, relative to the folder.

    Raises:
        ResultsError: lengths differ, a number is out of range, or a file is outside the folder.
    """

    space: str
    rank: str
    seed: int
    heads: tuple[str, ...]
    temperatures: tuple[float, ...]
    config: Mapping[str, FlatValue]
    mean: Triple
    std: Triple
    files: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.heads or len(self.temperatures) != len(self.heads):
            raise ResultsError(
                f"part {self.name} needs one temperature a head, got heads {list(self.heads)} and "
                f"temperatures {list(self.temperatures)}"
            )
        if not all(0 < t < math.inf for t in self.temperatures):
            raise ResultsError(
                f"temperatures of part {self.name} must be positive and finite, got "
                f"{list(self.temperatures)}"
            )
        if not all(0 < s < math.inf for s in self.std):
            raise ResultsError(
                f"std of part {self.name} must be positive and finite, got {list(self.std)}"
            )
        if not self.files or len(set(self.files)) < len(self.files):
            raise ResultsError(
                f"part {self.name} needs one weights file a fold, got {list(self.files)}"
            )
        for file in self.files:
            path = PurePosixPath(file)
            if path.is_absolute() or ".." in path.parts or path.suffix != ".safetensors":
                raise ResultsError(
                    f"weights of part {self.name} must be .safetensors files inside the folder of "
                    f"the ensemble, got {file!r}"
                )

    @property
    def name(self) -> str:
        """`<space>.<rank>.<seed>`, as the refit's files are called."""
        return f"{self.space}.{self.rank}.{self.seed}"

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for YAML, from which `from_dict` makes an equal part."""
        return {
            "space": self.space,
            "rank": self.rank,
            "seed": int(self.seed),
            "heads": list(self.heads),
            "temperatures": plain(self.temperatures),
            "mean": plain(self.mean),
            "std": plain(self.std),
            "files": list(self.files),
            "config": plain(self.config),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Part":
        """Returns the part that `to_dict` described; KeyError or ResultsError where it is not."""
        return cls(
            space=str(values["space"]),
            rank=str(values["rank"]),
            seed=int(values["seed"]),
            heads=tuple(map(str, values["heads"])),
            temperatures=tuple(map(float, values["temperatures"])),
            config=dict(values["config"]),
            mean=_triple(values["mean"]),
            std=_triple(values["std"]),
            files=tuple(map(str, values["files"])),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One model of the joint label: a network, or one network an attribute.

    Attributes:
        name: of the candidate, such as "separate.1.0".
        approach: "separate", "joint" or "multihead".
        weight: of its vote, above 0.
        parts: its networks; their heads together are "joint" or all attributes in schema order.

    Raises:
        ResultsError: the weight is not positive, or the parts have different numbers of folds.
    """

    name: str
    approach: str
    weight: float
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if not 0 < self.weight < math.inf:
            raise ResultsError(
                f"the weight of member {self.name} must be above 0, got {self.weight}"
            )
        folds = {part.name: len(part.files) for part in self.parts}
        if len(set(folds.values())) != 1:
            raise ResultsError(
                f"all parts of member {self.name} need the same number of folds, got {folds}"
            )

    @property
    def heads(self) -> tuple[str, ...]:
        """Heads of all parts, in order."""
        return tuple(head for part in self.parts for head in part.heads)

    @property
    def num_folds(self) -> int:
        """Number of networks of every part."""
        return len(self.parts[0].files)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for YAML, from which `from_dict` makes an equal member."""
        return {
            "name": self.name,
            "approach": self.approach,
            "weight": float(self.weight),
            "parts": [part.to_dict() for part in self.parts],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Member":
        """Returns the member that `to_dict` described; errors as of `Part.from_dict`."""
        return cls(
            name=str(values["name"]),
            approach=str(values["approach"]),
            weight=float(values["weight"]),
            parts=tuple(map(Part.from_dict, values["parts"])),
        )


def plain(value: Any) -> Any:
    """Returns a value in the types of YAML, which knows no tuples and no numbers of NumPy."""
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(each) for each in value]
    return value


def _triple(values: Sequence[Any]) -> Triple:
    if len(values) != 3:
        raise ResultsError(f"mean and std are of three channels, got {list(values)}")
    red, green, blue = map(float, values)
    return red, green, blue

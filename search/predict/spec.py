"""The ensemble folder's `ensemble.yaml`: who votes, with which weight, and how photos are shown.

    results/NAME/ensemble/ensemble.yaml  oof.npz  README.md  members/<part>.<fold>.safetensors

Everything that a prediction needs lies in the folder, so it can be copied anywhere; nothing in it
is a pickle. With calibrated head probabilities p = softmax(log p / T), a member's joint
probabilities on one fold are the product over its parts and heads in schema order, [n, C]; the
ensemble's are the weighted sum over members of the mean over folds, and the class is
argmax(log p + biases).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from search.analysis.errors import AnalysisError
from search.analysis.recombine import HeadLayout
from search.errors import ResultsError
from search.store.commands import on_run
from search.store.files import write_text
from search.store.reading import check_schema, is_there, read_yaml, reading
from search.store.run_store import TRUTH_FILE, RunStore
from trainables.blocks import FlatValue, block_of, read_flat
from trainables.config import TrialConfig
from trainables.data.image_decoding import MAX_PIXELS
from trainables.data.schema import LabelSchema

__all__ = ["EnsembleSpec", "Member", "Part"]

SCHEMA = 1
ENSEMBLE_FILE = "ensemble.yaml"
OOF_FILE = "oof.npz"
MEMBERS_FOLDER = "members"
SELECTIONS = ("greedy", "cma_es", "single")


def way_out(folder: Path) -> str:
    """Returns what to do about an ensemble that is not whole; as a command where its run is."""
    run, again = RunStore(folder.absolute().parent), "headrace ensemble NAME"
    if is_there(run.root / "study.json"):
        if not is_there(run.predictions / TRUTH_FILE):
            # Such as the demo of the repository, which leaves them out.
            return (
                "copy the ensemble's folder whole; the predictions that it is built from are not "
                "here either, so else a run of --space all makes a new one"
            )
        again = on_run("ensemble", run)
    return f"copy the ensemble's folder whole, or build it again with: {again}"


def _way_to_one(folder: Path) -> str:
    """Returns how to come by an ensemble that is not there."""
    run = RunStore(folder.absolute().parent)
    if is_there(run.root / "study.json"):
        with suppress(ResultsError):
            searched = run.read_study()["config"]["spaces"]
            if "all" not in searched:
                return (
                    f"this run searched {', '.join(searched)} and refitted nothing; a run of "
                    "--space all makes one"
                )
    return f"the end of a run makes one, or {way_out(folder)}"


_WEIGHT_TOLERANCE = 1e-6
_IN_FILE = {"config_id": "rank"}  # names of fields that the file calls otherwise

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One network, trained once per fold.

    Attributes:
        space: name of the space.
        config_id: of its config among the refitted ones, or "default".
        seed: number of the refit's seed, from 0.
        heads: outputs of the network, as `Block.heads` names them.
        temperatures: of each head; calibrated p = softmax(log p / T).
        mean: of each channel that the network was trained with.
        std: of each channel that the network was trained with.
        files: weights of each fold's network, in the order of the folds, relative to the folder.
        config: complete config by dotted names.

    Raises:
        ResultsError: lengths differ, a number is out of range, or a file is outside the folder.
    """

    space: str
    config_id: str
    seed: int
    heads: tuple[str, ...]
    temperatures: tuple[float, ...]
    mean: Triple
    std: Triple
    files: tuple[str, ...]
    config: Mapping[str, FlatValue]

    def __post_init__(self) -> None:
        if not self.heads or len(self.temperatures) != len(self.heads):
            raise ResultsError(
                f"part {self.name} needs one temperature per head, got heads {list(self.heads)} "
                f"and temperatures {list(self.temperatures)}"
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
                f"part {self.name} needs one weights file per fold, got {list(self.files)}"
            )
        for file in self.files:
            path = PurePosixPath(file)
            if path.is_absolute() or ".." in path.parts or path.suffix != ".safetensors":
                raise ResultsError(
                    f"weights of part {self.name} must be .safetensors files inside the folder of "
                    f"the ensemble, got {file!r}"
                )

    def decides(self, labels: LabelSchema) -> dict[str, tuple[str, ...]]:
        """Returns the attributes that every head decides, as the config says.

        Raises:
            ResultsError: the heads are others than those of the config.
        """
        heads = block_of(self.config).heads(labels)
        if tuple(heads) != self.heads:
            raise ResultsError(
                f"the heads of part {self.name} must be those of its config, "
                f"{', '.join(heads)}, got {', '.join(self.heads)}"
            )
        return heads

    @property
    def name(self) -> str:
        """`<space>.<config_id>.<seed>`, as the refit's files are called."""
        return f"{self.space}.{self.config_id}.{self.seed}"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], names: Sequence[str]) -> "Part":
        """Returns the part that the file describes; KeyError or ResultsError where it is not one.

        Args:
            values: from YAML.
            names: of all attributes.
        """
        return cls(
            space=str(values["space"]),
            config_id=str(values["rank"]),
            seed=int(values["seed"]),
            heads=tuple(map(str, values["heads"])),
            temperatures=tuple(map(float, values["temperatures"])),
            config=read_flat(values["config"], names),
            mean=_triple(values["mean"]),
            std=_triple(values["std"]),
            files=tuple(map(str, values["files"])),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One model of the joint label: a network, or several that share the attributes.

    Attributes:
        name: of the candidate, such as "separate.1.0".
        approach: that it is a member of.
        weight: of its vote, above 0.
        parts: its networks; their heads between them decide every attribute once.

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

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], names: Sequence[str]) -> "Member":
        """Returns the member that the file describes; errors as of `Part.from_dict`."""
        return cls(
            name=str(values["name"]),
            approach=str(values["approach"]),
            weight=float(values["weight"]),
            parts=tuple(Part.from_dict(part, names) for part in values["parts"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EnsembleSpec:
    """All that `ensemble.yaml` holds.

    Attributes:
        run: name of the run it is from.
        selection: one of `SELECTIONS`.
        score: nested out-of-fold macro-F1: value, interval [low, high], gain and the like.
        people: that the networks were trained on.
        photos: of those people.
        fingerprint: of the training data.
        labels: the attributes and their classes.
        stored_size: (height, width) that photos are decoded to.
        max_pixels: that a photo may have at most.
        mirrored: every network sees the photo and its mirror image; the probabilities are averaged
            before calibration.
        biases: of the joint classes [C], added to log p before argmax.
        members: whose weights sum to 1.
        versions: of the packages.

    Raises:
        ResultsError: weights do not sum to 1, a member does not predict the joint label, a number
            of biases that is not C, or a size or count out of range.
    """

    run: str
    selection: str
    score: Mapping[str, Any]
    people: int
    photos: int
    fingerprint: str
    labels: LabelSchema
    stored_size: tuple[int, int]
    max_pixels: int = MAX_PIXELS
    mirrored: bool
    biases: tuple[float, ...]
    members: tuple[Member, ...]
    versions: Mapping[str, str]

    def __post_init__(self) -> None:
        total = sum(member.weight for member in self.members)
        if abs(total - 1) > _WEIGHT_TOLERANCE:
            raise ResultsError(f"weights of an ensemble's members must sum to 1, got {total:.6g}")
        for member in self.members:
            try:
                whole = self.layout(member).is_whole
            except AnalysisError:
                whole = False
            if not whole:
                raise ResultsError(
                    f"the heads of member {member.name} must decide every attribute of "
                    f"{', '.join(self.labels.names)} once, got {', '.join(member.heads)}"
                )
        self._check_numbers()

    def _check_numbers(self) -> None:
        if len(self.biases) != self.labels.num_joint or not all(map(math.isfinite, self.biases)):
            raise ResultsError(
                f"an ensemble needs one finite bias for each of {self.labels.num_joint} classes, "
                f"got {list(self.biases)}"
            )
        if len(self.stored_size) != 2 or min(self.stored_size) < 1:
            raise ResultsError(
                f"stored_size must be height and width in pixels, got {list(self.stored_size)}"
            )
        if not 1 <= self.people <= self.photos:
            raise ResultsError(
                "an ensemble needs 1 <= people <= photos of training, got "
                f"people={self.people}, photos={self.photos}"
            )
        if self.selection not in SELECTIONS:
            raise ResultsError(
                f"selection must be one of {', '.join(SELECTIONS)}, got {self.selection!r}"
            )

    def layout(self, member: Member) -> HeadLayout:
        """Returns which attributes the heads of a member decide."""
        names = self.labels.names
        sizes = tuple(len(attribute.classes) for attribute in self.labels.attributes)
        heads = [heads for part in member.parts for heads in part.decides(self.labels).values()]
        return HeadLayout(sizes, tuple(tuple(map(names.index, head)) for head in heads))

    @property
    def parts(self) -> tuple[Part, ...]:
        """Parts of all members; a network that several members share is there once per member."""
        return tuple(part for member in self.members for part in member.parts)

    @property
    def files(self) -> tuple[str, ...]:
        """Every weights file, relative to the folder, once."""
        return tuple(dict.fromkeys(file for part in self.parts for file in part.files))

    def write(self, folder: Path) -> None:
        """Writes `ensemble.yaml` into the ensemble's folder: the fields in their order."""
        values = {"schema": SCHEMA, **asdict(self, dict_factory=_entries)}
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        write_text(folder / ENSEMBLE_FILE, text)

    @classmethod
    def read(cls, folder: Path) -> "EnsembleSpec":
        """Reads `ensemble.yaml`; whether the weights are there is up to `check_files`.

        Raises:
            ResultsError: there is none, it is torn or not one, or a newer headrace wrote it.
        """
        path = folder / ENSEMBLE_FILE
        if not is_there(path):
            way = _way_to_one(folder)
            raise ResultsError(f"there is no ensemble: no file {path}; {way}")
        with reading(path, way_out(folder), wrong="is not a whole ensemble"):
            values = read_yaml(path)
            if not isinstance(values, dict) or "schema" not in values:
                raise ResultsError(
                    f"{path} is not an ensemble of headrace: it has no key 'schema'"
                )
            check_schema(path, values, SCHEMA, way_out(folder))
            found = _from_dict(values)
            for part in found.parts:
                TrialConfig.from_flat(part.config)
            return found

    def check_files(self, folder: Path) -> None:
        """Raises ResultsError naming the first missing weights file and how many are missing."""
        missing = [file for file in self.files if not (folder / file).is_file()]
        if missing:
            raise ResultsError(
                f"weights of the ensemble are missing in {folder}: {missing[0]} "
                f"({len(missing)} of {len(self.files)} files); {way_out(folder)}"
            )


def _entries(fields: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {_IN_FILE.get(name, name): _plain(value) for name, value in fields}


def _from_dict(values: Mapping[str, Any]) -> EnsembleSpec:
    height, width = values["stored_size"]
    labels = LabelSchema.from_dict(values["labels"])
    return EnsembleSpec(
        run=str(values["run"]),
        labels=labels,
        stored_size=(int(height), int(width)),
        members=tuple(Member.from_dict(member, labels.names) for member in values["members"]),
        mirrored=bool(values["mirrored"]),
        biases=tuple(map(float, values["biases"])),
        score=dict(values["score"]),
        people=int(values["people"]),
        photos=int(values["photos"]),
        fingerprint=str(values["fingerprint"]),
        selection=str(values["selection"]),
        versions=dict(values["versions"]),
        max_pixels=int(values.get("max_pixels", MAX_PIXELS)),
    )


def _plain(value: Any) -> Any:
    """Returns a value in the types of YAML, which knows no tuples and no numbers of NumPy."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(each) for each in value]
    return value


def _triple(values: Sequence[Any]) -> Triple:
    if len(values) != 3:
        raise ResultsError(f"mean and std are of three channels, got {list(values)}")
    red, green, blue = map(float, values)
    return red, green, blue

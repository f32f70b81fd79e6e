"""Every network of an ensemble as ONNX, with what is needed to put them together elsewhere.

A network takes stored photos, uint8 [n, H, W, 3]: crop, scaling, normalisation and, where the
ensemble wants it, the mirror image are inside its graph. It gives the probabilities [n, K] of each
of its heads before calibration; `ensemble.json` says how they become the ensemble's.
"""

import importlib.metadata
import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from search.errors import UsageError
from search.export.onnx_network import INPUT, OnnxNetwork, output_name
from search.export.parity import (
    Heads,
    NetworkParity,
    Parity,
    Photos,
    compare_heads,
    served_heads,
)
from search.predict.ensemble import Ensemble, joint_probs
from search.predict.spec import EnsembleSpec, Part
from search.store.files import replaced, write_json
from trainables.data.schema import LabelSchema
from trainables.predictor import Predictor

_PROGRAM = "run_onnx.py"
"""Answers photos without headrace; it lies beside this file."""
_PACKAGES = ("onnx", "onnxruntime", "onnxscript")
_HOW = (
    "Decode photos to RGB, scale them to cover height x width and crop around the centre. Per "
    "member and fold: run every network of the fold, divide the logarithm of each head's "
    "probabilities by the head's temperature and take the softmax. A joint class has the product, "
    "over the heads, of the probability of the classes of the attributes that the head decides; "
    "codes of classes count in the order of attributes, the last fastest. Average over folds, add "
    "up over members by weight: p. The class is the largest log p + bias."
)


def export_onnx(
    folder: Path, out: Path, photos: Photos, source: str, progress: Callable[[int, int], None]
) -> Parity:
    """Writes every network of an ensemble, `ensemble.json`, `parity.json` and `run_onnx.py`.

    Args:
        folder: of the ensemble.
        out: folder to write; an older one is replaced as a whole.
        photos: to compare on, uint8 [n, H, W, 3] of the stored size, n >= 1.
        source: where they are from, for the report.
        progress: called with (networks done, all).

    Raises:
        ResultsError: there is no whole ensemble.
        UsageError: a package is missing, or a network cannot be said in ONNX.
        WeightsError: a weights file is torn or of another network.
    """
    check_packages()
    ensemble = Ensemble.load(folder, "cpu")
    with replaced(out) as temporary:
        parity = _export(ensemble, folder, temporary, photos, source, progress)
        write_json(temporary / "ensemble.json", description(ensemble.spec))
        shutil.copyfile(Path(__file__).with_name(_PROGRAM), temporary / _PROGRAM)
        versions = {name: importlib.metadata.version(name) for name in ("torch", *_PACKAGES)}
        write_json(temporary / "parity.json", {**parity.to_dict(), "versions": versions})
    return parity


def check_packages() -> None:
    """Raises UsageError where a package that the export needs is not installed."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"--to onnx needs the packages {', '.join(_PACKAGES)}, and here is no "
            f"{', '.join(missing)}; install headrace[export]"
        )


def onnx_name(file: str) -> str:
    """Returns the name of the ONNX network of a weights file of the ensemble."""
    return f"{Path(file).stem}.onnx"


def _export(
    ensemble: Ensemble,
    folder: Path,
    out: Path,
    photos: Photos,
    source: str,
    progress: Callable[[int, int], None],
) -> Parity:
    spec = ensemble.spec
    found: list[NetworkParity] = []
    heads: dict[str, Heads] = {}
    for part in {part.files: part for part in spec.parts}.values():
        predictor = ensemble.predictor(part)
        network = OnnxNetwork(predictor, spec.stored_size, mirrored=spec.mirrored)
        for file in part.files:
            predictor.load(folder / file)
            path = out / onnx_name(file)
            network.write(path)
            heads[file] = served_heads(path, part.heads, photos)
            original = _original_heads(predictor, photos, mirrored=spec.mirrored)
            found.append(compare_heads(path.name, original, heads[file]))
            progress(len(found), len(spec.files))
    expected, served = ensemble(photos), joint_probs(spec, heads)
    return Parity(
        networks=tuple(found),
        ensemble=NetworkParity(
            name="ensemble",
            max_difference=float(np.abs(expected - served).max()),
            same_classes=bool((ensemble.classes(expected) == ensemble.classes(served)).all()),
        ),
        photos=len(photos),
        source=source,
    )


def _original_heads(predictor: Predictor, photos: Photos, *, mirrored: bool) -> Heads:
    images = torch.from_numpy(photos)
    views = [predictor.predict(images)]
    if mirrored:
        views.append(predictor.predict(images, mirrored=True))
    return {head: np.mean([view[head] for view in views], axis=0) for head in predictor.heads}


def description(spec: EnsembleSpec) -> dict[str, Any]:
    """Returns the content of `ensemble.json`: all that a program without headrace needs."""
    height, width = spec.stored_size
    return {
        "schema": 1,
        "input": {"name": INPUT, "type": "uint8", "shape": ["n", height, width, 3]},
        "how": _HOW,
        "attributes": {each.name: len(each.classes) for each in spec.labels.attributes},
        "classes": list(spec.labels.joint_names),
        "biases": list(spec.biases),
        "members": [
            {
                "name": member.name,
                "weight": member.weight,
                "folds": [
                    [_network(part, fold, spec.labels) for part in member.parts]
                    for fold in range(member.num_folds)
                ],
            }
            for member in spec.members
        ],
    }


def _network(part: Part, fold: int, labels: LabelSchema) -> dict[str, Any]:
    return {
        "file": onnx_name(part.files[fold]),
        "heads": [output_name(head) for head in part.heads],
        "decides": [list(names) for names in part.decides(labels).values()],
        "temperatures": list(part.temperatures),
    }

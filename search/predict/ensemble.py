"""The ensemble of a run from Python: photos to probabilities of the joint label.

    import headrace
    ensemble = headrace.Ensemble.load("results/NAME/ensemble")
    probs = ensemble(["a.jpg", "b.jpg"])      # float64 [2, C]
    ensemble.spec.labels.joint_names[ensemble.classes(probs)[0]]

Notation: n photos, stored H x W, C joint classes, K classes of a head.
"""

from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from search.analysis.fitting.calibration import Calibration, log_probs
from search.analysis.recombine import HeadLayout
from search.errors import ResultsError, UsageError
from search.predict.photos import Images, check_images, decode, unreadable
from search.predict.spec import ENSEMBLE_FILE, EnsembleSpec, Member, Part
from trainables.config import TrialConfig
from trainables.machine import Machine
from trainables.predictor import Predictor

Floats = NDArray[np.float64]
Heads = Mapping[str, Mapping[str, NDArray[np.floating]]]
"""Probabilities [n, K] by weights file and head, before calibration."""
Progress = Callable[[int, int], None]

# Decoded photos held at a time; every network is loaded once for each such load, and shown so many
# photos between two signs of progress.
_LOAD_BYTES = 2**28
_STEP = 512


class Ensemble:
    """Predicts photos with every network of an ensemble, one network in memory at a time."""

    def __init__(self, spec: EnsembleSpec, folder: Path, device: torch.device) -> None:
        self.spec = spec
        self.device = device
        self._folder = folder
        self._written = _written(folder)
        self._parts = {part.files: part for part in spec.parts}

    @classmethod
    def load(cls, folder: str | Path, device: str | None = None) -> Self:
        """Opens the folder of an ensemble; it may have been copied from anywhere.

        Args:
            folder: `results/NAME/ensemble`.
            device: "cpu", "cuda" or "cuda:1"; None is the GPU where there is one.

        Raises:
            ResultsError: there is no ensemble, or it is torn, of a newer headrace or not whole.
            UsageError: there is no such device.
        """
        where, written = _device(device), _written(Path(folder))
        spec = EnsembleSpec.read(Path(folder))
        spec.check_files(Path(folder))
        found = cls(spec, Path(folder), where)
        found._written = written
        return found

    def __call__(self, images: Images, progress: Progress | None = None) -> Floats:
        """Returns probabilities of the joint classes, float64 [n, C], rows sum to 1.

        Photos of any size are brought to the stored size as those of training were; arrays that
        have it already are taken as they are.

        Args:
            images: uint8 [n, H, W, 3] in RGB, paths of image files, or images of Pillow.
            progress: called with (photos done, n) now and then.

        Raises:
            UsageError: they are not photos.
            DataError: images cannot be read; all are counted, ten are named.
            ResultsError: the folder was replaced since it was loaded.
            WeightsError: a file of weights is torn or of another network.
            OutOfMemoryError: a single photo does not fit on the device.
        """
        try:
            probs = self._probs(images, progress)
        except Exception as error:
            self._check_unchanged(error)
            raise
        self._check_unchanged()
        return probs

    def _check_unchanged(self, error: Exception | None = None) -> None:
        """Raises ResultsError where the folder is another ensemble's, whose weights were read."""
        if _written(self._folder) != self._written:
            raise ResultsError(
                f"the ensemble in {self._folder} was replaced or deleted since it was opened; "
                "open it again"
            ) from error

    def _probs(self, images: Images, progress: Progress | None) -> Floats:
        check_images(images)
        passes = (2 if self.spec.mirrored else 1) * sum(map(len, self._parts))
        steps = _Steps(len(images), 1 + passes, progress)
        height, width = self.spec.stored_size
        load = max(1, _LOAD_BYTES // (height * width * 3))
        probs = np.zeros((len(images), self.spec.labels.num_joint))
        broken: list[str] = []
        for start in range(0, len(images), load):
            part = images[start : start + load]
            spec, cpus = self.spec, Machine().cpus()
            pixels, complaints = decode(part, spec.stored_size, cpus, spec.max_pixels)
            steps.add(len(part))
            broken += complaints
            if not broken:  # after a broken one, the rest is looked at only to name them all
                probs[start : start + load] = self._joint(torch.from_numpy(pixels), steps)
        if broken:
            raise unreadable(broken, len(images))
        return probs

    def classes(self, probs: Floats) -> NDArray[np.int64]:
        """Returns the joint class, int [n], of probabilities [n, C], with the class biases."""
        scores = log_probs(probs) + np.array(self.spec.biases)
        return np.asarray(scores.argmax(axis=1), dtype=np.int64)

    def predictor(self, part: Part) -> Predictor:
        """Returns the network of a part, with the weights of its first fold.

        Raises:
            WeightsError: the weights are torn or of another network.
        """
        return Predictor(
            TrialConfig.from_flat(part.config),
            self.spec.labels,
            self._folder / part.files[0],
            mean=part.mean,
            std=part.std,
            device=self.device,
        )

    def _joint(self, images: torch.Tensor, steps: "_Steps") -> Floats:
        heads: dict[str, dict[str, Floats]] = {}
        for part in self._parts.values():
            heads |= self._heads_by_file(part, images, steps)
        return joint_probs(self.spec, heads)

    def _heads_by_file(
        self, part: Part, images: torch.Tensor, steps: "_Steps"
    ) -> dict[str, dict[str, Floats]]:
        """Returns probabilities [n, K] of every head of a part's networks, before calibration."""
        predictor = self.predictor(part)
        found = {}
        for fold, file in enumerate(part.files):
            if fold:
                predictor.load(self._folder / file)
            views = [self._view(predictor, images, steps, mirrored=False)]
            if self.spec.mirrored:
                views.append(self._view(predictor, images, steps, mirrored=True))
            found[file] = {
                head: np.mean([view[head] for view in views], axis=0) for head in part.heads
            }
        return found

    def _view(
        self, predictor: Predictor, images: torch.Tensor, steps: "_Steps", *, mirrored: bool
    ) -> dict[str, Floats]:
        found = []
        for shown in torch.split(images, _STEP):
            found.append(predictor.predict(shown, mirrored=mirrored))
            steps.add(len(shown))
        return {
            head: np.concatenate([probs[head] for probs in found]).astype(np.float64)
            for head in predictor.heads
        }


class _Steps:
    """Progress in whole photos, each of which is decoded once and shown to every network."""

    def __init__(self, num_photos: int, per_photo: int, progress: Progress | None) -> None:
        self._num_photos = num_photos
        self._per_photo = per_photo
        self._progress = progress
        self._done = 0

    def add(self, num_photos: int) -> None:
        """Counts photos that a network has seen."""
        self._done += num_photos
        if self._progress is not None:
            self._progress(self._done // self._per_photo, self._num_photos)


def joint_probs(spec: EnsembleSpec, heads: Heads) -> Floats:
    """Returns the ensemble's probabilities, float64 [n, C], from those of heads as they are."""
    votes = (m.weight * _member_probs(m, spec.layout(m), heads) for m in spec.members)
    return reduce(np.add, votes)


def _member_probs(member: Member, layout: HeadLayout, heads: Heads) -> Floats:
    """Returns the mean over folds of a member's joint probabilities, float64 [n, C]."""
    folds = []
    for fold in range(member.num_folds):
        calibrated = [
            Calibration(temperature=temperature, bias=np.zeros(1)).apply(
                heads[part.files[fold]][head]
            )
            for part in member.parts
            for head, temperature in zip(part.heads, part.temperatures, strict=True)
        ]
        folds.append(layout.joint(calibrated))
    return np.asarray(np.mean(folds, axis=0), dtype=np.float64)


def _written(folder: Path) -> bytes | None:
    """Returns what tells the folder of one ensemble from the next one's; None where it is gone."""
    try:
        return (folder / ENSEMBLE_FILE).read_bytes()
    except OSError:
        return None


def _device(name: str | None) -> torch.device:
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"a device is cpu, cuda or cuda:N, got {name!r}") from error
    known = ["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    is_missing = device.type == "cuda" and torch.cuda.device_count() <= (device.index or 0)
    if is_missing or device.type not in ("cpu", "cuda"):
        raise UsageError(f"there is no device {name!r} here; there is {', '.join(known)}")
    return device

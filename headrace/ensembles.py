"""The ensemble of a run, from Python."""

from pathlib import Path
from typing import Self

from headrace.keywords import one_base
from search.predict import ensemble
from search.predict.ensemble import Floats, Progress
from search.predict.photos import Images


class Ensemble(ensemble.Ensemble):
    """Predicts photos with every network of an ensemble, one network in memory at a time.

    All that it raises for what it was given is a SearchError.
    """

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
        with one_base():
            return super().load(folder, device)

    def __call__(self, images: Images, progress: Progress | None = None) -> Floats:
        """Returns probabilities of the joint classes, float64 [n, C], rows sum to 1.

        Args:
            images: uint8 [n, H, W, 3] in RGB, paths of image files, or images of Pillow.
            progress: called with (photos done, n) now and then.

        Raises:
            UsageError: they are not photos, images cannot be read (all are counted, ten are
                named), a file of weights is torn, or a photo does not fit in memory.
            ResultsError: the folder was replaced since it was loaded.
        """
        with one_base():
            return super().__call__(images, progress)

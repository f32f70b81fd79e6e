"""What the report looks at: the decoded images of a run, on the driver."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from search.analysis import wording
from search.analysis.data_look import PhotoFacts, cells_of, photo_facts, spread
from search.prepare.setting import SharedImages, TrialSetting
from trainables.data.image_decoding import original_size
from trainables.data.sample_table import SampleTable
from trainables.data.thumbnails import thumbnail
from trainables.errors import TrainablesError

logger = logging.getLogger(__name__)

_MOST = 2_000
"""Photos whose size and brightness are looked at: a report must not wait for a slow disk."""
_LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R 601), as Pillow has them."""


class RunPhotos:
    """The photos that a verdict is about; everything is None where they cannot be had any more.

    Args:
        setting: of the run.
    """

    def __init__(self, setting: TrialSetting) -> None:
        self._setting = setting

    @property
    def _table(self) -> SampleTable:
        """Their labels: photos that lack one, and those that only train, are behind them."""
        return self._setting.table.whole

    @cached_property
    def _images(self) -> torch.Tensor | None:
        """Decoded images, uint8 [N, H, W, 3]."""
        try:
            return SharedImages(replace(self._setting, device="cpu")).tensor
        except (TrainablesError, OSError) as error:  # a verdict does not depend on them
            logger.warning("the report does not look at the photos: %s", error)
            return None

    def facts(self) -> PhotoFacts | None:
        """Returns how large and how bright the photos are, of at most 2,000 of them."""
        images, table = self._images, self._table
        if images is None:
            return None
        rows = spread(table.num_samples, _MOST).tolist()
        light = [_luma(images[row].numpy()) for row in rows]
        found = [original_size(table.root / table.paths[row], table.max_pixels) for row in rows]
        sizes = [size for size in found if not isinstance(size, str)]
        size = np.array(sizes, dtype=np.int64).reshape(-1, 2)
        return photo_facts(size, np.array(light), table.num_samples)

    def thumbnails(self, samples: Sequence[int]) -> dict[int, bytes] | None:
        """Returns small JPEG files of samples."""
        images = self._images
        if images is None:
            return None
        return {sample: thumbnail(images[sample].numpy()) for sample in samples}

    def means(self) -> dict[str, bytes] | None:
        """Returns the mean photo of each cell of two attributes, as small JPEG files."""
        images, table = self._images, self._table
        if images is None:
            return None
        classes = {each.name: each.classes for each in table.schema.attributes}
        found = {}
        for cell, rows, picked in cells_of(classes, table.labels):
            people = len(np.unique(table.group_index[rows]))
            told = f"{cell}: {wording.plural(people, 'person', 'people')}"
            found[told] = thumbnail(_mean(images, picked))
        return found


def _luma(image: NDArray[np.uint8]) -> float:
    """Returns the mean luma of an image, uint8 [H, W, 3]."""
    # By rows first: numpy's mean over two axes at once takes twenty times as long.
    return float(image.mean(axis=0).mean(axis=0) @ _LUMA)


def _mean(images: torch.Tensor, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Returns the mean of images, uint8 [H, W, 3]."""
    total = np.zeros(tuple(images.shape[1:]), dtype=np.int64)
    for row in rows.tolist():
        total += images[row].numpy()
    return np.rint(total / len(rows)).astype(np.uint8)

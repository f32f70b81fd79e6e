"""TensorBoard files of a trial: learning curves, hyperparameters, confusion matrices.

Written by the worker, one folder a trial. A resumed trial appends a second event file to its
folder.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from torch.utils.tensorboard import SummaryWriter

from search.records import FlatValue

_CELL = 44
_MARGIN = 150


class TrialBoard:
    """Event file of one trial.

    Args:
        folder: of the trial below `tensorboard/`.
        params: hyperparameters for the HParams tab.
    """

    def __init__(self, folder: Path, params: Mapping[str, FlatValue]) -> None:
        self._writer = SummaryWriter(str(folder))
        # No experiment summary: TensorBoard then builds the tab from all sessions, so that
        # parameters which only some trials have appear too.
        start = hparams_pb(dict(params), trial_id=folder.name)
        self._writer._get_file_writer().add_summary(start)  # type: ignore[no-untyped-call]

    def scalars(self, epoch: int, values: Mapping[str, float]) -> None:
        """Adds a point to every curve."""
        for tag, value in values.items():
            self._writer.add_scalar(tag, value, epoch)

    def confusion(
        self, epoch: int, name: str, counts: NDArray[np.int64], classes: Sequence[str]
    ) -> None:
        """Adds the picture of a confusion matrix [K, K]."""
        picture = np.asarray(draw_confusion(counts, classes))
        self._writer.add_image(f"confusion/{name}", picture, epoch, dataformats="HWC")

    def flush(self) -> None:
        """Makes what was added visible to TensorBoard."""
        self._writer.flush()

    def close(self) -> None:
        """Ends the event file."""
        self._writer.close()


def draw_confusion(counts: NDArray[np.int64], classes: Sequence[str]) -> Image.Image:
    """Draws confusion counts [K, K]; rows are the truth, shades their shares, text the counts."""
    size = len(classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = _MARGIN + _CELL * size
    picture = Image.new("RGB", (side + 10, side + 10), "white")
    draw = ImageDraw.Draw(picture)
    font, small = ImageFont.load_default(13), ImageFont.load_default(11)
    for row in range(size):
        for column in range(size):
            x, y = _MARGIN + _CELL * column, _MARGIN + _CELL * row
            shade = float(shares[row, column])
            colour = tuple(round(255 + shade * (low - 255)) for low in (16, 78, 139))
            draw.rectangle((x, y, x + _CELL - 2, y + _CELL - 2), fill=colour)
            ink = "white" if shade > 0.5 else "black"
            text = str(int(counts[row, column]))
            draw.text(
                (x + _CELL / 2 - 1, y + _CELL / 2 - 1), text, fill=ink, font=font, anchor="mm"
            )
        middle = _MARGIN + _CELL * row + _CELL / 2
        draw.text((_MARGIN - 6, middle), classes[row], fill="black", font=small, anchor="rm")
        picture.paste(*_upright(classes[row], small, row))
    draw.text((6, 6), "rows: truth\ncolumns: predicted", fill="black", font=small)
    return picture


def _upright(text: str, font: object, column: int) -> tuple[Image.Image, tuple[int, int]]:
    label = Image.new("RGB", (_MARGIN - 8, 16), "white")
    ImageDraw.Draw(label).text((0, 8), text, fill="black", font=font, anchor="lm")  # type: ignore[arg-type]
    turned = label.rotate(90, expand=True)
    return turned, (_MARGIN + _CELL * column + _CELL // 2 - 9, 4)

"""TensorBoard files of a trial: learning curves, hyperparameters, confusion matrices.

Written by the worker, one folder per trial. A resumed trial appends a second event file to its
folder.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from torch.utils.tensorboard import SummaryWriter

from trainables.blocks import FlatValue

_CELL = 44
_FULL_SHADE = (16, 78, 139)


class TrialBoard:
    """Event file of one trial, in its folder below `tensorboard/`."""

    def __init__(self, folder: Path, params: Mapping[str, FlatValue]) -> None:
        self._writer = SummaryWriter(str(folder))
        # No experiment summary: TensorBoard then builds the tab from all sessions, so that
        # parameters which only some trials have appear too.
        shown = {n: " + ".join(v) if isinstance(v, tuple) else v for n, v in params.items()}
        start = hparams_pb(shown, trial_id=f"{folder.parent.name}-{folder.name}")
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
    font, small = ImageFont.load_default(15), ImageFont.load_default(13)
    # Room for the longest class name, and for the legend above the row names.
    margin = 16 + round(max(130.0, *(small.getlength(name) for name in classes)))
    side = margin + _CELL * len(classes) + 10
    picture = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(picture)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for (row, column), share in np.ndenumerate(shares):
        x, y = margin + _CELL * column, margin + _CELL * row
        shade = tuple(round(255 + float(share) * (low - 255)) for low in _FULL_SHADE)
        draw.rectangle((x, y, x + _CELL - 2, y + _CELL - 2), fill=shade)
        draw.text(
            (x + _CELL / 2 - 1, y + _CELL / 2 - 1),
            str(int(counts[row, column])),
            fill="white" if share > 0.5 else "black",
            font=font,
            anchor="mm",
        )
    for number, name in enumerate(classes):
        middle = margin + _CELL * number + _CELL // 2
        draw.text((margin - 8, middle), name, fill="black", font=small, anchor="rm")
        label = Image.new("RGB", (margin - 8, 18), "white")
        ImageDraw.Draw(label).text((0, 9), name, fill="black", font=small, anchor="lm")
        picture.paste(label.rotate(90, expand=True), (middle - 9, 0))
    draw.text((8, 8), "rows: truth\ncolumns: predicted", fill="black", font=small)
    return picture

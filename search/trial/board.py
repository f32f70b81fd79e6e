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

from search.analysis.metrics import most_confused
from search.trial.fonts import Font, font_of
from trainables.blocks import FlatValue

CONFUSION = "val_confusion"
"""Group of the pictures; TensorBoard sorts groups by name, and this one is behind all curves."""
_CELL = 44
_LARGEST_SIDE = 1024
_LONGEST_NAME = 320.0

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
        """Adds the picture of a confusion matrix [K, K], behind all curves in TensorBoard."""
        picture = np.asarray(draw_confusion(counts, classes))
        self._writer.add_image(f"{CONFUSION}/{name}", picture, epoch, dataformats="HWC")

    def flush(self) -> None:
        """Makes what was added visible to TensorBoard."""
        self._writer.flush()

    def close(self) -> None:
        """Ends the event file."""
        self._writer.close()


def draw_confusion(counts: NDArray[np.int64], classes: Sequence[str]) -> Image.Image:
    """Draws confusion counts [K, K]; rows are the truth, shades their shares, text the counts.

    At most 64 classes are shown, those with the most errors, and at most 1,024 pixels a side:
    what is drawn must cost the same whatever the data.
    """
    shown = most_confused(counts)
    names = [classes[number] for number in shown]
    font, small = ImageFont.load_default(15), font_of(names, 13)
    by_number = small is None
    if small is None:
        names, small = [str(number) for number in shown], ImageFont.load_default(13)
    # Room for the longest class name, and for the legend above the row names.
    longest = min(_LONGEST_NAME, max(small.getlength(name) for name in names))
    margin = 16 + round(max(130.0, longest))
    cell = min(_CELL, (_LARGEST_SIDE - margin - 10) // len(names))
    side = margin + cell * len(names) + 10
    picture = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(picture)
    shares = (counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))[np.ix_(shown, shown)]
    for (row, column), share in np.ndenumerate(shares):
        x, y = margin + cell * column, margin + cell * row
        shade = tuple(round(255 + float(share) * (low - 255)) for low in _FULL_SHADE)
        draw.rectangle((x, y, x + cell - 2, y + cell - 2), fill=shade)
        text = str(int(counts[shown[row], shown[column]]))
        if font.getlength(text) <= cell - 2:
            color = "white" if share > 0.5 else "black"
            middle = (x + cell / 2 - 1, y + cell / 2 - 1)
            draw.text(middle, text, fill=color, font=font, anchor="mm")
    _draw_names(picture, names, margin, cell)
    legend = "rows: truth\ncolumns: predicted"
    if by_number:
        legend += "\nby number: no font\nhere has the names"
    if len(shown) < len(classes):
        legend += f"\n{len(shown)} of {len(classes)} classes,\nthose with most errors"
    draw.text((8, 8), legend, fill="black", font=ImageFont.load_default(13))
    return picture


def _draw_names(picture: Image.Image, names: Sequence[str], margin: int, cell: int) -> None:
    """Writes the names of the rows to their left and those of the columns above them."""
    size = min(13, cell)
    font = font_of(names, size) or ImageFont.load_default(size)
    height = min(18, cell)
    for number, name in enumerate(names):
        middle = margin + cell * number + cell // 2
        label = Image.new("RGB", (margin - 8, height), "white")
        text = _shortened(name, font, margin - 12)
        ImageDraw.Draw(label).text((0, height / 2), text, fill="black", font=font, anchor="lm")
        draw = ImageDraw.Draw(picture)
        draw.text((margin - 8, middle), text, fill="black", font=font, anchor="rm")
        picture.paste(label.rotate(90, expand=True), (middle - height // 2, 0))


def _shortened(name: str, font: Font, width: float) -> str:
    length = font.getlength(name)
    kept = name if length <= width else name[: int(len(name) * width / length)]
    while kept != name and kept and font.getlength(f"{kept}…") > width:
        kept = kept[:-1]
    return name if kept == name else f"{kept}…"

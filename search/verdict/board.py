"""TensorBoard files of a refit: out-of-fold confusion matrices and anytime curves.

One folder per approach below `tensorboard/refit/`, so that each is a line of its own.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from torch.utils.tensorboard import SummaryWriter

from search.analysis.curves import Curve
from search.report.contents import Confusion
from search.store.run_store import RunStore
from search.trial.board import draw_confusion
from trainables.drafts import draft_of

CONFUSION = "val_confusion_refit"
"""Group of the pictures, which are out of fold; after all curves, as those of trials are."""
CURVE = "anytime/best validation macro-F1 (step: device seconds)"


def write_refit_board(
    store: RunStore, confusions: Sequence[Confusion], curves: Sequence[Curve]
) -> None:
    """Writes the event files of every approach; those of an earlier verdict are replaced."""
    # Written beside and renamed: TensorBoard would add a second file to what it has read.
    written, old = (draft_of(store.root / name) for name in ("refit-board", "old-refit-board"))
    place = store.tensorboard / "refit"
    for folder in (written, old):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        with _naming(place):
            _write_all(written, confusions, curves)
        if not written.is_dir():
            return
        store.tensorboard.mkdir(parents=True, exist_ok=True)
        if place.exists():
            place.rename(old)
        written.rename(place)
    finally:
        if old.exists() and not place.exists():
            old.rename(place)
        for folder in (written, old):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _naming(place: Path) -> Iterator[None]:
    """Gives an error of the system that names no file the name of the folder that is written."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(place)
        raise


def _write_all(written: Path, confusions: Sequence[Confusion], curves: Sequence[Curve]) -> None:
    names = {name for found in confusions for name in found.counts}
    for name in sorted(names | {curve.name for curve in curves}):
        _write(
            written / name,
            [(found, name) for found in confusions if name in found.counts],
            [curve for curve in curves if curve.name == name],
        )


def _write(
    folder: Path, confusions: Sequence[tuple[Confusion, str]], curves: Sequence[Curve]
) -> None:
    with SummaryWriter(str(folder)) as writer:
        for found, name in confusions:
            picture = np.asarray(draw_confusion(found.counts[name], found.classes))
            writer.add_image(f"{CONFUSION}/{found.name}", picture, 0, dataformats="HWC")
        for curve in curves:
            for step, value in curve_points(curve):
                writer.add_scalar(CURVE, value, step)


def curve_points(curve: Curve) -> list[tuple[int, float]]:
    """Returns whole device seconds and the score in hand then, up to the end of the search.

    A score holds until the next one, so it is given again just before that. Of several scores
    within one second the last is kept.
    """
    steps = dict(zip(map(round, curve.device_seconds), curve.values, strict=True))
    points: dict[int, float] = {}
    for step, value in steps.items():
        if points and step - 1 not in points:
            points[step - 1] = points[max(points)]
        points[step] = value
    if points:
        points.setdefault(round(curve.spent), points[max(points)])
    return list(points.items())

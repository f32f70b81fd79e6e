"""What the tests of the stages after the search share: tiny spaces, and a machine that fails."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image

from search.refit import train
from search.refit.files import RefitFiles
from search.refit.pool import RefitWorker
from search.refit.units import Unit
from tests.search.builders.people import SIDE
from trainables.drafts import written

FAULT = "fault"
"""A file beside the run: the number of an error that the disk has while it is there."""
NUM_UNITS = 20
"""Of a seed: five folds of four spaces, whose only trial is the default config."""
_SPACE = """
from spaces.parts import default_config

ATTRIBUTES = {attributes!r}
FORM = {form!r}


def default(schema, scale):
    tiny = {{"backbone.name": "test_resnet", "input.size": 32, "optim.batch_size": 8}}
    if FORM == "heads":
        tiny |= {{f"task_weight.{{name}}": 1.0 for name in ATTRIBUTES}}
    return {{**default_config(schema, scale, with_age=False), **tiny}}


def suggest(trial, schema, scale):
    trial.suggest_float("optim.lr", 1e-4, 1e-2, log=True)
"""
_BLOCKS = {
    "gender": (("gender",), "softmax"),
    "mask": (("mask",), "softmax"),
    "joint": (("gender", "mask"), "softmax"),
    "multihead": (("gender", "mask"), "heads"),
}


def write_tiny_spaces(folder: Path) -> tuple[str, ...]:
    """Writes a tiny space for every block of gender and mask; returns them for `--space all`."""
    given = []
    for name, (attributes, form) in _BLOCKS.items():
        path = folder / f"{name}_tiny.py"
        path.write_text(_SPACE.format(attributes=attributes, form=form), encoding="utf-8")
        given.append(f"{name}={path}")
    return tuple(given)


def write_strangers(root: Path, count: int = 6) -> Path:
    """Writes photos without labels."""
    rng = np.random.default_rng(1)
    root.mkdir()
    for number in range(count):
        pixels = rng.integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{number}.png")
    return root


class FailingWorker(RefitWorker):
    """Trains units; from the third fold on the disk may fail where it writes their weights."""

    def run(self, unit: Unit, files: RefitFiles, models: Path, heartbeat: Path) -> float:
        """Trains one unit; returns its seconds."""
        marks = (folder / FAULT for folder in files.folder.parents)
        mark = next((mark for mark in marks if mark.is_file()), None)
        if mark is None or unit.fold < 2:
            return super().run(unit, files, models, heartbeat)
        train.written = failing_with(int(mark.read_text(encoding="utf-8")))
        try:
            return super().run(unit, files, models, heartbeat)
        finally:
            train.written = written


def failing_with(number: int, name: str = "") -> Callable[[Path], AbstractContextManager[Path]]:
    """Returns what writes files on a disk that fails, with an error of a number.

    Args:
        number: of the error, which names no file, as where the system refuses to write.
        name: of the only file that it cannot write; empty is any.
    """

    @contextmanager
    def write(path: Path) -> Iterator[Path]:
        with written(path) as draft:
            yield draft
            if name in ("", path.name):
                raise OSError(number, os.strerror(number))

    return write


def trained(run: Path) -> dict[str, int]:
    """Returns the finished trainings of a run, and when each was written."""
    parts = run.glob("predictions/**/parts/[!.]*.npz")
    return {str(path.relative_to(run)): path.stat().st_mtime_ns for path in parts}


def contents(run: Path) -> dict[str, bytes]:
    """Returns the files of a run; of TensorBoard's, which bear the time, the place alone."""
    found = {}
    for path in run.rglob("*"):
        if path.is_file() and path.name != ".lock":
            is_board = path.name.startswith("events.")
            place = path.parent if is_board else path
            found[str(place.relative_to(run))] = b"" if is_board else path.read_bytes()
    return found


def check_whole(run: Path) -> None:
    """Checks that no draft is left, that all arrays can be read, and that nobody holds the run."""
    hidden = {path.name for path in run.rglob(".*")}
    assert hidden <= {".lock"}
    for path in run.rglob("*.npz"):
        with np.load(path) as arrays:
            assert [arrays[name] for name in arrays]
    with FileLock(run / ".lock", timeout=0):
        pass

"""The answers for a folder of photos: one CSV, written whole or not at all."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.errors import UsageError
from search.store.files import check_plain_out, check_writable, write_text
from trainables.data.csv_cells import harmless
from trainables.data.image_files import IMAGE_SUFFIXES
from trainables.data.sample_table import UnlabelledTable
from trainables.data.schema import LabelSchema

_OURS = ("ImageID", "ans")
_TAKEN = (*_OURS, "sample", "seed")
"""Columns that mean something else, to `headrace compare` as well."""
_PROBABILITY = re.compile(r"p\d+")
CONFIDENCE = "confidence"


def label_columns(
    schema: LabelSchema, classes: NDArray[np.int64], probs: NDArray[np.float64]
) -> dict[str, list[str]]:
    """Returns what the answers are in words: the class of every attribute, and the confidence.

    An attribute that is called like another column is `attribute:<name>`.

    Args:
        schema: of the joint classes.
        classes: int [n], the answers.
        probs: float [n, C]; the confidence is that of the answer, which need not be the largest.
    """
    codes = schema.attribute_codes(classes)
    found = {}
    for axis, attribute in enumerate(schema.attributes):
        is_ours = attribute.name in (*_TAKEN, CONFIDENCE) or _PROBABILITY.fullmatch(attribute.name)
        name = f"attribute:{attribute.name}" if is_ours else attribute.name
        found[name] = [attribute.classes[code] for code in codes[:, axis]]
    sure = probs[np.arange(len(classes)), classes]
    return {**found, CONFIDENCE: [f"{value:.4f}" for value in sure]}


def check_answers(out: Path) -> None:
    """Raises UsageError or ResultsError where the CSV could not be written; makes nothing."""
    if out.is_dir():
        raise UsageError(f"--out must be a CSV file, got the folder {out}; try {out / 'ans.csv'}")
    if out.suffix.lower() in IMAGE_SUFFIXES:
        raise UsageError(
            f"--out must be a CSV file, got {out}, the name of a photo; try "
            f"{out.with_suffix('.csv')}"
        )
    check_plain_out("--out", out)
    check_writable("the folder of --out", out.parent)


def check_names(names: Sequence[str]) -> None:
    """Raises UsageError where an ImageID cannot stand in the CSV."""
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                f"an ImageID must be Unicode to stand in a CSV, got {name!r}; rename the file"
            ) from error


def check_no_input(out: Path, table: UnlabelledTable) -> None:
    """Raises UsageError where the CSV would take the place of a photo, or of the list of them."""
    place, root = out.resolve(), table.root.resolve()
    is_photo = place.is_relative_to(root) and place.relative_to(root).as_posix() in table.paths
    if is_photo or (out.name == "info.csv" and out.exists()):
        raise UsageError(
            f"--out must be a new file or older answers, got {out}, which is "
            f"{'a photo' if is_photo else 'a list of photos'} to predict; give another"
        )


def write_answers(
    out: Path,
    names: Sequence[str],
    classes: NDArray[np.int64],
    probs: NDArray[np.float64] | None = None,
    labels: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Writes `ImageID,ans`, with labels a column an attribute and more, and `p0,...,p{C-1}`.

    Args:
        out: the CSV file.
        names: ImageID of every photo, in the order of the rows; a spreadsheet takes none of them
            for a formula (`trainables.data.csv_cells`).
        classes: joint class int [n]. It is the likeliest one only where the ensemble has no class
            biases.
        probs: float [n, C], or None to leave the columns out.
        labels: column -> its text for every photo, or None to leave them out.

    Raises:
        UsageError: the disk or a name that is not Unicode is in the way.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    header = [] if probs is None else [f"p{number}" for number in range(probs.shape[1])]
    more = labels or {}
    writer.writerow([*_OURS, *map(harmless, more), *header])
    for row, (name, code) in enumerate(zip(names, classes, strict=True)):
        values = [] if probs is None else [f"{value:.6g}" for value in probs[row]]
        said = (harmless(column[row]) for column in more.values())
        writer.writerow([harmless(name), int(code), *said, *values])
    try:
        write_text(out, text.getvalue())
    except (OSError, UnicodeEncodeError) as error:
        raise UsageError(f"--out {out} cannot be written: {error}") from error

"""Anybody's prediction files, judged."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.verdict.findings import Findings


def compare(
    truth: str | PathLike[str],
    predictions: Mapping[str, str | PathLike[str]],
    *,
    out: str | PathLike[str] = "compared",
    margin: float | None = None,
    seed: int = 0,
) -> Findings:
    """Judges prediction files as `headrace compare` does, and writes verdict and report.

    Args:
        truth: CSV `sample,group,label`.
        predictions: approach -> CSV `sample,p0,...,p{C-1}` with optional `seed`; two or more.
        out: folder of `verdict.json` and `report.html`.
        margin: differences of macro-F1 within it are equivalent; None is 0.005.
        seed: of the resamples.

    Raises:
        SearchError: a file is missing or not what it should be; names file and row.
    """
    from headrace.keywords import one_base
    from search.analysis.verdict.rules import Rules
    from search.errors import UsageError
    from search.prepare.config import DEFAULT_MARGIN
    from search.prepare.option import at_least, below_one
    from search.store.files import check_writable
    from search.verdict.compare import compare as compare_files

    if not isinstance(predictions, Mapping):
        raise UsageError(
            "predictions are a mapping from the name of an approach to its CSV, such as "
            f'{{"A": "a.csv", "B": "b.csv"}}, got {predictions!r}'
        )
    margin = DEFAULT_MARGIN if margin is None else margin
    below_one("margin", margin)
    at_least(0)("seed", seed)
    check_writable("out", Path(out))
    files = {name: Path(path) for name, path in predictions.items()}
    with one_base():
        return compare_files(Path(truth), files, Path(out), Rules(seed=seed, margin=margin))

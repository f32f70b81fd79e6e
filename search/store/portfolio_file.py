"""`portfolio.json`: configs that did well, and where they are from, to begin other runs with."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from search.errors import ResultsError
from search.store.files import write_json
from search.store.mirrored_files import WARM_START
from search.store.reading import check_schema, is_there, read_json, reading, typed
from search.store.run_store import RunStore
from trainables.blocks import FlatValue

PORTFOLIO_FILE = "portfolio.json"
SIZE = 8
"""Configs of a space at most: more would take a short search over."""
_SCHEMA = 1
_WAY_OUT = "give a file that headrace export NAME --to portfolio wrote"
_MOST = 1000
"""Configs that a file may hold: every one of them would be tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A config that did well in a run.

    Attributes:
        space: that it was found in.
        params: what the sampler chose, by dotted names.
        score: validation macro-F1.
        default_score: of the default config in the same run; None where it gave none.
        run: its name.
        trial: number in the study of the space.
        commit: of headrace then; empty where unknown.
        data: fingerprint of the data.
    """

    space: str
    params: dict[str, str | bool | int | float]
    score: float
    default_score: float | None
    run: str
    trial: int
    commit: str
    data: str

    def __post_init__(self) -> None:
        numbers = (self.score, *(v for v in self.params.values() if isinstance(v, float)))
        if not all(math.isfinite(number) for number in numbers):
            raise ValueError(f"numbers must be finite, got {self.score} and {self.params}")

    @property
    def flat(self) -> dict[str, FlatValue]:
        """The parameters as a space takes them."""
        return dict(self.params)

    @property
    def name(self) -> str:
        """What sentences call it."""
        return f"{self.space} trial {self.trial} of {self.run}"


def write_portfolio(path: Path, candidates: Iterable[Candidate]) -> None:
    """Writes a portfolio."""
    configs = [asdict(candidate) for candidate in candidates]
    write_json(path, {"schema": _SCHEMA, "portfolio": configs})


def read_portfolio(path: Path) -> tuple[Candidate, ...]:
    """Returns the configs of a portfolio.

    Raises:
        ResultsError: the file is missing, or is no portfolio.
    """
    if not is_there(path):
        raise ResultsError(
            f"a portfolio must exist, got {path}; --warm-start takes what headrace export NAME "
            "--to portfolio wrote"
        )
    with reading(path, _WAY_OUT, wrong="is not a portfolio of headrace"):
        values = read_json(path, _WAY_OUT)
        if "portfolio" not in values:
            raise ValueError("it lacks portfolio")
        check_schema(path, values, _SCHEMA, _WAY_OUT)
        if not isinstance(values["portfolio"], list) or not 0 < len(values["portfolio"]) <= _MOST:
            raise ValueError(f"it must hold a list of 1 to {_MOST} configs")
        return tuple(typed(tuple[Candidate, ...], values["portfolio"]))


def warm_start(store: RunStore, paths: Sequence[str], *, is_new: bool) -> tuple[Candidate, ...]:
    """Returns the configs of other runs that a run begins with.

    Args:
        store: of the run.
        paths: of portfolios.
        is_new: whether the run begins now; one that goes on reads what it has kept, wherever the
            portfolios are by then.

    Raises:
        ResultsError: a file is missing, or is no portfolio, or all have too many configs.
    """
    files = [Path(path) for path in paths] if is_new else [store.root / WARM_START] * bool(paths)
    found = tuple(candidate for file in files for candidate in read_portfolio(file))
    if len(found) > _MOST:  # or what is kept of them could not be read again
        raise ResultsError(
            f"--warm-start takes {_MOST} configs at most, got {len(found)} in {len(files)} files; "
            "give fewer"
        )
    return found


def keep_warm_start(store: RunStore, candidates: Sequence[Candidate]) -> None:
    """Keeps what a run begins with beside its record."""
    if candidates:
        write_portfolio(store.root / WARM_START, candidates)

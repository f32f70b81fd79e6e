"""A run from Python: started, read back, judged again, put to work."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.errors import ResultsError, UsageError, near

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from search.predict.ensemble import Ensemble
    from search.store.best_file import BestFile
    from search.store.run_store import RunStore
    from search.verdict.findings import Findings

_PATHS = ("data", "weights_dir", "pseudo_labels")


@dataclass(frozen=True, slots=True)
class Run:
    """A run on the disk; nothing is read before it is asked for.

    Attributes:
        path: its folder, results/NAME.
    """

    path: Path

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.path.name

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces that were searched."""
        return tuple(self._store().read_study()["studies"])

    def best(self, space: str) -> BestFile:
        """Returns the best trial of a space: its `config`, its `score` with its interval.

        Raises:
            ResultsError: the run has no such space, or no trial of it finished.
        """
        from search.store.best_file import BestFile

        store, spaces = self._store(), self.spaces
        if space not in spaces:
            raise ResultsError(
                f"the run {self.name!r} has no space {space!r}{near(space, spaces)}; it has: "
                f"{', '.join(spaces)}"
            )
        return BestFile.read(store.best_path(space))

    def trials(self) -> pd.DataFrame:
        """Returns a row per trial: how it ended, what it took, and its config, a column a name."""
        import pandas as pd

        from search.prepare.saved_run import load_run

        rows = [
            {
                "space": record.space,
                "number": record.number,
                "state": record.state.value,
                "cause": record.cause.value,
                "objective": record.objective,
                "epochs": record.epochs,
                "seconds": record.seconds,
                "device_seconds": record.device_seconds,
                **record.config,
            }
            for record in load_run(self._store()).records
        ]
        return pd.DataFrame(rows)

    def verdict(self) -> Findings:
        """Returns the verdict with all that stands beside it, as the run last wrote it.

        Raises:
            ResultsError: the run has none: it was no `space="all"`, or has not come so far.
        """
        from search.store.reading import read_json, reading
        from search.verdict.findings import Findings

        self._store()
        path = self.path / "verdict.json"
        if not path.is_file():
            raise ResultsError(
                f"{self.path} has no verdict.json: a run of space 'all' writes it at its end"
            )
        way_out = f"judge it again with: headrace verdict {self.name}"
        with reading(path, way_out):
            return Findings.from_dict(read_json(path, way_out))

    def report(self, *, margin: float | None = None, accept_loss: float | None = None) -> Path:
        """Judges the run again, writes verdict and report, and returns the path of the page.

        Args:
            margin: differences of macro-F1 within it are equivalent; None is the run's own.
            accept_loss: macro-F1 that may be lost for a cheaper approach; None is the run's own.

        Raises:
            ResultsError: nothing was refitted.
        """
        from rich.console import Console

        from search.verdict.stage import conclude_run

        conclude_run(self._store(), Console(quiet=True), margin, accept_loss)
        return self.path / "report.html"

    def ensemble(self) -> Ensemble:
        """Returns the ensemble that the run ended with.

        Raises:
            ResultsError: it has none.
        """
        from search.predict.ensemble import Ensemble

        self._store()
        return Ensemble.load(self.path / "ensemble")

    def resume(self, *, console: Console | None = None, **options: Any) -> Run:
        """Goes on with the run, to more where `options` say so, such as `budget="3h"`."""
        return run(resume=self.name, results=self.path.parent, console=console, **options)

    def _store(self) -> RunStore:
        from search.store.run_store import RunStore

        return RunStore.open(self.path.parent, self.path.name)


def load(path: str | PathLike[str]) -> Run:
    """Returns a run that is there.

    Args:
        path: its folder, such as "results/NAME".

    Raises:
        ResultsError: there is none; the message lists what there is.
    """
    found = Run(Path(path))
    found._store()
    return found


def run(
    space: str | Sequence[str] = (),
    *,
    data: str | PathLike[str] | None = None,
    budget: str | None = None,
    name: str | None = None,
    results: str | PathLike[str] = "results",
    cache: str | PathLike[str] | None = None,
    console: Console | None = None,
    **options: Any,
) -> Run:
    """Searches, and with `space="all"` refits, judges and builds the ensemble.

    Args:
        space: one or several, as after `--space`: "age", "all", "path/to/space.py".
        data: folder of the data; None is the built-in demo.
        budget: wall-clock time such as "2h".
        name: of the run; None is made of the spaces and the time.
        results: folder of all runs.
        cache: folder of demo data and decoded images; None is the user's.
        console: where to show plan and progress; None is the terminal. `Console(quiet=True)`
            shows nothing.
        **options: as of `headrace run`, with underscores: `trials=24`, `max_epochs=5`,
            `refit_seeds=2`, `pretrained=False`, `why="full"`, `resume="NAME"`.

    Returns:
        The run, also where some of its trials failed.

    Raises:
        UsageError: an option is unknown or has a value that cannot be used.
        KeyboardInterrupt: the run was interrupted; go on with `resume=NAME`.
    """
    from search.cli.commands import writable_cache
    from search.cli.run_config import check_not_empty, new_config, resumed_config
    from search.cli.space_names import check_data_and_spaces
    from search.ending.signals import ending_on_signals
    from search.store.files import check_writable

    spaces = [space] if isinstance(space, str) else list(space)
    given = _namespace(
        space=spaces or None,
        data=data,
        budget=budget,
        name=name,
        results=Path(results),
        **options,
    )
    check_not_empty(given)
    if given.resume:
        config = resumed_config(given)
    else:
        config = new_config(given)
        check_data_and_spaces(config)
    folder = writable_cache(None if cache is None else Path(cache))
    check_writable("results", given.results)
    from search import ray_settings

    ray_settings.apply(one_machine=not config.address)
    from rich.console import Console

    from search.cli.run import execute

    with ending_on_signals():
        end = execute(
            config, given.results, folder, console or Console(), resume=bool(given.resume)
        )
    if end.interrupted:
        raise KeyboardInterrupt(f"interrupted; go on with headrace.run(resume={config.name!r})")
    return Run(given.results / config.name)


def _namespace(**given: Any) -> Namespace:
    """Returns options as the command line would give them; refuses what none is called."""
    from search.prepare.config import OPTIONS

    known = {option.dest: None for option in OPTIONS.values()} | {"resume": None, "results": None}
    for word in given:
        if word not in known:
            raise UsageError(
                f"headrace.run has no option {word!r}{near(word, known)}; it has: "
                f"{', '.join(sorted(known))}"
            )
    paths = {word: str(given[word]) for word in _PATHS if given.get(word) is not None}
    return Namespace(**{**known, **given, **paths})

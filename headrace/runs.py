"""A run from Python: started, read back, judged again, put to work."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace.keywords import one_base, parsed
from search.errors import ResultsError, UsageError, near

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from headrace.ensembles import Ensemble
    from search.store.best_file import BestFile
    from search.store.run_store import RunStore
    from search.verdict.findings import Findings


@dataclass(frozen=True, slots=True)
class Run:
    """A run on the disk; nothing is read before it is asked for.

    Attributes:
        path: its folder, results/NAME; absolute, so that it is found from any working folder.
    """

    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(os.path.abspath(self.path)))  # noqa: PTH100  no links

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.path.name

    @property
    def spaces(self) -> tuple[str, ...]:
        """The spaces that were searched."""
        return tuple(self._store().read_study()["studies"])

    @one_base()
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

    @one_base()
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

    @one_base()
    def verdict(self) -> Findings:
        """Returns the verdict with all that stands beside it, as the run last wrote it.

        Raises:
            ResultsError: the run has none: it was no `space="all"`, or has not come so far.
        """
        from search.store.commands import on_run
        from search.store.reading import read_json, reading
        from search.verdict.findings import Findings

        store = self._store()
        path = self.path / "verdict.json"
        if not path.is_file():
            raise ResultsError(
                f"{self.path} has no verdict.json: a run of space 'all' writes it at its end"
            )
        way_out = f"judge it again with: {on_run('verdict', store)}"
        with reading(path, way_out):
            return Findings.from_dict(read_json(path, way_out))

    @one_base()
    def report(
        self,
        *,
        margin: float | None = None,
        accept_loss: float | None = None,
        template: str | None = None,
    ) -> Path:
        """Judges the run again, writes verdict and report, and returns the path of the page.

        Args:
            margin: differences of macro-F1 within it are equivalent; None is the run's own.
            accept_loss: macro-F1 that may be lost for a cheaper approach; None is the run's own.
            template: "wrapup-ko", "wrapup-en" or "paper": judges nothing, and writes this form
                from the stored results instead.

        Raises:
            UsageError: a number is none, negative, or 1 or more; there is no such form, or one
                is to be written and a number is given.
            ResultsError: nothing was refitted, or the folder cannot be written.
        """
        if template is not None:
            return self._form(template, margin is not None or accept_loss is not None)
        from rich.console import Console

        from search.prepare.option import below_one
        from search.store.files import check_writable
        from search.verdict.stage import conclude_run

        for name, value in (("margin", margin), ("accept_loss", accept_loss)):
            if value is not None:
                below_one(name, value)
        store = self._store()
        check_writable("the run's folder", store.root)
        conclude_run(store, Console(quiet=True), margin, accept_loss)
        return self.path / "report.html"

    def _form(self, template: str, judges: bool) -> Path:
        from search.report.handin.template import TEMPLATES, Template
        from search.store.files import check_writable
        from search.verdict.handin import write_handin

        if template not in TEMPLATES:
            raise UsageError(
                f"template must be one of {', '.join(TEMPLATES)}, got {template!r}"
                f"{near(template, TEMPLATES)}"
            )
        if judges:
            raise UsageError(
                "template takes the verdict as it is stored; leave out margin and accept_loss, or "
                "call report with them first"
            )
        store = self._store()
        check_writable("the run's folder", store.root)
        return write_handin(store, Template(template))

    def ensemble(self) -> Ensemble:
        """Returns the ensemble that the run ended with.

        Raises:
            ResultsError: it has none.
        """
        from headrace.ensembles import Ensemble

        self._store()
        return Ensemble.load(self.path / "ensemble")

    def resume(self, *, console: Console | None = None, **options: Any) -> Run:
        """Goes on with the run, to more where `options` say so, such as `budget="3h"`.

        One that is mirrored to a store goes on so.
        """
        from search.store.mirror import address_of

        place: dict[str, Any] = {"results": self.path.parent}
        if address := address_of(self.path):
            place = {"results": address, "cache": self.path.parents[2]}
        return run(resume=self.name, console=console, **{**place, **options})

    def _store(self) -> RunStore:
        from search.store.run_store import RunStore

        return RunStore.open(self.path.parent, self.path.name)


def load(path: str | PathLike[str]) -> Run:
    """Returns a run that is there.

    Args:
        path: its folder, such as "results/NAME", or "." inside it.

    Raises:
        ResultsError: there is none; the message lists what there is.
    """
    from search.store.reading import is_there

    found, below = Run(Path(path)), Path("results", path)
    if not is_there(found.path / "study.json") and is_there(below / "study.json"):
        raise ResultsError(
            f"a run is loaded by its folder, got {os.fspath(path)!r}; give its folder: "
            f"headrace.load({str(below)!r})"
        )
    found._store()
    return found


def run(
    space: str | Sequence[str] = (),
    *,
    data: str | PathLike[str] | None = None,
    budget: str | float | None = None,
    name: str | None = None,
    plan: bool = False,
    results: str | PathLike[str] = "results",
    cache: str | PathLike[str] | None = None,
    console: Console | None = None,
    **options: Any,
) -> Run:
    """Searches, and with `space="all"` refits, judges and builds the ensemble.

    Args:
        space: one or several, as after `--space`: "age", "all", "path/to/space.py".
        data: folder of the data; None is the built-in demo.
        budget: wall-clock time such as "2h"; a number is seconds.
        name: of the run; None is made of the spaces and the time.
        plan: say what would run and how long, and run nothing.
        results: folder of all runs, or the address of a store, such as "s3://bucket/runs".
        cache: folder of demo data and decoded images; None is the user's.
        console: where to show plan and progress; None is the terminal. `Console(quiet=True)`
            shows nothing.
        **options: as of `headrace run`, with underscores: `trials=24`, `max_epochs=5`,
            `refit_seeds=2`, `pretrained=False`, `why="full"`, `resume="NAME"`.

    Returns:
        The run, also where some of its trials failed. With `plan` nothing of it is on the disk.

    Raises:
        SearchError: the base of all that is wrong with what was given, data, spaces and weights
            included; UsageError names the option.
        KeyboardInterrupt: Ctrl-C, SIGTERM or SIGHUP ended the run: within 15 seconds, trials and
            trainings that were done are on the disk, and the message says how to go on. Where
            even then something hangs, the process is left with exit code 130.
    """
    from search.cli.commands import start_run
    from search.ending.signals import ending_on_signals

    given = {"data": data, "budget": budget, "name": name, "results": results, "cache": cache}
    with one_base():
        words = parsed("run", {"space": space or None, **given, "plan": plan, **options})
        with ending_on_signals():
            config, end = start_run(words, console)
    if end.interrupted:
        where = "" if results == "results" else f", results={os.fspath(results)!r}"
        where += "" if cache is None else f", cache={os.fspath(cache)!r}"
        raise KeyboardInterrupt(
            f"interrupted; go on with headrace.run(resume={config.name!r}{where})"
        )
    return Run(words.results / config.name)

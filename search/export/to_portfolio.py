"""A run's best configs as a portfolio that another run can begin with."""

from collections.abc import Iterator, Sequence

from search.analysis.portfolio import cover
from search.errors import ResultsError, UsageError
from search.prepare.saved_run import SavedRun, load_run
from search.prepare.space_result import SpaceResult
from search.store.best_file import BestFile
from search.store.commands import resume_command
from search.store.portfolio_file import SIZE, Candidate
from search.store.reading import is_there
from search.store.records import DEFAULT_NUMBER, Cause, State, complete_records, default_value
from search.store.run_store import RunStore


def portfolio_of(store: RunStore, spaces: Sequence[str] | None = None) -> tuple[Candidate, ...]:
    """Returns the configs of a run that cover its good ones, the best one of a space first.

    That is the one of `best/<space>.yaml`: what the refit on all people chose, or else the search.
    The default config is left out: every study begins with it. Where it is the best one, the
    highest score is first.

    Args:
        store: of the run.
        spaces: to take configs of; None is all.

    Raises:
        ResultsError: the run cannot be read, or no config but the default was fully trained.
        UsageError: the run has no such space.
    """
    run = load_run(store)
    names = [result.name for result in run.results]
    unknown = [space for space in spaces or () if space not in names]
    if unknown:
        raise UsageError(
            f"--space must name spaces of the run ({', '.join(names)}), got {', '.join(unknown)}"
        )
    wanted = [result for result in run.results if spaces is None or result.name in spaces]
    found = tuple(each for result in wanted for each in _of_space(store, run, result))
    if not found:
        raise ResultsError(
            f"{store.root} has trained no config but the default to its last epoch; search on: "
            f"{resume_command(store)} --trials NUMBER, or --budget TIME"
        )
    return found


def _of_space(store: RunStore, run: SavedRun, result: SpaceResult) -> Iterator[Candidate]:
    complete = [
        (record, record.objective)
        for record in result.records
        if record.state is State.COMPLETE
        and record.cause is Cause.NONE
        and record.number != DEFAULT_NUMBER
        and record.objective is not None
    ]
    params = [
        {name: value for name, value in record.params.items() if not isinstance(value, tuple)}
        for record, _ in complete
    ]
    best = _best_number(store, result)
    first = next((i for i, (record, _) in enumerate(complete) if record.number == best), None)
    for place in cover(params, [score for _, score in complete], SIZE, first):
        record, score = complete[place]
        yield Candidate(
            space=result.name,
            params=params[place],
            score=score,
            default_score=default_value(tuple(complete_records(result.records))),
            run=store.root.resolve().name,
            trial=record.number,
            commit=str(run.study.get("git_commit", "")),
            data=str(run.study["data"].get("fingerprint", "")),
        )


def _best_number(store: RunStore, result: SpaceResult) -> int | None:
    """Returns the number of the trial whose config the run recommends; None where there is none.

    Raises:
        ResultsError: `best/<space>.yaml` cannot be read.
    """
    path = store.best_path(result.name)
    if is_there(path):
        return BestFile.read(path).trial
    return None if result.best is None else result.best.number

"""The public names: a run and what is known of it, its ensemble, and how files of anybody compare.

    import headrace

    run = headrace.run(space="all", data="photos", budget="2h")
    run = headrace.load("results/NAME")
    run.verdict().verdict.pairs
    run.best("age").config
    run.trials()
    run.ensemble()(["one.jpg"])

Importing it loads neither Ray nor Optuna nor torch: what needs them loads them when it is called.
`SearchError` is the base of all that is raised for what was given: options, data, spaces, weights.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from headrace import own_packages

if TYPE_CHECKING:
    from headrace.comparing import compare
    from headrace.ensembles import Ensemble
    from headrace.runs import Run, load, run
    from search.errors import ResultsError, SearchError, UsageError

    __version__: str

__all__ = [
    "Ensemble",
    "ResultsError",
    "Run",
    "SearchError",
    "UsageError",
    "__version__",
    "compare",
    "load",
    "run",
]
_PLACES = {
    "Ensemble": "headrace.ensembles",
    "ResultsError": "search.errors",
    "Run": "headrace.runs",
    "SearchError": "search.errors",
    "UsageError": "search.errors",
    "compare": "headrace.comparing",
    "load": "headrace.runs",
    "run": "headrace.runs",
}


def __getattr__(name: str) -> Any:
    # Late: only now is it wrong that a module of the user's bears the name of one of ours.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    own_packages.check()
    if name == "__version__":
        from search.store.provenance import headrace_version

        found: Any = headrace_version()
    else:
        found = getattr(import_module(_PLACES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

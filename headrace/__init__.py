"""The public names: a run and what is known of it, its ensemble, and how files of anybody compare.

    import headrace

    run = headrace.run(space="all", data="photos", budget="2h")
    run = headrace.load("results/NAME")
    run.verdict().verdict.pairs
    run.best("age").config
    run.trials()
    run.ensemble()(["one.jpg"])

Importing it loads neither Ray nor Optuna nor torch: what needs them loads them when it is called.
"""

from typing import TYPE_CHECKING, Any

from headrace.comparing import compare
from headrace.runs import Run, load, run
from search.errors import ResultsError, SearchError, UsageError

if TYPE_CHECKING:
    from search.predict.ensemble import Ensemble

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


def __getattr__(name: str) -> Any:
    if name == "Ensemble":
        from search.predict.ensemble import Ensemble

        return Ensemble
    if name == "__version__":
        from importlib.metadata import version

        return version("headrace")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

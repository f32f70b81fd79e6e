"""What runs promised and what came of it, in Markdown."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from tests.search.builders.promised_refit import Effort
from tests.search.builders.promised_runs import Outcome

WANTED = 0.85
"""Share of the runs whose promise must hold: 17 of 20."""


def report(effort: Effort, outcomes: Sequence[Outcome]) -> str:
    """Returns the report in Markdown."""
    parts = (_head(effort, len(outcomes)), _runs(outcomes), _counts(effort, outcomes))
    minutes = sum(outcome.seconds for outcome in outcomes) / 60
    tail = f"All runs together took {minutes:.0f} minutes of wall-clock time.\n"
    return "\n".join((*parts, _misses(outcomes), tail))


def _head(effort: Effort, num_runs: int) -> str:
    versions = (
        f"Python {platform.python_version()}, NumPy {np.__version__}, PyTorch {torch.__version__}"
    )
    return f"""# Does a folder score what the run promised?

{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores; {versions}.
Command: `python -m benchmarks.promised_score`.

{num_runs} runs, each with its own seed of people, folds and trainings. A run draws {effort.people}
demo people with seven photos each ({effort.photo[0]} x {effort.photo[1]} px), refits the default
configs of {", ".join(effort.spaces)} (test_efficientnet at 32 px, {effort.epochs} epochs,
{effort.folds} folds, {effort.refit_seeds} refit seeds), builds the ensemble from the files, and
predicts the demo's folder of {effort.folder_people} other people, whose labels are then read.
"""


def _runs(outcomes: Sequence[Outcome]) -> str:
    rows = []
    for found in outcomes:
        promise = found.whole
        rows.append(
            [
                str(found.seed),
                f"{promise.value:.3f}",
                f"[{promise.low:.3f}, {promise.high:.3f}]",
                f"{promise.truths[0]:.3f}",
                "yes" if promise.hits[0] else "**no**",
                f"{found.one_fold:.3f}",
            ]
        )
    return _section(
        "Runs",
        "Macro-F1 over the 18 joint classes. `one fold`: mean of what the folder scores when only "
        "the models of one fold vote, as they did out of fold.",
        ["seed", "promised", "95 % prediction interval", "truth", "inside", "one fold"],
        rows,
    )


def _counts(effort: Effort, outcomes: Sequence[Outcome]) -> str:
    whole = [found.whole.hits[0] for found in outcomes]
    small = [hit for found in outcomes for hit in found.small.hits]
    estimate = [
        found.out_of_fold[1] <= found.whole.truths[0] <= found.out_of_fold[2] for found in outcomes
    ]
    full, few = f"{effort.folder_people} people", f"{effort.small_people} people"
    rows = [
        [f"prediction interval, folder of {full}", *_rate(whole)],
        [f"prediction interval, folders of {few} dealt from it", *_rate(small)],
        [f"interval of the out-of-fold score, folder of {full}", *_rate(estimate)],
    ]
    kept = sum(whole) >= WANTED * len(whole)
    return _section(
        "Promises kept",
        f"Wanted: {WANTED:.0%} of the runs or more, 17 of 20. "
        f"**{'Reached' if kept else 'Missed'}: {sum(whole)} of {len(whole)}.** Beside it the "
        "interval of the out-of-fold score, which forgets that the folder is drawn too. The exact "
        "95 % binomial intervals take every folder as independent; those of a run share a model.",
        ["interval", "holds the truth", "share", "95 % interval of the share"],
        rows,
    )


def _rate(hits: Sequence[bool]) -> list[str]:
    found = stats.binomtest(sum(hits), len(hits)).proportion_ci()
    share = f"{np.mean(hits):.0%}"
    return [f"{sum(hits)} of {len(hits)}", share, f"[{found.low:.0%}, {found.high:.0%}]"]


def _misses(outcomes: Sequence[Outcome]) -> str:
    truth = np.array([found.whole.truths[0] for found in outcomes])
    promised = np.array([found.whole.value for found in outcomes])
    one_fold = np.array([found.one_fold for found in outcomes])
    width = np.array([found.whole.high - found.whole.low for found in outcomes])
    rows = [
        ["truth - promised", *_mean(truth - promised)],
        ["truth - one fold: what the mean of all folds' models adds", *_mean(truth - one_fold)],
        ["one fold - promised: what is left", *_mean(one_fold - promised)],
    ]
    return _section(
        "How far off",
        "Median half-width of the prediction interval "
        f"{np.median(width) / 2:.3f}; truth and promise differ by {np.std(truth - promised):.3f} "
        "(standard deviation).",
        ["macro-F1", "mean", "95 % interval of the mean", "standard deviation"],
        rows,
    )


def _mean(values: NDArray[np.float64]) -> list[str]:
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    reach = stats.t.ppf(0.975, len(values) - 1) * spread / len(values) ** 0.5
    mean = float(np.mean(values))
    return [f"{mean:+.3f}", f"[{mean - reach:+.3f}, {mean + reach:+.3f}]", f"{spread:.3f}"]


def _section(title: str, text: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"## {title}", "", text, ""]
    lines += [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    return "\n".join([*lines, ""])

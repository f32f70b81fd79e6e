"""Holds estimates about an unlabelled folder against the truth, and prints the report in Markdown.

    python -m benchmarks.label_shift --quick
    nice python -m benchmarks.label_shift > benchmarks/label_shift_CPU_DATE.md

Claims: on folders resampled to five known priors the total-variation error of the estimated shares
is at most half of that of the training shares, for a calibrated classifier and a miscalibrated
one; the 95 % intervals of shares, of the promised score and of the expected score hold the truth
in 91 % of the folders or more, that of a correction's gain in about 90 %.
"""

import argparse
import platform
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import scipy

from tests.search.builders.label_shift_cells import (
    PRIORS,
    Effort,
    Outcome,
    folder_outcomes,
    forecast_hits,
)
from tests.search.builders.simulated_evidence import PRIOR

SIZES = ((300, 100), (900, 300))  # labelled people, people in the folder
FORECASTS = ((60, 20), (60, 60), (100, 100), (300, 100), (300, 300), (900, 300))
Cell = tuple[list[str], list[Outcome]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs every part and prints the report."""
    effort = _parse(arguments)
    started = time.monotonic()
    print(_head(effort))
    found = cells(effort)
    print(shares(found))
    print(scores(found))
    print(promises(effort))
    print(f"\nAll of it took {(time.monotonic() - started) / 60:.0f} minutes.")


def cells(effort: Effort) -> list[Cell]:
    """Returns what is found on the folders of every size, classifier and prior."""
    found = []
    for people in SIZES:
        for calibrated in (True, False):
            for name, prior in ({"as in training": PRIOR} | PRIORS).items():
                what = [f"{people[0]:,}, {people[1]:,}", "yes" if calibrated else "no", name]
                print(*what, "...", file=sys.stderr, flush=True)
                found.append((what, folder_outcomes(prior, people, effort, calibrated=calibrated)))
    return found


def shares(found: Sequence[Cell]) -> str:
    """Total-variation error of every estimate of the shares."""
    rows = []
    for what, outcomes in found:
        errors = [
            float(np.mean([getattr(one, name) for one in outcomes]))
            for name in ("training", "counted", "averaged", "uncalibrated", "estimated")
        ]
        ratio = errors[-1] / errors[0]
        kept = "" if ratio <= 0.5 or what[2] == "as in training" else " **broken**"
        covered = np.mean([one.covered for one in outcomes])
        rows.append(
            [*what, *(f"{error:.3f}" for error in errors), f"{ratio:.2f}{kept}", f"{covered:.0%}"]
        )
    return _section(
        "Shares of the classes",
        "Mean total-variation error, against the classes that the folder really has. `training`: "
        "the labelled shares are taken for those of the folder (uncorrected); `counted`: "
        "predicted classes; `averaged`: mean calibrated probability; `EM, raw`: without "
        "calibration; `estimate`: with bias-corrected temperature scaling, ours. `ratio`: of "
        "`estimate` to `training`, **broken** above one half. `coverage`: share of the 18 "
        "classes whose 95 % interval holds the share in the folder.",
        [
            *("people, in folder", "calibrated", "folder"),
            *("training", "counted", "averaged", "EM, raw", "estimate", "ratio", "coverage"),
        ],
        rows,
    )


def scores(found: Sequence[Cell]) -> str:
    """What to expect of the folder's score, and of a correction."""
    rows = []
    for what, outcomes in found:
        inside = [one.expected.low <= one.score <= one.expected.high for one in outcomes]
        width = np.mean([one.expected.high - one.expected.low for one in outcomes])
        means = [
            np.mean([one.score for one in outcomes]),
            np.mean([one.expected.value for one in outcomes]),
            width,
        ]
        gains = [
            np.mean([one.gain for one in outcomes]),
            np.mean([one.expected_gain.value for one in outcomes]),
        ]
        within = [one.expected_gain.low <= one.gain <= one.expected_gain.high for one in outcomes]
        rows.append(
            [
                *what,
                *(f"{mean:.3f}" for mean in means),
                f"{np.sum(inside)} of {len(inside)}",
                *(f"{gain:+.3f}" for gain in gains),
                f"{np.sum(within)} of {len(within)}",
            ]
        )
    return _section(
        "Macro-F1 on the folder, from its probabilities alone",
        "`score`: the mean true one; `expected`: without any label of the folder; `inside`: true "
        "scores within the 95 % prediction interval. `correction`: true change of the score where "
        "p(c) w(c) chooses the classes; then the change that was expected, and how often its "
        "interval holds the true change.",
        [
            *("people, in folder", "calibrated", "folder", "score", "expected", "width"),
            *("inside", "correction", "expected", "inside"),
        ],
        rows,
    )


def promises(effort: Effort) -> str:
    """Coverage of the prediction interval that is promised before the folder is seen."""
    rows = []
    for known, new in FORECASTS:
        found = forecast_hits(known, new, effort.forecasts, effort.seed)
        means = np.mean(np.array(found, dtype=float), axis=0)
        rows.append([f"{known:,}", f"{new:,}", f"{means[0]:.1%}", f"{means[1]:.1%}"])
        rows[-1].append(f"{means[2]:.3f}")
    return _section(
        "The score promised before the folder is seen",
        f"{effort.forecasts} folders a row, people as in "
        "`tests/search/builders/simulated_people.py`, errors shared 0.8. `promise`: "
        "share of folders whose macro-F1 lies in the 95 % prediction interval; "
        "`estimate only`: in the interval of the out-of-fold score, which leaves the "
        "draw of the folder out.",
        ["people", "in folder", "promise", "estimate only", "width of the promise"],
        rows,
    )


def _section(title: str, text: str, columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"\n## {title}\n\n{text}\n\n{table}"


def _head(effort: Effort) -> str:
    return (
        "# What is said of an unlabelled folder: a simulation\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}; Python {platform.python_version()}, "
        f"NumPy {np.__version__}, SciPy {scipy.__version__}. Command: "
        f"`python -m benchmarks.label_shift`.\n\n"
        f"{effort.repeats} folders a row, {effort.draws} draws a folder, seed {effort.seed}. "
        "Labelled people and photos as in `tests/search/builders/simulated_evidence.py`: "
        "seven photos a person, 18 classes in the founding competition's frequencies, "
        "probabilities known exactly. The people of a folder and their photos are "
        "drawn from 4,000 other people by a known prior. The miscalibrated classifier "
        "has its log-probabilities doubled and a normal bias (s.d. 0.5) added to every class."
    )


def _parse(arguments: Sequence[str] | None) -> Effort:
    parser = argparse.ArgumentParser(description="Simulate unlabelled folders with known truth.")
    parser.add_argument("--quick", action="store_true", help="a small one, about a minute")
    parser.add_argument("--seed", type=int, default=0, help="of everything (0)")
    given = parser.parse_args(arguments)
    if given.quick:
        return Effort(repeats=2, draws=40, forecasts=40, seed=given.seed)
    return Effort(repeats=12, draws=100, forecasts=300, seed=given.seed)


if __name__ == "__main__":
    main()

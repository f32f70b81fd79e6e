"""What a method would choose at every time of its search, by the scores that its trials report."""

from collections.abc import Iterable
from dataclasses import dataclass

LAST, COMPLETE, FIRST_EPOCH = "last", "complete", "first epoch"
"""What is highest of the chosen trial: the last score, also of a trial that was stopped; the last
score among those trained in full; or the score after one epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The validation score of a trial after an epoch, seconds after the start of the process."""

    time: float
    trial: str
    epoch: int
    value: float


def choice_curve(
    reports: Iterable[Report], rule: str, epochs: int
) -> tuple[str | None, list[tuple[float, float]]]:
    """Returns the trial that is chosen in the end and the curve of the choice up to then.

    Args:
        reports: of one space's trials, in any order.
        rule: `LAST`, `COMPLETE` or `FIRST_EPOCH`.
        epochs: of a trial that is trained in full.

    Returns:
        The chosen trial, None where there is none; and steps (time, last validation score of the
        trial that would have been chosen at that time).
    """
    last: dict[str, float] = {}
    judged: dict[str, float] = {}
    curve: list[tuple[float, float]] = []
    chosen = None
    for report in sorted(reports, key=lambda report: report.time):
        last[report.trial] = report.value
        counts = {LAST: True, COMPLETE: report.epoch >= epochs, FIRST_EPOCH: report.epoch == 1}
        if counts[rule]:
            judged[report.trial] = report.value
        if not judged:
            continue
        chosen = max(judged, key=lambda trial: judged[trial])
        if not curve or curve[-1][1] != last[chosen]:
            curve.append((round(report.time, 2), last[chosen]))
    return chosen, curve

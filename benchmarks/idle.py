"""What share of the slots' time no trial and no training of the refit used, in a run that ended.

    headrace run --space all --budget 15m --name idle     # about a quarter of an hour on two cores
    python -m benchmarks.idle results/idle

A row per part: the search, from the start of its first trial to the end of its last one; the
refit, from the start of its first training to the end of its last one; both, with what lies
between them. What a run does before the first trial (imports, photos, Ray, timing) and after the
last training (verdict, ensemble, report) is in none of them. The end of a training is when its
file was written, so the run must not have been copied or resumed; `--why full` and pseudo-labels
leave trainings of their own, which are not counted.
"""

import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from search.errors import ResultsError
from search.prepare.saved_run import load_run
from search.refit.unit_file import read_seconds
from search.store.run_store import RunStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A slot was held from `start` to `end` (since the epoch), for `seconds` of it at work."""

    start: float
    end: float
    seconds: float


def share(held: Sequence[Held], slots: int) -> tuple[float, float]:
    """Returns the slot seconds offered from the first start to the last end, and those idle."""
    offered = slots * (max(each.end for each in held) - min(each.start for each in held))
    return offered, offered - sum(each.seconds for each in held)


def of_run(root: Path) -> tuple[dict[str, list[Held]], list[float], int]:
    """Returns who held the slots of a run by part, the gaps between trials and the slots.

    Raises:
        ResultsError: the run cannot be read, or has no refit.
    """
    store = RunStore.open(root.parent, root.name)
    run = load_run(store)
    trials = [record for record in run.records if record.ended]
    search = [Held(start=r.ended - r.seconds, end=r.ended, seconds=r.seconds) for r in trials]
    refit = []
    for path in sorted((store.predictions / "parts").glob("*.npz")):
        end, seconds = path.stat().st_mtime, read_seconds(path)
        refit.append(Held(start=end - seconds, end=end, seconds=seconds))
    if not (search and refit):
        raise ResultsError(
            f"{root} must have trials and a refit, got {len(refit)} trainings of it"
        )
    gaps = [record.gap for record in trials if record.gap is not None]
    return {"search": search, "refit": refit}, gaps, int(run.study["hardware"]["slots"])


def main(paths: Iterable[str]) -> None:
    """Prints the rows of every run."""
    print("| run | part | trainings | wall-clock, s | slot time, s | idle, s | idle |")
    print("|---|---|---|---|---|---|---|")
    for path in paths:
        root = Path(path).resolve()
        parts, gaps, slots = of_run(root)
        parts["both"] = [each for part in parts.values() for each in part]
        for name, held in parts.items():
            offered, idle = share(held, slots)
            cells = (f"{offered / slots:.0f}", f"{offered:.0f}", f"{idle:.0f}")
            told = f"{idle / offered:.1%}"
            print(f"| {root.name} | {name} | {len(held)} | {' | '.join(cells)} | {told} |")
        if len(gaps) > 1:
            most = statistics.quantiles(gaps, n=10)[-1]
            print(
                f"\nBetween two trials of a slot, last epoch to first batch: "
                f"{statistics.median(gaps):.2f} s in the median of {len(gaps)}, "
                f"{most:.2f} s or less in nine of ten.\n"
            )


if __name__ == "__main__":
    main(sys.argv[1:])

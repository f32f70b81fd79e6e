"""Whom does `--race` end, and was it the one that the refit finds best? Replays of finished runs.

    python -m benchmarks.race_replays results/NAME ...     # of --space all, without --race

A run tried its configs in one order; as well it could have been another. A replay draws the order
of every space's trials anew, the spaces side by side, and lets the race look at the validation
predictions that the run kept, as it would have looked in the run. Of who leaves, the device
time of the trials that follow is what the others would have got.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search.analysis.people import People
from search.prepare.saved_run import SavedRun, load_run
from search.refit.approaches import Lineup
from search.refit.refitted import Refitted
from search.store.records import DEFAULT_NUMBER, TrialRecord
from search.store.run_store import RunStore
from search.tuning.race import Race
from search.verdict.handin import stored_findings

_REPLAYS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A race: who left, and the share of its own device time that was left then, by approach."""

    left: dict[str, float]


def replays(run: SavedRun, refitted: Refitted, number: int = _REPLAYS) -> list[Replay]:
    """Returns races of a run whose trials come in other orders."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        aside = RunStore(Path(folder))  # a race notes who left
        (aside.root / "predictions").symlink_to(refitted.store.predictions.resolve())
        people, num_whole = _validators(run, refitted), len(refitted.truth.label)
        given = (run, refitted.lineup, people, num_whole, aside, rng)
        return [_replay(*given) for _ in range(number)]


def _validators(run: SavedRun, refitted: Refitted) -> People:
    record = next(r for r in run.records if refitted.store.has_predictions(r))
    kept = refitted.store.read_validation(record.space, record.number)
    return refitted.people.part(kept.first(len(refitted.truth.label)).indices)


def _replay(
    run: SavedRun,
    lineup: Lineup,
    people: People,
    num_whole: int,
    store: RunStore,
    rng: np.random.Generator,
) -> Replay:
    (store.root / "race.json").unlink(missing_ok=True)
    seed = int(rng.integers(2**31))
    race = Race(store, lineup, people, {}, lambda _: None, seed, num_whole)
    order = _order((result.records for result in run.results), rng)
    approaches = lineup.approaches.items()
    of_space = {s: [name for name, spaces in approaches if s in spaces] for s in lineup.blocks}
    total, spent = Counter[str](), Counter[str]()
    for record in order:
        total.update(dict.fromkeys(of_space[record.space], record.device_seconds))
    left: dict[str, float] = {}
    for record in order:
        still = [name for name in of_space[record.space] if name not in left]
        if still:
            spent.update(dict.fromkeys(still, record.device_seconds))
            race.trial_ended(record)
        for name in race.left.keys() - left.keys():
            left[name] = 1 - spent[name] / total[name]
    return Replay(left=left)


def _order(spaces: Iterable[Sequence[TrialRecord]], rng: np.random.Generator) -> list[TrialRecord]:
    """Returns the trials of all spaces in an order in which each is as far as the others."""
    found: list[tuple[float, TrialRecord]] = []
    for records in spaces:
        # The default config is the first trial of every search.
        first = [record for record in records if record.counts and record.number == DEFAULT_NUMBER]
        others = [record for record in records if record.counts and record not in first]
        tried = [*first, *(others[place] for place in rng.permutation(len(others)))]
        found += [((i + 1) / len(tried), record) for i, record in enumerate(tried)]
    return [record for _, record in sorted(found, key=lambda each: each[0])]


def table(root: Path) -> str:
    """Returns rows of a run: how often each approach leaves, and what that is of its time."""
    store = RunStore.open(root.parent, root.name)
    run = load_run(store)
    refitted = Refitted.read(store, Lineup.of_study(run.study))
    judged = stored_findings(store)
    if judged is None:
        raise ValueError(f"{root} must be a judged run; run headrace verdict {root.name} first")
    scores = {score.name: score.interval.value for score in judged.verdict.ranked}
    best = max(scores, key=scores.__getitem__)
    races = replays(run, refitted)
    rows = []
    for name in refitted.lineup.approaches:
        shares = [race.left[name] for race in races if name in race.left]
        saved = f"{np.median(shares):.0%}" if shares else ""
        is_best = " (best)" if name == best else ""
        refit = f"{scores[name]:.3f}{is_best}"
        rows.append(f"| {root.name} | {name} | {refit} | {len(shares)} | {saved} |")
    return "\n".join(rows)


def main(roots: Sequence[str]) -> None:
    """Prints a row an approach of every run."""
    print(f"{_REPLAYS} replays a run.\n")
    print("| run | approach | refitted | left, times | of its device time, in the median |")
    print("| --- | --- | --- | --- | --- |")
    for root in roots:
        print(table(Path(root)))


if __name__ == "__main__":
    main(sys.argv[1:])

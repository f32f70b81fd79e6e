"""What the driver spends on a trial: the next config, the epochs and the end, after many trials.

    python -m benchmarks.suggest_cost [--trials 0 1000 10000] [--space age] [--rounds 30]

A journal with so many ended trials is generated on the disk (random configs of a built-in space,
a random half of them stopped early), and the real searcher goes on with it: four trials live,
each round ends one and asks for another. A row per number of trials: the median and the 95th
percentile of `suggest` in milliseconds, the medians of an epoch and of an end, and the seconds
that a resumed run takes to open the journal.
"""

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import optuna
from optuna.trial import TrialState, create_trial

import spaces
from search.prepare.config import Budget
from search.refit.approaches import Lineup
from search.refit.retries import Retries
from search.tuning.journal import StudyJournal, open_storage
from search.tuning.scheduler import MultiSpaceScheduler
from search.tuning.searcher import StudySearcher
from spaces.scale import choose_scale
from trainables.data.layouts.profiles import SCHEMA

_SCALE = choose_scale(device="cpu", pretrained=False, weights=(), max_epochs=None)
_EPOCHS, _LIVE = _SCALE.max_epochs, 4


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[0, 1000, 10_000])
    parser.add_argument("--space", default="age")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--folder", type=Path, default=None, help="on the disk to measure")
    options = parser.parse_args()
    print("| trials | opened, s | suggest, ms | 95 % | an epoch, ms | an end, ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for number in options.trials:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path = Path(folder) / "optuna.journal"
            generate(path, options.space, number)
            opened, spent = measure(path, options.space, options.rounds)
        suggest = 1e3 * np.array(spent["suggest"])
        epoch, end = (1e3 * np.median(spent[what]) for what in ("epoch", "end"))
        print(
            f"| {number} | {opened:.1f} | {np.median(suggest):.1f} | "
            f"{np.quantile(suggest, 0.95):.1f} | {epoch:.1f} | {end:.1f} |",
            flush=True,
        )


def generate(path: Path, space: str, number: int) -> None:
    """Writes a journal in which `number` trials of a space have ended."""
    rng = np.random.default_rng(0)
    with without_sync():
        journal = _journal(path, space)
        study = optuna.load_study(study_name=journal.name, storage=open_storage(path))
        drawn = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        began = datetime.now() - timedelta(days=1)  # noqa: DTZ005  Optuna's are naive, too
        for seed in range(number):
            trial = drawn.ask()
            config = journal.space.config(trial, SCHEMA, _SCALE)
            last = _EPOCHS if rng.random() < 0.5 else 2
            curve = {e: float(rng.random()) for e in range(1, last + 1)}
            study.add_trial(
                create_trial(
                    state=TrialState.COMPLETE if last == _EPOCHS else TrialState.PRUNED,
                    value=curve[last],
                    params=trial.params,
                    distributions=trial.distributions,
                    intermediate_values=curve,
                    user_attrs={
                        **{"config": json.dumps(config), "seed": seed, "seconds": 5.0},
                        **{"device_seconds": 5.0, "ended": began.timestamp()},
                    },
                )
            )


def measure(path: Path, space: str, rounds: int) -> tuple[float, dict[str, list[float]]]:
    """Returns the seconds to open a journal, and those of every call by what it does."""
    spent: dict[str, list[float]] = defaultdict(list)
    began = time.perf_counter()
    searcher = _searcher(_journal(path, space))
    opened = time.perf_counter() - began
    rng = np.random.default_rng(1)
    for number in range(_LIVE):
        searcher.suggest(str(number))
    for number in range(rounds):
        for epoch in (1, 2):
            with _timed(spent["epoch"]):
                searcher.on_trial_result(str(number), _result(epoch, float(rng.random())))
        with _timed(spent["end"]):
            last = {**_result(_EPOCHS, float(rng.random())), "last_epoch": True}
            searcher.on_trial_complete(str(number), last)
        with _timed(spent["suggest"]):
            searcher.suggest(str(number + _LIVE))
    return opened, spent


def _journal(path: Path, name: str) -> StudyJournal:
    return StudyJournal(open_storage(path), spaces.load(name, SCHEMA), SCHEMA, _SCALE, "0" * 8, 0)


def _searcher(journal: StudyJournal) -> StudySearcher:
    name = journal.space.name
    return StudySearcher(
        {name: journal},
        MultiSpaceScheduler({name: _EPOCHS}),
        Budget(trials=10**6),
        Lineup.of(SCHEMA, [journal.space]).shares,
        slots=_LIVE,
        device_share=1.0,
        retries=Retries(lambda node: True, max_deaths=0),  # noqa: ARG005
    )


def _result(epoch: int, value: float) -> dict[str, object]:
    return {"epoch": epoch, "value": value, "started": 1.0, "seconds": float(epoch), "gap": 0.1}


@contextmanager
def _timed(into: list[float]) -> Iterator[None]:
    began = time.perf_counter()
    yield
    into.append(time.perf_counter() - began)


@contextmanager
def without_sync() -> Iterator[None]:
    """Leaves out waiting for the disk while a journal is made."""
    sync, os.fsync = os.fsync, lambda _: None
    try:
        yield
    finally:
        os.fsync = sync


if __name__ == "__main__":
    main()

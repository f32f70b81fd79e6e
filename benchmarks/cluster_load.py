"""What many trials on many slots cost the driver of a cluster, without any training.

    python -m benchmarks.cluster_load --out cells.jsonl [--cells 200x8 2000x64] [--store-mb 4]

A cell is so many trials on so many slots of one local Ray, all of which send what they make to the
driver as workers of a cluster do. Searcher, scheduler, journal, Tune and the way of the files are
the real ones. A trial has nine epochs that take no time; at each it sends its curves, at every
third a checkpoint of `--store-mb` MB, at the last its predictions (18 classes x 3,780 photos).
Told are trials a minute, the driver's CPU seconds, messages and bytes a trial, its memory after
each quarter of the trials, `suggest` in milliseconds in the first and the last quarter; and, of
that, how many devices a driver feeds with trials of a minute and of ten. Workers take memory: 64
slots about 8 GB. Every cell is a line of the file when it ends and is not repeated.

    python -m benchmarks.cluster_load --journal 100000

writes a journal of so many lines and says in how many seconds it is read.
"""

import argparse
import json
import os
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_EPOCHS, _CHECKPOINT_EVERY = 9, 3
_REHEARSED = 50
"""Trials from which the lines of one are known."""
_CURVES, _PREDICTIONS = 400, 18 * 3780 * 4


def main() -> None:
    """Measures the cells that the file lacks and prints all of it as a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="JSONL, gone on with")
    parser.add_argument("--cells", nargs="+", default=["200x8", "2000x64"])
    parser.add_argument("--store-mb", type=float, default=4.0)
    parser.add_argument("--journal", type=int, default=0)
    options = parser.parse_args()
    if options.journal:
        print(f"{options.journal} lines read in {journal_seconds(options.journal):.1f} s")
        return
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    known = [json.loads(line) for line in lines]
    for cell in options.cells:
        if cell not in [found["cell"] for found in known]:
            trials, slots = map(int, cell.split("x"))
            found = {"cell": cell, **measure(trials, slots, int(options.store_mb * 1e6))}
            with options.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(found) + "\n")
            known.append(found)
    print_table(known)


@dataclass(frozen=True)
class Load:
    """What a worker of the benchmark needs: the link, and the size of a checkpoint in bytes."""

    link: Any
    checkpoint: int


@dataclass
class Seen:
    """What the driver did and held while the trials ran."""

    trials: int
    started: float = field(default_factory=time.perf_counter)
    ended: int = 0
    resident_mb: list[float] = field(default_factory=list)
    suggest_ms: list[float] = field(default_factory=list)
    messages: int = 0
    bytes: int = 0
    lock: Any = field(default_factory=threading.Lock)

    def note(self) -> None:
        """Notes that a trial has ended."""
        self.ended += 1
        if self.ended % max(1, self.trials // 4) == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.resident_mb.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)


def measure(trials: int, slots: int, checkpoint: int) -> dict[str, Any]:
    """Returns the figures of a cell."""
    from search import ray_settings

    ray_settings.apply(one_machine=True)
    import ray

    from search.refit.transfer import linked
    from search.tuning import tune_run

    ray.init(
        "local",
        num_cpus=slots,
        include_dashboard=False,
        object_store_memory=500 * 2**20,
        log_to_driver=False,
        logging_level="ERROR",
    )
    seen = Seen(trials)
    before = tune_run.Worker
    with tempfile.TemporaryDirectory() as folder:
        searcher, scheduler, _, fleet = _search(Path(folder), trials, slots, seen)
        tune_run.Worker = _worker()
        try:
            with linked(_depot(Path(folder), seen)) as link:
                began, cpu = time.perf_counter(), time.process_time()
                load: Any = Load(link, checkpoint)
                tune_run.run_trials(searcher, scheduler, load, fleet)
                seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        finally:
            tune_run.Worker = before
            ray.shutdown()
    quarter = max(1, len(seen.suggest_ms) // 4)
    parts = seen.suggest_ms[:quarter], seen.suggest_ms[-quarter:]
    return {
        "trials": seen.ended,
        "trials_a_minute": 60 * seen.ended / seconds,
        "driver_cpu_s": cpu / seen.ended,
        "messages": seen.messages / seen.ended,
        "mb": seen.bytes / seen.ended / 1e6,
        "resident_mb": seen.resident_mb,
        "suggest_ms": [sum(part) / len(part) for part in parts],
        "load": os.getloadavg()[0],
    }


def _worker() -> type:
    from ray import tune

    class Worker(tune.Trainable):  # type: ignore[misc]
        """Trains nothing and sends what a worker sends."""

        def setup(self, config: dict[str, Any], setting: Load) -> None:
            self._load = setting
            self.reset_config(config)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self._asked, self._epoch, self._began = new_config, 0, time.time()
            return True

        def step(self) -> dict[str, Any]:
            self._epoch += 1
            name, link = f"{self._asked['number']}", self._load.link
            link.grow(f"tensorboard/{name}", _CURVES * (self._epoch - 1), bytes(_CURVES))
            link.sign(f"heartbeats/{name}", "node", begins=self._epoch == 1)
            last = self._epoch == _EPOCHS
            if last:
                link.put(f"{name}.npz", 0, bytes(_PREDICTIONS), last=True, transfer=name)
                link.remove(f"{name}.pt")
            elif self._epoch % _CHECKPOINT_EVERY == 0:
                content = bytes(self._load.checkpoint)
                link.put(f"{name}.pt", 0, content, last=True, transfer=name)
            value = hash((self._asked["seed"], self._epoch)) % 1000 / 1000
            told = {"epoch": self._epoch, "value": value, "last_epoch": last, "done": last}
            return {**told, "started": self._began, "seconds": time.time() - self._began}

    return Worker


def _depot(folder: Path, seen: Seen) -> Any:
    import numpy as np

    from search.refit.transfer import Depot
    from search.store.outputs import ResultsFolder

    class Counting(Depot):
        def do(self, what: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
            with seen.lock:
                seen.messages += 1
            return super().do(what, given, named)

    class CountingFolder(ResultsFolder):
        def put(self, name: str, start: int, content: bytes, **named: Any) -> None:
            with seen.lock:
                seen.bytes += len(content)
            super().put(name, start, content, **named)

    images = {"": np.zeros((1, 1, 1, 3), dtype=np.uint8)}
    return Counting(results=CountingFolder(folder), weights_dir=None, images=images)


def _search(folder: Path, trials: int, slots: int, seen: Seen) -> tuple[Any, ...]:
    import spaces
    from search.prepare.config import Budget
    from search.prepare.resources import Resources
    from search.refit.approaches import Lineup
    from search.refit.fleet import Fleet
    from search.refit.retries import Retries
    from search.tuning.journal import StudyJournal, open_storage
    from search.tuning.scheduler import MultiSpaceScheduler
    from search.tuning.searcher import StudySearcher
    from spaces.scale import choose_scale
    from trainables.data.layouts.profiles import SCHEMA

    class Timed(StudySearcher):
        def suggest(self, trial_id: str) -> Any:
            began = time.perf_counter()
            found = super().suggest(trial_id)
            if isinstance(found, dict):
                seen.suggest_ms.append(1e3 * (time.perf_counter() - began))
            return found

        def on_trial_complete(self, *given: Any, **named: Any) -> None:
            super().on_trial_complete(*given, **named)
            seen.note()

    scale = choose_scale(device="cpu", pretrained=False, weights=(), max_epochs=_EPOCHS)
    space = spaces.load("mask", SCHEMA)
    storage = open_storage(folder / "optuna.journal")
    journal = StudyJournal(storage, space, SCHEMA, scale, "0" * 8, 0)
    scheduler = MultiSpaceScheduler({"mask": _EPOCHS})
    resources = Resources(
        slots=slots, cpus_per_trial=1, gpus_per_trial=0.0, num_cpus=slots, num_gpus=0
    )
    fleet = Fleet(resources)
    searcher = Timed(
        {"mask": journal},
        scheduler,
        Budget(trials=trials),
        Lineup.of(SCHEMA, [space]).shares,
        slots=slots,
        device_share=1.0,
        retries=Retries(fleet.is_alive),
    )
    return searcher, scheduler, resources, fleet


def journal_seconds(lines: int) -> float:
    """Returns the seconds in which a journal of so many lines is read, as a driver wrote them."""
    from benchmarks.suggest_cost import measure, without_sync
    from search.store.journal_file import read_records
    from trainables.data.layouts.profiles import SCHEMA

    with tempfile.TemporaryDirectory() as folder, without_sync():
        path = Path(folder) / "optuna.journal"
        measure(path, "mask", _REHEARSED)
        known = path.read_bytes().count(b"\n")
        measure(path, "mask", max(1, _REHEARSED * (lines - known) // known))
        import optuna

        from search.tuning.journal import open_storage

        (name,) = optuna.get_all_study_names(open_storage(path))
        print(f"{path.read_bytes().count(bytes([10]))} lines, {path.stat().st_size / 1e6:.0f} MB")
        began = time.perf_counter()
        records = read_records(path, {"mask": name}, SCHEMA.names, begun=False)["mask"]
        print(f"{len(records)} trials")
        return time.perf_counter() - began


def print_table(cells: list[dict[str, Any]]) -> None:
    """Prints a row per cell."""
    print("| trials x slots | a minute | driver CPU s | messages | MB | memory MB | suggest ms |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for cell in cells:
        memory = ", ".join(f"{value:.0f}" for value in cell["resident_mb"])
        suggest = " to ".join(f"{value:.0f}" for value in cell["suggest_ms"])
        print(
            f"| {cell['cell']} | {cell['trials_a_minute']:.0f} | {cell['driver_cpu_s']:.3f} | "
            f"{cell['messages']:.1f} | {cell['mb']:.2f} | {memory} | {suggest} |"
        )
    if cells:
        cpu = cells[-1]["driver_cpu_s"]
        print(
            f"\nA driver feeds {60 / cpu:.0f} devices with trials of a minute, "
            f"{600 / cpu:.0f} with trials of ten."
        )


if __name__ == "__main__":
    main()

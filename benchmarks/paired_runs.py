"""Runs of two checkouts on one machine in turn: trials an hour, the gap between trials, memory.

    python -m benchmarks.paired_runs --before CHECKOUT --out cells.jsonl [--pairs 6] [--trials 24]

A run searches one built-in space of the demo on all cores, with the same seed, trials and epochs
in both checkouts, and ends when its last trial does. Trials an hour count from the first trial
that is asked for to the end of the last one; the gap is the median over trials; memory is the
most that a worker and Ray's object store (in shared memory) take, looked at every second. Every
run is a line of the file when it ends; one that is there is not repeated. At the end come the
medians and the ratio of the pairs, each with its middle half.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from search.store.journal_file import read_records

_SIDES = ("before", "after")
_ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Runs the pairs that the file lacks and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, required=True, help="checkout to compare with")
    parser.add_argument("--out", type=Path, required=True, help="JSONL, gone on with")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "headrace")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--people", type=int, default=600)
    parser.add_argument("--max-epochs", type=int, default=4)
    parser.add_argument("--space", default="mask")
    options = parser.parse_args()
    lines = options.out.read_text().splitlines() if options.out.exists() else []
    known = [json.loads(line) for line in lines]
    done = {(cell["pair"], cell["side"]) for cell in known}
    for pair in range(options.pairs):
        for side in _SIDES if pair % 2 else _SIDES[::-1]:
            if (pair, side) not in done:
                checkout = options.before.resolve() if side == "before" else _ROOT
                cell = {"pair": pair, "side": side, **measure(checkout, pair, options)}
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(cell) + "\n")
                known.append(cell)
    print_table(known)


def measure(checkout: Path, seed: int, options: argparse.Namespace) -> dict[str, float]:
    """Returns the figures of one run."""
    with tempfile.TemporaryDirectory(prefix="pr-") as folder:
        command = [sys.executable, "-m", "search", "run", "--space", options.space]
        given = {"trials": options.trials, "people": options.people, "seed": seed, "name": "run"}
        given |= {"max-epochs": options.max_epochs, "cache": options.cache, "results": folder}
        words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        with subprocess.Popen(
            [*command, *words],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(checkout)},
            stdout=subprocess.DEVNULL,
        ) as process:
            worker = store = 0
            while process.poll() is None:
                worker = max([worker, *_resident("ray::")])
                store = max(store, _shared_memory())
                time.sleep(1.0)
        if process.returncode != 0:
            raise RuntimeError(f"a run must end with code 0, got {process.returncode}")
        run = Path(folder) / "run"
        study = json.loads((run / "study.json").read_text())
        names = tuple(each["name"] for each in study["data"]["schema"]["attributes"])
        records = read_records(run / "optuna.journal", study["studies"], names, begun=False)
        trials = [record for each in records.values() for record in each]
    hours = (max(r.ended for r in trials) - min(r.started for r in trials)) / 3600
    gaps = [record.gap for record in trials if record.gap is not None]
    return {
        "trials_an_hour": len(trials) / hours,
        "gap_ms": 1e3 * statistics.median(gaps),
        "worker_mb": worker / 1e6,
        "object_store_mb": store / 1e6,
        "load": os.getloadavg()[0],
    }


def _resident(title: str) -> list[int]:
    """Returns the bytes that processes of a title hold in memory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(title.encode()):
                pages = int((process / "statm").read_text().split()[1])
                found.append(pages * os.sysconf("SC_PAGE_SIZE"))
        except (OSError, ValueError):  # it has ended
            continue
    return found


def _shared_memory() -> int:
    status = os.statvfs("/dev/shm")
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def print_table(cells: list[dict[str, float]]) -> None:
    """Prints a row per figure."""
    print("| figure | before | after | after / before, paired |\n| --- | --- | --- | --- |")
    for figure in ("trials_an_hour", "gap_ms", "worker_mb", "object_store_mb"):
        sides = {
            side: {c["pair"]: c[figure] for c in cells if c["side"] == side} for side in _SIDES
        }
        both = sides["before"].keys() & sides["after"].keys()
        ratios = [sides["after"][n] / sides["before"][n] for n in both if sides["before"][n]]
        told = [statistics.median(sides[side].values()) for side in _SIDES if sides[side]]
        text = " | ".join(f"{value:.1f}" for value in told)
        spread = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        ratio = "{1:.3f} ({0:.3f} to {2:.3f})".format(*spread) if spread else "-"
        print(f"| {figure.replace('_', ' ')} | {text} | {ratio} |")


if __name__ == "__main__":
    main()

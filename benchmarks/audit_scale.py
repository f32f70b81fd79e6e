"""Seconds, memory and disk of an audit and of the image store, for people at full size.

    python -m benchmarks.audit_scale --out DIR                  # 2,700 people, 7 photos, 384 x 512
    python -m benchmarks.audit_scale --out DIR --people 60      # a try

Pictures are made first, which is not timed: smooth colours with texture, about as hard to decode
as photos. Every step runs in a process of its own and is stored in DIR/cells.jsonl as it ends; a
later call goes on.

Two cores of an Intel Xeon, much other work going on (2026-11-28), 300 people: 8 s the first audit,
2 s the second, 12 s the image store (614 MB). Comparing the sketches of 18,900 photos took 32 s.
"""

import argparse
import csv
import io
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console

from search.audit.stage import audit, write_audit
from trainables.data import layouts
from trainables.data.image_store import ImageStore
from trainables.data.layouts.profiles import STEMS
from trainables.machine import Machine

WIDTH, HEIGHT = 384, 512
STORED = (336, 256)
STEPS = ("first audit", "second audit", "image store")


def main() -> None:
    """Makes the people and measures every step that is not stored yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=int, default=2700)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    data = options.out / f"people{options.people}"
    if options.step:
        print(json.dumps(measure(options.step, data, options.out / "cache")))
        return
    make_people(data, options.people)
    cells = options.out / "cells.jsonl"
    known = cells.read_text().splitlines() if cells.exists() else []
    done = {(row["step"], row["people"]) for row in map(json.loads, known)}
    for step in STEPS:
        if (step, options.people) in done:
            continue
        command = [sys.executable, "-m", "benchmarks.audit_scale", "--step", step]
        command += ["--out", str(options.out), "--people", str(options.people)]
        ended = subprocess.run(command, check=True, capture_output=True, text=True)
        row = {"step": step, "people": options.people, **json.loads(ended.stdout.splitlines()[-1])}
        with cells.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(row)


def measure(step: str, data: Path, cache: Path) -> dict[str, float]:
    """Returns what a step took."""
    began = time.perf_counter()
    if step == "image store":
        table = layouts.load(data)
        threads = Machine().cpus()
        ImageStore.open(table, STORED, cache, num_threads=threads)
        used = cache / "images"
    else:
        found = audit(data, None, (), cache, Console(file=io.StringIO()))
        write_audit(found, cache.parent / "audit")
        used = cache / "sketches"
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000),
        "disk_mb": round(sum(path.stat().st_size for path in used.iterdir()) / 1e6),
        "cpus": Machine().cpus(),
    }


def make_people(root: Path, num_people: int) -> None:
    """Writes people as the competition's folders have them, where they are not there."""
    if (root / "train.csv").exists():
        return
    rng = np.random.default_rng(0)
    rows = []
    for number in range(1, num_people + 1):
        gender, age = ("male", "female")[number % 2], int(rng.integers(18, 61))
        path = f"{number:06d}_{gender}_Asian_{age}"
        folder = root / "images" / path
        folder.mkdir(parents=True, exist_ok=True)
        for stem in STEMS:
            if not (folder / f"{stem}.jpg").exists():
                picture(rng).save(folder / f"{stem}.jpg", quality=90)
        rows.append((f"{number:06d}", gender, "Asian", age, path))
    with (root / "train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("id", "gender", "race", "age", "path"))
        writer.writerows(rows)


def picture(rng: np.random.Generator) -> Image.Image:
    """Returns a smooth picture with texture."""
    coarse = Image.fromarray(rng.integers(0, 255, (8, 6, 3), dtype=np.uint8))
    texture = Image.fromarray(rng.integers(0, 255, (HEIGHT // 4, WIDTH // 4, 3), dtype=np.uint8))
    size = (WIDTH, HEIGHT)
    smooth = coarse.resize(size, Image.Resampling.BICUBIC)
    return Image.blend(smooth, texture.resize(size, Image.Resampling.BICUBIC), 0.12)


if __name__ == "__main__":
    main()

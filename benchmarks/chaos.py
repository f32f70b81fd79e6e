"""Kills small runs at random moments, goes on with them, and prints what came of it in Markdown.

    nice python -m benchmarks.chaos --out DIR > benchmarks/chaos_CPU_DATE.md
    python -m benchmarks.chaos --out DIR --rounds 12 --seed 1 --only worker,raylet
    python -m benchmarks.chaos --out DIR --minutes 3        # as many rounds as fit; goes on later

Claim: whatever is killed, whenever: no finished trial and no finished unit is lost or done again,
nothing hangs, every resumed run goes on to its end, and nothing of it is left behind. Nodes are of
a cluster of three on this machine that see neither the data nor the results. A round is
one kill and what came of it; kinds of kills take turns, the moment is drawn uniformly over the
stages. DIR keeps a line a round (rounds.jsonl), and the folder of every run with anything wrong;
rounds that are there already are not repeated.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.command import command_of
from tests.faults.chaos_rounds import Bounds, Kill, Outcome, Rounds
from tests.faults.chaos_run import ChaosRun, Kind, Stage
from tests.search.builders.blind_cluster import blind_cluster
from tests.search.builders.people import write_people
from tests.signals_heard import hear_signals

OPTIONS = {"trials": 2, "max_epochs": 2, "refit_seeds": 1}
BOUNDS = Bounds(end=15.0, start=90.0, go_on=1800.0)
_FRUITLESS = 3
KILLS_OF_A_RUN = {False: 8, True: 4}
"""At most; of one on a cluster, too."""

KINDS = {
    "driver": (Kind.DRIVER, Kind.TERM, Kind.HANGUP),
    "group": (Kind.GROUP,),
    "worker": (Kind.WORKER,),
    "raylet": (Kind.RAYLET,),
    "gcs": (Kind.GCS,),
    "node": (Kind.NODE,),
}
STAGES = {
    Kind.WORKER: (Stage.SEARCH, Stage.REFIT, Stage.WHY),
    Kind.NODE: (Stage.SEARCH, Stage.REFIT, Stage.WHY, Stage.ENSEMBLE),
}
"""Where there is something of a kind to kill; of the others, every stage."""
LENGTH_S = {Stage.START: 8.0, Stage.ENSEMBLE: 2.0, Stage.REPORT: 3.0}
"""About what a stage without trainings takes; the moment of a kill is drawn within it."""
TRAINING_S = 0.5
"""About what a training takes; in the other stages the moment is drawn within one of them."""


def draw(number: int, seed: int, kinds: Sequence[Kind]) -> Kill:
    """Returns the kill of a round: kinds take turns in an order that every turn draws anew."""
    turn, place = divmod(number, len(kinds))
    kind = Random(f"turn {turn} {seed}").sample(list(kinds), len(kinds))[place]
    rng = Random(f"round {number} {seed}")
    stage = rng.choice(STAGES.get(kind, tuple(Stage)))
    part = 0.0 if stage in LENGTH_S else round(rng.random(), 2)
    delay_s = round(rng.random() * LENGTH_S.get(stage, TRAINING_S), 2)
    return Kill(
        number=number, kind=kind, stage=stage, part=part, delay_s=delay_s, pick=rng.random()
    )


def in_order(kills: Sequence[Kill], seed: int) -> list[Kill]:
    """Returns the kills of one run in an order in which each finds its stage still ahead.

    Every start of a run begins with its start: those stand anywhere.
    """
    later = sorted((k for k in kills if k.stage), key=lambda k: (k.stage, k.number))
    rng = Random(f"order {kills[0].number} {seed}")
    for kill in (k for k in kills if not k.stage):
        later.insert(rng.randrange(len(later) + 1), kill)
    return later


def main(arguments: Sequence[str] | None = None) -> None:
    """Plays what is missing of the rounds and prints the report."""
    hear_signals()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no run is left alone
    given = _parse(arguments)
    kinds = [kind for name in given.only.split(",") for kind in KINDS[name]]
    kills = [draw(number, given.seed, kinds) for number in range(given.rounds)]
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + 60 * given.minutes
    for on_cluster in (False, True):
        own = [kill for kill in kills if (kill.kind is Kind.NODE) == on_cluster]
        _play_all(out, own, given.seed, until, on_cluster=on_cluster)
    print(_report(list(_done(out).values()), given.rounds))


def _play_all(
    out: Path, kills: Sequence[Kill], seed: int, until: float, *, on_cluster: bool
) -> None:
    """Plays the kills that are missing, run after run."""
    sooner: Counter[int] = Counter()
    fruitless = 0
    while (todo := _missing(out, kills)) and time.monotonic() < until:
        batch = [
            replace(kill, delay_s=kill.delay_s / 2 ** sooner[kill.number])
            for kill in todo[: KILLS_OF_A_RUN[on_cluster]]
        ]
        late = _play(out, in_order(batch, seed), until, on_cluster=on_cluster)
        if late is not None:
            sooner[late.number] += 1
        fruitless = fruitless + 1 if len(_missing(out, kills)) == len(todo) else 0
        if fruitless == _FRUITLESS:
            raise SystemExit(f"no run got to a kill {fruitless} times, see {out}")


def _missing(out: Path, kills: Sequence[Kill]) -> list[Kill]:
    done = _done(out)
    return [kill for kill in kills if kill.number not in done]


def _done(out: Path) -> dict[int, dict[str, Any]]:
    """Returns the rounds that were played, by their number."""
    path = out / "rounds.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return {row["kill"]["number"]: row for row in map(json.loads, lines)}


def _play(out: Path, kills: Sequence[Kill], until: float, *, on_cluster: bool) -> Kill | None:
    """Plays kills on one run, to its end or that of the time; returns the one that came too late.

    A run that was left by an earlier call goes on.
    """
    folder = out / ("cluster" if on_cluster else "run")
    data = out / "data"
    if not data.exists():
        write_people(data)
    with _temporary() as temporary, ExitStack() as stack:
        run = ChaosRun(folder, data, out / "cache", temporary / "t", OPTIONS)
        stack.callback(run.close)
        rounds = Rounds(run, BOUNDS, is_over=lambda: time.monotonic() > until)
        if on_cluster:
            cluster = stack.enter_context(blind_cluster(temporary / "c", out))
            run.cluster, run.address = cluster.environment, cluster.address
            rounds.kill_node = cluster.kill_node
        keep = folder / "keep"
        for outcome in rounds.play(kills):
            _note(out, outcome)
            if outcome.is_wrong:
                keep.touch()
        if run.code is None:
            return None
        if keep.exists() or rounds.wrong:
            kept = out / f"wrong{len(list(out.glob('wrong*'))):02}"
            folder.rename(kept)
            print(f"{kept}: {rounds.wrong}", file=sys.stderr, flush=True)
        else:
            shutil.rmtree(folder)
        return rounds.too_late


def _note(out: Path, outcome: Outcome) -> None:
    """Writes the line of a round."""
    judged = {"wrong": outcome.is_wrong, "wrong_code": outcome.has_wrong_code}
    with (out / "rounds.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({**asdict(outcome), **judged}) + "\n")
    print(_line(outcome), file=sys.stderr, flush=True)


@contextmanager
def _temporary() -> Iterator[Path]:
    """Yields a folder with a path that is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _line(outcome: Outcome) -> str:
    kill = outcome.kill
    drawn = f"{kill.stage.name.lower()}, {kill.part:.0%} + {kill.delay_s} s"
    ended = "goes on" if outcome.end_s is None else f"ended in {outcome.end_s:.1f} s"
    told = "WRONG" if outcome.is_wrong else "well"
    return (
        f"round {kill.number}: {kill.kind.value} at {outcome.at.name.lower()} ({drawn}): {ended}, "
        f"code {outcome.code}, {told}; "
        f"{outcome.seconds:.0f} s"
    )


_COLUMNS = (
    *("killed", "rounds", "lost", "doubled", "hung", "refused", "tracebacks", "wrong exit code"),
    *("incomplete", "exit codes", "s to the end, most", "left after 5 s", "after the next start"),
)


def _report(rows: Sequence[Mapping[str, Any]], wanted: int) -> str:
    every = [kind.value for kind in Kind]
    found = {kind: [r for r in rows if r["kill"]["kind"] == kind] for kind in every}
    table = [_cells(kind, of_kind) for kind, of_kind in found.items() if of_kind]
    table.append(_cells("all", rows))
    head = (_COLUMNS, ["---"] * len(_COLUMNS))
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (*head, *table)]
    stages = ["| " + " | ".join(row) + " |" for row in _by_stage(found)]
    wrong = [f"- {json.dumps({k: v for k, v in r.items() if v})}" for r in rows if r["wrong"]]
    seconds = sum(row["seconds"] for row in rows) / max(1, len(rows))
    return "\n".join(
        [
            _head(len(rows), wanted, seconds),
            *lines,
            "\nRounds by what was killed and where the run was:\n",
            *stages,
            "\n## What went wrong\n",
            *(wrong or ["Nothing."]),
        ]
    )


def _cells(name: str, rows: Sequence[Mapping[str, Any]]) -> list[object]:
    codes = sorted({"goes on" if r["code"] is None else str(r["code"]) for r in rows})
    ended = [row["end_s"] for row in rows if row["end_s"] is not None]
    counted = ("lost", "doubled", "hung", "refused", "tracebacks", "wrong_code", "incomplete")
    return [
        name,
        len(rows),
        *(sum(bool(row[each]) for row in rows) for each in counted),
        ", ".join(codes),
        f"{max(ended):.1f}" if ended else "",
        sum(bool(row["left"]) for row in rows),
        sum(bool(row["stayed"]) for row in rows),
    ]


def _by_stage(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[list[str]]:
    yield ["killed", *(stage.name.lower() for stage in Stage)]
    yield ["---"] * (1 + len(Stage))
    for kind, rows in found.items():
        if rows:
            yield [kind, *(str(sum(row["at"] == stage for row in rows)) for stage in Stage)]


def _head(done: int, wanted: int, seconds: float) -> str:
    arguments = command_of("benchmarks.chaos")
    return (
        "# Chaos: random kills of small runs\n\n"
        f"{datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, {os.cpu_count()} cores; Python "
        f"{platform.python_version()}. Command: `{arguments}`.\n\n"
        f"{done} of {wanted} rounds, {seconds:.0f} s a round. Runs `--space all --why full "
        f"--trials {OPTIONS['trials']} --max-epochs {OPTIONS['max_epochs']} --refit-seeds "
        f"{OPTIONS['refit_seeds']}` on 48 pictures of 24 people. Cells count the rounds in which "
        "something was seen, which must be none, but for what is left 5 s after a SIGKILL. Hung: "
        f"not at its end {BOUNDS.end:.0f} s after a kill that ends it ({BOUNDS.start:.0f} s where "
        "a process of Ray is killed while Ray starts), or no further for "
        f"{BOUNDS.go_on / 60:.0f} minutes.\n"
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kills small runs at random moments.")
    parser.add_argument("--out", type=Path, required=True, help="folder of runs and rounds")
    parser.add_argument("--rounds", type=int, default=100, help="in all (100)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (0)")
    parser.add_argument("--only", default=",".join(KINDS), help=f"of {','.join(KINDS)} (all)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="ends after them")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()

"""Two runs at once on one cluster of three nodes, and a third that wants the name of the first.

    python -m benchmarks.two_runs            # about two minutes on two cores

Claim: both come to their end with all trials they were asked for, none twice and none of the
other's; the third is refused in one line. Prints what came of it in Markdown; exit code 1 where
the claim does not hold.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from search.store.records import State
from tests.search.builders.blind_cluster import BlindCluster, blind_cluster
from tests.search.builders.people import write_people
from tests.search.builders.runs import ROOT, arguments, stored, wait_for, write_space

TRIALS = 3
NAMES = ("first", "second")


def main() -> int:
    """Runs them and returns the exit code."""
    with (
        tempfile.TemporaryDirectory(prefix="two-") as folder,
        tempfile.TemporaryDirectory(prefix="hr-", dir="/tmp") as temporary,
    ):
        laptop = Path(folder)
        write_people(laptop / "data")
        with blind_cluster(Path(temporary), laptop, cpus=2) as cluster, ExitStack() as stack:
            runs = {name: stack.enter_context(_run(cluster, laptop, name)) for name in NAMES}
            began = laptop / "results" / NAMES[0] / "study.json"
            first = runs[NAMES[0]]
            wait_for(lambda: began.exists() or first.poll() is not None)
            third = stack.enter_context(_run(cluster, laptop, NAMES[0]))
            refused = third.communicate()[0].strip()
            said = {name: run.communicate()[0] for name, run in runs.items()}
            codes = {name: run.returncode for name, run in runs.items()}
        return _tell(laptop / "results", codes, said, third.returncode, refused)


@contextmanager
def _run(cluster: BlindCluster, laptop: Path, name: str) -> Iterator["subprocess.Popen[str]"]:
    space = write_space(laptop, "gender")
    options = {"trials": TRIALS, "max_epochs": 2, "name": name, "address": cluster.address}
    given = arguments(laptop / "data", laptop / "cache", laptop / "results", space, **options)
    with subprocess.Popen(
        [sys.executable, "-m", "search", *given],
        cwd=ROOT,
        env=cluster.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _tell(
    results: Path, codes: dict[str, int], said: dict[str, str], code: int, refused: str
) -> int:
    """Prints what came of the runs and returns the exit code."""
    wrong = [f"a run of the same name ended with {code}: {refused}"] if code != 2 else []
    print("| run | exit code | trials ended | pairs with the first at once |\n|---|---|---|---|")
    spans = {}
    for name in NAMES:
        records = stored(results / name)
        ended = sum(r.state in (State.COMPLETE, State.PRUNED) for r in records.values())
        spans[name] = [(r.started, r.ended) for r in records.values() if r.started]
        if codes[name] or sorted(records) != list(range(TRIALS)) or ended != TRIALS:
            wrong.append(f"{name} has trials {sorted(records)}:\n{said[name]}")
        other = spans[NAMES[0]] if name != NAMES[0] else []
        beside = sum(a < d and c < b for a, b in spans[name] for c, d in other)
        print(f"| {name} | {codes[name]} | {ended} of {TRIALS} | {beside} |")
    print(f"\nA third of the same name: exit code {code}, {refused.splitlines()[-1:]}")
    for each in wrong:
        print(f"\nWrong: {each}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())

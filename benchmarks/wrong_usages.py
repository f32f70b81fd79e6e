"""What `headrace` answers to wrong usages, and how fast: a table in Markdown.

    python -m benchmarks.wrong_usages [--only TEXT] > wrong_usages.md

Every usage is a process of its own, started in a folder that holds none of the code. It must end
with exit code 2 and one line that states the rule, what came and the way out, without a
traceback, within five seconds on a machine with nothing else to do; looking for weights on a hub
that does not answer may take longer. Exits with 1 where one does not.

About three minutes on two quiet cores.
"""

import argparse
import csv
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
MOST_SECONDS = 5.0
_SLOW = "--pretrained"
_ENTRY = "from headrace.command import entry; entry()"
_CLOSED = "http://127.0.0.1:9"
"""A proxy that nobody is behind: the machine is offline."""
_PEOPLE = 24

USAGES = """
rnu --space age
--vresion
run
run age
run --sapce age
run --space agee
run --space age age
run --space missing.py
run --space broken.py
run --space age --budget 2hours
run --space age --budget 0m
run --space age --budget ''
run --space age --trials 0
run --space age --trials ten
run --space age --seed 1.5
run --space age --people 5
run --space age --max-epochs -1
run --space age --refit-seeds 50
run --space age --margin 1.5
run --space age --gpus-per-trial 0.3
run --space age --name a/b
run --space age --name ../a
run --space age --results a_file
run --space age --cache a_file
run --space age --data missing
run --space age --data one.jpg
run --space age --data empty
run --space age --data photos
run --space age --data faces
run --space gender --data faces --layout manifst
run --space gender --data faces --people 60
run --space all --data faces
run --space gender --data no_file
run --space gender --data odd_class
run --space gender --data faces --corrections missing.csv
run --space age --backbones resnet999
run --space age --weights-dir missing
run --space age --people 40 --pretrained
run --space age --address nowhere
run --space age --people 40 --address 127.0.0.1:9
run --space all --pseudo-threshold age=0.8
run --space all --pseudo-labels missing
run --space age --warm-start missing.json
run --resume nothere
run --resume searched --space age
run --resume searched --data faces
run --resume moved
run --resume changed
report nothere
report demo/
report searched
verdict demo --margin -1
predict nothere --images photos --out answers.csv
predict searched --images photos --out answers.csv
predict demo --images photos --out answers.csv
predict demo --images missing --out answers.csv
predict demo --images photos
ensemble demo --max-members 0
export searched --to onxx
export searched --to timm --space agee
replay missing.yaml
replay one.jpg
compare --truth truth.csv A=a.csv
compare --truth truth.csv a.csv b.csv
compare --truth missing.csv A=a.csv B=b.csv
compare --truth truth.csv A=a.csv B=other_samples.csv
compare --truth truth.csv A=a.csv B=more_classes.csv
compare --truth truth.csv A=a.csv B=words.csv
audit --data missing
audit --data faces --run nothere
screen --models resnett18 --data faces
quick --backbone resnett18 --data faces
"""
"""A line each; the files they name are made by `make_folder`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a wrong usage got."""

    usage: str
    code: int
    seconds: float
    said: str
    """All of it, both streams."""

    @property
    def wrong(self) -> str:
        """What the answer lacks; empty where it is as it must be."""
        lines = self.said.strip().splitlines()
        if "Traceback" in self.said:
            return "a traceback"
        if self.code != 2:
            return f"exit code {self.code}"
        if sum(line.startswith("headrace: ") for line in lines) != 1 or not lines[-1].startswith(
            "headrace: "
        ):
            return "not one clear line"
        if self.seconds > MOST_SECONDS and _SLOW not in self.usage:
            return f"{self.seconds:.1f} s"
        return ""


def main() -> int:
    """Prints the table; returns 1 where an answer is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="usages with this text")
    options = parser.parse_args()
    usages = [usage for usage in USAGES.strip().splitlines() if options.only in usage]
    with tempfile.TemporaryDirectory() as folder:
        make_folder(Path(folder))
        answers = []
        print("| usage | exit code | seconds | answer |\n|---|---:|---:|---|")
        for usage in usages:
            answers.append(answer(usage, Path(folder)))
            print(row(answers[-1], folder), flush=True)
    wrong = [found for found in answers if found.wrong]
    slowest = max(found.seconds for found in answers if _SLOW not in found.usage)
    print(f"\n{len(answers)} usages, the slowest in {slowest:.1f} s; wrong answers: {len(wrong)}")
    for found in wrong:
        print(f"* `headrace {found.usage}`: {found.wrong}")
    return 1 if wrong else 0


def answer(usage: str, folder: Path) -> Answer:
    """Runs a usage in a folder as a process of its own."""
    environment = {name: v for name, v in os.environ.items() if not name.startswith("HF_")}
    environment |= {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache")}
    environment |= {"HF_HOME": str(folder / "hub"), "COLUMNS": "100"}
    environment |= dict.fromkeys(
        ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _CLOSED
    )
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _ENTRY, *shlex.split(usage)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    seconds = time.monotonic() - began
    return Answer(
        usage=usage, code=done.returncode, seconds=seconds, said=done.stdout + done.stderr
    )


def row(found: Answer, folder: str) -> str:
    """Returns the row of an answer; the folder of this very run is `...` in it."""
    said = found.said.strip().replace(folder, "...").replace("|", "\\|")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    text = " / ".join(lines[-3:]) if lines else "nothing"
    return f"| `{found.usage}` | {found.code} | {found.seconds:.1f} | {text} |"


def make_folder(folder: Path) -> None:
    """Writes what the usages name: photos, small data sets, prediction files, runs."""
    (folder / "empty").mkdir()
    (folder / "a_file").write_text("a file\n", encoding="utf-8")
    (folder / "broken.py").write_text("def suggest(trial:\n", encoding="utf-8")
    picture(folder / "one.jpg", 0)
    for number in range(3):
        picture(folder / "photos" / f"{number}.jpg", number)
    make_faces(folder / "faces")
    make_faces(folder / "no_file")
    (folder / "no_file" / "images" / "3.jpg").unlink()
    make_faces(folder / "odd_class", odd="mael")
    make_predictions(folder)
    make_runs(folder)


def picture(path: Path, number: int) -> None:
    """Writes a small photo; no two are alike."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((48, 64), 40 + number).convert("RGB").save(path)


def make_faces(folder: Path, odd: str = "") -> None:
    """Writes data with a manifest, a photo a person; `odd` is the last label, where given."""
    rows = [["path", "person", "gender", "smile"]]
    for number in range(_PEOPLE):
        picture(folder / "images" / f"{number}.jpg", number)
        gender = ("female", "male")[number % 2]
        rows.append([f"images/{number}.jpg", f"p{number}", gender, ("no", "yes")[number // 2 % 2]])
    if odd:
        rows[-1][2] = odd
    write_csv(folder / "manifest.csv", rows)
    (folder / "dataset.yaml").write_text(
        "name: faces\ngroup: person\nattributes:\n  gender: {classes: [female, male]}\n"
        "  smile: {classes: ['no', 'yes']}\n",
        encoding="utf-8",
    )


def make_predictions(folder: Path) -> None:
    """Writes a truth and prediction files, some of which do not fit it."""
    samples = [f"s{number}" for number in range(12)]
    truth = [[name, f"g{n // 2}", str(n % 2)] for n, name in enumerate(samples)]
    write_csv(folder / "truth.csv", [["sample", "group", "label"], *truth])
    right = [[name, "0.75", "0.25"] for name in samples]
    header = ["sample", "p0", "p1"]
    write_csv(folder / "a.csv", [header, *right])
    write_csv(folder / "b.csv", [header, *([n, q, p] for n, p, q in right)])
    write_csv(folder / "other_samples.csv", [header, *right[:-1], ["s99", "0.5", "0.5"]])
    write_csv(folder / "words.csv", [header, *right[:-1], ["s11", "likely", "0.5"]])
    more = [[name, "0.5", "0.25", "0.25"] for name in samples]
    write_csv(folder / "more_classes.csv", [[*header, "p2"], *more])


def write_csv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Writes a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def make_runs(folder: Path) -> None:
    """Copies the demo's run, and makes others of it: one that only searched, and moved ones."""
    results = folder / "results"
    demo = results / "demo"
    shutil.copytree(ROOT / "results" / "demo", demo)
    for name, data in told_data(folder):
        (results / name).mkdir()
        shutil.copytree(demo / "best", results / name / "best")
        shutil.copy(demo / "trials.csv", results / name)
        study = json.loads((demo / "study.json").read_text(encoding="utf-8"))
        study["config"] |= {"name": name, **data}
        (results / name / "study.json").write_text(json.dumps(study), encoding="utf-8")


def told_data(folder: Path) -> Iterator[tuple[str, dict[str, str | list[str]]]]:
    """Yields runs by name with what their study says of the data."""
    yield "searched", {}
    yield "moved", {"data": str(folder / "was" / "here")}
    yield "changed", {"data": str(folder / "faces"), "spaces": ["gender"]}


if __name__ == "__main__":
    raise SystemExit(main())

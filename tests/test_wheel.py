"""The wheel: it holds what runs, with its data files, and nothing else."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("headrace", "search", "spaces", "trainables")
_BUILD = "import sys; from setuptools import build_meta as b; print(b.build_wheel(sys.argv[1]))"
_LEFT_OUT = shutil.ignore_patterns("__pycache__")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Returns the wheel, built offline from a copy: a build leaves folders beside the source."""
    pytest.importorskip("setuptools", minversion="77")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("out")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in (*PACKAGES, "tests", "benchmarks", "deploy", "docs"):
        shutil.copytree(ROOT / name, source / name, ignore=_LEFT_OUT)
    (source / "results" / "mine").mkdir(parents=True)
    (source / "results" / "mine" / "study.json").write_text("{}", encoding="utf-8")
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _BUILD, str(out)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (built,) = out.glob("headrace-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Returns a folder with the content of the wheel, as an installation has it."""
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def run(installed, folder, *words, program="from headrace.command import entry; entry()"):
    """Runs Python in a folder of the user's, where headrace is known by its wheel alone."""
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_holds_every_file_of_the_packages_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    inside = {name for name in names if ".dist-info/" not in name}
    source = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert inside == source
    for name in ("search/report/templates/style.css", "headrace/py.typed", "spaces/py.typed"):
        assert name in inside
    assert {name.rpartition("/")[2] for name in names - inside} >= {"LICENSE", "entry_points.txt"}


def test_its_command_is_that_of_the_project(installed):
    (info,) = installed.glob("headrace-*.dist-info")
    text = (info / "entry_points.txt").read_text(encoding="utf-8")
    assert "headrace = headrace.command:entry" in text
    assert "Requires-Python: >=3.11" in (info / "METADATA").read_text(encoding="utf-8")


def test_its_code_is_what_runs_beside_modules_of_the_user_s(installed, tmp_path):
    for name in ("search", "spaces", "trainables"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('mine')\n", encoding="utf-8")
    where = (
        "from headrace import own_packages; own_packages.claim(); "
        "import search, spaces, trainables; "
        "print(*{module.__file__ for module in (search, spaces, trainables)}, sep='\\n')"
    )
    done = run(installed, tmp_path, program=where)
    assert done.returncode == 0, done.stderr
    assert all(line.startswith(str(installed)) for line in done.stdout.splitlines())
    assert len(done.stdout.splitlines()) == 3


def test_it_judges_and_writes_a_page_from_any_folder(installed, tmp_path):
    rows = [f"s{number},g{number // 2},{number % 2}" for number in range(20)]
    (tmp_path / "truth.csv").write_text("\n".join(["sample,group,label", *rows]), encoding="utf-8")
    for name, right in (("a", 0.9), ("b", 0.6)):
        sides = ((right, 1 - right), (1 - right, right))
        guesses = ["s{},{:.1f},{:.1f}".format(n, *sides[n % 2]) for n in range(20)]
        text = "\n".join(["sample,p0,p1", *guesses])
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    done = run(installed, tmp_path, "compare", "--truth", "truth.csv", "A=a.csv", "B=b.csv")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "compared" / "report.html").read_text(encoding="utf-8")
    assert "<style>" in page
    assert "addEventListener" in page

"""Imports point one way, and each heavy dependency is known to a few files."""

import ast
import subprocess
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("search", "spaces", "trainables")

RAY_FILES = {
    "search/tuning/cluster.py",
    "search/refit/pool.py",
    "search/tuning/scheduler.py",
    "search/tuning/searcher.py",
    "search/tuning/tune_run.py",
    "search/tuning/worker.py",
}
OPTUNA_FILES = {
    "search/tuning/journal.py",
    "search/tuning/known_configs.py",
    "search/analysis/importance.py",
}
"""Beside all of spaces/."""
TIMM_FILES = {"trainables/backbone.py", "trainables/optimizer.py"}


@cache
def sources():
    """Returns the parsed source files of the packages by path from the root."""
    files = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in files
    }


@cache
def imports():
    """Returns the dotted names that each file imports, wherever in the file."""
    return {path: frozenset(_imported(tree)) for path, tree in sources().items()}


def _imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(package, under=""):
    """Returns the files under a path that import a package or anything in it."""
    return {
        path
        for path, names in imports().items()
        if path.startswith(under) and package in {name.partition(".")[0] for name in names}
    }


def test_the_walk_finds_the_imports_that_are_there():
    assert importers("torch") >= {"trainables/classifier.py", "trainables/losses.py"}
    assert importers("trainables", "search/") >= {"search/trial/trial_run.py"}
    assert importers("spaces", "search/")


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("spaces", "trainables"),
        ("spaces", "search"),
        ("trainables", "spaces"),
        ("trainables", "search"),
    ],
)
def test_imports_point_from_search_to_spaces_and_trainables_alone(package, forbidden):
    assert importers(forbidden, f"{package}/") == set()


def test_no_import_is_relative():
    relative = {path: n for path, names in imports().items() for n in names if n.startswith(".")}
    assert relative == {}


def test_no_test_imports_a_benchmark():
    found = {
        path.name
        for path in (ROOT / "tests").rglob("*.py")
        for name in _imported(ast.parse(path.read_text(encoding="utf-8")))
        if name.partition(".")[0] == "benchmarks"
    }
    assert found == set()


@pytest.mark.parametrize(
    ("dependency", "allowed"),
    [("ray", RAY_FILES), ("optuna", OPTUNA_FILES), ("timm", TIMM_FILES)],
)
def test_a_heavy_dependency_is_imported_by_its_own_files_and_each_of_them_does(
    dependency, allowed
):
    found = {path for path in importers(dependency) if not path.startswith("spaces/")}
    assert found == allowed
    assert all((ROOT / path).is_file() for path in allowed)


@pytest.mark.parametrize("dependency", ["torch", "torchvision", "ray", "timm"])
def test_spaces_are_sayable_without_anything_heavy(dependency):
    assert importers(dependency, "spaces/") == set()


@pytest.mark.parametrize("dependency", ["ray", "optuna", "rich", "tensorboard"])
def test_trainables_know_nothing_of_the_search(dependency):
    assert importers(dependency, "trainables/") == set()


@pytest.mark.parametrize(
    "dependency", ["torch", "torchvision", "timm", "ray", "PIL", "trainables", "spaces"]
)
def test_the_analysis_works_on_arrays_and_records_alone(dependency):
    # Optuna's own rule is above: the importance of parameters is its method on its own trials.
    assert importers(dependency, "search/analysis/") == set()


def test_no_module_of_search_hides_another_when_run_as_a_script():
    installed = {
        name for name, owners in packages_distributions().items() if owners != ["headrace"]
    }
    taken = set(sys.stdlib_module_names) | installed
    own = {path.stem for path in (ROOT / "search").iterdir() if not path.name.startswith("_")}
    assert own & taken == set()
    assert {"run", "console", "analysis"} <= own


BLOCKED = """
import sys
for name in ("ray", "optuna", "search", "spaces"):
    sys.modules[name] = None
import trainables.classifier
import trainables.data.sample_table
print(trainables.classifier.ImageClassifier.__name__)
"""


def test_a_training_needs_neither_ray_nor_optuna():
    command = [sys.executable, "-c", BLOCKED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "ImageClassifier"

"""Imports point one way, and each heavy dependency is known to a few files."""

import ast
import subprocess
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("headrace", "search", "spaces", "trainables")

FLOORS = {
    "search": {
        "cli": 7,
        "verdict": 6,
        "audit": 5,
        "ensemble": 5,
        "export": 5,
        "pseudo": 5,
        "screen": 5,
        "tuning": 5,
        "why": 5,
        "predict": 4,
        "refit": 4,
        "trial": 4,
        "prepare": 3,
        "report": 3,
        "analysis": 2,
        "store": 2,
        "console": 1,
        "ending": 1,
        "ray_settings": 1,
        "errors": 0,
    },
    "search/analysis": {
        "reasons": 7,
        "verdict": 7,
        "approaches": 6,
        "ensemble": 6,
        "probing": 3,
        "race": 6,
        "shift": 6,
        "wording": 6,
        "uncertainty": 5,
        "label_noise": 4,
        "people": 4,
        "choice": 6,
        "data_look": 3,
        "examples": 7,
        "exact": 3,
        "fitting": 3,
        "near_duplicates": 3,
        "portfolio": 3,
        "recombine": 3,
        "curves": 2,
        "metrics": 2,
        "plain": 2,
        "errors": 1,
    },
    "search/report": {
        "render": 6,
        "handin": 5,
        "page": 5,
        "sections": 4,
        "figures": 3,
        "contents": 2,
        "markdown": 2,
        "document": 1,
        "shift": 1,
        "errors": 0,
    },
}
"""A room imports from lower floors alone; a new room gets its floor here."""
DOORS = {"search": {"__init__", "__main__", "run"}}
"""Loose files over all floors: nothing imports them."""
RAY_ROOMS = (
    "search/tuning/",
    "search/refit/fleet.py",
    "search/refit/on_worker.py",
    "search/refit/pool.py",
    "search/refit/transfer.py",
)
OPTUNA_ROOMS = ("search/tuning/", "search/prepare/offered.py", "spaces/")
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
        ("search", "headrace"),
        ("spaces", "headrace"),
        ("trainables", "headrace"),
    ],
)
def test_imports_point_from_the_public_names_down_to_spaces_and_trainables(package, forbidden):
    assert importers(forbidden, f"{package}/") == set()


def test_no_import_is_relative():
    relative = {path: n for path, names in imports().items() for n in names if n.startswith(".")}
    assert relative == {}


def test_no_test_imports_a_benchmark_but_its_own():
    found = {
        path.name
        for path in (ROOT / "tests").rglob("*.py")
        if path.parent != ROOT / "tests" / "benchmarks"
        for name in _imported(ast.parse(path.read_text(encoding="utf-8")))
        if name.partition(".")[0] == "benchmarks"
    }
    assert found == set()


def against_the_floors(root, imported):
    """Returns a sentence for every import between rooms of a folder that does not point down.

    Args:
        root: the folder, such as "search/analysis".
        imported: the dotted names that each file imports, by path.
    """
    floors, dotted = FLOORS[root], root.replace("/", ".") + "."
    found = []
    for path, names in imported.items():
        own = room_of(path, root)
        for name in sorted(names):
            other = name.removeprefix(dotted).partition(".")[0] if name.startswith(dotted) else ""
            if own not in floors or other not in floors or other == own:
                continue
            if floors[other] >= floors[own]:
                found.append(
                    f"{path} is on floor {floors[own]} and imports {name} of floor "
                    f"{floors[other]}; a room imports from lower floors alone, so the line "
                    f"belongs in {root}/{other} or above it: {purpose(root, other)}"
                )
    return found


def room_of(path, root):
    """Returns the room of a file below a folder; an empty string for a file elsewhere."""
    if not path.startswith(f"{root}/"):
        return ""
    return path.removeprefix(f"{root}/").partition("/")[0].removesuffix(".py")


def purpose(root, room):
    """Returns what a room is for, as its first docstring says."""
    for path in (f"{root}/{room}/__init__.py", f"{root}/{room}.py"):
        if path in sources():
            return ast.get_docstring(sources()[path]).partition("\n")[0]
    return ""


@pytest.mark.parametrize("root", FLOORS)
def test_every_room_has_its_floor(root):
    rooms = {room_of(path, root) for path in sources()} - {""}
    assert rooms - DOORS.get(root, {"__init__"}) == set(FLOORS[root])


@pytest.mark.parametrize("root", FLOORS)
def test_rooms_import_from_lower_floors_alone(root):
    assert against_the_floors(root, imports()) == []


def test_an_import_against_the_floors_is_told_with_the_room_where_it_belongs():
    upward = {"search/store/files.py": {"search.refit.approaches.Lineup", "search.errors"}}
    (sentence,) = against_the_floors("search", upward)
    assert sentence == (
        "search/store/files.py is on floor 2 and imports search.refit.approaches.Lineup of floor "
        "4; a room imports from lower floors alone, so the line belongs in search/refit or above "
        "it: The finalists trained again on person-disjoint folds, and what that leaves on disk."
    )
    beside = {"search/why/stage.py": {"search.pseudo.stage"}}
    assert len(against_the_floors("search", beside)) == 1


@pytest.mark.parametrize(("dependency", "rooms"), [("ray", RAY_ROOMS), ("optuna", OPTUNA_ROOMS)])
def test_an_engine_is_known_to_its_own_rooms(dependency, rooms):
    found = importers(dependency)
    assert {path for path in found if not path.startswith(rooms)} == set()
    assert all(any(path.startswith(room) for path in found) for room in rooms)


ALONE = "search/export/run_onnx.py"
"""Runs without headrace, on photos and networks of who runs it."""
BOUNDED = {
    "np.load": set(),
    "yaml.load": {"trainables/data/bounded_files.py"},
    "yaml.safe_load": set(),
    "json.load": set(),
    "json.loads": {"trainables/data/bounded_files.py", ALONE},
    "Image.open": {"trainables/data/image_decoding.py", ALONE},
    "pickle.load": set(),
    "pickle.loads": set(),
}
"""Calls that read what anybody may have written, and the files that put bounds to them."""


@pytest.mark.parametrize("call", BOUNDED)
def test_what_anybody_may_have_written_is_read_within_bounds(call):
    found = {
        path
        for path, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == call
    }
    assert found == BOUNDED[call]


def test_timm_is_known_to_its_own_files():
    assert importers("timm") == TIMM_FILES


LIGHT = {
    "headrace": {"ray", "optuna", "torch", "torchvision", "timm", "pandas", "rich", "scipy"},
    "search.verdict.compare": {"ray", "optuna", "torch", "torchvision", "timm"},
    "search.verdict.stage": {"ray", "optuna"},
    "search.ensemble.stage": {"ray", "optuna"},
    "search.predict.command": {"ray", "optuna"},
    "search.export.command": {"ray", "optuna"},
    "search.audit.stage": {"ray", "optuna"},
    "search.screen.stage": {"ray", "optuna"},
    "search.screen.quick": {"ray", "optuna"},
    "search.cli.commands": {"ray", "optuna", "torch", "torchvision", "timm", "pandas"},
    "search.cli.run": {"sklearn", "cmaes"},
    "search.tuning.worker": {"optuna"},
    "trainables.classifier": {"ray", "optuna", "rich", "tensorboard"},
}
"""Modules, and what is not loaded with them, by whatever chain of imports."""


@pytest.mark.parametrize("module", LIGHT)
def test_the_light_ways_load_nothing_heavy_by_any_chain(module):
    chains = loaded_with(module)
    heavy = {name: chains[name] for name in chains if name.partition(".")[0] in LIGHT[module]}
    assert heavy == {}


def test_a_run_begins_without_the_distributions_of_scipy():
    """They are slow to load, and nothing before the verdict needs them."""
    assert "scipy.stats" not in loaded_with("search.cli.run")


def test_the_chains_of_imports_are_followed():
    assert "search.tuning.tune_run" in loaded_with("search.tuning.stage")
    assert "ray.tune" in loaded_with("search.tuning.stage")
    assert "torch" in loaded_with("search.predict.command")


def loaded_with(module):
    """Returns what is imported when a module is, each with the chain of modules that does it."""
    chains, waiting = {module: ()}, [module]
    while waiting:
        name = waiting.pop()
        for parent in [name.rpartition(".")[0], *loaded_by(name)]:
            if parent and parent not in chains:
                chains[parent] = (*chains[name], name)
                waiting.append(parent)
    return chains


@cache
def loaded_by(module):
    """Returns what a module of ours imports at once: not in functions, not for types."""
    base = module.replace(".", "/")
    path = next((p for p in (f"{base}.py", f"{base}/__init__.py") if p in sources()), None)
    if path is None:
        return frozenset()
    found = set()
    for name in _imported(ast.Module(body=list(_at_once(sources()[path].body)), type_ignores=[])):
        ours = name.partition(".")[0] in PACKAGES
        known = {f"{name.replace('.', '/')}.py", f"{name.replace('.', '/')}/__init__.py"}
        if not ours or known & set(sources()):
            found.add(name)
    return frozenset(found)


def _at_once(body):
    for node in body:
        for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not for_types and isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.Try | ast.With):
            yield from _at_once(node.body)


@pytest.mark.parametrize("dependency", ["torch", "torchvision", "ray", "timm"])
def test_spaces_are_sayable_without_anything_heavy(dependency):
    assert importers(dependency, "spaces/") == set()


@pytest.mark.parametrize("dependency", ["ray", "optuna", "rich", "tensorboard"])
def test_trainables_know_nothing_of_the_search(dependency):
    assert importers(dependency, "trainables/") == set()


@pytest.mark.parametrize(
    "dependency",
    ["torch", "torchvision", "timm", "ray", "optuna", "PIL", "trainables", "spaces"],
)
def test_the_analysis_works_on_arrays_and_records_alone(dependency):
    assert importers(dependency, "search/analysis/") == set()


def test_no_module_of_search_hides_another_when_run_as_a_script():
    installed = {
        name for name, owners in packages_distributions().items() if owners != ["headrace"]
    }
    taken = set(sys.stdlib_module_names) | installed
    paths = (p for p in (ROOT / "search").iterdir() if p.is_dir() or p.suffix == ".py")
    own = {path.stem for path in paths if not path.name.startswith("_")}
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

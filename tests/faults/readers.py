"""Every reader of a file that a user gives or a run keeps, with a valid file to begin with."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import spaces
from search.cli.options import build_parser
from search.cli.run_config import resumed_config
from search.export.to_portfolio import portfolio_of
from search.export.to_timm import read_best
from search.predict.ensemble import Ensemble
from search.predict.label_shift_files import SHIFT_FILE, read_shifts
from search.predict.oof import OutOfFold
from search.predict.spec import ENSEMBLE_FILE, OOF_FILE, EnsembleSpec
from search.prepare.saved_run import load_run
from search.refit.approaches import Lineup
from search.refit.files import RefitFiles
from search.refit.refitted import Refitted
from search.refit.unit_file import TrainedUnit, head_arrays
from search.refit.units import Unit
from search.report.shift import Shift
from search.store.best_file import BestFile
from search.store.files import SCHEMA, write_arrays, write_json
from search.store.portfolio_file import PORTFOLIO_FILE, read_portfolio, write_portfolio
from search.store.race_file import Left, read_race, write_race
from search.store.run_store import IMPORTANCE_FILE, RunStore
from search.store.screen_file import read_offer, write_screen
from search.tuning.journal import clear_leftovers, open_storage, read_trials
from search.verdict.compare import read_files
from search.verdict.report_contents import importances
from search.verdict.stage import read_ensemble
from search.why.plan import ControlCosts, plan_controls
from search.why.record import WHY_FILE, read_record
from search.why.stage import planned_units, record_why
from tests.faults import mutations
from tests.faults.mutations import BYTES, TEXT, Mutation
from tests.faults.photos import photo
from tests.search.builders.ensembles import made_oof, made_spec, write_ensemble
from tests.search.builders.made_refit import LINEUP, write_parts, write_refit
from tests.search.builders.made_why import made_design, made_refitted, write_units
from tests.trainables.data.folders import write_flat, write_image, write_manifest, write_profiles
from trainables.data import layouts
from trainables.data.layouts import flat

BEGUN = Path(__file__).parents[1] / "assets" / "begun"
DEMO = Path(__file__).parents[2] / "results" / "demo"

Read = Callable[[], object]
Made = tuple[Path, Read]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A reader and its file.

    Attributes:
        make: writes valid files into an empty folder; returns the one that is changed, and what
            reads it.
        mutations: of the file's format.
        beside: files that may be named in its place, where the two contradict each other.
        share: of the inputs asked for, where reading one takes long.
    """

    make: Callable[[Path], Made]
    mutations: tuple[Mutation, ...]
    beside: tuple[str, ...] = ()
    share: float = 1.0


def _begun(folder: Path) -> RunStore:
    shutil.copytree(BEGUN, folder / "run", ignore=shutil.ignore_patterns("predictions"))
    return RunStore(folder / "run")


def study(folder: Path) -> Made:
    """What the commands on a run ask of its study.json."""
    store = _begun(folder)
    resumed = build_parser().parse_args(["run", "--resume", "run", "--results", str(folder)])

    def read() -> None:
        Lineup.of_study(RunStore.open(folder, "run").read_study())
        load_run(store)
        resumed_config(resumed)

    return store.root / "study.json", read


def journal(folder: Path) -> Made:
    """The journal as whoever only reads it sees it."""
    store = _begun(folder)
    return store.journal, lambda: load_run(store)


def journal_of_optuna(folder: Path) -> Made:
    """The journal as a run that goes on opens it, after our own reader."""
    store = _begun(folder)
    name = store.read_study()["studies"]["age"]

    def read() -> None:
        load_run(store)
        clear_leftovers(store.journal)
        open_storage(store.journal)
        read_trials(store.journal, name)

    return store.journal, read


def portfolio(folder: Path) -> Made:
    """portfolio.json of another run, as `--warm-start` reads it."""
    path = folder / PORTFOLIO_FILE
    write_portfolio(path, portfolio_of(_begun(folder)))
    return path, lambda: read_portfolio(path)


def race(folder: Path) -> Made:
    """race.json, as the verdict and a resumed race ask it."""
    store = RunStore(folder)
    write_race(store, [Left(approach="joint", chance=0.01, device_seconds=90.0)])
    return folder / "race.json", lambda: read_race(store)


def trials(folder: Path) -> Made:
    """trials.csv, which tells whether the journal is whole."""
    store = _begun(folder)
    store.write_trials(load_run(store).records)
    return store.root / "trials.csv", lambda: load_run(store)


def best(folder: Path) -> Made:
    """best/<space>.yaml as the report, a replay and an export ask it."""
    store = _begun(folder)
    path = store.best_path("age")
    schema = Lineup.of_study(store.read_study()).schema

    def read() -> None:
        load_run(store)
        BestFile.read(path)
        read_best(path, schema)

    return path, read


def _refit(folder: Path) -> RunStore:
    return write_refit(folder / "run", dict.fromkeys(LINEUP.blocks, 0.8))


def truth(folder: Path) -> Made:
    """truth.csv of a refit, as later stages ask it."""
    store = _refit(folder)
    return store.predictions / "truth.csv", lambda: Refitted.read(store, LINEUP)


def refit_note(folder: Path) -> Made:
    """refit.json."""
    store = _refit(folder)
    return store.predictions / "refit.json", lambda: Refitted.read(store, LINEUP)


def refitted(folder: Path) -> Made:
    """The predictions of all folds of a config."""
    store = _refit(folder)
    path = store.predictions / "multihead.1.0.npz"
    rows = {
        head: np.full((180, size), 1 / size) for head, size in LINEUP.sizes("multihead").items()
    }
    arrays = head_arrays(rows, rows)
    write_arrays(path, arrays)
    write_parts(store.predictions, "multihead.1.0", arrays)
    return path, lambda: Refitted.read(store, LINEUP).mirrored


def unit(folder: Path) -> Made:
    """What one training left."""
    files = RefitFiles(folder)
    config = {"target.attributes": ("age",), "target.form": "softmax"}
    one = Unit(space="age", config_id="1", seed=0, fold=0, config=config)
    heads = {"age": np.full((4, 3), 1 / 3, dtype=np.float32)}
    trained = TrainedUnit(
        indices=np.arange(4),
        seconds=2.5,
        key="0123456789abcdef",
        note={"mean": (0.5,) * 3, "std": (0.5,) * 3, "parameters": 3, "gradient_cosine": []},
        heads=heads,
        mirrored=heads,
    )
    files.write_unit(one, trained)

    def read() -> None:
        files.seconds("age")
        files.notes("age", "1", [0], 1)
        files.read_unit(one)

    return folder / "parts" / f"{one.name}.npz", read


def validation(folder: Path) -> Made:
    """The validation predictions of a trial."""
    store = RunStore(folder)
    path = store.validation_path("age", 1)
    write_arrays(path, {"indices": np.arange(5), "probabilities": np.full((5, 3), 1 / 3)})
    return path, lambda: store.read_validation("age", 1)


def why(folder: Path) -> Made:
    """why.json."""
    design = made_design()
    found = made_refitted(folder, design, lambda space, config_id: 0.9)
    costs = dict.fromkeys(found.lineup.blocks, 1.0)
    plan = plan_controls(design, _costs(costs), None)
    write_units(found, planned_units(design, plan), lambda space, config_id: 0.9)
    record_why(found, design, plan)
    return found.store.root / WHY_FILE, lambda: read_record(found)


def _costs(seconds: Mapping[str, float]) -> ControlCosts:
    return ControlCosts(seconds=seconds, slots=1)


def importance(folder: Path) -> Made:
    """importance.json."""
    store = _begun(folder)
    run = load_run(store)
    values = {"schema": SCHEMA, "spaces": {"age": {"optim.lr": 0.7, "head.dropout": 0.1}}}
    write_json(store.root / IMPORTANCE_FILE, values)
    return store.root / IMPORTANCE_FILE, lambda: importances(store, run)


def ensemble(folder: Path) -> Made:
    """ensemble.yaml."""
    made_spec().write(folder)
    return folder / ENSEMBLE_FILE, lambda: EnsembleSpec.read(folder)


def weights(folder: Path) -> Made:
    """The weights of a network of an ensemble."""
    spec = write_ensemble(folder)
    part = next(part for part in spec.parts if part.space == "gender")
    predictor = Ensemble.load(folder, "cpu").predictor(part)
    path = folder / part.files[0]
    return path, lambda: predictor.load(path)


def out_of_fold(folder: Path) -> Made:
    """oof.npz of an ensemble."""
    made_oof().write(folder)
    return folder / OOF_FILE, lambda: OutOfFold.read(folder)


def summary(folder: Path) -> Made:
    """summary.json of an ensemble, as the report asks it."""
    store = RunStore(folder)
    path = folder / "ensemble" / "summary.json"
    path.parent.mkdir()
    shutil.copyfile(DEMO / "ensemble" / "summary.json", path)
    return path, lambda: read_ensemble(store)


def shift(folder: Path) -> Made:
    """label_shift.json."""
    found = Shift(
        name="gender",
        classes=("male", "female"),
        **dict.fromkeys(("training", "predicted", "averaged", "estimated"), (0.5, 0.5)),
        low=(0.4, 0.4),
        high=(0.6, 0.6),
    )
    write_json(folder / SHIFT_FILE, {"schema": 1, "targets": [found.to_dict()]})
    return folder / SHIFT_FILE, lambda: read_shifts(folder)


def screen(folder: Path) -> Made:
    """The backbones that screen.json offers."""
    path = folder / "screen.json"
    write_screen(path, {"offer": ["test_resnet", "resnet18"], "ranked_by": "joint"})
    return path, lambda: read_offer(path)


def _compared(folder: Path) -> Read:
    rng = np.random.default_rng(0)
    label = np.repeat(rng.integers(0, 3, 12), 2)
    samples = [f"photo {n}" for n in range(24)]
    frame = pd.DataFrame({"sample": samples, "group": np.repeat(np.arange(12), 2), "label": label})
    frame.assign(fold=frame["group"] % 2).to_csv(folder / "truth.csv", index=False)
    for name in ("a", "b"):
        probs = rng.dirichlet(np.ones(3), 48)
        table = pd.DataFrame(probs, columns=["p0", "p1", "p2"])
        table.insert(0, "sample", samples * 2)
        table.assign(seed=np.repeat([0, 1], 24)).to_csv(folder / f"{name}.csv", index=False)
    files = {name: folder / f"{name}.csv" for name in ("a", "b")}
    return lambda: read_files(folder / "truth.csv", files)


def compared_truth(folder: Path) -> Made:
    """The truth of `headrace compare`."""
    read = _compared(folder)
    return folder / "truth.csv", read


def compared_predictions(folder: Path) -> Made:
    """A prediction file of `headrace compare`."""
    read = _compared(folder)
    return folder / "a.csv", read


def _manifest(folder: Path) -> Read:
    rows = ("1.jpg,p,male,25", "2.jpg,q,female,40", "3.jpg,r,male,61", "4.jpg,s,female,33")
    yaml = (
        "name: faces\nlicence: mine\ngroup: group\npath: path\nattributes:\n"
        "  gender: {classes: [male, female]}\n"
        '  age: {bins: [30, 60], classes: ["<30", "30-59", ">=60"], ordered: true}\n'
        "ignore: []\n"
    )
    root = write_manifest(folder / "data", ("path,group,gender,age", *rows), yaml)
    for name in "1234":
        write_image(root / f"{name}.jpg")
    return lambda: layouts.load(root)


def manifest(folder: Path) -> Made:
    """manifest.csv."""
    read = _manifest(folder)
    return folder / "data" / "manifest.csv", read


def dataset_yaml(folder: Path) -> Made:
    """dataset.yaml."""
    read = _manifest(folder)
    return folder / "data" / "dataset.yaml", read


def corrections(folder: Path) -> Made:
    """corrections.csv beside the data."""
    read = _manifest(folder)
    path = folder / "data" / "corrections.csv"
    rows = ("p,gender,female,seen", "2.jpg,age,61,told", "r/3,gender,female,both ways")
    text = "\n".join(("group_or_path,attribute,label,reason", *rows, ""))
    path.write_text(text, encoding="utf-8")
    return path, read


def file_names(folder: Path) -> Made:
    """A dataset.yaml that reads labels from the names of photos."""
    yaml = (
        'file_names: "{age}_{gender}_{date}"\ngroup: path\nimages: photos\nmax_pixels: 100000\n'
        "attributes:\n  age: {bins: [30, 60]}\n"
        "  gender: {classes: {0: male, 1: female}, ordered: false}\nignore: others\n"
    )
    root = folder / "data"
    for age, gender in ((25, 0), (40, 1), (61, 0)):
        write_image(root / "photos" / f"{age}_{gender}_2017.jpg")
    path = root / "dataset.yaml"
    path.write_text(yaml, encoding="utf-8")
    return path, lambda: layouts.load(root, "manifest")


def profiles(folder: Path) -> Made:
    """train.csv of the competition's folders."""
    people = [("001", "male", "25"), ("002", "female", "61"), ("003", "male", "40")]
    root = write_profiles(folder / "data", people)
    return root / "train.csv", lambda: layouts.load(root)


def listed(folder: Path) -> Made:
    """info.csv of photos to predict."""
    root = write_flat(folder / "data", ["a.jpg", "b.jpg"])
    return root / "info.csv", lambda: flat.read(root)


SPACE = '''"""A space of my own."""

from spaces import groups

ATTRIBUTE = "gender"
WARM_START = [{"optim.lr": 0.001}]


def suggest(trial, schema, scale):
    trial.suggest_categorical("backbone.name", ["test_resnet"])
    return groups.optimizer(trial, scale)
'''


def space_file(folder: Path) -> Made:
    """A space of the user: Python, run as it is."""
    path = folder / "mine.py"
    path.write_text(SPACE, encoding="utf-8")
    return path, lambda: spaces.load(str(path), LINEUP.schema)


READERS = {
    "study": Reader(
        make=study,
        mutations=(*TEXT, mutations.json_value),
        beside=("optuna.journal",),
        share=0.3,
    ),
    "journal": Reader(make=journal, mutations=(*TEXT, *[mutations.json_line] * 3), share=0.3),
    "journal_of_optuna": Reader(
        make=journal_of_optuna, mutations=(*TEXT, *[mutations.json_line] * 3), share=0.1
    ),
    "trials": Reader(make=trials, mutations=(*TEXT, *[mutations.csv_cell] * 3), share=0.3),
    "portfolio": Reader(make=portfolio, mutations=(*TEXT, *[mutations.json_value] * 3)),
    "race": Reader(make=race, mutations=(*TEXT, *[mutations.json_value] * 3)),
    "best": Reader(make=best, mutations=(*TEXT, *[mutations.yaml_value] * 3), share=0.2),
    "truth": Reader(make=truth, mutations=(*TEXT, *[mutations.csv_cell] * 3), share=0.2),
    "refit_note": Reader(make=refit_note, mutations=(*TEXT, mutations.json_value), share=0.2),
    "refitted": Reader(make=refitted, mutations=(*BYTES, mutations.npz_array), share=0.1),
    "unit": Reader(make=unit, mutations=(*BYTES, mutations.npz_array)),
    "validation": Reader(make=validation, mutations=(*BYTES, mutations.npz_array)),
    "why": Reader(make=why, mutations=(*TEXT, *[mutations.json_value] * 3)),
    "importance": Reader(make=importance, mutations=(*TEXT, mutations.json_value)),
    "ensemble": Reader(make=ensemble, mutations=(*TEXT, *[mutations.yaml_value] * 3), share=0.1),
    "weights": Reader(make=weights, mutations=BYTES, share=0.3),
    "out_of_fold": Reader(make=out_of_fold, mutations=(*BYTES, mutations.npz_array)),
    "summary": Reader(make=summary, mutations=(*TEXT, *[mutations.json_value] * 3)),
    "shift": Reader(make=shift, mutations=(*TEXT, *[mutations.json_value] * 3)),
    "screen": Reader(make=screen, mutations=(*TEXT, *[mutations.json_value] * 3)),
    "compared_truth": Reader(
        make=compared_truth,
        mutations=(*TEXT, mutations.csv_cell),
        beside=("a.csv", "b.csv"),
        share=0.3,
    ),
    "compared_predictions": Reader(
        make=compared_predictions, mutations=(*TEXT, mutations.csv_cell), share=0.3
    ),
    "manifest": Reader(make=manifest, mutations=(*TEXT, *[mutations.csv_cell] * 3)),
    "dataset_yaml": Reader(
        make=dataset_yaml,
        mutations=(*TEXT, *[mutations.yaml_value] * 3),
        beside=("manifest.csv",),
    ),
    "corrections": Reader(make=corrections, mutations=(*TEXT, *[mutations.csv_cell] * 3)),
    "file_names": Reader(
        make=file_names,
        mutations=(*TEXT, *[mutations.yaml_value] * 3),
        beside=("manifest.csv", "_2017.jpg"),
    ),
    "profiles": Reader(make=profiles, mutations=(*TEXT, mutations.csv_cell)),
    "listed": Reader(make=listed, mutations=(*TEXT, mutations.csv_cell)),
    "space_file": Reader(make=space_file, mutations=TEXT),
    **{
        f"photo_{suffix}": Reader(make=photo(suffix), mutations=BYTES)
        for suffix in ("jpg", "png", "bmp", "webp")
    },
}

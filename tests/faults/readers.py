"""Every reader of a file that a run keeps, with a valid file to begin with, and all others."""

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from search.analysis.data_look import photo_facts
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
from search.report.contents import DataFacts, ReportContents
from search.report.handin.template import Template
from search.report.render import render_html
from search.report.shift import Shift
from search.store.best_file import SEARCH_CHOICE, BestFile, best_text, search_choice
from search.store.files import SCHEMA, write_arrays, write_json, write_text
from search.store.mirror import MARK, Mirror, address_of, left_in_store
from search.store.photos_file import PHOTOS_FILE, read_photos, write_photos
from search.store.portfolio_file import PORTFOLIO_FILE, read_portfolio, write_portfolio
from search.store.race_file import Left, read_race, write_race
from search.store.reading import read_yaml
from search.store.remote import RemoteFolder
from search.store.run_store import IMPORTANCE_FILE, RunStore
from search.store.screen_file import read_offer, write_screen
from search.tuning.journal import clear_leftovers, open_storage, read_trials
from search.verdict.handin import AUDIT_FILE, VERDICT_FILE, write_handin
from search.verdict.photos import PHOTO_FACTS_FILE, read_photo_facts
from search.verdict.report_contents import importances
from search.verdict.stage import read_ensemble
from search.why.plan import ControlCosts, plan_controls
from search.why.record import WHY_FILE, read_record
from search.why.stage import planned_units, record_why
from tests.faults import mutations
from tests.faults.cache_readers import KEPT
from tests.faults.given_readers import GIVEN
from tests.faults.mutations import BYTES, TEXT
from tests.faults.reader import Made, Reader
from tests.search.builders.ensembles import made_oof, made_spec, write_ensemble
from tests.search.builders.made_refit import LINEUP, write_parts, write_refit
from tests.search.builders.made_why import made_design, made_refitted, write_units
from trainables.data.thumbnails import thumbnail

BEGUN = Path(__file__).parents[1] / "assets" / "begun"
DEMO = Path(__file__).parents[2] / "results" / "demo"


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


def listed(folder: Path) -> Made:
    """trials.csv of a run without its journal, which a form takes its trials from."""
    path, _ = trials(folder)
    store = RunStore(path.parent)
    store.journal.unlink()
    return path, lambda: write_handin(store, Template.WRAPUP_KO)


def verdict(folder: Path) -> Made:
    """verdict.json, as the forms take their figures from it."""
    shutil.copytree(DEMO, folder / "demo", ignore=shutil.ignore_patterns("*.html"))
    store = RunStore(folder / "demo")

    def read() -> None:
        for template in Template:
            write_handin(store, template)

    return store.root / VERDICT_FILE, read


def audit(folder: Path) -> Made:
    """An audit that is kept with a run, as a form counts it."""
    store = _begun(folder)
    path = store.root / AUDIT_FILE
    write_json(path, {"schema": SCHEMA, "findings": [{"kind": "copy", "level": "look"}]})
    return path, lambda: write_handin(store, Template.WRAPUP_EN)


def best(folder: Path) -> Made:
    """best/<space>.yaml as the report, a replay and an export ask it."""
    store = _begun(folder)
    path = store.best_path("age")
    tree = read_yaml(path)
    score = {**tree["score"], "chosen_by": "refit"}
    text = best_text({**tree, "score": score, SEARCH_CHOICE: search_choice(tree)})
    path.write_text(text, encoding="utf-8")
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


def photos_of_the_report(folder: Path) -> Made:
    """photos.json."""
    store = RunStore(folder)
    jpeg = thumbnail(np.zeros((8, 6, 3), np.uint8))
    write_photos(store, {0: jpeg}, {"female": jpeg})
    return folder / PHOTOS_FILE, lambda: read_photos(store)


def photo_facts_of_a_run(folder: Path) -> Made:
    """photo_facts.json, as the report shows it."""
    store = RunStore(folder)
    facts = photo_facts(np.array([[4, 3], [4, 3], [2, 2]]), np.array([0.0, 90.0, 255.0]))
    write_json(store.root / PHOTO_FACTS_FILE, {"schema": 1, **asdict(facts)})

    def read() -> None:
        found = DataFacts(name="", num_people=1, num_photos=1, photo_facts=read_photo_facts(store))
        render_html(ReportContents(title="", data=found))

    return folder / PHOTO_FACTS_FILE, read


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


def mirror(folder: Path) -> Made:
    """What a folder remembers of the store that it is mirrored to."""
    (folder / "store").mkdir()
    store, root = RemoteFolder(f"file://{folder}/store"), folder / "run"
    for name in ("study.json", "trials.csv"):
        write_text(root / name, "{}")
    Mirror(root, store).sweep(whole=True)

    def read() -> None:
        address_of(root)
        left_in_store(root)
        Mirror(root, store)

    return root / MARK, read


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
    "listed": Reader(make=listed, mutations=(*TEXT, *[mutations.csv_cell] * 3), share=0.3),
    "verdict": Reader(make=verdict, mutations=(*TEXT, *[mutations.json_value] * 3), share=0.3),
    "audit": Reader(make=audit, mutations=(*TEXT, *[mutations.json_value] * 3), share=0.3),
    "portfolio": Reader(make=portfolio, mutations=(*TEXT, *[mutations.json_value] * 3)),
    "race": Reader(make=race, mutations=(*TEXT, *[mutations.json_value] * 3)),
    "best": Reader(make=best, mutations=(*TEXT, *[mutations.yaml_value] * 3), share=0.2),
    "truth": Reader(make=truth, mutations=(*TEXT, *[mutations.csv_cell] * 3), share=0.2),
    "refit_note": Reader(make=refit_note, mutations=(*TEXT, mutations.json_value), share=0.2),
    "refitted": Reader(make=refitted, mutations=(*BYTES, mutations.npz_array), share=0.1),
    "unit": Reader(make=unit, mutations=(*BYTES, mutations.npz_array)),
    "validation": Reader(make=validation, mutations=(*BYTES, mutations.npz_array)),
    "why": Reader(make=why, mutations=(*TEXT, *[mutations.json_value] * 3)),
    "photos of the report": Reader(
        make=photos_of_the_report, mutations=(*TEXT, mutations.json_value)
    ),
    "photo_facts": Reader(
        make=photo_facts_of_a_run, mutations=(*TEXT, *[mutations.json_value] * 3)
    ),
    "importance": Reader(make=importance, mutations=(*TEXT, mutations.json_value)),
    "ensemble": Reader(make=ensemble, mutations=(*TEXT, *[mutations.yaml_value] * 3), share=0.1),
    "weights": Reader(make=weights, mutations=BYTES, share=0.3),
    "out_of_fold": Reader(make=out_of_fold, mutations=(*BYTES, mutations.npz_array)),
    "summary": Reader(make=summary, mutations=(*TEXT, *[mutations.json_value] * 3)),
    "shift": Reader(make=shift, mutations=(*TEXT, *[mutations.json_value] * 3)),
    "mirror": Reader(make=mirror, mutations=(*TEXT, *[mutations.json_value] * 3)),
    "screen": Reader(make=screen, mutations=(*TEXT, *[mutations.json_value] * 3)),
    **GIVEN,
    **KEPT,
}

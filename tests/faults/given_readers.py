"""Every reader of a file that a user gives, with a valid file to begin with."""

from pathlib import Path

import numpy as np
import pandas as pd

import spaces
from search.verdict.prediction_files import read_files
from tests.faults import mutations
from tests.faults.mutations import BYTES, TEXT
from tests.faults.photos import photo
from tests.faults.reader import Made, Read, Reader
from tests.search.builders.made_refit import LINEUP
from tests.trainables.data.folders import write_flat, write_image, write_manifest, write_profiles
from trainables.data import layouts
from trainables.data.layouts import flat


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
    rows = ("p,gender,female,seen", "2.jpg,age,61,told", "r/3,gender,male,both ways")
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


GIVEN = {
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

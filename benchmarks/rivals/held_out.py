"""The people who are searched on, those whom no method sees, and the one training of every choice.

Notation: N photos of the people who test.
"""

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from benchmarks.rivals.task import Ground, Task, block_of
from search.analysis.people import People
from search.prepare.setting import SharedImages, TrialSetting
from search.store.files import write_arrays, write_json, write_text
from search.store.provenance import package_versions
from search.trial.trial_run import evaluate
from spaces.space import Space
from trainables.backbone import weights_in
from trainables.blocks import Block
from trainables.classifier import ImageClassifier
from trainables.config import TrialConfig
from trainables.data import layouts
from trainables.data.demo import generate as synthetic
from trainables.data.sample_table import SampleTable
from trainables.data.splits import deal
from trainables.errors import TrainablesError
from trainables.memory import keep_freed
from trainables.seeding import derive_seed

_SEED_OF_TEST = 900_000
_TEST_PART = 3
"""Of data of one's own, one person in so many tests."""
_CHUNK = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Folders of the people who are searched on and of those who test, and what to call them."""

    name: str
    search: Path
    test: Path

    @classmethod
    def of_demo(cls, folder: Path, people: int, test_people: int) -> Self:
        """Draws the demo people of both sides, once."""
        roots = [
            synthetic.generate(
                synthetic.demo_dir(folder, number, seed, num_eval_people=18),
                num_people=number,
                num_eval_people=18,
                seed=seed,
            )
            for number, seed in ((people, 0), (test_people, _SEED_OF_TEST))
        ]
        return cls(name=f"demo-{people}", search=roots[0], test=roots[1])

    @classmethod
    def of_data(cls, folder: Path, data: Path) -> Self:
        """Copies a manifest with its photos to both sides, once; a third of the people test.

        Raises:
            ValueError: there is no manifest, or the copies are of another folder of that name.
        """
        if not (data / "manifest.csv").is_file():
            raise ValueError(f"--data must be demo or a folder with a manifest.csv, got {data}")
        roots = [folder / f"{data.name}-{side}" for side in ("search", "test")]
        source, said = folder / f"{data.name}-source.txt", str(data.resolve())
        if source.is_file() and source.read_text(encoding="utf-8") != said:
            raise ValueError(
                f"--out has copies of another {data.name} than {said}; give another folder"
            )
        if not all((root / "manifest.csv").is_file() for root in roots):
            table = layouts.load(data, None)
            seed = derive_seed(0, "worth", "held out")
            part = deal(table.group_index, table.joint, _TEST_PART, seed)
            for root, chosen in zip(roots, (part != 0, part == 0), strict=True):
                _copy(data, root, {table.paths[row] for row in np.flatnonzero(chosen)})
        source.write_text(said, encoding="utf-8")
        return cls(name=data.name, search=roots[0], test=roots[1])


def _copy(data: Path, root: Path, paths: set[str]) -> None:
    """Copies the rows of a manifest whose photos are named, with the photos; rows last."""
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    if "path" not in header:
        raise ValueError(
            f"{data / 'manifest.csv'} needs the column path, got {', '.join(header)}; rename it"
        )
    place = header.index("path")
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data / path, root / path)
    if (data / "dataset.yaml").is_file():
        shutil.copyfile(data / "dataset.yaml", root / "dataset.yaml")
    kept = io.StringIO()
    csv.writer(kept).writerows([header, *(row for row in rows if row[place] in paths)])
    write_text(root / "manifest.csv", kept.getvalue())


_search: SharedImages
_test: SharedImages


def _open(search: TrialSetting, test: TrialSetting) -> None:
    global _search, _test
    _search, _test = SharedImages(search), SharedImages(test)
    keep_freed(_search.device)


def _retrain(config: Mapping[str, Any], block: Block, seed: int, path: Path) -> None:
    """Trains a config on everybody who was searched on; keeps the classes of those who test.

    A config that cannot be trained predicts the first class of everybody.
    """
    table, everybody = _test.setting.table, np.arange(_test.setting.table.num_samples)
    try:
        classifier = ImageClassifier(
            TrialConfig.from_flat(config),
            _search.training_data(np.arange(_search.setting.table.num_samples)),
            seed=derive_seed(seed, "worth"),
            device=_search.device,
            weights_dir=_search.setting.weights_dir,
        )
        for _ in range(classifier.config.schedule.epochs):
            classifier.train_epoch()
        chunks = _test.tensor.split(_CHUNK)
        found = evaluate(classifier.predict_images(chunks), table, everybody, block)
        predicted = found.probabilities.argmax(axis=1)
    except TrainablesError:
        predicted = np.zeros(len(everybody))
    write_arrays(path, {"predicted": predicted.astype(np.uint8)})


def _size(folder: Path, name: str) -> int:
    return (folder / f"{name}.safetensors").stat().st_size


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Trains choices again by one protocol and scores them on the people whom nobody saw.

    Attributes:
        ground: of the people who were searched on.
        test: the people who test.
        folder: keeps the predictions of every training; what is there is not repeated.
        seeds: trainings of every choice, the same seeds for all.
        slots: trainings at once.
    """

    ground: Ground
    test: SampleTable
    folder: Path
    seeds: int
    slots: int

    @classmethod
    def of(cls, task: Task, sides: Sides, folder: Path, seeds: int) -> Self:
        """Opens both sides for the spaces of a task."""
        return cls(
            ground=Ground.of(task),
            test=layouts.load(sides.test, None),
            folder=folder,
            seeds=seeds,
            slots=task.slots,
        )

    def choices(
        self, found: Iterable[Mapping[str, Mapping[str, Any] | None]]
    ) -> Iterator[tuple[Space, Mapping[str, Any]]]:
        """Yields what some searches chose by space, and the default config of every space."""
        for space in self.ground.spaces:
            yield space, self.ground.default(space)
        for chosen in found:
            for space in self.ground.spaces:
                yield space, self.chosen(space, chosen)

    def chosen(
        self, space: Space, chosen: Mapping[str, Mapping[str, Any] | None]
    ) -> Mapping[str, Any]:
        """Returns the config of a space; a search that chose none leaves its user the default.

        It is trained in full: a short budget shortens the schedule of a search only.
        """
        config = chosen[space.name] or self.ground.default(space)
        return {**config, "schedule.epochs": self.ground.epochs(space)}

    def people(self, space: Space) -> People:
        """Returns the people who test with their classes of what a space predicts."""
        schema = self.test.schema
        return People(
            label=schema.codes(self.test.labels, space.attributes),
            person=self.test.group_index,
            num_classes=schema.only(space.attributes).num_joint,
        )

    def prepare(self, choices: Iterable[tuple[Space, Mapping[str, Any]]]) -> None:
        """Trains what was not trained before."""
        wanted = {
            self._path(space, config, seed): (dict(config), block_of(space), seed)
            for space, config in choices
            for seed in range(self.seeds)
        }
        missing = {path: order for path, order in wanted.items() if not path.exists()}
        self.check_made_alike()
        if not missing:
            return
        search = replace(self.ground.setting, cache_dir=self.folder / "cache")
        test = replace(search, table=self.test)
        with ProcessPoolExecutor(
            self.slots,
            mp_context=get_context("spawn"),
            initializer=_open,
            initargs=(search, test),
        ) as pool:
            orders = [pool.submit(_retrain, *order, path) for path, order in missing.items()]
            for order in orders:
                order.result()

    def check_made_alike(self) -> None:
        """Notes what trains; a score is that of a config only where all are trained by the same.

        Raises:
            ValueError: the folder has trainings with other weights or of another version.
        """
        versions, folder = package_versions(), self.ground.setting.weights_dir
        weights = {} if folder is None else {n: _size(folder, n) for n in weights_in(folder)}
        said = {"weights": weights, **{name: versions[name] for name in ("torch", "timm")}}
        note = self.folder / "made_with.json"
        if not note.is_file():
            write_json(note, said)
        elif (then := json.loads(note.read_text(encoding="utf-8"))) != said:
            raise ValueError(
                f"--out must have trainings made with {said}, got {then}; give another folder"
            )

    def predicted(self, space: Space, config: Mapping[str, Any]) -> NDArray[np.int64]:
        """Returns the classes of the people who test, int [seeds, N], once they are prepared."""
        found = []
        for seed in range(self.seeds):
            with np.load(self._path(space, config, seed)) as file:
                found.append(file["predicted"].astype(np.int64))
        return np.stack(found)

    def _path(self, space: Space, config: Mapping[str, Any], seed: int) -> Path:
        who = [self.ground.table.fingerprint, self.test.fingerprint]
        text = json.dumps([who, sorted(config.items())], default=list)
        key = hashlib.sha256(text.encode()).hexdigest()[:16]
        return self.folder / f"{space.name}-{key}-{seed}.npz"

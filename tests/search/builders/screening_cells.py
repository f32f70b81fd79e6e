"""Cells of the benchmark of screen and quick, each kept as it ends, and the figures from them.

A cell is a row of a JSONL file. One of kind `model` is a backbone: what the screen says of it, and
what the same backbone scores on held-out people after a training of the default config with a head
per attribute. One of kind `pair` is two approaches: what a preview says, and what a run found.
"""

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from scipy import stats

import spaces
from search.analysis.metrics import macro_f1
from search.analysis.recombine import recombine
from search.prepare.config import RunConfig
from search.screen.frozen import FrozenData
from search.screen.preview import NUM_SEEDS
from search.screen.quick import quick
from search.screen.ranking import Panel, score
from trainables.classifier import ImageClassifier, TrainingData
from trainables.config import TrialConfig
from trainables.data.training_images import TrainingImages
from trainables.machine import Machine
from trainables.seeding import derive_seed

MODELS = (
    "test_byobnet",
    "test_convnext",
    "test_convnext2",
    "test_efficientnet",
    "test_efficientnet_ln",
    "test_mambaout",
    "test_nfnet",
    "test_resnet",
    "test_vit",
    "test_vit_relpos",
    "mobilenetv3_small_050",
    "mobilenetv4_conv_small_050",
)
"""Twelve small timm models of different families, trained from scratch within a minute."""
LEAST_CELLS = 4

Cell = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Data and weights of some cells.

    Attributes:
        name: in the cells.
        data: folder of the data; empty is the demo.
        people: of the demo.
        weights_dir: folder of pretrained weights; empty trains from scratch.
    """

    name: str
    data: str = ""
    people: int = 300
    weights_dir: str = ""

    @property
    def config(self) -> RunConfig:
        """As the commands have it."""
        return RunConfig(
            spaces=(),
            name="screening",
            data=self.data,
            people=self.people,
            seed=0,
            trials=1,
            pretrained=bool(self.weights_dir),
            weights_dir=self.weights_dir,
        )


class Cells:
    """The rows of a JSONL file: what is there is not computed again.

    Args:
        path: of the file; made with its first row.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[Cell]:
        """Returns the rows; one that was torn by the end of a process is left out."""
        if not self._path.exists():
            return []
        found = []
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def has(self, **key: Any) -> bool:
        """Returns whether there is a row with these entries."""
        return any(key.items() <= cell.items() for cell in self.all())

    def add(self, cell: Cell) -> None:
        """Appends a row."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        torn = self._path.exists() and not self._path.read_bytes().endswith(b"\n")
        with self._path.open("a", encoding="utf-8") as file:
            file.write(("\n" if torn else "") + json.dumps(cell) + "\n")


def model_cell(
    source: Source,
    model: str,
    cache: Path,
    console: Console,
    *,
    num_seeds: int,
    epochs: int | None,
) -> Cell:
    """Returns what screen and training say of a backbone.

    Args:
        source: data and weights.
        model: timm name.
        cache: folder of demo data, photos and features.
        console: where progress is shown.
        num_seeds: trainings.
        epochs: of a training; None is what a run would train.
    """
    data = FrozenData.open(source.config, cache, console)
    panel = Panel.of(data.dataset.table, data.dataset.split)
    frozen = data.load(model)
    store = data.features(frozen, f"features of {model}")
    _, scores, seconds = score(panel, np.asarray(store.array[panel.rows]))
    began = time.perf_counter()
    tuned = [fine_tuned(data, panel, model, seed, epochs) for seed in range(num_seeds)]
    found = scores[panel.target]
    return {
        "kind": "model",
        "source": source.name,
        "model": model,
        "screen": found.value,
        "low": found.low,
        "high": found.high,
        "attributes": {name: each.value for name, each in scores.items()},
        "screen_seconds": store.seconds + seconds,
        "tuned": tuned,
        "tuned_seconds": (time.perf_counter() - began) / num_seeds,
    }


def fine_tuned(data: FrozenData, panel: Panel, model: str, seed: int, epochs: int | None) -> float:
    """Returns the macro-F1 on held-out people of the default config with another backbone."""
    table, held_out = data.dataset.table, data.dataset.split.held_out
    schema, scale = table.schema, data.scale
    form = "heads" if len(schema.names) > 1 else "softmax"
    space = spaces.load_block(schema.names, form, schema)
    flat = {**space.default_config(schema, scale), "backbone.name": model}
    if epochs is not None:
        flat["schedule.epochs"] = epochs
    torch.set_num_threads(Machine().cpus())
    classifier = ImageClassifier(
        TrialConfig.from_flat(flat),
        TrainingData(
            schema=schema,
            images=TrainingImages(stored=data.images),
            labels=table.labels,
            raw=table.raw,
            train=panel.rows,
        ),
        seed=derive_seed(seed, "screening", model),
        device=data.device,
        weights_dir=data.config.weights_path,
    )
    for _ in range(classifier.config.schedule.epochs):
        classifier.train_epoch()
    heads = classifier.predict(held_out)
    joint = recombine([heads[name] for name in schema.names])
    return macro_f1(table.joint[held_out], joint.argmax(axis=-1), schema.num_joint)


def pair_cells(
    source: Source,
    run: Path,
    cache: Path,
    console: Console,
    *,
    num_seeds: int = NUM_SEEDS,
) -> list[Cell]:
    """Returns what a preview says of every pair that a finished run judged.

    Args:
        source: the data of the run.
        run: folder with its `verdict.json`.
        cache: folder of demo data, photos and features.
        console: where progress is shown.
        num_seeds: of the preview.
    """
    judged = json.loads((run / "verdict.json").read_text(encoding="utf-8"))["pairs"]
    out = cache / f"quick-{source.name}.json"
    verdicts = quick(source.config, None, out, cache, console, num_seeds=num_seeds)
    seconds = json.loads(out.read_text(encoding="utf-8"))["seconds"]
    cells = []
    for kind, verdict in verdicts.items():
        for pair in verdict.pairs:
            names = {pair.a, pair.b}
            same = [each for each in judged if {each["a"], each["b"]} == names]
            if not same:
                continue
            sign = 1 if same[0]["a"] == pair.a else -1
            found = pair.headline.difference
            cells.append(
                {
                    "kind": "pair",
                    "source": source.name,
                    "run": name_of(run),
                    "heads": kind,
                    "pair": f"{pair.a} - {pair.b}",
                    "preview": found.value,
                    "low": found.low,
                    "high": found.high,
                    "decided": pair.winner is not None,
                    "run_difference": sign * same[0]["difference"],
                    "run_decided": same[0]["verdict"] in ("a_wins", "b_wins"),
                    "seconds": seconds,
                }
            )
    return cells


def name_of(run: Path) -> str:
    """Returns what a run is called here: folders are made anew, so its commit is in it."""
    study = json.loads((run / "study.json").read_text(encoding="utf-8"))
    return f"{run.name} of {study['git_commit'][:8]}"


@dataclass(frozen=True, slots=True)
class Correlation:
    """A rank correlation with its 95 % interval over models."""

    value: float
    low: float
    high: float
    num: int


def rank_correlation(cells: Iterable[Mapping[str, Any]]) -> Correlation | None:
    """Returns Spearman's correlation of the screen with the trained scores; None of too few.

    The interval is that of Bonett and Wright (2000, Sample size requirements for estimating
    Pearson, Kendall and Spearman correlations, Psychometrika 65): Fisher's z with a variance of
    (1 + r^2 / 2) / (n - 3).
    """
    pairs = [(cell["screen"], float(np.mean(cell["tuned"]))) for cell in cells]
    if len(pairs) < LEAST_CELLS:
        return None
    value = float(stats.spearmanr(*zip(*pairs, strict=True)).statistic)
    reach = 1.96 * math.sqrt((1 + value**2 / 2) / (len(pairs) - 3))
    z = math.atanh(min(max(value, -0.9999), 0.9999))
    low, high = math.tanh(z - reach), math.tanh(z + reach)
    return Correlation(value, low, high, len(pairs))


def noise_ceiling(cells: Sequence[Mapping[str, Any]]) -> float | None:
    """Returns Spearman's correlation of one seed's trained scores with the other's.

    No screen can agree with trainings better than trainings agree with themselves, by much.
    """
    pairs = [cell["tuned"][:2] for cell in cells if len(cell["tuned"]) > 1]
    if len(pairs) < LEAST_CELLS:
        return None
    return float(stats.spearmanr(*zip(*pairs, strict=True)).statistic)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of previews that decided a pair, how many have the sign of the run's difference."""

    agreeing: int
    decided: int


def sign_agreement(cells: Iterable[Mapping[str, Any]], *, run_decided: bool = False) -> Agreement:
    """Returns how often a decided preview has the sign that the run found.

    Args:
        cells: of kind `pair`.
        run_decided: count pairs alone that the run decided as well.
    """
    decided = [c for c in cells if c["decided"] and (c["run_decided"] or not run_decided)]
    agreeing = sum(c["preview"] * c["run_difference"] > 0 for c in decided)
    return Agreement(agreeing, len(decided))

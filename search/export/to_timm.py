"""An argument file for timm's own training script: the nearest equivalent of a best config.

Names and meanings are those of `train.py` of `TIMM_VERSION`. That script takes such a file as
`--config`: its keys become the defaults of the options, dashes written as underscores.
"""

import csv
import io
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from search.errors import ResultsError
from search.prepare.dataset import SPLIT_SEED
from search.store.best_file import BestFile
from search.store.files import write_text
from search.store.names import as_file, from_key
from search.store.reading import is_there, reading
from trainables.backbone import build_backbone, has_own_drop_path
from trainables.blocks import Form
from trainables.config import SGD, Augment, TrialConfig
from trainables.data.csv_cells import harmless
from trainables.data.sample_table import SampleTable
from trainables.data.schema import UNKNOWN, LabelSchema
from trainables.data.splits import make_split
from trainables.errors import ConfigError
from trainables.memory import is_mixed
from trainables.preprocess import CROPS

TIMM_VERSION = "1.0.28"
PROGRAM = f"https://github.com/huggingface/pytorch-image-models/blob/v{TIMM_VERSION}/train.py"
"""The training script, which the package timm does not bring."""
_LAST_LR = 0.01  # of the base learning rate, where headrace's cosine ends
_FIRST_LR = 0.01  # of the base learning rate; timm wants a number where its warm-up begins
_HALF = 100.0  # alpha of cutmix with which the pasted box covers nearly always half the photo

CLASS_FOLDERS = "class_folders.py"
"""Makes the folders that train.py reads; it lies beside this file."""

TimmValue: TypeAlias = str | int | float | bool | list[float] | dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """What `best/<space>.yaml` says of the training.

    Attributes:
        space: name of the space.
        config: the winning config.
        score: macro-F1 with its interval.
        stored_size: (height, width) of the photos the network was shown crops of.
        device: "cpu" or "cuda".
        weights_dir: folder of pretrained weights; empty is the model hub.
    """

    space: str
    config: TrialConfig
    score: tuple[float, float, float]
    stored_size: tuple[int, int]
    device: str
    weights_dir: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimmArguments:
    """Options of timm's train.py by name, and what of the config they cannot say."""

    options: Mapping[str, TimmValue]
    missing: tuple[str, ...]


def read_best(path: Path, schema: LabelSchema) -> Best:
    """Reads a best config of data with these labels.

    Raises:
        ResultsError: there is none, or it is torn.
        ConfigError: it is of a headrace with other options.
    """
    if not is_there(path):
        stems = sorted(each.stem for each in path.parent.glob("[!.]*.yaml"))
        there = ", ".join(map(from_key, stems)) or "none"
        raise ResultsError(f"there is no best config {path}; spaces with one: {there}")
    found = BestFile.read(path)
    with reading(path, "resume its run", ConfigError):
        config = found.trial_config(schema.names)
    return Best(
        space=found.space,
        config=config,
        score=found.score,
        stored_size=found.stored_size,
        device=found.device,
        weights_dir=found.weights_dir,
    )


def write_timm(
    folder: Path, best: Best, schema: LabelSchema, *, data_is_here: bool = True
) -> tuple[Path, TimmArguments]:
    """Writes `<space>.yaml` into a folder; returns its path and content.

    Args:
        folder: where to.
        best: of the space.
        schema: of the run.
        data_is_here: whether `write_classes` writes beside it what makes class folders.

    Raises:
        ConfigError: the installed timm has no such model.
    """
    arguments = timm_arguments(best, schema)
    path = folder / f"{as_file(best.space)}.yaml"
    body = yaml.safe_dump(dict(arguments.options), sort_keys=False, allow_unicode=True)
    lines = [*_heading(best, schema, data_is_here=data_is_here), "No counterpart in timm:"]
    lines += [f"  - {text}" for text in arguments.missing]
    comments = "".join(f"# {line}".rstrip() + "\n" for line in lines)
    write_text(path, comments + body)
    return path, arguments


def write_classes(path: Path, best: Best, table: SampleTable) -> Path:
    """Writes which photo is of which class and part, and beside it what makes folders of them.

    The parts are those of the search: no person is in both, and who was held out is in none.

    Args:
        path: of the CSV `path,part,class`.
        best: of the space whose classes they are.
        table: the data of the run.
    """
    names = best.config.target.block.schema(table.schema).names
    axes = [table.schema.names.index(name) for name in names]
    codes = table.schema.only(names).joint_code(table.labels[:, axes])
    split = make_split(table, seed=SPLIT_SEED)
    parts = (("train", split.search_train), ("validation", split.search_val))
    digits = len(str(best.config.target.block.schema(table.schema).num_joint - 1))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "part", "class"])
    for part, rows in parts:
        for row in rows[codes[rows] != UNKNOWN]:  # a folder of them would be a class
            writer.writerow([harmless(table.paths[row]), part, f"{codes[row]:0{digits}}"])
    write_text(path, text.getvalue())
    program = Path(__file__).with_name(CLASS_FOLDERS).read_text(encoding="utf-8")
    write_text(path.with_name(CLASS_FOLDERS), program)
    return path


def timm_arguments(best: Best, schema: LabelSchema) -> TimmArguments:
    """Returns the options that come nearest to a best config, and what is lost.

    Raises:
        ConfigError: the installed timm has no such model, or the schema no such attribute.
    """
    config = best.config
    return TimmArguments(
        options={
            **_model(best, config.target.block.schema(schema).num_joint),
            **_optimizer(config),
            **_schedule(config),
            **_photos(best),
            **_augmentation(config.augment),
            "smoothing": float(getattr(config.loss, "smoothing", 0.0)),
        },
        missing=losses(config),
    )


def _heading(best: Best, schema: LabelSchema, *, data_is_here: bool) -> list[str]:
    value, low, high = best.score
    names = best.config.target.block.schema(schema).joint_names
    digits = len(str(len(names) - 1))
    table = shlex.quote(f"{as_file(best.space)}.csv")
    program = f"python {CLASS_FOLDERS} {table} DATA FOLDER"
    makes = program if data_is_here else "what headrace export writes where the data is"
    return [
        f"Options for train.py of timm {TIMM_VERSION}, which is no part of the package:",
        f"    {PROGRAM}",
        "    python train.py --config THIS_FILE --data-dir FOLDER",
        f"The nearest equivalent of headrace's best config of the space {best.space}",
        f"(validation macro-F1 {value:.3f} [{low:.3f}, {high:.3f}]).",
        "FOLDER/train/CLASS/ and FOLDER/validation/CLASS/ hold the photos, no person in both",
        f"({makes} makes them);",
        "timm sorts the class folders by name, so call them by the class code:",
        *(f"    {code:0{digits}}  {' '.join(name.split())}" for code, name in enumerate(names)),
        "",
    ]


def _model(best: Best, num_classes: int) -> dict[str, TimmValue]:
    config = best.config
    backbone = config.backbone
    size = config.input.size
    # Only the model itself knows its normalisation and whether its input size is built in; its
    # weights are not needed for that.
    plain = backbone.model_copy(update={"pretrained": False, "frozen_stages": 0})
    built = build_backbone(plain, None, size)
    known: Mapping[str, Any] = vars(built.module)["pretrained_cfg"]
    mean, std = (known["mean"], known["std"]) if backbone.pretrained else (built.mean, built.std)
    options: dict[str, TimmValue] = {
        "model": backbone.name,
        "pretrained": backbone.pretrained,
        "num_classes": num_classes,
        "img_size": size,
        "mean": [float(value) for value in mean],
        "std": [float(value) for value in std],
        "drop": config.head.dropout,
    }
    if backbone.pretrained and best.weights_dir:
        options["pretrained_path"] = str(Path(best.weights_dir) / f"{backbone.name}.safetensors")
    if known.get("fixed_input_size"):
        options["model_kwargs"] = {"img_size": size}
    if backbone.drop_path or has_own_drop_path(backbone.name):
        options["drop_path"] = backbone.drop_path
    options |= {"device": best.device, "channels_last": True}
    if is_mixed(best.device, config.numerics.precision if config.numerics else ""):
        options |= {"amp": True, "amp_dtype": "bfloat16"}
    return options


def _optimizer(config: TrialConfig) -> dict[str, TimmValue]:
    optim = config.optim
    options: dict[str, TimmValue] = {
        "opt": optim.name,  # timm's sgd is the one with Nesterov momentum, as ours
        "lr": optim.lr,
        "weight_decay": optim.weight_decay,
        "batch_size": optim.batch_size,
    }
    if isinstance(optim, SGD):
        options["momentum"] = optim.momentum
    if optim.layer_decay < 1:
        options["layer_decay"] = optim.layer_decay
    if optim.clip_norm:
        options |= {"clip_grad": optim.clip_norm, "clip_mode": "norm"}
    if optim.ema:
        options |= {"model_ema": True, "model_ema_decay": optim.ema, "model_ema_warmup": True}
    return options


def _schedule(config: TrialConfig) -> dict[str, TimmValue]:
    optim, epochs = config.optim, config.schedule.epochs
    options: dict[str, TimmValue] = {
        "epochs": epochs,
        "sched_on_updates": True,
        "warmup_epochs": optim.warmup * epochs,
        "warmup_lr": _FIRST_LR * optim.lr,
        "cooldown_epochs": 0,
    }
    if optim.schedule == "cosine":
        return {"sched": "cosine", "min_lr": _LAST_LR * optim.lr, **options}
    # timm has no constant schedule, but steps that change nothing.
    return {"sched": "step", "decay_rate": 1.0, **options}


def _photos(best: Best) -> dict[str, TimmValue]:
    config = best.config
    height, width = best.stored_size
    _, _, share_y, share_x = CROPS[config.input.crop]
    zoom = config.augment.scale
    areas = [share_y * share_x * (1 + sign * zoom) ** 2 for sign in (-1, 1)]
    ratio = share_x * width / (share_y * height)
    return {
        "train_crop_mode": "rrc",
        "scale": [round(min(1.0, area), 6) for area in areas],
        "ratio": [round(ratio, 6)] * 2,
        "crop_pct": share_x if width <= height else share_y,
        "interpolation": "bilinear",
        "train_interpolation": "bilinear",
    }


def _augmentation(augment: Augment) -> dict[str, TimmValue]:
    options: dict[str, TimmValue] = {
        "hflip": augment.flip,
        "color_jitter": augment.colour,
        "grayscale_prob": augment.grayscale,
        "reprob": augment.erase,
        "remode": "const",
        "mixup": augment.mixup,
    }
    if augment.half_cutmix:
        # With both on, timm draws between them; alone, whether to mix at all.
        chance = "mixup_switch_prob" if augment.mixup else "mixup_prob"
        options |= {"cutmix": _HALF, chance: augment.half_cutmix}
    return options


_Loss: TypeAlias = tuple[Callable[[TrialConfig], object], str]

# When it applies, and what is said then; c is the config.
_OF_THE_MODEL: tuple[_Loss, ...] = (
    (
        lambda c: c.target.form is Form.HEADS,
        "target.form=heads: a head per attribute becomes one softmax over the joint label; "
        "task_weight.* has no meaning then",
    ),
    (
        lambda c: c.head.kind != "softmax",
        "head.kind={c.head.kind}: becomes a softmax over the classes, trained by cross-entropy",
    ),
    (lambda c: c.head.hidden, "head.hidden={c.head.hidden}: becomes a linear classifier"),
    (
        lambda c: c.backbone.frozen_stages,
        "backbone.frozen_stages={c.backbone.frozen_stages}: every layer is trained",
    ),
    (
        lambda c: c.loss.name in ("focal", "f1", "ce_f1"),
        "loss.name={c.loss.name}: becomes cross-entropy",
    ),
    (
        lambda c: c.age and c.age.aux_weight,
        "age.aux_weight={c.age.aux_weight:.3g}: there is no second head for the raw age",
    ),
)
_OF_THE_OPTIMIZER: tuple[_Loss, ...] = (
    (
        lambda c: c.optim.head_lr_ratio != 1,
        "optim.head_lr_ratio={c.optim.head_lr_ratio:.3g}: the classifier learns at lr",
    ),
    (
        lambda c: c.optim.ema,
        "optim.ema={c.optim.ema}: the decay is the same, its warm-up another formula",
    ),
    (
        lambda c: c.optim.warmup,
        "optim.warmup={c.optim.warmup:.3g}: timm's cosine runs from the first step, headrace's "
        "from the end of the warm-up",
    ),
    (
        lambda _: True,
        "batches: an epoch's last incomplete batch is dropped, where headrace evens sizes out",
    ),
    (
        lambda _: True,
        "score: timm keeps the checkpoint of the best top-1 accuracy, headrace scores the "
        "macro-F1 after the last epoch",
    ),
    (lambda _: True, "seed: the same number would draw other weights and batches"),
)
_OF_THE_DATA: tuple[_Loss, ...] = (
    (
        lambda c: c.sampler.power,
        "sampler.power={c.sampler.power:.3g}: photos are drawn once per epoch, whatever the class",
    ),
    (
        lambda c: c.age,
        "age.old_from={c.age.old_from}: sort the training photos into the folders by that age",
    ),
    (
        lambda c: c.age and c.age.drop != "none",
        "age.drop={c.age.drop}: leave people of those ages out of FOLDER/train",
    ),
    (
        lambda c: c.input.crop != "full",
        "input.crop={c.input.crop}: a window of that size and shape lies anywhere in the photo "
        "in training",
    ),
    (
        lambda _: True,
        "evaluation: a central square, crop_pct of the shorter side, where headrace squashes "
        "its crop to a square",
    ),
    (lambda c: c.augment.rotate, "augment.rotate={c.augment.rotate:.3g} degrees: no rotation"),
    (lambda c: c.augment.shift, "augment.shift={c.augment.shift:.3g}: no shift of the window"),
    (
        lambda c: c.augment.scale and c.input.crop == "full",
        "augment.scale={c.augment.scale:.3g}: it only zooms in",
    ),
    (
        lambda c: c.augment.erase,
        "augment.erase={c.augment.erase:.3g}: the rectangle may cover a third of the photo, "
        "headrace's a tenth",
    ),
    (
        lambda c: c.augment.half_cutmix,
        "augment.half_cutmix={c.augment.half_cutmix:.3g}: becomes a box of half the area "
        "(cutmix) in place of the left or right half",
    ),
)


def losses(config: TrialConfig) -> tuple[str, ...]:
    """Returns a sentence for everything of a config that timm's train.py cannot do."""
    tables = (*_OF_THE_MODEL, *_OF_THE_OPTIMIZER, *_OF_THE_DATA)
    return tuple(text.format(c=config) for applies, text in tables if applies(config))

"""A timm model by name, without its classifier; weights from a folder, the hub or none."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import timm
import torch
from huggingface_hub.errors import HfHubHTTPError
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.data.config import resolve_model_data_config
from timm.layers import DropPath
from timm.models import group_parameters
from torch import nn

from trainables.config import Backbone
from trainables.data.image_files import visible_entries
from trainables.errors import ConfigError, TrainablesError, WeightsError, in_short
from trainables.memory import is_out_of_memory

# The hub's client raises some errors of its HTTP library as they are; which library that is
# depends on its version, but the hub's own error always descends from the library's root.
_LOAD_ERRORS: tuple[type[Exception], ...] = (
    RuntimeError,
    SafetensorError,
    *(e for e in HfHubHTTPError.__mro__ if issubclass(e, Exception) and e is not Exception),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedBackbone:
    """A feature extractor and the normalisation its weights expect."""

    module: nn.Module
    num_features: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def check_name(name: str) -> None:
    """Raises ConfigError where timm has no model `name`, with the nearest names."""
    if timm.is_model(name):
        _check_tag(name)
        return
    near = _near(name)
    hint = f"; near: {', '.join(near)}" if near else ""
    raise ConfigError(f"unknown timm model {name!r}{hint}; timm.list_models() lists all")


def _check_tag(name: str) -> None:
    """Raises ConfigError where timm has the model, but no weights of that tag."""
    model, _, tag = name.partition(".")
    tags = [known.partition(".")[2] for known in timm.list_models(f"{model}.*", pretrained=True)]
    if tag and tags and tag not in tags:
        raise ConfigError(
            f"timm has {model!r} with weights {', '.join(tags)}, got {name!r}; give one of these, "
            "or the name alone"
        )


def names_like(pattern: str, more: Iterable[str] = ()) -> tuple[str, ...]:
    """Returns the timm models that a pattern such as `mobilenet*` matches, in timm's order.

    Args:
        pattern: a name, or one with `*`, `?` or `[...]`.
        more: further names that it may match, such as those of weights with a tag.

    Raises:
        ConfigError: it matches nothing; names the nearest models.
    """
    # timm takes a name for that of a model whatever its tag is, even one with `*`.
    if not set("*?[") & set(pattern) and timm.is_model(pattern):
        return (pattern,)
    tagged = (name for name in more if fnmatchcase(name, pattern) and timm.is_model(name))
    found = tuple(dict.fromkeys([*timm.list_models(pattern), *tagged]))
    # A pattern may have a tag, as in `resnet18.*`: those names are known with their weights alone.
    found = found or tuple(timm.list_models(pattern, pretrained=True))
    if found:
        return found
    near = _near(pattern)
    hint = f"; near: {', '.join(near)}" if near else ""
    raise ConfigError(
        f"a pattern must match a model of timm, got {pattern!r}{hint}; timm.list_models() lists "
        "all"
    )


def _near(pattern: str) -> tuple[str, ...]:
    plain = re.sub(r"[*?\[\]]", "", pattern).partition(".")[0]
    every = timm.list_models()
    start = [name for name in every if plain and name.startswith(plain[:6])]
    close = get_close_matches(plain, every, n=5, cutoff=0.5)
    return tuple(dict.fromkeys([*close, *start]))[:5]


def weights_in(folder: Path) -> tuple[str, ...]:
    """Returns the timm model names whose weights `<name>.safetensors` lie in `folder`, sorted.

    Raises:
        WeightsError: there are files of weights, and none has the name of a model.
    """
    files = [path.stem for path in visible_entries(folder) if path.suffix == ".safetensors"]
    known = tuple(sorted(name for name in files if timm.is_model(name)))
    if files and not known:
        raise WeightsError(
            f"a file of weights is called <timm model>.safetensors, got {files[0]}.safetensors in "
            f"{folder}; rename it, such as to resnet18.a1_in1k.safetensors"
        )
    return known


def build_backbone(config: Backbone, weights_dir: Path | None, input_size: int) -> LoadedBackbone:
    """Builds the model that turns float [B, 3, S, S] into features [B, F].

    Raises:
        ConfigError: timm has no such model, it takes no input of this size, or it has no stages
            to freeze.
        WeightsError: pretrained weights are wanted and cannot be had.
    """
    check_name(config.name)
    with _refusing(config.name, input_size):
        module = _create(config, weights_dir, input_size)
        num_features = _num_features(module, input_size)
    data = resolve_model_data_config(module)
    mean, std = (data["mean"], data["std"]) if config.pretrained else ((0.5,) * 3, (0.25,) * 3)
    _check_stages(config.name, module, config.frozen_stages)
    freeze(module, config.frozen_stages)
    return LoadedBackbone(module=module, num_features=num_features, mean=mean, std=std)


def check_backbone(config: Backbone, weights_dir: Path | None) -> None:
    """Makes sure that a trial can build the backbone; fetches hub weights into the hub's cache.

    Raises:
        ConfigError: timm has no such model.
        WeightsError: pretrained weights are wanted and cannot be had.
    """
    check_name(config.name)
    if config.pretrained and weights_dir is not None:
        _weights_file(config.name, weights_dir)
    elif config.pretrained:
        _create(config, None, input_size=224)


def check_shape(name: str, input_size: int, frozen_stages: int, drop_path: float = 0.0) -> None:
    """Makes sure that a backbone can be trained like this, whatever its weights.

    Raises:
        ConfigError: timm has no such model, it takes no input of this size, or it has no stages
            to freeze, or no stochastic depth.
    """
    plain = Backbone(name=name, pretrained=False, frozen_stages=0, drop_path=drop_path)
    _check_stages(name, build_backbone(plain, None, input_size).module, frozen_stages)


def _check_stages(name: str, module: nn.Module, frozen: int) -> None:
    if frozen and not hasattr(module, "group_matcher"):
        raise ConfigError(
            f"timm's {name!r} does not say what its stages are, so none can be frozen; set "
            "backbone.frozen_stages to 0, or offer another backbone"
        )


@contextmanager
def _refusing(name: str, size: int) -> Iterator[None]:
    """Turns what timm raises for an input that a model cannot take into a ConfigError."""
    try:
        yield
    except TrainablesError:
        raise
    except (RuntimeError, AssertionError, ValueError, LookupError) as error:
        if is_out_of_memory(error):
            raise
        raise ConfigError(
            f"timm's {name!r} takes no input of {size} px: {in_short(error)}; leave it out"
        ) from error


def _weights_file(name: str, weights_dir: Path) -> Path:
    file = weights_dir / f"{name}.safetensors"
    if not file.is_file():
        found = ", ".join(weights_in(weights_dir)) or "none"
        raise WeightsError(
            f"pretrained weights of {name!r} must lie at {file}; weights there: "
            f"{found}; add the file, offer another backbone, or use --no-pretrained"
        )
    return file


def _features_in(file: Path, known: Any) -> dict[str, Any]:
    # With another number of classes timm loads whatever fits and leaves the rest random. Without
    # its classifier the file has to fit to the last weight.
    classifier = known.classifier if known is not None else None
    names = (classifier,) if isinstance(classifier, str) else classifier or ()
    head = {f"{name}.{part}" for name in names for part in ("weight", "bias")}
    weights = {name: value for name, value in load_file(file).items() if name not in head}
    if not weights:
        raise SafetensorError("the file holds no weights of a backbone")
    return {"state_dict": weights, "num_classes": 0, "label_offset": 0}


def _create(config: Backbone, weights_dir: Path | None, input_size: int) -> nn.Module:
    options: dict[str, Any] = {"num_classes": 0, "pretrained": config.pretrained}
    file = None
    if config.pretrained and weights_dir is not None:
        file = _weights_file(config.name, weights_dir)
    known = timm.get_pretrained_cfg(config.name, allow_unregistered=True)
    if known is not None and known.fixed_input_size:
        options["img_size"] = input_size
    try:
        if file is not None:
            options["pretrained_cfg_overlay"] = _features_in(file, known)
        with _quiet_hub():
            module = _built(config, options)
    except _LOAD_ERRORS as error:
        if not config.pretrained:
            raise ConfigError(f"timm cannot build {config.name!r}: {error}") from error
        raise WeightsError(_offline_message(config.name, weights_dir, error)) from error
    except TypeError as error:
        raise ConfigError(
            f"timm model {config.name!r} refuses drop_path_rate and {sorted(options)}: {error}; "
            "set backbone.drop_path to 0"
        ) from error
    if file is not None:
        # timm remembers what it loaded, and every copy of the network would copy it too.
        vars(module)["pretrained_cfg"]["state_dict"] = None
    return module


def _built(config: Backbone, options: Mapping[str, Any]) -> nn.Module:
    """Returns a model with the config's stochastic depth, and no dropout of its own.

    Some models have rates of their own (tiny_vit 0.2, swin 0.1), which a 0 must switch off; those
    that know no such rate are built without.
    """
    rates = {"drop_path_rate": config.drop_path, "drop_rate": 0.0}
    optional = tuple(name for name, rate in rates.items() if not rate)
    for refused in ((), *((name,) for name in optional), optional):
        given = {name: rate for name, rate in rates.items() if name not in refused}
        try:
            module: nn.Module = timm.create_model(config.name, **options, **given)
        except TypeError:
            if refused == optional:
                raise
        else:
            break
    return module


def has_own_drop_path(name: str) -> bool:
    """Returns whether timm gives a model a stochastic depth that nobody asked for."""
    modules = timm.create_model(name).modules()
    return any(isinstance(each, DropPath) and each.drop_prob for each in modules)


@contextmanager
def _quiet_hub() -> Iterator[None]:
    """Holds back what the hub's client logs of every try: the error says once what failed."""
    client = logging.getLogger("huggingface_hub")
    level = client.level
    client.setLevel(logging.ERROR)
    try:
        yield
    finally:
        client.setLevel(level)


def _offline_message(name: str, weights_dir: Path | None, error: Exception) -> str:
    reason = in_short(error)
    if weights_dir is not None:
        return f"the weights {weights_dir / name}.safetensors do not fit timm's {name!r}: {reason}"
    return (
        f"the pretrained weights of {name!r} could not be downloaded ({reason}); give a folder "
        f"with {name}.safetensors as --weights-dir, or train from scratch with --no-pretrained"
    )


def _num_features(module: nn.Module, input_size: int) -> int:
    # Asked of the model itself: `num_features` is before the pooling head of some timm models.
    training = module.training
    module.eval()
    with torch.no_grad():
        width = int(module(torch.zeros(1, 3, input_size, input_size)).shape[1])
    module.train(training)
    return width


def freeze(module: nn.Module, num_stages: int) -> None:
    """Keeps the first `num_stages` layer groups (the stem is the first) as loaded, in place."""
    if not num_stages:
        return
    matcher = module.group_matcher(coarse=True)  # type: ignore[operator]
    groups = group_parameters(module, matcher)
    frozen = {name for stage in range(num_stages) for name in groups.get(stage, ())}
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name not in frozen)


def set_training(module: nn.Module) -> None:
    """Switches to training mode, except for normalisation layers whose weights are frozen."""
    module.train()
    for part in module.modules():
        own = list(part.parameters(recurse=False))
        is_norm = isinstance(part, nn.modules.batchnorm._BatchNorm)
        if is_norm and own and not any(parameter.requires_grad for parameter in own):
            part.eval()

"""`python -m docs.parameters` writes docs/parameters.md: every parameter, its range and meaning.

Meanings are the docstrings of `trainables/config.py`, ranges are asked of the config and of the
built-in spaces, so that the page says what the code does.
"""

import ast
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from pydantic.fields import FieldInfo

import spaces
from spaces.scale import choose_scale
from spaces.space import BRANCHES, Flat, Space
from trainables import config, heads
from trainables.blocks import Form
from trainables.config import AGE_DROPS, Section, TrialConfig
from trainables.data.layouts.profiles import SCHEMA
from trainables.data.schema import Attribute, LabelSchema
from trainables.preprocess import CROPS

PAGE = Path(__file__).with_name("parameters.md")
_COMMAND = "python -m docs.parameters"
_DEVICES = {
    name: choose_scale(device=device, pretrained=pretrained, weights=(), max_epochs=None)
    for name, device, pretrained in (
        ("CPU", "cpu", False),
        ("CPU, `--pretrained`", "cpu", True),
        ("GPU", "cuda", True),
        ("GPU, `--no-pretrained`", "cuda", False),
    )
}
_OTHER = Attribute(name="other", classes=("first", "second", "third"), ordered=True)
_WIDER = LabelSchema(name="wider", attributes=(*SCHEMA.attributes, _OTHER))
_SPACES = {
    **{f"`{name}`": spaces.load(name, SCHEMA) for name in ("mask", "gender", "age")},
    "other attributes": spaces.load(_OTHER.name, _WIDER),
    **{f"`{name}`": spaces.load(name, SCHEMA) for name in ("joint", "multihead")},
    "several attributes": spaces.load_block(("gender", "age"), "heads", SCHEMA),
}
_GENERIC = {"other attributes": "attribute", "several attributes": "block"}
_BY_DEVICE = "by device"
_HEADER = f"""\
# Parameters

Written by `{_COMMAND}` from the docstrings of `trainables/config.py` and from the built-in spaces.

A config has a value of each parameter below, such as `optim.lr: 0.001`;
`results/NAME/best/SPACE.yaml` holds the best one of a space. **May be** is what a config allows,
and with it a [space of your own](spaces.md). **Searched** is what the built-in spaces try; a dash
is a parameter that none of them varies. **Default** is the first trial of every study.
`age.old_from` and `age.drop` are those of classes that are cut at 60; of other data `age.old_from`
follows its last cut, and `age.drop` is searched where that is 60.
"""


@dataclass(frozen=True, slots=True)
class _Trial:
    """Stands in for Optuna's trial: notes what is suggested, and takes the branch it is told.

    Attributes:
        branch: values of parameters that decide which others there are.
        found: what was suggested, by name.
    """

    branch: Mapping[str, Any]
    found: dict[str, BaseDistribution] = field(default_factory=dict)

    def suggest_categorical(self, name: str, choices: tuple[Any, ...]) -> Any:
        self.found[name] = CategoricalDistribution(choices)
        return self.branch.get(name, choices[0])

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        self.found[name] = FloatDistribution(low, high, log=log)
        return low

    def suggest_int(self, name: str, low: int, high: int) -> int:
        self.found[name] = IntDistribution(low, high)
        return low


def page() -> str:
    """Returns the text of docs/parameters.md."""
    return "\n".join([_HEADER, *_spaces(), *_devices(), *_sections()])


def meanings() -> dict[tuple[str, str], str]:
    """Returns the docstrings of the fields of a config, by class and field.

    A class has those of the classes it is made of.
    """
    tree = ast.parse(Path(str(config.__file__)).read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    found: dict[tuple[str, str], str] = {}
    for name in classes:
        for base in reversed(getattr(config, name).__mro__):
            if base.__name__ in classes:
                found |= {(name, key): text for key, text in _documented(classes[base.__name__])}
    return found


def _documented(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for line, below in zip(node.body, node.body[1:], strict=False):
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=str(text))):
                    yield line.target.id, " ".join(text.split())


def kinds_of(found: FieldInfo) -> tuple[type[Section], ...]:
    """Returns the kinds of section that a field of the config may hold; none of a mapping."""
    several = get_args(found.annotation) if get_origin(found.annotation) is UnionType else ()
    return tuple(
        kind
        for kind in several or (found.annotation,)
        if isinstance(kind, type) and issubclass(kind, Section)
    )


def _spaces() -> Iterator[str]:
    yield "## Spaces\n\n| space | predicts | |\n|---|---|---|"
    for name, space in _SPACES.items():
        module = _GENERIC.get(name)
        doc = importlib.import_module(f"spaces.{module or space.name}").__doc__ or ""
        what = " and ".join(space.attributes) if len(space.attributes) == 1 else "all attributes"
        shape = "a head each" if space.form == Form.HEADS else "one softmax"
        yield f"| {name} | {'' if module else f'{what}, {shape}'} | {doc.splitlines()[0]} |"
    yield ""


def _devices() -> Iterator[str]:
    yield "## By device\n"
    yield "The first of several is the default; of a range its geometric mean is.\n"
    yield "| device | `backbone.name` | `input.size` | `optim.batch_size` | `optim.lr` | epochs |"
    yield "|---|---|---|---|---|---|"
    for name, scale in _DEVICES.items():
        low, high = scale.lr
        cells = (
            ", ".join(scale.backbones),
            _listed(scale.input_sizes),
            _listed(scale.batch_sizes),
            f"{low:g} to {high:g}",
            str(scale.max_epochs),
        )
        yield f"| {name} | {' | '.join(cells)} |"
    yield (
        "\n`--backbones` and `--max-epochs` say otherwise; so does `--weights-dir`, whose models "
        "are offered (on a GPU those of the list above alone, where there are any).\n"
    )


def _sections() -> Iterator[str]:
    told, tried, defaults = meanings(), _searched(), _defaults()
    for section, found in TrialConfig.model_fields.items():
        kinds = kinds_of(found)
        yield f"## {section}\n"
        about = told.get(("TrialConfig", section)) or (kinds[0].__doc__ if len(kinds) == 1 else "")
        if about:
            yield f"{about.splitlines()[0]}\n"
        yield "| parameter | may be | searched | default | meaning |\n|---|---|---|---|---|"
        for name, allowed, meaning in _rows(section, kinds, told):
            path = f"{section}.{name}"
            cells = (allowed, tried.get(path, "-"), defaults.get(path, "-"), meaning)
            yield f"| `{path}` | {' | '.join(cells)} |"
        yield ""


def _rows(
    section: str, kinds: tuple[type[Section], ...], told: Mapping[tuple[str, str], str]
) -> Iterator[tuple[str, str, str]]:
    """Yields name, allowed values and meaning of the parameters of a section."""
    if not kinds:  # a mapping by attribute
        yield "ATTRIBUTE", "above 0 to 100", told["TrialConfig", section]
    names = dict.fromkeys(name for kind in kinds for name in kind.model_fields)
    for name in sorted(names, key=lambda name: name != "name"):
        having = [kind for kind in kinds if name in kind.model_fields]
        if name == "name" and len(kinds) > 1:
            options = {_tag(kind): (kind.__doc__ or "").rstrip(".") for kind in kinds}
            yield name, ", ".join(options), "; ".join(f"{t}: {d}" for t, d in options.items())
            continue
        only = "" if len(having) == len(kinds) else f"({', '.join(map(_tag, having))}) "
        allowed = _allowed(f"{section}.{name}", having[0].model_fields[name])
        kinds_of_heads = f" {_heads()}" if (section, name) == ("head", "kind") else ""
        yield name, allowed, f"{only}{told[having[0].__name__, name]}{kinds_of_heads}"


def _heads() -> str:
    """Returns the heads with the first lines of their files."""
    docs = {n: importlib.import_module(f"{heads.__name__}.{n}").__doc__ for n in heads.names()}
    return "; ".join(f"{n}: {(doc or '').splitlines()[0].rstrip('.')}" for n, doc in docs.items())


def _tag(kind: type[Section]) -> str:
    """Returns what a config calls this kind of its section."""
    (tag,) = get_args(kind.model_fields["name"].annotation)
    return str(tag)


def _allowed(path: str, found: FieldInfo) -> str:
    special = {
        "target.attributes": "attributes of the data",
        "target.form": ", ".join(Form),
        "backbone.name": "any name",
        "head.kind": ", ".join(heads.names()),
        "age.drop": "; ".join(AGE_DROPS),
        "input.crop": ", ".join(
            f"{name} ({100 * height:.0f} x {100 * width:.0f} %)"
            for name, (_, _, height, width) in CROPS.items()
        ),
    }
    if path in special:
        return special[path]
    if get_origin(found.annotation) is Literal:
        return _listed(get_args(found.annotation))
    if found.annotation is bool:
        return "true, false"
    low = high = ""
    for bound in found.metadata:
        match bound:
            case Ge(ge=value):
                low = f"{value:g}"
            case Gt(gt=value):
                low = f"above {value:g}"
            case Le(le=value):
                high = f"{value:g}"
            case Lt(lt=value):
                high = f"below {value:g}"
    return f"{low} to {high}" if high else f"at least {low}"


def _searched() -> dict[str, str]:
    """Returns in words what the built-in spaces try, by parameter."""
    by_device = [
        {name: _suggested(space, scale) for name, space in _SPACES.items()}
        for scale in _DEVICES.values()
    ]
    found: dict[str, str] = {}
    for path in dict.fromkeys(p for each in by_device for tried in each.values() for p in tried):
        texts = [_by_space(each, path) for each in by_device]
        said = set(filter(None, texts))
        weights = "" if all(texts) else " where weights are loaded"
        found[path] = f"{said.pop()}{weights}" if len(said) == 1 else _BY_DEVICE
    return found


def _suggested(space: Space, scale: Any) -> dict[str, str]:
    """Returns in words what a space suggests in any of its branches, by parameter."""
    found: dict[str, BaseDistribution] = {}
    left: list[dict[str, Any]] = [{}]
    while left:
        branch = left.pop()
        trial: Any = _Trial(branch)
        space.suggest(trial, _WIDER if space.name == _OTHER.name else SCHEMA, scale)
        found |= trial.found
        for name in BRANCHES:
            options = trial.found.get(name)
            if name not in branch and isinstance(options, CategoricalDistribution):
                left += [{**branch, name: choice} for choice in options.choices]
    texts: dict[str, dict[str, list[str]]] = {}
    for name, tried in found.items():
        by_text = texts.setdefault(_any_attribute(name), {})
        by_text.setdefault(_said(tried), []).append(name.partition(".")[2])
    return {name: _of_attributes(by_text) for name, by_text in texts.items()}


def _any_attribute(path: str) -> str:
    return "task_weight.ATTRIBUTE" if path.startswith("task_weight.") else path


def _of_attributes(by_text: Mapping[str, list[str]]) -> str:
    if len(by_text) == 1:
        return next(iter(by_text))
    return ", ".join(f"{text} of {' and '.join(names)}" for text, names in by_text.items())


def _by_space(tried: Mapping[str, Mapping[str, str]], path: str) -> str:
    names: dict[str, list[str]] = {}
    for space, found in tried.items():
        if path in found:
            names.setdefault(found[path], []).append(space)
    if len(names) == 1 and len(*names.values()) == len(tried):
        return next(iter(names))
    return "; ".join(f"{text} ({', '.join(having)})" for text, having in names.items())


def _said(tried: BaseDistribution) -> str:
    match tried:
        case CategoricalDistribution(choices=choices):
            return _listed(choices)
        case FloatDistribution(low=low, high=high, log=log):
            return f"{low:g} to {high:g}{', log' if log else ''}"
        case IntDistribution(low=low, high=high):
            return f"{low} to {high}"
    raise TypeError(f"no words for {tried!r}")


def _defaults() -> dict[str, str]:
    """Returns in words the default of every parameter."""
    found: dict[str, set[str]] = {}
    for scale in _DEVICES.values():
        for space in (_SPACES["`age`"], _SPACES["`multihead`"]):
            flat: Flat = space.default(SCHEMA, scale)
            for path, value in flat.items():
                found.setdefault(_any_attribute(path), set()).add(_listed([value]))
    return {path: texts.pop() if len(texts) == 1 else _BY_DEVICE for path, texts in found.items()}


def _listed(values: Any) -> str:
    return ", ".join(
        str(v).lower() if isinstance(v, bool) else f"{v:g}" if isinstance(v, float) else str(v)
        for v in values
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

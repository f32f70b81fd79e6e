"""Space: what may be searched for one study, as frozen data around a define-by-run function."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from spaces.errors import SpaceError
from spaces.scale import Scale

if TYPE_CHECKING:
    import optuna  # who only reads a finished run needs it not

FORMS = ("softmax", "heads")
Config = dict[str, str | int | float | bool | tuple[str, ...]]
"""A complete config by dotted names."""
_PLAIN = (str, int, float, bool, type(None))
_BLOCK = ("target.attributes", "target.form")
# Sections with branches: another choice than the default's drops what belonged to the default's.
BRANCHES = ("optim.name", "loss.name", "head.kind")


class Attribute(Protocol):
    """What a space may ask of an attribute of the data."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in code order."""
        ...

    @property
    def ordered(self) -> bool:
        """Whether the order of the classes means something."""
        ...

    @property
    def has_raw(self) -> bool:
        """Whether the raw number behind the classes is known."""
        ...

    @property
    def edges(self) -> tuple[float, ...]:
        """Cuts between the classes in raw numbers; empty without them."""
        ...


class Schema(Protocol):
    """What a space may ask of the data."""

    @property
    def names(self) -> tuple[str, ...]:
        """Attribute names in schema order."""
        ...

    def __getitem__(self, name: str) -> Attribute:
        """Returns an attribute by name."""
        ...

    def __contains__(self, name: object) -> bool:
        """Returns whether the data has the attribute."""
        ...


Flat = dict[str, str | int | float | bool]
Suggest = Callable[["optuna.Trial", Schema, Scale], Flat | None]
Default = Callable[[Schema, Scale], Flat]


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What one study searches.

    Attributes:
        name: of the study and of `--space`.
        attributes: that its models predict together, a block.
        form: of the prediction: "softmax" over the joint label of the block, or "heads".
        suggest: suggests parameters on an Optuna trial and returns the constants beside them.
            Parameter names are config paths. What it leaves out comes from the default config.
        default: the complete default config; trial 0 of every study.
        warm_start: known-good overrides of the default config, tried before the sampler.
        source: text of the file that defines the space; part of the fingerprint.

    Raises:
        SpaceError: the name is empty, warm starts are not mappings, or attributes
            and form do not fit.
    """

    name: str
    attributes: tuple[str, ...]
    form: str = "softmax"
    suggest: Suggest
    default: Default
    warm_start: tuple[Mapping[str, str | int | float | bool], ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            raise SpaceError("a space needs a name; give one: --space NAME=path/to/space.py")
        if not all(isinstance(extra, Mapping) for extra in self.warm_start):
            raise SpaceError(
                f"warm starts of space {self.name!r} must be mappings of config names to values, "
                f"got {self.warm_start!r}"
            )
        if self.form not in FORMS:
            raise SpaceError(
                f"the form of space {self.name!r} must be one of {', '.join(FORMS)}, got "
                f"{self.form!r}"
            )
        plain = (
            isinstance(name, str) and isinstance(value, _PLAIN)
            for extra in self.warm_start
            for name, value in extra.items()
        )
        if not all(plain):
            raise SpaceError(
                f"warm starts of space {self.name!r} must give config names plain values, got "
                f"{self.warm_start!r}"
            )
        names = self.attributes
        if not all(isinstance(name, str) for name in names):
            raise SpaceError(
                f"space {self.name!r} must predict attributes by their names, got {names!r}"
            )
        if not names or len(set(names)) < len(names) or (self.form == "heads" and len(names) < 2):
            raise SpaceError(
                f"space {self.name!r} must predict different attributes, two or more by heads, "
                f"got form={self.form!r} attributes={list(names)}"
            )

    def check(self, schema: Schema) -> Self:
        """Returns the space itself where the data has what it predicts.

        Raises:
            SpaceError: the data lacks an attribute.
        """
        for name in self.attributes:
            if name not in schema:
                raise SpaceError(
                    f"space {self.name!r} needs the attribute {name!r}; this data has: "
                    f"{', '.join(schema.names)}"
                )
        return self

    def default_config(self, schema: Schema, scale: Scale) -> Config:
        """Returns the complete default config.

        Raises:
            SpaceError: the space's own code fails.
        """
        try:
            given: Config = {**self.default(schema, scale)}
        except Exception as error:  # the function is the user's own code
            raise self._failed("default", error) from error
        return self._predicting("default", given)

    def config(self, trial: "optuna.Trial", schema: Schema, scale: Scale) -> Config:
        """Suggests on the trial and returns the complete config, by dotted names.

        Raises:
            SpaceError: the space's own code fails.
        """
        try:
            constants = self.suggest(trial, schema, scale) or {}
        except Exception as error:
            raise self._failed("suggest", error) from error
        if not isinstance(constants, Mapping) or not all(isinstance(n, str) for n in constants):
            raise SpaceError(
                f"suggest() of space {self.name!r} must return a mapping of config names to "
                f"values, or nothing, got {constants!r}"
            )
        for name, distribution in trial.distributions.items():
            odd = [c for c in getattr(distribution, "choices", ()) if not isinstance(c, _PLAIN)]
            if odd:
                raise SpaceError(
                    f"choices of space {self.name!r} must be plain text, numbers, True, False or "
                    f"None, got {odd[0]!r} ({type(odd[0]).__name__}) for {name}"
                )
        chosen = self._predicting("suggest", {**trial.params, **constants})
        base = self.default_config(schema, scale)
        for branch in BRANCHES:
            if branch in chosen and chosen[branch] != base.get(branch):
                section = branch.partition(".")[0]
                for name in _branch_names(section):
                    base.pop(name, None)
        return {**base, **chosen}

    def fingerprint(self, schema: Schema, scale: Scale) -> str:
        """Returns 8 hex digits that change with the space, its default and the scale."""
        block, target = self._identity(schema)
        config = self.default_config(schema, scale)
        if target:
            config = {**{n: v for n, v in config.items() if n not in _BLOCK}, **target}
        default = sorted(config.items())
        text = repr((self.name, *block, self.source, default, scale))
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def _predicting(self, function: str, config: Config) -> Config:
        """Returns a config with what the space predicts; SpaceError where it says otherwise."""
        odd = {n: v for n, v in config.items() if not (isinstance(v, _PLAIN) or n in _BLOCK)}
        for name, value in odd.items():
            raise SpaceError(
                f"{function}() of space {self.name!r} must give plain text, numbers, True, False "
                f"or None, got {value!r} ({type(value).__name__}) for {name}"
            )
        target: Config = {"target.attributes": self.attributes, "target.form": self.form}
        for name, own in target.items():
            given: object = config.get(name, own)  # of a YAML file it is a list
            if (tuple(given) if isinstance(given, list) else given) != own:
                raise SpaceError(
                    f"{function}() of space {self.name!r} must leave {name} to what the space "
                    f"predicts, {own!r}, got {given!r}"
                )
        return {**target, **config, **target}

    def _failed(self, function: str, error: Exception) -> SpaceError:
        what = f"{type(error).__name__}: {error}"
        return SpaceError(f"{function}() of space {self.name!r} fails: {what}")

    def _identity(self, schema: Schema) -> tuple[tuple[object, ...], Config]:
        """Returns what stands for the block in a fingerprint.

        A block that older runs knew keeps the words they had for it, so that they can be resumed.
        """
        if len(self.attributes) == 1:
            name = self.attributes[0]
            old: Config = {"target.kind": "attribute", "target.attribute": name}
            return ("separate", name), old
        if set(self.attributes) == set(schema.names):
            kind = {"softmax": "joint", "heads": "multihead"}[self.form]
            return (kind, ""), {"target.kind": kind}
        return (self.attributes, self.form), {}


def _branch_names(section: str) -> tuple[str, ...]:
    return {
        "optim": ("optim.momentum",),
        "loss": ("loss.smoothing", "loss.gamma", "loss.f1_weight"),
        "head": (),
    }[section]

"""Space: what may be searched for one study, as frozen data around a define-by-run function."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, Self

import optuna

from spaces.errors import SpaceError
from spaces.groups import Flat
from spaces.scale import Scale

APPROACHES = ("separate", "joint", "multihead")
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


Suggest = Callable[[optuna.Trial, Schema, Scale], Flat | None]
Default = Callable[[Schema, Scale], Flat]


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What one study searches.

    Attributes:
        name: of the study and of `--space`.
        approach: "separate", "joint" or "multihead".
        attribute: what a space of the approach "separate" predicts; empty for the others.
        suggest: suggests parameters on an Optuna trial and returns the constants beside them.
            Parameter names are config paths. What it leaves out comes from the default config.
        default: the complete default config; trial 0 of every study.
        warm_start: known-good overrides of the default config, tried before the sampler.
        source: text of the file that defines the space; part of the fingerprint.

    Raises:
        SpaceError: the name cannot be a file name, warm starts are not mappings, or approach and
            attribute do not fit.
    """

    name: str
    approach: str
    attribute: str = ""
    suggest: Suggest
    default: Default
    warm_start: tuple[Mapping[str, str | int | float | bool], ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        if not self.name or self.name.startswith(".") or "/" in self.name:
            raise SpaceError(
                "the name of a space becomes a file name, so it cannot hold '/' or start with "
                f"'.', got {self.name!r}; give another: --space NAME=path/to/space.py"
            )
        if not all(isinstance(extra, Mapping) for extra in self.warm_start):
            raise SpaceError(
                f"warm starts of space {self.name!r} must be mappings of config names to values, "
                f"got {self.warm_start!r}"
            )
        if self.approach not in APPROACHES:
            raise SpaceError(
                f"the approach of space {self.name!r} must be one of {', '.join(APPROACHES)}, got "
                f"{self.approach!r}"
            )
        if (self.approach == "separate") != bool(self.attribute):
            raise SpaceError(
                f"space {self.name!r} must name an attribute exactly when its approach is "
                f"'separate', got approach={self.approach!r} attribute={self.attribute!r}"
            )

    @property
    def target(self) -> str:
        """What the objective scores: the attribute, or "joint"."""
        return self.attribute or "joint"

    def check(self, schema: Schema) -> Self:
        """Returns the space itself where the data has what it predicts.

        Raises:
            SpaceError: the data lacks the attribute, or has only one.
        """
        there = ", ".join(schema.names)
        if self.attribute and self.attribute not in schema:
            raise SpaceError(
                f"space {self.name!r} needs the attribute {self.attribute!r}; this data has: "
                f"{there}"
            )
        if self.approach != "separate" and len(schema.names) < 2:
            raise SpaceError(
                f"space {self.name!r} needs two attributes or more; this data has: {there}"
            )
        return self

    def default_config(self, schema: Schema, scale: Scale) -> Flat:
        """Returns the complete default config.

        Raises:
            SpaceError: the space's own code fails.
        """
        try:
            return {**self._target(), **self.default(schema, scale)}
        except Exception as error:  # the function is the user's own code
            raise self._failed("default", error) from error

    def config(self, trial: optuna.Trial, schema: Schema, scale: Scale) -> Flat:
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
        chosen: Flat = {**trial.params, **constants}
        base = self.default_config(schema, scale)
        for branch in BRANCHES:
            if branch in chosen and chosen[branch] != base[branch]:
                section = branch.partition(".")[0]
                for name in _branch_names(section):
                    base.pop(name, None)
        return {**base, **chosen}

    def fingerprint(self, schema: Schema, scale: Scale) -> str:
        """Returns 8 hex digits that change with the space, its default and the scale."""
        default = sorted(self.default_config(schema, scale).items())
        text = repr((self.name, self.approach, self.attribute, self.source, default, scale))
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def _failed(self, function: str, error: Exception) -> SpaceError:
        what = f"{type(error).__name__}: {error}"
        return SpaceError(f"{function}() of space {self.name!r} fails: {what}")

    def _target(self) -> Flat:
        if self.approach == "separate":
            return {"target.kind": "attribute", "target.attribute": self.attribute}
        return {"target.kind": self.approach}


def _branch_names(section: str) -> tuple[str, ...]:
    return {
        "optim": ("optim.momentum",),
        "loss": ("loss.smoothing", "loss.gamma", "loss.f1_weight"),
        "head": (),
    }[section]

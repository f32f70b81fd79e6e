"""What a space searches, as a sample of its trials shows it, and the default config in it."""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from spaces.scale import Scale
from spaces.space import Config, Schema, Space, Suggest
from trainables.blocks import FlatValue

_NUM_PROBES = 64
_first: dict[tuple[str, str, Suggest], Config] = {}


def distributions(space: Space, schema: Schema, scale: Scale) -> dict[str, BaseDistribution]:
    """Returns what a space searches, by name; raises SpaceError where its code fails."""
    study = _study()
    found: dict[str, BaseDistribution] = {}
    for _ in range(_NUM_PROBES):
        trial = study.ask()
        space.config(trial, schema, scale)
        found |= trial.distributions
    return found


def default_within(space: Space, schema: Schema, scale: Scale) -> Config:
    """Returns the default config with what the space does not offer replaced by what it does.

    A space may leave out what the default config has, such as its backbone: Optuna breaks on an
    enqueued choice that is not on offer.
    """
    offered = distributions(space, schema, scale)
    return {
        name: nearest(offered[name], value) if name in offered else value
        for name, value in space.default_config(schema, scale).items()
    }


def first_config(space: Space, schema: Schema, scale: Scale) -> Config:
    """Returns the complete config that trial 0 is given, but for what its sampler has to choose.

    That is the default config wherever the space offers all that it has.
    """
    data = repr([schema[name] for name in schema.names])
    key = (space.fingerprint(schema, scale), data, space.suggest)
    if key not in _first:
        study = _study()
        study.enqueue_trial(default_within(space, schema, scale))
        _first[key] = space.config(study.ask(), schema, scale)
    return dict(_first[key])


def nearest(distribution: BaseDistribution, value: FlatValue) -> FlatValue:
    """Returns a value itself where it is on offer, else the first choice or the nearer bound."""
    if isinstance(distribution, CategoricalDistribution):
        choices: Sequence[Any] = distribution.choices
        return value if value in choices else choices[0]
    if isinstance(distribution, FloatDistribution | IntDistribution):
        low, high = distribution.low, distribution.high
        return min(max(value, low), high) if isinstance(value, int | float) else low
    return value


def _study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))

"""Worlds of configs whose true scores are known: what a simulated search is judged by.

A world gives every config of the real spaces a quality and a pace, as a random function of its
parameters: one bend a number, one offset a choice, and products of pairs, with weights so uneven
that a few parameters matter most. Both are standard normal over random configs, and the default
config has about the quality that it was found to have. From there on the fitted law of the space
(`tests.search.builders.curve_law`) gives the curve, and the costs are measured ones.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import spaces
from search.tuning.journal import sample_configs
from spaces.scale import Scale, choose_scale
from tests.search.builders.curve_law import CurveLaw
from tests.search.builders.simulated_search import demo_scale, demo_schema
from tests.search.builders.virtual_run import Training
from trainables.seeding import derive_seed

Config = Mapping[str, Any]
Floats = NDArray[np.float64]

_SAMPLE = 600
_LOG = ("optim.lr", "optim.weight_decay", "optim.head_lr_ratio")
_NUMBERS = 7
"""So many different values make a number; fewer make choices."""
_NEAR = 0.25
_TRIES = 400
START_S = 0.35
"""Between two trials of a device."""
_BACKBONES = {"test_efficientnet": 1.05, "mobilenetv4_conv_small_050": 1.35}
_SIDES = {80: 1.35, 96: 1.9}
"""Costs of an epoch as multiples of test_resnet's at 64 px, on the demo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Data and models that runs were recorded on.

    Attributes:
        laws: of the curves, by space.
        people: that validate.
        epoch_s: device seconds of an epoch of the default config, by space.
        scale: what the spaces offer.
        source: the runs.
    """

    laws: Mapping[str, CurveLaw]
    people: int
    epoch_s: Mapping[str, float]
    scale: Scale
    source: str

    def cost(self, space: str, config: Config) -> float:
        """Returns the device seconds of an epoch of a config."""
        if self.scale.pretrained:
            return self.epoch_s[space] * (config["input.size"] / self.scale.input_sizes[0])
        backbone = _BACKBONES.get(config["backbone.name"], 1.0)
        return self.epoch_s[space] * backbone * _SIDES.get(config["input.size"], 1.0)


@cache
def place(name: str) -> Place:
    """Returns a place of `curve_laws.json`: "demo" or "faces"."""
    text = Path(__file__).with_name("curve_laws.json").read_text(encoding="utf-8")
    values = json.loads(text)[name]
    scale = demo_scale()
    if values["weights"]:
        weights = tuple(values["weights"])
        scale = choose_scale(device="cpu", pretrained=None, weights=weights, max_epochs=None)
    return Place(
        laws={space: CurveLaw(**law) for space, law in values["laws"].items()},
        people=values["people"],
        epoch_s=values["epoch_s"],
        scale=scale,
        source=values["source"],
    )


class World:
    """True curves of every config of the spaces of a place.

    Args:
        where: the place.
        seed: of the world and of its noise.
        slower: epochs take so many times as long.
    """

    def __init__(self, where: Place, seed: int, slower: float = 1.0) -> None:
        self.where, self._seed, self._slower = where, seed, slower
        self._surfaces = {
            space: _surface(space, where, derive_seed(seed, space)) for space in where.laws
        }

    def curve(self, space: str, config: Config) -> Floats:
        """Returns the true score after every epoch, float [epochs]."""
        quality, pace = self._surfaces[space].at(config)
        law = self.where.laws[space]
        epochs = int(config["schedule.epochs"])
        return law.true(np.array([quality]), np.array([pace]), epochs)[0]

    def final(self, space: str, config: Config) -> float:
        """Returns the true score of the fully trained config."""
        return float(self.curve(space, config)[-1])

    def default(self, space: str) -> float:
        """Returns the true score of the default config."""
        return self.final(space, _sample(space, self.where.scale)[0])

    def best(self, space: str) -> float:
        """Returns the best true score of 600 random configs."""
        surface = self._surfaces[space]
        rows, epochs = surface.encoder.rows, self.where.scale.max_epochs
        curves = self.where.laws[space].true(surface.quality(rows), surface.pace(rows), epochs)
        return float(curves[:, -1].max())

    def train(self, asked: Config) -> Training:
        """Returns what a training of a config would report."""
        space, config = asked["space"], asked["config"]
        rng = np.random.default_rng(derive_seed(self._seed, space, "noise", asked["number"]))
        values = self.where.laws[space].seen(self.curve(space, config), self.where.people, rng)
        epoch_s = self._slower * self.where.cost(space, config)
        seconds = tuple(epoch_s * epoch for epoch in range(1, len(values) + 1))
        return Training(start_s=START_S, seconds=seconds, values=tuple(values.tolist()))


@cache
def _sample(space: str, scale: Scale) -> tuple[Config, ...]:
    """Returns the default config and random ones."""
    found = spaces.load(space, demo_schema())
    return sample_configs(found, demo_schema(), scale, _SAMPLE, seed=0)


@cache
def _encoder(space: str, scale: Scale) -> "_Encoder":
    return _Encoder(_sample(space, scale))


class _Encoder:
    """Configs as numbers in [0, 1] and as choices."""

    def __init__(self, configs: Sequence[Config]) -> None:
        every = {name for config in configs for name in config}
        values = {n: {c[n] for c in configs if n in c} for n in sorted(every)}
        varying = {name: found for name, found in values.items() if len(found) > 1}
        self.ranges = {
            name: (_plain(name, min(found)), _plain(name, max(found)))
            for name, found in varying.items()
            if len(found) >= _NUMBERS
        }
        self.choices = {
            name: sorted(found, key=str)
            for name, found in varying.items()
            if name not in self.ranges
        }
        self.rows = np.array([self.row(config) for config in configs])

    def row(self, config: Config) -> Floats:
        """Returns the numbers, NaN where a config has none, and the places of the choices."""
        numbers = [
            (_plain(name, config[name]) - low) / (high - low) if name in config else np.nan
            for name, (low, high) in self.ranges.items()
        ]
        places = [
            found.index(config[name]) if name in config else len(found)
            for name, found in self.choices.items()
        ]
        return np.array([*numbers, *places])


def _plain(name: str, value: float) -> float:
    return float(np.log(value)) if name in _LOG else float(value)


class _Function:
    """A random function of configs that is standard normal over random ones."""

    def __init__(self, encoder: _Encoder, rng: np.random.Generator) -> None:
        self._numbers = len(encoder.ranges)
        self._optimum = rng.uniform(0, 1, self._numbers)
        sizes = [len(found) + 1 for found in encoder.choices.values()]
        self._offsets = [rng.standard_normal(size) for size in sizes]
        width = self._numbers + len(sizes)
        self._weights = rng.lognormal(0.0, 1.0, width) * rng.choice([1.0, 0.3], width)
        self._pairs = rng.integers(width, size=(2, width))
        self._pair_weights = 0.3 * rng.standard_normal(width) * self._weights[self._pairs[0]]
        self._mean, self._sd = np.zeros(width), np.ones(width)
        effects = self._effects(encoder.rows)
        self._mean, self._sd = effects.mean(axis=0), effects.std(axis=0) + 1e-9
        raw = self._raw(encoder.rows)
        self._centre, self._scale = float(raw.mean()), float(raw.std())

    def __call__(self, rows: Floats) -> Floats:
        return np.asarray((self._raw(rows) - self._centre) / self._scale)

    def _raw(self, rows: Floats) -> Floats:
        effects = self._effects(rows)
        pairs = effects[:, self._pairs[0]] * effects[:, self._pairs[1]]
        return np.asarray(effects @ self._weights + pairs @ self._pair_weights)

    def _effects(self, rows: Floats) -> Floats:
        numbers = np.nan_to_num(-((rows[:, : self._numbers] - self._optimum) ** 2), nan=-0.1)
        places = rows[:, self._numbers :].astype(int)
        chosen = [table[places[:, i]] for i, table in enumerate(self._offsets)]
        return np.asarray((np.column_stack([numbers, *chosen]) - self._mean) / self._sd)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Surface:
    encoder: _Encoder
    quality: _Function
    pace: _Function

    def at(self, config: Config) -> tuple[float, float]:
        """Returns quality and pace of a config."""
        row = self.encoder.row(config)[None]
        return float(self.quality(row)[0]), float(self.pace(row)[0])


def _surface(space: str, where: Place, seed: int) -> _Surface:
    """Returns a random surface on which the default is about as good as it was found to be."""
    rng, encoder = np.random.default_rng(seed), _encoder(space, where.scale)
    wanted = where.laws[space].default_quality
    best, nearest = None, np.inf
    for _ in range(_TRIES):
        quality = _Function(encoder, rng)
        distance = abs(float(quality(encoder.rows[:1])[0]) - wanted)
        if best is None or distance < nearest:
            best, nearest = quality, distance
        if nearest < _NEAR:
            break
    if best is None:
        raise ValueError(f"at least one surface must be drawn, got {_TRIES} tries")
    return _Surface(encoder=encoder, quality=best, pace=_Function(encoder, rng))

"""The controlled trainings: what each of them trains, beside what the refit has trained.

A control is a set of trainings that differ from the winners in one thing, on the same folds and
seeds of the refit. A winner is what the search of a space chose, as the refit trained it: what the
refit prefers may differ from fold to fold. What of a control equals a winner is not trained again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from search.refit.approaches import JOINT, SEPARATE, Lineup
from search.refit.units import Change, Unit
from search.store.records import PRECISION
from search.why.changes import FewerPeople, WrongLabels
from trainables.blocks import FlatValue
from trainables.seeding import derive_seed

Config = Mapping[str, FlatValue]
SHARED_CONFIG = "shared"
"""Config of separate models that take joint's best one."""

_SHARES_OF_PEOPLE = (100, 50, 25)
_SHARES_OF_WRONG = (0, 2, 5)
_POWERS = (0, 50, 100)


class Control(StrEnum):
    """The controlled trainings, in the order of their value."""

    SHARED = "shared"
    AVERAGED = "averaged"
    PEOPLE = "people"
    NOISE = "noise"
    SAMPLER = "sampler"


NAMES = {
    Control.SHARED: "separate models with one shared config",
    Control.AVERAGED: "joint models averaged to equal parameters",
    Control.PEOPLE: "learning curve over people",
    Control.NOISE: "wrong labels",
    Control.SAMPLER: "sampler strength",
}
"""What each is called in sentences."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What is trained of a space: its name among the files, its config, a change of the data."""

    config_id: str
    config: Config
    change: Change | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One setting of a control: `x` on the axis of its plot, the training of every space."""

    x: float
    trainings: Mapping[str, Training]


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlDesign:
    """What every controlled training trains: the search's choices, changed in one thing.

    Attributes:
        lineup: spaces and approaches.
        winners: config_id and config that the search of every space of these approaches chose.
        defaults: default config of every space.
        seeds: that all winners have.
        num_folds: of the refit.
        noisy: attribute whose labels can be made wrong; empty where there is none.
        seed: of the run.
    """

    lineup: Lineup
    winners: Mapping[str, Training]
    defaults: Mapping[str, Config]
    seeds: tuple[int, ...]
    num_folds: int
    noisy: str
    seed: int

    @property
    def controls(self) -> tuple[Control, ...]:
        """The controls that these approaches and this data allow."""
        both = {SEPARATE, JOINT} <= set(self.lineup.approaches)
        allowed = {
            Control.SHARED: both,
            Control.AVERAGED: both,
            Control.NOISE: bool(self.noisy),
        }
        return tuple(control for control in Control if allowed.get(control, True))

    @property
    def joint(self) -> str:
        """The space of the joint model."""
        return self.lineup.approaches[JOINT][0]

    @property
    def num_averaged(self) -> int:
        """Joint models that have the parameters of the separate ones."""
        return len(self.lineup.schema.names)

    def levels(self, control: Control) -> tuple[Level, ...]:
        """Returns the settings of a control, the plain one first."""
        if control is Control.SHARED:
            joint, separate = self.joint, self.lineup.approaches[SEPARATE]
            shared = {
                space: Training(
                    config_id=SHARED_CONFIG,
                    config=retargeted(self.winners[joint].config, self.defaults[space]),
                )
                for space in separate
            }
            own = {space: self.winners[space] for space in (*separate, joint)}
            return Level(x=0, trainings=own), Level(x=1, trainings=shared)
        if control is Control.AVERAGED:
            return (Level(x=0, trainings={self.joint: self.winners[self.joint]}),)
        if control is Control.PEOPLE:
            return tuple(self._of_people(percent) for percent in _SHARES_OF_PEOPLE)
        if control is Control.NOISE:
            return tuple(self._of_noise(percent) for percent in _SHARES_OF_WRONG)
        return tuple(self._of_power(percent) for percent in _POWERS)

    def seeds_of(self, control: Control, repeats: int) -> tuple[int, ...]:
        """Returns the seeds that are trained for so many repeats of a control.

        A repeat is a seed of the refit; of the averages it is one average, and its members beyond
        the refit's seeds are trained.
        """
        if control is not Control.AVERAGED:
            return self.seeds[:repeats]
        num_extra = max(0, repeats * self.num_averaged - len(self.seeds))
        first = max(self.seeds) + 1
        return tuple(range(first, first + num_extra))

    def repeats(self, control: Control, num_trained: int) -> int:
        """Returns the repeats that so many trained seeds make; undoes `seeds_of`."""
        if control is not Control.AVERAGED:
            return num_trained
        total = (len(self.seeds) + num_trained) // self.num_averaged
        return min(len(self.seeds), total)

    def units(self, control: Control, seed: int, fold: int) -> list[Unit]:
        """Returns the trainings of one seed and fold; none for what the refit has."""
        return [
            Unit(
                space=space,
                config_id=training.config_id,
                seed=seed,
                fold=fold,
                config=training.config,
                change=training.change,
            )
            for level in self.levels(control)
            for space, training in level.trainings.items()
            if training != self.winners[space] or seed not in self.seeds
        ]

    def _of_people(self, percent: int) -> Level:
        change = FewerPeople(share=percent / 100, seed=derive_seed(self.seed, "why", "people"))
        return self._changed(percent, f"people-{percent}", None if percent == 100 else change)

    def _of_noise(self, percent: int) -> Level:
        seed = derive_seed(self.seed, "why", "noise")
        change = WrongLabels(attribute=self.noisy, share=percent / 100, seed=seed)
        return self._changed(percent, f"noise-{percent}", change if percent else None)

    def _changed(self, percent: int, config_id: str, change: Change | None) -> Level:
        if change is None:
            return Level(x=percent, trainings=self.winners)
        trainings = {
            space: Training(config_id=config_id, config=winner.config, change=change)
            for space, winner in self.winners.items()
        }
        return Level(x=percent, trainings=trainings)

    def _of_power(self, percent: int) -> Level:
        power = percent / 100
        trainings = {}
        for space, winner in self.winners.items():
            config = {**winner.config, "sampler.power": power}
            same = winner.config["sampler.power"] == power
            changed = Training(config_id=f"sampler-{percent}", config=config)
            trainings[space] = winner if same else changed
        return Level(x=power, trainings=trainings)


def retargeted(config: Config, default: Config) -> Config:
    """Returns a config for another attribute: all of it that the attribute's own config can hold.

    The precision is that of `config`: models that share a config are rounded alike.

    Args:
        config: of the joint approach.
        default: of the attribute: gives the target, and what `config` has no value for.
    """
    precision = PRECISION.partition(".")[0]
    sections = {precision, *(name.partition(".")[0] for name in default)}
    carried = {
        name: value
        for name, value in config.items()
        if name.partition(".")[0] in sections and not name.startswith("target.")
    }
    # Values of a section belong together: a loss with another loss's parameters is not valid.
    taken = {precision, *(name.partition(".")[0] for name in carried)}
    own = {name: value for name, value in default.items() if name.partition(".")[0] not in taken}
    return {**own, **carried}

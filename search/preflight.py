"""What can be checked before anything runs: every space against data, timm and weights."""

from collections.abc import Iterable
from pathlib import Path

from search.journal import sample_configs
from spaces.errors import SpaceError
from spaces.scale import Scale
from spaces.space import Space
from trainables.backbone import check_backbone
from trainables.config import Backbone, TrialConfig
from trainables.data.schema import LabelSchema

_NUM_SAMPLES = 64


def check_spaces(
    spaces: Iterable[Space], schema: LabelSchema, scale: Scale, weights_dir: Path | None
) -> int:
    """Checks a sample of every space and returns the largest network input in pixels.

    Raises:
        SpaceError: a space searches the number of epochs, or its warm starts set unknown names.
        ConfigError: a space offers a config that is not valid, or a model that timm lacks.
        WeightsError: pretrained weights are wanted and cannot be had.
    """
    sizes, backbones = set(), set()
    for space in spaces:
        epochs = max_epochs(space, schema, scale)
        flats = sample_configs(space, schema, scale, _NUM_SAMPLES, seed=0)
        _check_warm_start(space, {name for flat in flats for name in flat})
        for flat in flats:
            config = TrialConfig.from_flat(flat)
            if config.schedule.epochs != epochs:
                raise SpaceError(
                    f"schedule.epochs must be the same for all trials of space {space.name!r} "
                    f"(early stopping compares them by epoch), got {epochs} and "
                    f"{config.schedule.epochs}; leave it to --max-epochs"
                )
            sizes.add(config.input.size)
            backbones.add((config.backbone.name, config.backbone.pretrained))
    for name, pretrained in sorted(backbones):
        check_backbone(
            Backbone(name=name, pretrained=pretrained, frozen_stages=0, drop_path=0.0), weights_dir
        )
    return max(sizes)


def _check_warm_start(space: Space, names: set[str]) -> None:
    # Optuna says nothing about an enqueued name that is never suggested.
    unknown = sorted({name for extra in space.warm_start for name in extra} - names)
    if unknown:
        raise SpaceError(
            f"warm starts of space {space.name!r} may set only names of its configs, got "
            f"{', '.join(unknown)}; correct or remove them"
        )


def max_epochs(space: Space, schema: LabelSchema, scale: Scale) -> int:
    """Returns the length of the schedule of every trial of a space."""
    return int(space.default_config(schema, scale)["schedule.epochs"])

"""What every method is asked: the data, the spaces and the time, the same for all of them."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import spaces
from search.prepare.dataset import SPLIT_SEED, stored_size_for
from search.prepare.setting import TrialSetting
from search.refit.approaches import Lineup, blocks_of_all
from spaces.scale import Scale, choose_scale
from spaces.space import Space
from trainables.backbone import weights_in
from trainables.blocks import Block, Form
from trainables.data import layouts
from trainables.data.sample_table import SampleTable
from trainables.data.schema import LabelSchema
from trainables.data.splits import make_split

ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One search.

    Attributes:
        data: folder of the people who are searched on.
        work: folder for whatever the method writes; it is deleted afterwards.
        space: name of a space, or "all".
        weights_dir: folder of pretrained weights; empty for none.
        max_epochs: of a trial; None is the scale's own.
        seed: of the search.
        slots: trials at once, a CPU each.
        seconds: of wall-clock time from `launched` to the end of the search.
        launched: seconds since the epoch when the method's process was started.
    """

    data: str
    work: str
    space: str
    weights_dir: str
    max_epochs: int | None
    seed: int
    slots: int
    seconds: float
    launched: float

    @property
    def deadline(self) -> float:
        """Seconds since the epoch when the search is to end."""
        return self.launched + self.seconds

    def write(self, path: Path) -> None:
        """Writes the task as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads what `write` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A task whose data is open: samples, split, spaces and scale as headrace itself has them."""

    setting: TrialSetting
    spaces: tuple[Space, ...]
    scale: Scale

    @classmethod
    def of(cls, task: Task) -> Self:
        """Opens the data of a task; decodes nothing."""
        table = layouts.load(Path(task.data), None)
        weights = Path(task.weights_dir) if task.weights_dir else None
        scale = choose_scale(
            device="cpu",
            pretrained=None,
            weights=weights_in(weights) if weights else (),
            max_epochs=task.max_epochs,
        )
        setting = TrialSetting(
            table=table,
            split=make_split(table, seed=SPLIT_SEED),
            stored_size=stored_size_for(table, max(scale.input_sizes)),
            cache_dir=Path(task.work) / "cache",
            results_dir=Path(task.work),
            weights_dir=weights,
            device="cpu",
            num_threads=1,
            device_share=1.0,
        )
        return cls(setting=setting, spaces=spaces_of(task.space, table.schema), scale=scale)

    @property
    def table(self) -> SampleTable:
        """The people who are searched on."""
        return self.setting.table

    def default(self, space: Space) -> dict[str, object]:
        """Returns the complete default config of a space."""
        return dict(space.default_config(self.table.schema, self.scale))

    def epochs(self, space: Space) -> int:
        """Returns the length of the schedule of a space's trials."""
        return int(str(self.default(space)["schedule.epochs"]))

    def turns(self, task: Task) -> Iterator[tuple[Space, float]]:
        """Yields the spaces one after another, each with the time when its search is to end.

        Every approach gets the same time, and within an approach every space, as in headrace;
        what is left of the task's time is divided when the first space begins.
        """
        shares = Lineup.of(self.table.schema, self.spaces).shares
        part = {name: 1 / len(shares) / len(group) for group in shares.values() for name in group}
        began, spent = time.time(), 0.0
        for space in self.spaces:
            spent += part[space.name]
            yield space, began + spent * (task.deadline - began)


def spaces_of(name: str, schema: LabelSchema) -> tuple[Space, ...]:
    """Returns the space of a name, or with "all" those that headrace searches by itself."""
    if name != ALL:
        return (spaces.load(name, schema),)
    blocks = blocks_of_all(schema)
    return tuple(spaces.load_block(block.attributes, block.form.value, schema) for block in blocks)


def block_of(space: Space) -> Block:
    """Returns what a space predicts."""
    return Block(space.attributes, Form(space.form))

"""What one stage of a run hands to the next."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from search.prepare.config import RunConfig
from search.prepare.dataset import Dataset
from search.prepare.resources import Resources
from search.prepare.setting import Away, TrialSetting
from search.store.portfolio_file import Candidate
from search.store.records import EPOCHS
from search.store.run_store import RunStore
from spaces.scale import Scale
from spaces.space import Space
from trainables.blocks import FlatValue
from trainables.config import TrialConfig
from trainables.data.sample_table import UnlabelledTable
from trainables.data.schema import LabelSchema


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Everything the stages need, once data, spaces and devices are known."""

    config: RunConfig
    dataset: Dataset
    spaces: tuple[Space, ...]
    scale: Scale
    backbones: tuple[str, ...]
    """timm names that the spaces offer."""
    resources: Resources
    store: RunStore
    stored_size: tuple[int, int]
    """(height, width) of the decoded images in pixels."""
    cache_dir: Path
    portfolio: tuple[Candidate, ...] = ()
    """Configs of other runs that the studies begin with."""
    readings: tuple[str, ...] = ()
    """What was read otherwise than it stands, corrected or done to photos, a sentence each."""
    photo_seconds: Mapping[str, float] | None = None
    """Device seconds per photo and epoch of every default config; None before it was timed."""
    unlabelled: UnlabelledTable | None = None
    """The photos of --pseudo-labels; None without."""
    away: Away | None = None
    """How workers on other machines reach the driver; None where there are none."""

    @property
    def setting(self) -> TrialSetting:
        """What all trainings share but those with pseudo-labels; sent to every worker once."""
        return TrialSetting(
            table=self.dataset.table,
            split=self.dataset.split,
            stored_size=self.stored_size,
            cache_dir=self.cache_dir.resolve(),
            results_dir=self.store.root.resolve(),
            weights_dir=self.config.weights_path,
            device=self.resources.device,
            num_threads=self.resources.cpus_per_trial,
            device_share=self.resources.device_share,
            bf16=self.config.bf16,
            away=self.away,
        )

    @property
    def schema(self) -> LabelSchema:
        """Of the data."""
        return self.dataset.table.schema

    def space(self, name: str) -> Space:
        """Returns a space by its name."""
        return next(space for space in self.spaces if space.name == name)

    def default_config(self, name: str) -> Mapping[str, FlatValue]:
        """Returns the complete default config of a space, as its trial 0 has it."""
        from search.prepare.offered import first_config  # loads Optuna

        return first_config(self.space(name), self.schema, self.scale)

    @property
    def epochs(self) -> dict[str, int]:
        """Length of the schedule of every space's trials."""
        return {space.name: max_epochs(space, self.schema, self.scale) for space in self.spaces}


def max_epochs(space: Space, schema: LabelSchema, scale: Scale) -> int:
    """Returns the length of the schedule of every trial of a space; ConfigError without one."""
    default = space.default_config(schema, scale)
    try:
        return int(str(default[EPOCHS]))
    except (LookupError, ValueError):
        return TrialConfig.from_flat(default).schedule.epochs  # or it says what is missing

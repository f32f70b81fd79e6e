"""What one stage of a run hands to the next."""

from dataclasses import dataclass

from search.analysis.uncertainty.interval import Interval
from search.prepare.config import RunConfig
from search.prepare.dataset import Dataset
from search.prepare.resources import Resources
from search.prepare.setting import TrialSetting
from search.store.records import Cause, State, TrialRecord
from spaces.scale import Scale
from spaces.space import Space
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
    setting: TrialSetting

    @property
    def epochs(self) -> dict[str, int]:
        """Length of the schedule of every space's trials."""
        schema = self.dataset.table.schema
        return {space.name: max_epochs(space, schema, self.scale) for space in self.spaces}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceResult:
    """The end of one space's search: its trials, the best of them and its score."""

    name: str
    approach: str
    target: str
    records: tuple[TrialRecord, ...]
    best: TrialRecord | None
    interval: Interval | None

    @property
    def counts(self) -> dict[str, int]:
        """Number of trials by how they ended."""
        states = [(record.state, record.cause) for record in self.records]
        return {
            "complete": states.count((State.COMPLETE, Cause.NONE)),
            "stopped early": sum(state is State.PRUNED for state, _ in states),
            "cut off by the budget": sum(cause is Cause.BUDGET for _, cause in states),
            "out of memory": sum(cause is Cause.OUT_OF_MEMORY for _, cause in states),
            "failed": sum(s is State.FAIL and c is not Cause.BUDGET for s, c in states),
        }


def max_epochs(space: Space, schema: LabelSchema, scale: Scale) -> int:
    """Returns the length of the schedule of every trial of a space."""
    return int(space.default_config(schema, scale)["schedule.epochs"])

"""`race.json`: which approaches left the race of a search, and why."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from search.store.files import write_json
from search.store.reading import check_schema, is_there, reading, typed
from search.store.run_store import RunStore

_FILE = "race.json"
_SCHEMA = 1
_WAY_OUT = "copy the run whole, or delete it: then all approaches are searched again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """An approach that gets no more search time.

    Attributes:
        approach: its name.
        chance: of being the best, when it left.
        device_seconds: that its search had used.
    """

    approach: str
    chance: float
    device_seconds: float

    def __post_init__(self) -> None:
        if not (0 <= self.chance <= 1 and 0 <= self.device_seconds < float("inf")):
            raise ValueError(
                "a chance must be in [0, 1] and device seconds from 0, got "
                f"{self.chance} and {self.device_seconds}"
            )

    @property
    def sentence(self) -> str:
        """What the console and the verdict say of it."""
        return (
            f"the search of {self.approach} was ended after {self.device_seconds:.0f} device "
            f"seconds (--race): its chance of being the best was {self.chance:.1%}"
        )


def write_race(store: RunStore, left: Iterable[Left]) -> None:
    """Writes who left the race of a run."""
    write_json(store.root / _FILE, {"schema": _SCHEMA, "left": [asdict(each) for each in left]})


def read_race(store: RunStore) -> tuple[Left, ...]:
    """Returns who left the race of a run; nobody where there was none.

    Raises:
        ResultsError: the file cannot be read.
    """
    path = store.root / _FILE
    if not is_there(path):
        return ()
    with reading(path, _WAY_OUT):
        values: Mapping[str, object] = store.read_json(_FILE, _WAY_OUT)
        check_schema(path, values, _SCHEMA, _WAY_OUT)
        return typed(tuple[Left, ...], values["left"])  # type: ignore[no-any-return]

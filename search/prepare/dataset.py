"""The data of a run: the user's folder or the built-in demo, its table, split and stored size."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from search.errors import UsageError
from search.prepare.config import RunConfig
from search.prepare.one_side import on_one_side
from search.prepare.option import is_folder
from trainables.data import layouts
from trainables.data.corrections import summary
from trainables.data.demo import generate as synthetic
from trainables.data.image_store import ImageStore, stored_size
from trainables.data.sample_table import SampleTable
from trainables.data.splits import Split, make_split

# One split for every run on the same data: runs with different --seed are compared on the same
# people.
SPLIT_SEED = 0
DEMO_SEED = 0
# Stored images are larger than the largest input, so that a crop keeps its detail.
_STORED_PER_INPUT = 1.5

ProgressBar = Callable[[str], Callable[[int, int], None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Labelled samples and who of them searches, validates and waits."""

    root: Path
    table: SampleTable
    split: Split
    is_demo: bool

    @property
    def fingerprint(self) -> str:
        """Of samples and split together."""
        return f"{self.table.fingerprint[:8]}{self.split.fingerprint[:8]}"

    @property
    def note(self) -> str:
        """What a reader must know about the data; empty where nothing."""
        if not self.is_demo:
            return ""
        return (
            f"demo people are drawn, {synthetic.OLD_SHARE:.0%} of them aged 60 (real data: 7.1 %)"
        )

    @property
    def readings(self) -> tuple[str, ...]:
        """What was read otherwise than it stands, and what was corrected, a sentence each."""
        return (*self.table.notes, *summary(self.table.corrections))

    @property
    def name(self) -> str:
        """What the plan calls it."""
        return "the built-in demo" if self.is_demo else str(self.root)


def open_dataset(config: RunConfig, cache_dir: Path, progress: ProgressBar) -> Dataset:
    """Reads the data, drawing the demo people first where no data is given.

    Raises:
        DataError: the data breaks a rule.
        UsageError: options that contradict each other.
    """
    if config.data and not is_folder(config.data):
        raise UsageError(f"--data must be a folder, got {config.data}")
    root = Path(config.data) if config.data else demo(config.people, cache_dir, progress)
    table = layouts.load(root, config.layout, config.corrections)
    table = on_one_side(table, cache_dir, progress)
    split = make_split(table, seed=SPLIT_SEED)
    return Dataset(root=root, table=table, split=split, is_demo=not config.data)


def demo(people: int, cache_dir: Path, progress: ProgressBar) -> Path:
    """Returns the folder of the demo data, drawn on first use."""
    root = synthetic.demo_dir(cache_dir, people, DEMO_SEED)
    return synthetic.generate(
        root,
        num_people=people,
        seed=DEMO_SEED,
        progress=progress(f"drawing {people} demo people"),
    )


def stored_size_for(table: SampleTable, max_input: int) -> tuple[int, int]:
    """Returns the (height, width) to store images at for inputs of up to `max_input` pixels."""
    return stored_size(table, round(max_input * _STORED_PER_INPUT))


def decode_images(
    table: SampleTable,
    size: tuple[int, int],
    cache_dir: Path,
    num_threads: int,
    progress: ProgressBar,
) -> tuple[str, ...]:
    """Decodes every image into the cache, where the workers map it.

    Returns:
        What was done to some of them, a sentence each.

    Raises:
        DataError: an image is missing or unreadable.
    """
    bar = progress(f"decoding {table.num_samples} photos")
    store = ImageStore.open(table, size, cache_dir, num_threads=num_threads, progress=bar)
    return store.notes

"""The data of a run: the user's folder or the built-in demo, its table, split and stored size."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from search.prepare.config import RunConfig
from search.prepare.one_side import kept_together, sketches_of
from search.prepare.option import check_folder
from trainables.data import layouts
from trainables.data.corrections import summary
from trainables.data.demo import generate as synthetic
from trainables.data.image_store import ImageStore, ImageTable, stored_size
from trainables.data.sample_table import SampleTable
from trainables.data.schema import UNKNOWN
from trainables.data.several_roots import Root, together
from trainables.data.splits import Split, make_split
from trainables.errors import DataError

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
    roots: tuple[Root, ...] = ()
    """The folders of data that was put together of several."""
    content: str = ""
    """16 hex digits of the bytes of all photos; empty for the demo, which is always the same."""

    @property
    def whole(self) -> "Dataset":
        """The photos that have every label and are not added, which the verdict is about."""
        table = self.table.whole
        if table is self.table:
            return self
        return replace(self, table=table, split=self.split.first(table.num_samples))

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
        table = self.table
        return (*table.notes, *summary(table.corrections), *_counts(table), *self._told_roots())

    def _told_roots(self) -> Iterator[str]:
        for number, root in enumerate(self.roots):
            only_trains = " (only trains)" if number and self.table.added else ""
            yield f"{root}{only_trains}"

    @property
    def name(self) -> str:
        """What the plan calls it."""
        places = " + ".join(root.path for root in self.roots) or str(self.root)
        return "the built-in demo" if self.is_demo else places


def _counts(table: SampleTable) -> Iterator[str]:
    """Yields how many photos have each label and how many have all, where some lack one."""
    known = (table.labels != UNKNOWN).sum(axis=0)
    if known.min() < table.num_samples:
        each = (f"{name} {count:,}" for name, count in zip(table.schema, known, strict=True))
        yield (
            f"of {table.num_samples:,} photos some lack a label, and train and score those they "
            f"have: {', '.join(each)}; all labels, as joint and the verdict need: "
            f"{(table.joint != UNKNOWN).sum():,}"
        )


def open_dataset(config: RunConfig, cache_dir: Path, progress: ProgressBar) -> Dataset:
    """Reads the data, drawing the demo people first where no data is given.

    Raises:
        DataError: the data breaks a rule.
        UsageError: options that contradict each other.
    """
    if config.data:
        check_folder("--data", config.data)
    root = Path(config.data) if config.data else demo(config.people, cache_dir, progress)
    table, roots = labelled(root, config, progress("looking at the photos"))
    content = ""
    if config.data:  # those of the demo are drawn, each by itself
        sketches = sketches_of(table, cache_dir, progress)
        table, content = kept_together(table, sketches, cache_dir), sketches.content
    return Dataset(
        root=root,
        table=table,
        split=make_split(table, seed=SPLIT_SEED),
        is_demo=not config.data,
        roots=roots,
        content=content,
    )


def labelled(
    root: Path, config: RunConfig, bar: Callable[[int, int], None]
) -> tuple[SampleTable, tuple[Root, ...]]:
    """Returns the table of a folder with what is added to it, and the folders where several are.

    Raises:
        DataError: the data breaks a rule.
    """
    own = layouts.load(root, config.layout, config.corrections, bar)
    if not config.add_data:
        return own, ()
    added = {folder: _added(folder, bar) for folder in config.add_data}
    roots = tuple(Root.of(path, each) for path, each in {str(root): own, **added}.items())
    return together(own, added, scored=config.score_added), roots


def _added(folder: str, progress: Callable[[int, int], None]) -> SampleTable:
    """Returns a folder that is added; what is refused names it: rows of several look alike."""
    root = Path(folder)
    try:
        return layouts.load(root, progress=progress, is_added=True)
    except DataError as error:
        if str(error).startswith((f"{root}:", f"{root}/")):
            raise
        raise DataError(f"{folder}: {error}") from error


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
    table: ImageTable,
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
    bar = progress(f"decoding {len(table.paths)} photos")
    store = ImageStore.open(table, size, cache_dir, num_threads=num_threads, progress=bar)
    return store.notes

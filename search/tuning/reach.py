"""A run on a cluster whose nodes may see no folder of the driver: what each sees, and the link."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.errors import UsageError
from search.prepare.prepared import Prepared
from search.prepare.resources import Node
from search.prepare.setting import Away, Decoded
from search.refit.fleet import object_store_bytes
from search.refit.transfer import Depot, fits_on, linked
from search.store.outputs import ResultsFolder
from trainables.data.both_tables import BothTables
from trainables.data.image_store import ImageStore, ImageTable
from trainables.errors import DataError, in_short

_ANSWER_S = 120.0
"""For which a node may start a worker; what does not answer is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a node sees of some photos: their decoded images in the cache, and themselves."""

    cache: bool
    data: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Decoded images that trainings need.

    Attributes:
        what: they are called in messages.
        photos: that they were made of.
        store: that they are in.
        otherwise: of what to do where they do not come to a node; may be empty.
    """

    what: str
    photos: ImageTable
    store: ImageStore
    otherwise: str = ""

    @property
    def size(self) -> str:
        """Bytes, for messages."""
        return f"{self.store.array.nbytes / 1e9:.2g} GB"


def images_note(run: Prepared, nodes: Sequence[Node]) -> str:
    """Returns how the decoded images come to the nodes, for the plan.

    Raises:
        UsageError: a node with room for trainings has no way to them.
    """
    needed, stores = _needed(run), object_store_bytes()
    sights = _sights(run, nodes, needed)
    told = []
    for number, each in enumerate(needed):
        seen = {name: sight[number] for name, sight in sights.items()}
        ways = Counter(_way(each, name, sight, stores) for name, sight in seen.items())
        if ways:
            counted = ", ".join(f"{count} {way}" for way, count in ways.items())
            told.append(f"{each.what} ({each.size}): of the nodes, {counted}.")
    return " ".join(told)


def _way(needed: Needed, name: str, sight: Sight, stores: Mapping[str, int]) -> str:
    """Returns what a node does to have decoded images; raises as `images_note`."""
    if sight.cache:
        return "read the cache folder"
    if fits_on(needed.store.array.nbytes, name, stores):
        return "get them through Ray"
    if sight.data:
        return "decode the photos"
    raise UsageError(
        f"every node must get {needed.what[0].lower()}{needed.what[1:]} ({needed.size}), and node "
        f"{name[:8]} sees neither the cache nor the photos, and the object stores of Ray have no "
        f"room ({_in_words(stores)}); start Ray with a larger --object-store-memory, or put the "
        f"photos on storage that the node sees{needed.otherwise}"
    )


def _in_words(stores: Mapping[str, int]) -> str:
    return ", ".join(f"{name[:8]} {size / 1e9:.2g} GB" for name, size in stores.items())


def _needed(run: Prepared) -> list[Needed]:
    """Returns the decoded images of the driver, which are there; one of them at a time is used."""
    table, unlabelled = run.dataset.table, run.unlabelled
    found = [Needed(what="The decoded images", photos=table, store=_opened(run, table))]
    if unlabelled is not None:
        both = BothTables(labelled=table, unlabelled=unlabelled)
        found.append(
            Needed(
                what="The decoded images with those of --pseudo-labels",
                photos=both,
                store=_opened(run, both),
                otherwise=", or leave --pseudo-labels out",
            )
        )
    return found


def _opened(run: Prepared, photos: ImageTable) -> ImageStore:
    threads = run.resources.cpus_per_trial
    return ImageStore.open(photos, run.stored_size, run.cache_dir.resolve(), num_threads=threads)


def _sights(
    run: Prepared, nodes: Sequence[Node], needed: Sequence[Needed]
) -> dict[str, list[Sight]]:
    """Asks every node with room for trainings what it sees of all photos that are needed."""
    photos = ray.put([(each.store.path, each.store.contents, each.photos) for each in needed])
    asked = {}
    for node in nodes:
        if run.resources.slots_on([node]):
            here = NodeAffinitySchedulingStrategy(node.name, soft=False)
            task = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=here)(_look)
            asked[task.remote(photos)] = node.name
    ready, _ = ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER_S)
    found = {}
    for reference in ready:
        name = asked[reference]
        try:
            found[name] = ray.get(reference)
        except (ray.exceptions.RayTaskError, ray.exceptions.RuntimeEnvSetupError) as error:
            raise UsageError(
                f"every node must be able to run headrace's code, and node {name[:8]} answers: "
                f"{in_short(error)}; install the packages of the driver's versions there, or "
                "take it out of the cluster"
            ) from error
        except ray.exceptions.RayError:
            continue  # it has just gone
    return found


def _look(photos: Sequence[tuple[Path, str, ImageTable]]) -> list[Sight]:
    return [
        Sight(cache=ImageStore.found(path, contents) is not None, data=_sees(table))
        for path, contents, table in photos
    ]


def _sees(photos: ImageTable) -> bool:
    try:
        photos.check_files()
    except (DataError, OSError):
        return False
    return True


@contextmanager
def reached(run: Prepared, *, is_cluster: bool) -> Iterator[Prepared]:
    """Yields the run with a link to its workers, where they may be on other machines."""
    if not is_cluster:
        yield run
        return
    stores = [each.store for each in _needed(run)]
    depot = Depot(
        results=ResultsFolder(run.store.root.resolve()),
        weights_dir=run.config.weights_path,
        images={store.contents: store.array for store in stores},
    )
    with linked(depot) as link:
        images, *more = map(Decoded.of, stores)
        away = Away(
            link=link,
            images=images,
            with_unlabelled=more[0] if more else None,
            weights=_weights_digest(run.config.weights_path),
        )
        yield replace(run, away=away)
    depot.results.close()


def _weights_digest(folder: Path | None) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")) if folder else ():
        status = path.stat()
        digest.update(f"{path.name}:{status.st_size}:{status.st_mtime_ns};".encode())
    return digest.hexdigest()[:16]

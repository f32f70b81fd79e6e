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
from search.prepare.setting import Away
from search.refit.fleet import object_store_bytes
from search.refit.transfer import Depot, fits_on, linked
from search.store.outputs import ResultsFolder
from trainables.data.image_store import ImageStore
from trainables.data.sample_table import SampleTable
from trainables.errors import DataError, in_short

_ANSWER_S = 120.0
"""For which a node may start a worker; what does not answer is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a node sees of the driver's folders."""

    cache: bool
    data: bool
    pseudo: bool


def images_note(run: Prepared, nodes: Sequence[Node]) -> str:
    """Returns how the decoded images come to the nodes, for the plan.

    Raises:
        UsageError: a node with room for trainings has no way to them, or lacks what else it needs.
    """
    store, stores = _store(run), object_store_bytes()
    size = f"{store.array.nbytes / 1e9:.2g} GB"
    ways = Counter[str]()
    for name, sight in _sights(run, nodes, store).items():
        if run.config.pseudo_labels and not sight.pseudo:
            raise UsageError(
                f"--pseudo-labels needs nodes that see its folder and the results, and node "
                f"{name[:8]} does not; leave it out, or put both on storage that every node sees"
            )
        if sight.cache:
            ways["read the cache folder"] += 1
        elif fits_on(store.array.nbytes, name, stores):
            ways["get them through Ray"] += 1
        elif sight.data:
            ways["decode the data folder"] += 1
        else:
            raise UsageError(
                f"every node must get the decoded images ({size}), and node {name[:8]} sees "
                "neither the cache nor the data folder, and the object stores of Ray have no room "
                f"({_in_words(stores)}); start Ray with a larger --object-store-memory, or put "
                "the data on storage that the node sees"
            )
    told = ", ".join(f"{number} {way}" for way, number in ways.items())
    return f"The decoded images ({size}): of the nodes, {told}." if told else ""


def _in_words(stores: Mapping[str, int]) -> str:
    return ", ".join(f"{name[:8]} {size / 1e9:.2g} GB" for name, size in stores.items())


def _store(run: Prepared) -> ImageStore:
    """Returns the decoded images of the driver, which are there."""
    threads = run.resources.cpus_per_trial
    table, cache = run.dataset.table, run.cache_dir.resolve()
    return ImageStore.open(table, run.stored_size, cache, num_threads=threads)


def _sights(run: Prepared, nodes: Sequence[Node], store: ImageStore) -> dict[str, Sight]:
    """Asks every node with room for trainings what it sees."""
    needed = (run.config.pseudo_labels, str(run.store.root.resolve().parent))
    table = ray.put(run.dataset.table)
    asked = {}
    for node in nodes:
        if run.resources.slots_on([node]):
            here = NodeAffinitySchedulingStrategy(node.name, soft=False)
            task = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=here)(_look)
            reference = task.remote(store.path, store.contents, table, needed)
            asked[reference] = node.name
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


def _look(path: Path, contents: str, table: SampleTable, needed: tuple[str, ...]) -> Sight:
    try:
        table.check_files()
        data = True
    except (DataError, OSError):
        data = False
    return Sight(
        cache=ImageStore.found(path, contents) is not None,
        data=data,
        pseudo=all(Path(folder).is_dir() for folder in needed if folder),
    )


@contextmanager
def reached(run: Prepared, *, is_cluster: bool) -> Iterator[Prepared]:
    """Yields the run with a link to its workers, where they may be on other machines."""
    if not is_cluster:
        yield run
        return
    store = _store(run)
    depot = Depot(
        results=ResultsFolder(run.store.root.resolve()),
        weights_dir=run.config.weights_path,
        images=store.array,
    )
    with linked(depot) as link:
        away = Away(
            link=link,
            images=store.path,
            contents=store.contents,
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

"""Files of workers to the driver, and what they need from it, through Ray.

A mailbox, an actor on the machine of the driver, carries questions and answers; the driver takes
them out in a thread of its own and does what they ask, so that it alone touches its disk. Only
small things lie in the mailbox: parts of files pass it as references of Ray, from the object store
of one node to the process that reads them. What a worker asks waits for its answer, so that what
it takes for written is on the driver's disk, and a driver that is slow slows its workers and is
never flooded.
"""

import asyncio
import errno
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.ending.signals import Ending, under_way
from search.refit.fleet import object_store_bytes
from search.store.heartbeat import EVERY_S
from search.store.outputs import ResultsFolder
from trainables.errors import in_short

logger = logging.getLogger(__name__)

_AT_ONCE = 4
"""Threads of the driver that write for workers: a disk that brings one file to rest has others."""
_INLINE_BYTES = 50_000
_MOST_WAITING = 10_000
_END_S = 5.0
_FETCH_S = 300.0
"""For a part of a file to come from a node, which may be about to die."""
_IMAGES_S = 3600.0
"""For all decoded images to come to a node: 4.8 GB take half an hour at 20 Mbit a second."""
_STORE_SHARE = 0.8
"""Of a node's object store that the images may take; parts of files need room, too."""

_Asked = tuple[int, str, tuple[Any, ...], dict[str, Any]]
"""Number of a question, what is asked, and its arguments; -1 where nobody waits for an answer."""
_Answer = tuple[Any, Exception | None]


class Mailbox:
    """What workers ask and what the driver answers (an actor of Ray, asynchronous)."""

    def __init__(self) -> None:
        self._asked: asyncio.Queue[_Asked] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[_Answer]] = {}
        self._numbers = itertools.count()

    async def ask(self, what: str, given: tuple[Any, ...], named: dict[str, Any]) -> _Answer:
        """Returns the driver's answer, or what it raised."""
        number = next(self._numbers)
        answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            await self._asked.put((number, what, given, named))
            return await answer
        finally:
            del self._answers[number]

    async def tell(self, what: str, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Tells the driver something without an answer."""
        await self._asked.put((-1, what, given, named))

    async def take(self) -> list[_Asked]:
        """Returns what was asked since the last call, at least one thing."""
        found = [await self._asked.get()]
        while not self._asked.empty():
            found.append(self._asked.get_nowait())
        return found

    async def answer(self, number: int, found: Any, error: Exception | None) -> None:
        """Hands over the driver's answer."""
        if (answer := self._answers.get(number)) is not None and not answer.done():
            answer.set_result((found, error))


@dataclass(frozen=True, slots=True)
class Link:
    """A worker's end (`search.prepare.setting.Link`); can be sent to any process of the cluster.

    Attributes:
        mailbox: the actor.
    """

    mailbox: Any

    def put(self, name: str, start: int, content: bytes, *, last: bool, transfer: str) -> None:
        """As `Post.put`."""
        self._ask("put", name, start, _packed(content), last=last, transfer=transfer)

    def grow(self, name: str, start: int, content: bytes) -> None:
        """As `Post.grow`."""
        self._ask("grow", name, start, _packed(content))

    def read(self, name: str, start: int) -> bytes | None:
        """As `Post.read`."""
        return _unpacked(self._ask("read", name, start))

    def remove(self, name: str) -> None:
        """As `Post.remove`."""
        self._ask("remove", name)

    def sign(self, name: str, node: str, *, begins: bool) -> None:
        """As `Post.sign`, without an answer."""
        self.mailbox.tell.remote("sign", (name, node), {"begins": begins})

    def images(self, contents: str, on_step: Callable[[], None]) -> NDArray[np.uint8] | None:
        """Returns decoded images, read-only, one copy for all workers of this node.

        Raises:
            OSError: they have not come for an hour, or the driver is gone.
        """
        reference = self._ask("images", ray.get_runtime_context().get_node_id(), contents)
        if reference is None:
            return None
        with _answering():
            until = time.monotonic() + _IMAGES_S
            while not ray.wait(reference, timeout=EVERY_S)[0]:
                if time.monotonic() > until:
                    raise OSError(errno.ETIMEDOUT, "the decoded images do not come to this node")
                on_step()
            found: NDArray[np.uint8] = ray.get(reference[0])
        return found

    def weights(self, name: str, start: int) -> bytes | None:
        """As `Post.read`, of a file in the folder of the pretrained weights."""
        return _unpacked(self._ask("weights", name, start))

    def _ask(self, what: str, *given: Any, **named: Any) -> Any:
        with _answering():
            found, error = ray.get(self.mailbox.ask.remote(what, given, named))
        if error is not None:
            raise error
        return found


@dataclass(slots=True)
class Depot:
    """What the driver does for workers.

    Attributes:
        results: the folder of the run.
        weights_dir: folder of the pretrained weights; None where there is none.
        images: decoded, uint8 [N, H, W, 3], by the contents of their file.
        shared: those that a node asked for last, and their copy in Ray's object store.
    """

    results: ResultsFolder
    weights_dir: Path | None
    images: Mapping[str, NDArray[np.uint8]]
    shared: tuple[str, Any] = ("", None)
    lock: Any = field(default_factory=threading.Lock)

    def do(self, what: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Does one thing that a worker asked for and returns its answer."""
        match what:
            case "put" | "grow":
                name, start, packed = given
                return getattr(self.results, what)(name, start, _unpacked(packed), **named)
            case "read":
                return _packed(self.results.read(*given))
            case "weights" if self.weights_dir is not None:
                return _packed(ResultsFolder(self.weights_dir).read(*given))
            case "images":
                return self._shared(*given)
            case "remove" | "sign":
                return getattr(self.results, what)(*given, **named)
        return None

    def _shared(self, node: str, contents: str) -> list[Any] | None:
        images = self.images[contents]
        with self.lock:
            if not fits_on(images.nbytes, node, object_store_bytes()):
                return None
            if self.shared[0] != contents:
                self.shared = ("", None)  # a stage needs one of them: Ray deletes the other
                self.shared = (contents, ray.put(np.asarray(images)))
            return [self.shared[1]]  # in a list: the mailbox has no use for the images


def fits_on(num_bytes: int, node: str, stores: Mapping[str, int]) -> bool:
    """Returns whether decoded images have room in the object stores that they need.

    Args:
        num_bytes: that they take.
        node: that wants them; the one of this process holds them, too.
        stores: bytes of the object store of every living node, by its name.
    """
    own = ray.get_runtime_context().get_node_id()
    return num_bytes <= _STORE_SHARE * min(stores.get(own, 0), stores.get(node, 0))


def _packed(content: bytes | None) -> Any:
    """Returns a small content as it is, a reference in a list to a large one."""
    if content is None or len(content) <= _INLINE_BYTES:
        return content
    return [ray.put(content)]


def _unpacked(packed: Any) -> bytes | None:
    if isinstance(packed, list):
        with _answering():
            (packed,) = ray.get(packed, timeout=_FETCH_S)
    content: bytes | None = packed
    return content


@contextmanager
def _answering() -> Iterator[None]:
    """Makes of a connection that is lost what it is, a fault of the machine and of no config."""
    try:
        yield
    except ray.exceptions.RayTaskError:
        raise
    except ray.exceptions.RayError as gone:
        raise OSError(errno.ENOTCONN, f"the other end is gone: {in_short(gone)}") from gone


@contextmanager
def linked(depot: Depot) -> Iterator[Link]:
    """Yields the link by which workers reach the driver; the driver serves it meanwhile."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    options = {"num_cpus": 0, "max_concurrency": _MOST_WAITING, "scheduling_strategy": here}
    mailbox, over = ray.remote(**options)(Mailbox).remote(), threading.Event()
    given = mailbox, depot, under_way(), over
    thread = threading.Thread(target=_serve, args=given, daemon=True)
    thread.start()
    try:
        yield Link(mailbox)
    finally:
        over.set()
        if not under_way().lost:  # Ray would wait for its head
            ray.kill(mailbox)
            thread.join(_END_S)


def _serve(mailbox: Any, depot: Depot, ending: Ending, over: threading.Event) -> None:
    """Does what workers ask until the mailbox is gone; before its time that ends the command."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="results") as threads:
        try:
            while True:
                for number, *asked in ray.get(mailbox.take.remote()):
                    threads.submit(_answer, mailbox, depot, number, *asked)
        except ray.exceptions.RayError:
            logger.info("the mailbox of the workers is gone", exc_info=True)
    if not over.is_set():
        ending.lose("the process of Ray that brings the files of workers has ended")


def _answer(
    mailbox: Any, depot: Depot, number: int, what: str, given: Any, named: dict[str, Any]
) -> None:
    found, raised = None, None
    try:
        found = depot.do(what, given, named)
    except Exception as error:  # whatever it is, the worker that asked must hear of it
        logger.info("a worker was refused %s", what, exc_info=True)
        raised = error
    if number >= 0:
        mailbox.answer.remote(number, found, raised)

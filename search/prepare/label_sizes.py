"""What many classes take: memory of a training and of the verdict, and room on the disk.

Labels multiply: forty attributes of two classes make 2^40 joint ones, a column of captions alone
makes as many as there are people. What cannot be held is refused here, with its figures, before
an array of [photos, classes] is made anywhere.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.errors import UsageError
from trainables.blocks import Block, Form
from trainables.data.manifest_config import to_ignore
from trainables.data.schema import LabelSchema

# Of a worker without classes: Python, torch, a small network and its batches (1.2 GB at the most
# that CPUs are offered, 0.3 of it shared with its neighbours); CUDA's libraries on a GPU.
_CPU_WORKER_BYTES = 1_000_000_000
_GPU_WORKER_BYTES = 3_000_000_000
# The last layer: features of a large backbone x weights, gradient, two moments and an average.
_HEAD_BYTES = 2048 * 5 * 4
# Probabilities of a training: as torch and NumPy hold them, their product, the mirrored ones.
_PHOTO_BYTES = 48
# Counts of classes by classes, which an evaluation and a verdict hold twice.
_MATRIX_BYTES = 2 * 8
# The verdict holds about ten float64 arrays of [seeds, photos, classes]: configs, calibrated ones.
_VERDICT_BYTES = 10 * 8
# Counts of every person: three float64 a class, seed and approach, and side by side for resamples;
# or those by which a difference is split, of a seed of two approaches, and as they are joined.
_COUNTS_BYTES = 3 * 3 * 8 * 2
_SPLIT_BYTES = 2 * 8 * 2
# A refit keeps float32 probabilities of plain and mirrored photos, in parts and together.
_STORED_BYTES = 4 * 2 * 2
_CONFIGS = 4
_LONG_LIST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What there is for arrays of classes, in bytes; None where it is not known.

    Attributes:
        worker: memory of the node that has most of it.
        driver: memory of this machine.
        disk: free where the results lie.
    """

    worker: int | None
    driver: int | None
    disk: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSizes:
    """How many classes the spaces of a run predict, of how many photos and people.

    Attributes:
        schema: of the data.
        blocks: what every space predicts, by its name.
        num_photos: of the data.
        num_people: of the data.
        num_seeds: of the refit; 0 where the run has none, and no verdict over all attributes.
    """

    schema: LabelSchema
    blocks: Mapping[str, Block]
    num_photos: int
    num_people: int
    num_seeds: int

    def worker_bytes(self, device: str) -> int:
        """Returns the memory that the process of the largest space's training takes, about."""
        base = _GPU_WORKER_BYTES if device == "cuda" else _CPU_WORKER_BYTES
        return base + max(map(self._training_bytes, self.blocks.values()))

    def check(self, room: Room) -> None:
        """Raises UsageError where the classes of a space, or all of them together, do not fit."""
        for space, block in self.blocks.items():
            names = block.schema(self.schema).names
            needs = self._training_bytes(block)
            if room.worker is not None and needs > room.worker:
                raise UsageError(
                    f"a training of space {space!r} tells {self._product(names)} of "
                    f"{self.num_photos:,} photos apart, which takes {size(needs)} of memory, and "
                    f"{size(room.worker)} are there; {self._way_out()}"
                )
        if not self.num_seeds:
            return
        self._check_all("memory", self._verdict_bytes(), room.driver, self._way_out())
        stored = sum(self._classes(block) for block in self.blocks.values())
        per_class = self.num_photos * self.num_seeds * _CONFIGS * _STORED_BYTES
        way_out = f"free some, {self._way_out()}"
        self._check_all("room on the disk", stored * per_class, room.disk, way_out)

    def notes(self) -> tuple[str, ...]:
        """Returns a sentence for every label that has as many classes as there are people."""
        found = []
        for attribute in self.schema.attributes:
            if len(attribute.classes) >= self.num_people:
                found.append(
                    f"{attribute.name} has {len(attribute.classes):,} classes, as many as people "
                    f"({self.num_people:,}) or more: where it names them, leave it out "
                    f"({to_ignore([attribute.name])})"
                )
        for space, block in self.blocks.items():
            of_one = len(block.attributes) == 1
            if not of_one and self._classes(block) >= self.num_people:
                found.append(
                    f"{space} tells {self._classes(block):,} classes apart with "
                    f"{self.num_people:,} people: most of them are seen in training or in "
                    "validation alone"
                )
        return tuple(found)

    def _check_all(self, what: str, needs: int, there: int | None, way_out: str) -> None:
        if there is not None and needs > there:
            raise UsageError(
                f"the verdict over all attributes tells {self._product(self.schema.names)} of "
                f"{self.num_photos:,} photos apart with {self.num_seeds} seeds, which takes "
                f"{size(needs)} of {what}, and {size(there)} are there; {way_out}"
            )

    def _classes(self, block: Block) -> int:
        return block.schema(self.schema).num_joint

    def _training_bytes(self, block: Block) -> int:
        head = _HEAD_BYTES if block.form is Form.SOFTMAX else 0
        classes = self._classes(block)
        return classes * (head + _PHOTO_BYTES * self.num_photos + _MATRIX_BYTES * classes)

    def _verdict_bytes(self) -> int:
        classes = self.schema.num_joint
        attributes = sum(map(self.schema.num_classes, self.schema.names))
        counts = self.num_seeds * classes * _COUNTS_BYTES
        split = classes * (3 + attributes) * _SPLIT_BYTES
        probabilities = self.num_photos * classes * self.num_seeds * _VERDICT_BYTES
        matrices = _MATRIX_BYTES * classes**2
        return probabilities + matrices + self.num_people * max(counts, split)

    def _product(self, names: Sequence[str]) -> str:
        sizes = {name: self.schema.num_classes(name) for name in names}
        largest = sorted(sizes, key=lambda name: -sizes[name])[:_LONG_LIST]
        parts = " x ".join(f"{name} {sizes[name]:,}" for name in largest)
        more = f" x {len(names) - len(largest)} more attributes" if len(names) > _LONG_LIST else ""
        return f"{self.schema.only(names).num_joint:,} classes ({parts}{more})"

    def _way_out(self) -> str:
        every = [attribute.name for attribute in self.schema.attributes]
        unlikely = [a.name for a in self.schema.attributes if len(a.classes) >= self.num_people]
        out = f"leave attributes out ({to_ignore(['NAME'])})"
        if unlikely:
            out = (
                f"{', '.join(unlikely)} has as many classes as people ({self.num_people:,}): "
                f"leave it out ({to_ignore(unlikely)})"
            )
        single = [name for name in every if name not in unlikely][:_LONG_LIST]
        return f"{out}, or search attributes alone (--space {shlex.join(single or every[:1])})"


def size(number: float) -> str:
    """Returns bytes in words."""
    for unit in ("MB", "GB", "TB"):
        number = number / 1e6 if unit == "MB" else number / 1e3
        if number < 1000:
            break
    return f"{number:,.3g} {unit}" if number < 1000 else f"{number:,.0f} {unit}"

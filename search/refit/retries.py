"""Which trainings begin again after their worker ended, and when a run has to end instead.

A training whose node dies has done nothing wrong, and begins again; where node after node dies
under the same one, it may be what kills them, and somebody has to look. One whose worker dies
while the node lives may be what kills it, so it has a few tries, in this start of the run and in
the next, and then it fails. One that makes no step for a long time begins again once: a second
time it would be the machines, or the config, and somebody has to look.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from search.errors import StalledError

MAX_DEATHS = 2
"""Deaths of a worker, its node alive, after which a training still begins again."""
MAX_NODES = 10
"""Nodes that may die under one training in a start of the run."""
STEP_S, START_S = 600.0, 1800.0
"""Seconds without a step after which a training is ended, and from its hand-out to its first."""
NODES_S = 600.0
"""Seconds that a run waits for a node with room for a training."""
# Of an actor, and of a task.
_NODE_DIED = ("its node has died", "the node it was running on is dead")


class Retries:
    """Counts how the trainings of a stage ended before their time.

    Args:
        is_alive: tells of a node by its name whether it lives; one without a name does.
        max_deaths: of a worker whose node lives.
    """

    def __init__(self, is_alive: Callable[[str], bool], max_deaths: int = MAX_DEATHS) -> None:
        self._is_alive = is_alive
        self._max_deaths = max_deaths
        self._nodes: defaultdict[str, list[str]] = defaultdict(list)
        self._dead_nodes: Counter[str] = Counter()
        self._silences: Counter[str] = Counter()

    def after_death(self, training: str, node: str, said: str = "") -> bool:
        """Returns whether a training whose worker died begins again.

        Args:
            training: its name.
            node: that it was on; empty where it had not begun.
            said: of the death by Ray, which knows of a node even where the worker had not begun.

        Raises:
            StalledError: too many nodes died under it.
        """
        if any(sign in said for sign in _NODE_DIED):
            self._dead_nodes[training] += 1
            self._check_nodes(training, self._dead_nodes[training])
            return True
        self._nodes[training].append(node)
        # Asked again for the earlier ones: that a node is dead is known a while after its workers.
        own = sum(not name or self._is_alive(name) for name in self._nodes[training])
        dead = len(self._nodes[training]) - own
        self._check_nodes(training, self._dead_nodes[training] + dead)
        return own <= self._max_deaths

    def _check_nodes(self, training: str, dead: int) -> None:
        if dead > MAX_NODES:
            raise StalledError(
                f"{dead} nodes died while they trained {training}, so the run was stopped; look "
                "at what ends them (their memory, their lease)"
            )

    def after_silence(self, training: str, silent_s: float, *, has_begun: bool = True) -> None:
        """Counts a training that was ended because it made no step.

        Args:
            training: its name.
            silent_s: for how long.
            has_begun: whether it had made one before.

        Raises:
            StalledError: it is the second time.
        """
        self._silences[training] += 1
        if self._silences[training] > 1:
            what, where = "made no step", "its machine (a disk or network that hangs)"
            if not has_begun:
                what = "made no first step"
                where += ", and whether another run holds the slots of the cluster"
            raise StalledError(
                f"{training} {what} for {silent_s / 60:.0f} minutes twice, so the run was "
                f"stopped; look at {where}"
            )


def note_deaths(mark: Path) -> bool:
    """Notes in a file that the workers of a training die; returns whether it was noted before."""
    was_noted = mark.exists()
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    return was_noted


def is_silent(silent_s: float, *, has_begun: bool) -> bool:
    """Returns whether a training has been silent for so long that it is ended."""
    return silent_s > (STEP_S if has_begun else START_S)

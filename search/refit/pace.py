"""How long the trainings of a stage take: as planned, corrected by those that have ended."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from search.refit.units import Unit


class Pace:
    """What is known of the seconds of trainings.

    A training takes what those of its config took. As long as none has ended it takes what was
    planned, times how much longer than planned the others took; without a plan as long as they.
    The plan counts as one of the others, for the first trainings take longer than all that follow:
    their workers are new.

    Args:
        slots: trainings at a time.
        planned: seconds of a training on a slot, by the name of its config.
    """

    def __init__(self, slots: int, planned: Mapping[str, float] | None = None) -> None:
        self._slots = slots
        self._planned = dict(planned or {})
        self._taken: dict[str, list[float]] = defaultdict(list)

    def note(self, config_name: str, seconds: float) -> None:
        """A training has ended."""
        self._taken[config_name].append(seconds)

    def seconds(self, units: Iterable[Unit]) -> float | None:
        """Returns the wall-clock seconds that units take; None where nobody knows."""
        counts = Counter(unit.config_name for unit in units)
        factor, total = self._factor, 0.0
        for name, count in counts.items():
            each = self._of(name, factor)
            if each is None:
                return None
            total += count * each
        return total / self._slots

    def _of(self, name: str, factor: float) -> float | None:
        if taken := self._taken.get(name):
            return sum(taken) / len(taken)
        if name in self._planned:
            return factor * self._planned[name]
        every = [seconds for taken in self._taken.values() for seconds in taken]
        return sum(every) / len(every) if every else None

    @property
    def _factor(self) -> float:
        """How much longer than planned the trainings took."""
        both = {name: taken for name, taken in self._taken.items() if self._planned.get(name)}
        ended = sum(len(taken) for taken in both.values())
        if not ended:
            return 1.0
        planned = sum(len(taken) * self._planned[name] for name, taken in both.items())
        typical = planned / ended
        return (sum(sum(taken) for taken in both.values()) + typical) / (planned + typical)

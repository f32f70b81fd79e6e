"""A shorter schedule where the budget affords few trainings; chosen once, before the first trial.

With less time than three full trainings of a space's default config take, a search would compare
next to nothing. Fewer epochs for all leave time for other configs, and a trial that ends says more
of its config than one that is cut off.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from math import ceil

from search.analysis.wording import plural
from search.prepare.config import format_duration
from search.prepare.prepared import Prepared
from search.refit.approaches import Lineup
from search.refit.finalists import probed_costs

LEAST_EPOCHS = 3
"""Of a shortened schedule: what one or two epochs say is mostly the luck of their beginning."""
LEAST_PART = 0.5
"""Of the usual schedule: networks that are hardly trained answer worse than a default that is."""
FEW_TRAININGS = 3
"""Of the default config of every space, below which the schedule is shortened."""
START_SECONDS = 12.0
"""Of the search, in which workers start and load PyTorch."""


def affordable_epochs(
    full_s: Mapping[str, float],
    seconds: float,
    shares: Mapping[str, Collection[str]],
    epochs: int,
    trainings: float = FEW_TRAININGS,
    at_once: float = 1.0,
) -> int:
    """Returns the length of the schedule that leaves time for some trainings of every space.

    Args:
        full_s: device seconds of a training of the default config of every space.
        seconds: device seconds of the search.
        shares: spaces of every approach; all approaches get the same time.
        epochs: of those trainings.
        trainings: of the default config of every space that there should be time for.
        at_once: trials at a time: however many there are, each has its own device alone.

    Returns:
        `epochs` where the time is enough for them; else less, but not below half of them, nor
        below `LEAST_EPOCHS`.
    """
    needed = max(sum(full_s[space] for space in spaces) for spaces in shares.values())
    affords = epochs * seconds / (len(shares) * needed * trainings)
    one = epochs * seconds / (at_once * max(full_s.values()))
    return min(epochs, max(LEAST_EPOCHS, ceil(LEAST_PART * epochs), int(min(affords, one))))


def may_be_shortened(run: Prepared) -> bool:
    """Returns whether nobody has chosen the schedule: neither the user nor a space file."""
    usual = run.scale.max_epochs
    is_usual = set(run.epochs.values()) == {usual}
    return run.config.max_epochs is None and is_usual and usual > LEAST_EPOCHS


def fit_schedule(run: Prepared, seconds_of: Callable[[Prepared], float]) -> tuple[Prepared, str]:
    """Returns the run with the schedule that its budget affords, and a note where it is shorter.

    Args:
        run: a new one whose default configs were timed.
        seconds_of: returns the wall-clock time of the search of a run; with a shorter schedule the
            refit may leave it more.
    """
    usual, costs = run.scale.max_epochs, probed_costs(run)
    photos = len(run.dataset.split.search_train)
    full = {name: each[0] * photos * usual for name, each in costs.photo_seconds.items()}
    shares = Lineup.of(run.schema, run.spaces).shares
    trainings = min(FEW_TRAININGS, run.config.trials or FEW_TRAININGS)
    slots = run.resources.slots
    for epochs in range(usual, 0, -1):
        shorter = _with_epochs(run, epochs)
        seconds = seconds_of(shorter)
        device_s = max(0.0, seconds - START_SECONDS) * costs.num_devices
        if epochs <= affordable_epochs(full, device_s, shares, usual, trainings, slots):
            break
    if epochs == usual:
        return run, ""
    longest = max(full.values()) / run.resources.device_share
    note = (
        f"{epochs} epochs a trial instead of {usual}: one of {usual} takes about "
        f"{format_duration(longest)}, and the search of {plural(len(full), 'space')} has "
        f"{format_duration(seconds)}; --max-epochs {usual} keeps them"
    )
    return shorter, note


def _with_epochs(run: Prepared, epochs: int) -> Prepared:
    scale = replace(run.scale, max_epochs=epochs)
    return replace(run, scale=scale, config=run.config.changed(max_epochs=epochs))

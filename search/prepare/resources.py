"""How many trials run at once, and what share of a device each holds."""

from dataclasses import dataclass

from search.errors import UsageError

_FRACTIONS = {
    "auto": 1.0,
    "1": 1.0,
    "0.5": 0.5,
    "1/2": 0.5,
    "0.25": 0.25,
    "1/4": 0.25,
    "1/3": 1 / 3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one trial holds and how many run at once.

    Attributes:
        slots: trials at once.
        cpus_per_trial: whole CPUs; also the number of threads of a trial.
        gpus_per_trial: 0 on the CPU, else 1, 1/2, 1/3 or 1/4.
        num_cpus: CPUs of the cluster.
        num_gpus: GPUs of the cluster.
    """

    slots: int
    cpus_per_trial: int
    gpus_per_trial: float
    num_cpus: int
    num_gpus: int

    @property
    def device(self) -> str:
        """Device type of every trial."""
        return "cuda" if self.gpus_per_trial else "cpu"

    @property
    def device_share(self) -> float:
        """Share of a device that a trial holds; a CPU slot is a device of its own."""
        return self.gpus_per_trial or 1.0

    @property
    def num_devices(self) -> float:
        """Devices in use when every slot is: GPUs, or CPU slots."""
        return self.slots * self.device_share

    def describe(self) -> str:
        """Returns the resources in words."""
        what = f"{self.cpus_per_trial} CPU" + ("s" if self.cpus_per_trial > 1 else "")
        if self.gpus_per_trial:
            what += f" and {self.gpus_per_trial:.2g} GPU"
        return f"{self.slots} trials at once, {what} each"


def check_fraction(gpus_per_trial: str) -> None:
    """Raises UsageError where a trial's share of a GPU is not one that divides it evenly."""
    if gpus_per_trial not in _FRACTIONS:
        raise UsageError(
            f"--gpus-per-trial must be one of {', '.join(_FRACTIONS)} (a fraction that divides a "
            f"GPU evenly), got {gpus_per_trial!r}"
        )


def plan_resources(num_cpus: int, num_gpus: int, gpus_per_trial: str) -> Resources:
    """Fits trials onto the cluster.

    Args:
        num_cpus: of the cluster.
        num_gpus: of the cluster.
        gpus_per_trial: `auto`, `1`, `0.5`, `1/3` or `0.25`. Other fractions would leave a part of
            each GPU that no trial can use.

    Raises:
        UsageError: another fraction, or no CPU at all.
    """
    check_fraction(gpus_per_trial)
    if num_cpus < 1:
        raise UsageError(f"the cluster must have at least one CPU, got {num_cpus}")
    if not num_gpus:
        if gpus_per_trial != "auto":
            raise UsageError(
                f"--gpus-per-trial {gpus_per_trial} needs a GPU, and Ray sees none; leave it out"
            )
        return Resources(
            slots=num_cpus, cpus_per_trial=1, gpus_per_trial=0.0, num_cpus=num_cpus, num_gpus=0
        )
    share = _FRACTIONS[gpus_per_trial]
    slots = min(num_gpus * round(1 / share), num_cpus)
    return Resources(
        slots=slots,
        cpus_per_trial=num_cpus // slots,
        gpus_per_trial=share,
        num_cpus=num_cpus,
        num_gpus=num_gpus,
    )

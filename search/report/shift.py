"""How the classes of an unlabelled folder differ, as a page and `label_shift.json` have it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from search.report.errors import ReportError

_COLUMNS = {
    "training": "training",
    "predicted": "predicted",
    "averaged": "mean_probability",
    "estimated": "estimated",
}
"""Field -> key of a class's row in `label_shift.json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Share of every class in the training data and on the unlabelled photos.

    Attributes:
        name: of the target: an attribute, or "joint".
        classes: its K classes.
        training: K shares of the labels, sum 1.
        predicted: K shares of the predicted classes, sum 1.
        averaged: K mean probabilities, sum 1.
        estimated: K shares by the EM, sum 1 (search/analysis/shift/estimate.py).
        low: lower ends of the 95 % intervals of `estimated`.
        high: upper ends.
        validated: K shares of the classes predicted of the training data out of fold, sum 1;
            empty in what was written before they were counted.

    Raises:
        ReportError: not a share per class, or an estimate outside its interval.
    """

    name: str
    classes: tuple[str, ...]
    training: tuple[float, ...]
    predicted: tuple[float, ...]
    averaged: tuple[float, ...]
    estimated: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    validated: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for what in (*_COLUMNS, "low", "high", *(("validated",) if self.validated else ())):
            shares = getattr(self, what)
            if len(shares) != len(self.classes):
                raise ReportError(
                    f"the distribution of {self.name!r} needs a share per class, got "
                    f"{len(shares)} {what} for {len(self.classes)} classes"
                )
        ends = zip(self.low, self.estimated, self.high, strict=True)
        if any(not low <= share <= high for low, share, high in ends):
            raise ReportError(
                f"an estimated share of {self.name!r} must lie in its interval, got "
                f"{self.estimated} in {self.low} to {self.high}"
            )

    def ratio(self, place: int) -> tuple[float, float, float] | None:
        """Returns how many times more frequent a class is in the folder, with its interval.

        None for a class that the training data lacks.
        """
        known = self.training[place]
        if known == 0:
            return None
        shares = (self.estimated[place], self.low[place], self.high[place])
        value, low, high = (share / known for share in shares)
        return value, low, high

    def predicted_ratio(self, place: int) -> float | None:
        """Returns how many times more frequently a class is predicted in the folder.

        None for a class that nobody is predicted to have out of fold, or where it is not known.
        """
        known = self.validated[place] if self.validated else 0
        return self.predicted[place] / known if known else None

    def to_dict(self) -> dict[str, Any]:
        """Returns the target's entry in `label_shift.json`."""
        return {
            "name": self.name,
            "classes": [self._row(place) for place in range(len(self.classes))],
        }

    def _row(self, place: int) -> dict[str, Any]:
        ratio = self.ratio(place)
        return {
            "class": self.classes[place],
            **{key: getattr(self, field)[place] for field, key in _COLUMNS.items()},
            "interval": [self.low[place], self.high[place]],
            "ratio": ratio and ratio[0],
            "ratio_interval": ratio and list(ratio[1:]),
            "validation": self.validated[place] if self.validated else None,
            "predicted_ratio": self.predicted_ratio(place),
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Returns the shift written by `to_dict`.

        Raises:
            ReportError: an entry is missing or not what it should be.
        """
        try:
            rows = data["classes"]
            return cls(
                name=data["name"],
                classes=tuple(row["class"] for row in rows),
                **{field: tuple(r[key] for r in rows) for field, key in _COLUMNS.items()},
                low=tuple(row["interval"][0] for row in rows),
                high=tuple(row["interval"][1] for row in rows),
                validated=_validated(rows),
            )
        except (KeyError, TypeError, IndexError) as error:
            raise ReportError(
                f"a label shift needs name and classes as `headrace predict --label-shift` "
                f"writes them, got an entry without {error}; run it again"
            ) from error


def _validated(rows: Sequence[Mapping[str, Any]]) -> tuple[float, ...]:
    known = (row.get("validation") for row in rows)
    found = tuple(share for share in known if share is not None)
    return found if len(found) == len(rows) else ()

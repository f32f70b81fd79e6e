"""predictions/truth.csv: labels, people and folds of every photo.

Columns without a colon are ours; `attribute:<name>` and `number:<name>` are the user's, the class
and the raw number of an attribute. Older runs wrote bare names, a number as `<name>_raw`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from search.analysis.fitting.cross_fit import CrossFit
from search.refit.units import Folds
from search.store.files import write_text
from search.store.names import columns_of
from search.store.reading import reading
from search.store.run_store import TRUTH_FILE, check_refitted
from trainables.data.csv_cells import harmless, original
from trainables.data.sample_table import SampleTable
from trainables.data.schema import Attribute, LabelSchema
from trainables.data.splits import Split
from trainables.nearest import near

_ATTRIBUTE, _NUMBER = "attribute:", "number:"
_OWN = ("sample", "group", "label", "fold", "held_out", "chose")
_BARE_NUMBER = "_raw"  # after the name of an attribute, in older runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Labels, people and folds of every sample, in the order of the probabilities.

    Attributes:
        label: joint class int [N].
        group: person of every sample, str [N].
        fold: int [N].
        held_out: bool [N]: people whom the search never saw.
        raw: raw numbers float [N] of numeric attributes.
        chose: bool [N]: people whom the search validated on, and chose by; None in older runs.

    Raises:
        ValueError: there is no sample, a label is negative, folds have gaps, a person is in two of
            them or on two sides of the split, or a number is not finite.
    """

    label: NDArray[np.int64]
    group: NDArray[np.str_]
    fold: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    raw: Mapping[str, NDArray[np.float64]]
    chose: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if not len(self.label) or self.label.min() < 0:
            raise ValueError("it needs a row or more, and no label below 0")
        used = np.unique(self.fold)
        if used.tolist() != list(range(len(used))):
            raise ValueError(f"folds must be 0, 1, ... without a gap, got {used[:10].tolist()}")
        chose = np.zeros_like(self.held_out) if self.chose is None else self.chose
        if (both := self.held_out & chose).any():
            raise ValueError(f"row {_row(both)}: the search cannot choose by who is held out")
        sides = {"in one fold": self.fold, "on one side of the split": self.held_out + 2 * chose}
        for where, side in sides.items():
            by_person = pd.Series(side).groupby(self.group).nunique()
            if by_person.max() > 1:
                raise ValueError(f"a person must be {where}, got {by_person.idxmax()!r} in two")
        endless = [name for name, numbers in self.raw.items() if not np.isfinite(numbers).all()]
        if endless:
            raise ValueError(f"numbers of {endless[0]!r} must be finite, got NaN or infinity")

    @property
    def num_folds(self) -> int:
        """Of the refit."""
        return int(self.fold.max()) + 1

    @property
    def folds(self) -> Folds:
        """Who is out of fold when."""
        return Folds(of_sample=self.fold, num_folds=self.num_folds)

    @property
    def cross_fit(self) -> CrossFit:
        """Who decides about whom."""
        return CrossFit.of_people(self.fold, self.group, self.held_out)

    @classmethod
    def read(cls, predictions: Path, schema: LabelSchema | None = None) -> "Truth":
        """Reads `truth.csv`.

        Args:
            predictions: folder that it is in.
            schema: of the labels, where the file is to be held against it.

        Raises:
            ResultsError: the run has no refit yet, or the file is not whole.
        """
        check_refitted(predictions)
        path = predictions / TRUTH_FILE
        with reading(path, "copy the run again, or resume it", wrong="is not a whole truth.csv"):
            # As text: a class may be called 01, and a number with a fraction is no fold.
            frame = pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False)
            if not isinstance(frame.index, pd.RangeIndex):
                raise ValueError("a row has more cells than the header")
            truth = cls._of_frame(frame)
            if schema is not None:
                _check_labels(truth, frame, schema)
            return truth

    @classmethod
    def _of_frame(cls, frame: pd.DataFrame) -> "Truth":
        if _is_bare(frame):
            raw = [name for name in frame.columns if name.endswith(_BARE_NUMBER)]
            numbers = {name.removesuffix(_BARE_NUMBER): name for name in raw}
        else:
            numbers = columns_of(frame.columns, _NUMBER)
        if (again := frame["sample"].duplicated()).any():
            raise ValueError(
                f"row {_row(again)}: every sample must be listed once, got "
                f"{frame['sample'][again].iloc[0]!r} again"
            )
        return cls(
            label=frame["label"].to_numpy(dtype=np.int64),
            group=frame["group"].map(original).to_numpy(dtype=str),
            fold=frame["fold"].to_numpy(dtype=np.int64),
            held_out=_mark(frame["held_out"]),
            chose=_mark(frame["chose"]) if "chose" in frame else None,
            raw={n: frame[column].to_numpy(dtype=np.float64) for n, column in numbers.items()},
        )


def _is_bare(frame: pd.DataFrame) -> bool:
    """Returns whether an older run wrote the file: names of the user as they are."""
    others = [name for name in frame.columns if name not in _OWN]
    return not others or not all(name.startswith((_ATTRIBUTE, _NUMBER)) for name in others)


def _row(where: ArrayLike) -> int:
    """Returns the first row of the file, the header being 1, that a condition holds in."""
    return int(np.flatnonzero(where)[0]) + 2


def _mark(cells: "pd.Series[str]") -> NDArray[np.bool_]:
    """Returns which rows are marked by 1 and not by 0."""
    if (odd := ~cells.isin(["0", "1"])).any():
        raise ValueError(
            f"row {_row(odd)}: {cells.name} must be 0 or 1, got {cells[odd].iloc[0]!r}"
        )
    marked: NDArray[np.bool_] = (cells == "1").to_numpy(dtype=bool)
    return marked


def _check_labels(truth: Truth, frame: pd.DataFrame, schema: LabelSchema) -> None:
    """Raises where labels are not those of a schema, or not those of the row's attributes."""
    named = {name for each in schema.names for name in (each, f"{each}{_BARE_NUMBER}")}
    is_bare = _is_bare(frame)
    if is_bare and (lost := named & set(_OWN)):
        raise ValueError(
            f"an older headrace wrote attribute {min(lost)!r} over its own column of that name"
        )
    if truth.label.max() >= schema.num_joint:
        raise ValueError(
            f"a label must be in [0, {schema.num_joint}), got {int(truth.label.max())}"
        )
    prefix = "" if is_bare else _ATTRIBUTE
    codes = [_codes(frame[prefix + each.name], each) for each in schema.attributes]
    told = schema.joint_code(np.stack(codes, axis=1))
    if (other := told != truth.label).any():
        row = int(np.flatnonzero(other)[0])
        raise ValueError(
            f"row {row + 2}: its label must be that of its attributes by study.json, {told[row]}, "
            f"got {truth.label[row]}"
        )


def _codes(cells: "pd.Series[str]", attribute: Attribute) -> NDArray[np.int64]:
    """Returns the codes int [N] of the classes of an attribute."""
    bare = {name: code for code, name in enumerate(attribute.classes)}
    known = {**bare, **{harmless(name): code for name, code in bare.items()}}
    found = cells.map(known)
    if (strange := found.isna()).any():
        value = cells[strange].iloc[0]
        raise ValueError(
            f"row {_row(strange)}: {attribute.name!r} must be one of its classes in study.json, "
            f"got {value!r}{near(str(value), attribute.classes)}"
        )
    return np.asarray(found, dtype=np.int64)


def write_truth(predictions: Path, table: SampleTable, folds: Folds, split: Split) -> None:
    """Writes `truth.csv`: sample, group, label, fold, parts of the search, attributes, numbers."""
    marks = np.zeros((2, table.num_samples), dtype=np.int64)
    marks[0, split.held_out] = 1
    marks[1, split.search_val] = 1
    columns: dict[str, object] = {
        "sample": [harmless(path) for path in table.paths],
        "group": [harmless(group) for group in table.groups],
        "label": table.joint,
        "fold": folds.of_sample,
        "held_out": marks[0],
        "chose": marks[1],
    }
    for axis, attribute in enumerate(table.schema.attributes):
        name = attribute.name
        classes = [harmless(each) for each in attribute.classes]
        columns[_ATTRIBUTE + name] = [classes[k] for k in table.labels[:, axis]]
        if attribute.has_raw:
            columns[_NUMBER + name] = table.raw[name]
    text = pd.DataFrame(columns).to_csv(index=False, lineterminator="\n")
    write_text(predictions / "truth.csv", text)

"""What a form tells beside the page of a run; every part may be missing."""

from collections.abc import Mapping
from dataclasses import dataclass

from search.report.contents import ReportContents


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandIn:
    """The stored results of a run, as a form needs them.

    Attributes:
        run: its name.
        contents: what its page shows.
        drawn: whether the people of its data are those of the built-in demo.
        folds: of people in the refit; 0 where nothing was refitted.
        seeds: of the refit, at most; 0 likewise.
        margin: within which two approaches are equivalent; None where nothing was judged.
        holds: what the verdict holds for, in English.
        corrections: labels that were put right.
        corrected_photos: photos that these changed.
        readings: what was read otherwise than it stands in the data, in English.
        licence: of the data; empty where it is not known.
        judge: the command that judges the run, where it was not judged and has what to judge.
        audit: level -> number of findings of an audit of the data; None where the run has none.
    """

    run: str
    contents: ReportContents
    drawn: bool = False
    folds: int = 0
    seeds: int = 0
    margin: float | None = None
    holds: str = ""
    corrections: int = 0
    corrected_photos: int = 0
    readings: tuple[str, ...] = ()
    licence: str = ""
    judge: str = ""
    audit: Mapping[str, int] | None = None

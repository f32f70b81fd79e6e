"""`headrace audit`: looks at all of a data folder, says what it found, writes it down."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from search.analysis.near_duplicates import LEAST_CONTRAST, contrast
from search.audit.copies import Copy, copy_findings, find_copies, people_of
from search.audit.difference import Version, counted, differences
from search.audit.files import file_findings
from search.audit.finding import Finding, Level, about
from search.audit.labels import REFUSED, label_findings
from search.audit.listing import Listing, list_folder
from search.audit.looks import look_findings
from search.audit.page import audit_page, diff_page
from search.audit.suspects import (
    Suspect,
    out_of_fold,
    suspect_findings,
    suspects_of,
    write_corrections,
)
from search.console import StepBar, say
from search.errors import ResultsError
from search.prepare.one_side import groups_of
from search.report.render import html_of
from search.store.files import SCHEMA, write_json, write_text
from search.store.run_store import RunStore
from trainables.data.image_decoding import MAX_PIXELS
from trainables.data.image_files import several
from trainables.data.sketches import Sketches
from trainables.data.splits import check_people
from trainables.errors import DataError
from trainables.machine import Machine

JSON_FILE, PAGE_FILE = "audit.json", "audit.html"
DIFF_JSON_FILE, DIFF_PAGE_FILE = "diff.json", "diff.html"
_LEVELS = (Level.UNUSABLE, Level.LOOK, Level.NOTE)
_STYLES = {Level.UNUSABLE: "bold red", Level.LOOK: "bold yellow", Level.NOTE: "dim"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audit:
    """What was found in a data folder.

    Attributes:
        listing: what lies there.
        sketches: of its photos.
        copies: photos that are there twice.
        suspects: labels that the models of a run doubt.
        findings: the gravest first.
    """

    listing: Listing
    sketches: Sketches
    copies: tuple[Copy, ...]
    suspects: tuple[Suspect, ...]
    findings: tuple[Finding, ...]

    @property
    def gravest(self) -> Level:
        """How grave the gravest finding is; a note where there is none."""
        return next((each for each in _LEVELS if self.of(each)), Level.NOTE)

    def of(self, level: Level) -> tuple[Finding, ...]:
        """Returns the findings of a level."""
        return tuple(each for each in self.findings if each.level is level)


def audit(
    root: Path,
    layout: str | None,
    corrections: Sequence[str],
    cache: Path,
    console: Console,
    store: RunStore | None = None,
) -> Audit:
    """Looks at all of a data folder.

    Args:
        root: the data folder.
        layout: one of the layouts' names, or None to find it out.
        corrections: of labels; if none, `corrections.csv` beside the data.
        cache: folder of the sketches, which are made again of changed photos alone.
        console: where to show progress.
        store: of a run on this data, whose models say which labels they doubt.

    Raises:
        ResultsError: the run has no refit, or was on other data.
    """
    listing = list_folder(root, layout, corrections)
    sketches = _sketches(listing, cache, console)
    suspects: tuple[Suspect, ...] = ()
    if store is not None and listing.table is not None:
        # A run judges photos that have every label, which stand first.
        whole = listing.table.whole
        _check_photos(store, listing, sketches)
        suspects = suspects_of(whole, out_of_fold(store, whole))
    comparing = StepBar(console, f"comparing {len(listing.paths):,} photos")
    copies = find_copies(sketches, cache, comparing)
    found = (
        *label_findings(listing),
        *_too_few_people(listing, sketches, copies),
        *file_findings(listing, sketches),
        *look_findings(listing, sketches),
        *copy_findings(listing, copies),
        *suspect_findings(listing, suspects),
    )
    return Audit(
        listing=listing,
        sketches=sketches,
        copies=copies,
        suspects=suspects,
        findings=_gravest_first(found),
    )


def _check_photos(store: RunStore, listing: Listing, sketches: Sketches) -> None:
    """Raises ResultsError where a run was on other photos, whatever their labels are.

    What a run added from other folders is not in the listing, and then nothing is compared.
    """
    study = store.read_study()
    config, content = study["config"], study["data"].get("content", "")
    if config.get("score_added"):
        raise ResultsError(
            f"{store.root} scores the people of several folders (--score-added), and an audit "
            "looks at one; audit the folders without --run"
        )
    if not content or config.get("add_data") or listing.table is None:
        return
    place = {path: number for number, path in enumerate(listing.paths)}
    rows = [place[listing.path_of(row)] for row in range(listing.table.num_samples)]
    if sketches.rows(np.array(rows)).content != content:
        raise ResultsError(
            f"the suspects of {store.root} need the photos that it was run with, and some are "
            "others now; put them back, or run again"
        )


def _sketches(listing: Listing, cache: Path, console: Console) -> Sketches:
    return Sketches.open(
        listing.root,
        listing.paths,
        cache,
        num_threads=Machine().cpus(),
        max_pixels=listing.max_pixels or MAX_PIXELS,
        progress=StepBar(console, f"looking at {len(listing.paths):,} photos"),
    )


def _too_few_people(
    listing: Listing, sketches: Sketches, copies: tuple[Copy, ...]
) -> list[Finding]:
    """Returns the refusal of a run on so few people; those who share a photo are one."""
    table = listing.table
    if table is None:
        return []
    # Nobody is known again by a photo of one colour.
    shows = contrast(sketches.luma) >= LEAST_CONTRAST
    shared = people_of(listing, tuple(each for each in copies if shows[each.first]))
    try:
        check_people(len(np.unique(groups_of(table.num_groups, shared)[0])))
    except DataError as error:
        return about("refused", Level.UNUSABLE, REFUSED, [str(error)])
    return []


def _gravest_first(found: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(found, key=lambda each: _LEVELS.index(each.level)))


def _print_findings(console: Console, findings: Sequence[Finding]) -> None:
    for each in findings:
        say(console, f"{each.level.value:>8}  {each.kind}: {each.text}", _STYLES[each.level])
        if each.level is not Level.NOTE or len(each.named) < 4:
            say(console, f"          {several(each.named, '; ')}")


def print_audit(console: Console, found: Audit, out: Path) -> None:
    """Says what was found, and where it stands in full."""
    listing = found.listing
    table = listing.table
    labelled = (
        "no labels that can be read"
        if table is None
        else f"{table.num_samples:,} with labels, of {table.num_groups:,} people"
    )
    say(console, f"{len(listing.paths):,} photos in {listing.root}: {labelled}")
    _print_findings(console, found.findings)
    counts = [(level.value, len(found.of(level))) for level in _LEVELS]
    if not (found.of(Level.UNUSABLE) or found.of(Level.LOOK)):
        say(console, "Nothing needs a person's eye.")
    else:
        say(console, ", ".join(f"{count} {level}" for level, count in counts if count))
    say(console, f"{out / PAGE_FILE} shows it, {out / JSON_FILE} names all.")


def write_audit(found: Audit, out: Path, *, no_photos: bool = False) -> None:
    """Writes audit.json and audit.html, which shows photos unless it may show none."""
    listing = found.listing
    table = listing.table
    shared = people_of(listing, found.copies)
    write_json(
        out / JSON_FILE,
        {
            "schema": SCHEMA,
            "data": str(listing.root.resolve()),
            "photos": len(listing.paths),
            "labelled": 0 if table is None else table.num_samples,
            "people": 0 if table is None else table.num_groups,
            "unlabelled": len(listing.unlabelled),
            "people_who_share_photos": int(np.unique(shared).size),
            "result": found.gravest.value if found.findings else "clean",
            "findings": [each.to_dict() for each in found.findings],
        },
    )
    page = audit_page(listing, found.sketches, found.findings, no_photos=no_photos)
    write_text(out / PAGE_FILE, html_of(page))


def run_audit(
    root: Path,
    layout: str | None,
    corrections: Sequence[str],
    out: Path,
    cache: Path,
    console: Console,
    store: RunStore | None = None,
    proposals: Path | None = None,
    *,
    no_photos: bool = False,
) -> Level:
    """Audits a data folder, says and writes what was found; returns how grave it is.

    Args:
        root: the data folder.
        layout: of it, or None to find it out.
        corrections: of its labels.
        out: folder of audit.json and audit.html.
        cache: folder of the sketches.
        console: where to say it.
        store: of a run on this data.
        proposals: file of the corrections that its models propose.
        no_photos: whether the page shows none.

    Raises:
        ResultsError: the run has no refit, or was on other data.
        UsageError: the file of the proposals exists.
    """
    found = audit(root, layout, corrections, cache, console, store)
    if proposals is not None and found.listing.table is not None:
        number = write_corrections(proposals, found.listing.table, found.suspects)
        said = f"{number} corrections proposed in {proposals}: look at each"
        say(console, said if number else f"no label is proposed otherwise; {proposals} has no row")
    write_audit(found, out, no_photos=no_photos)
    print_audit(console, found, out)
    return found.gravest


def run_diff(
    roots: tuple[Path, Path],
    layout: str | None,
    out: Path,
    cache: Path,
    console: Console,
    *,
    no_photos: bool = False,
) -> Level:
    """Compares two versions of a data folder, says and writes what changed.

    Args:
        roots: the first and the second.
        layout: of both, or None to find out that of each.
        out: folder of diff.json and diff.html.
        cache: folder of the sketches.
        console: where to say it.
        no_photos: whether the page shows none.

    Returns:
        How grave it is: a note where nothing changed.
    """
    listings = [list_folder(root, layout) for root in roots]
    old, new = (
        Version(listing=each, sketches=_sketches(each, cache, console)) for each in listings
    )
    found = _gravest_first(differences(old, new))
    lines = counted(old, new)
    gravest = found[0].level if found else Level.NOTE
    write_json(
        out / DIFF_JSON_FILE,
        {
            "schema": SCHEMA,
            "data": [str(root.resolve()) for root in roots],
            "result": gravest.value if found else "same",
            "findings": [each.to_dict() for each in found],
        },
    )
    write_text(
        out / DIFF_PAGE_FILE, html_of(diff_page(new.listing, lines, found, no_photos=no_photos))
    )
    for line in lines:
        say(console, line)
    _print_findings(console, found)
    if not found:
        say(console, "Nothing changed: photos, people and labels are the same.")
    say(console, f"{out / DIFF_PAGE_FILE} shows it, {out / DIFF_JSON_FILE} names all.")
    return gravest

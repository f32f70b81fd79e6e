"""`label_shift.json`, its page and its table: what label_shift.py found, for people."""

from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from search.console import say
from search.predict.label_shift import LabelShift
from search.predict.spec import EnsembleSpec
from search.report.contents import DataFacts, ReportContents
from search.report.render import render_html
from search.report.shift import Shift
from search.store.files import write_json, write_text
from search.store.reading import is_there, reading
from trainables.data.bounded_files import load_json, read_text
from trainables.data.schema import JOINT

SHIFT_FILE = "label_shift.json"
SHIFT_PAGE = "label_shift.html"
# Columns of figures with the widths they need: a narrow terminal shortens names of classes.
_FIGURES = {"training": 8, "predicted": 9, "estimated": 9, "ratio": 5, "its 95 %": 12}


def print_shift(console: Console, shift: LabelShift) -> None:
    """Prints the shares of every class as a table, what is assumed, and the score to expect."""
    table = Table(
        title="Shares of the classes in %", title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0)
    )
    table.add_column("class", no_wrap=True)
    for name, width in _FIGURES.items():
        table.add_column(name, no_wrap=True, min_width=width, justify="right")
    for target in shift.shifts:
        for place, name in enumerate(target.classes):
            shown = name if target.name == JOINT else f"{target.name} {name}"
            table.add_row(escape(shown), *_cells(target, place))
        table.add_section()
    console.print(table)
    for note in shift.notes:
        say(console, f"  {note}")
    say(console, f"{shift.answer}.")


def write_shift(folder: Path, shift: LabelShift, spec: EnsembleSpec) -> None:
    """Writes `label_shift.json` and the page `label_shift.html` into a folder."""
    facts = DataFacts(
        name=spec.run, num_people=spec.people, num_photos=spec.photos, shifts=shift.shifts
    )
    contents = ReportContents(
        title=f"headrace predict: {spec.run}",
        answer=shift.answer,
        notes=tuple(shift.notes),
        data=facts,
    )
    write_json(folder / SHIFT_FILE, shift.to_dict())
    write_text(folder / SHIFT_PAGE, render_html(contents))


def read_shifts(folder: Path) -> tuple[Shift, ...]:
    """Returns the shares that `write_shift` left in a folder; empty where it left none.

    Raises:
        ResultsError: the file is torn or not what it should be.
    """
    path = folder / SHIFT_FILE
    if not is_there(path):
        return ()
    way_out = "run headrace predict --label-shift again"
    with reading(path, way_out, wrong="is not a label shift"):
        return tuple(Shift.of(target) for target in load_json(read_text(path))["targets"])


def _cells(shift: Shift, place: int) -> list[str]:
    shares = (shift.training, shift.predicted, shift.estimated)
    ratio = shift.ratio(place)
    return [
        *(f"{100 * share[place]:.1f}" for share in shares),
        "" if ratio is None else f"{ratio[0]:.2f}",
        "" if ratio is None else f"{ratio[1]:.2f} to {ratio[2]:.2f}",
    ]

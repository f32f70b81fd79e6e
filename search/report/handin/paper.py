"""The tables of a paper with a paragraph on methods, as one LaTeX file."""

from collections.abc import Callable, Iterator

from search.analysis import wording
from search.report.document import Table
from search.report.handin import latex, result_tables, run_tables
from search.report.handin.contents import HandIn
from search.report.handin.language import Language
from search.report.handin.sentences import answer
from search.report.sections.methods import told

Make = Callable[[HandIn, Language], Table | None]
_SETUP: dict[str, Make] = {
    "data": run_tables.data_table,
    "classes": run_tables.class_table,
    "shift": run_tables.shift_table,
    "approaches": run_tables.approach_table,
    "configs": result_tables.config_table,
}
_RESULTS: dict[str, Make] = {
    "scores": result_tables.score_table,
    "pairs": result_tables.pair_table,
    "ensemble": result_tables.ensemble_table,
    "searches": result_tables.search_table,
    "costs": result_tables.cost_table,
    "effects": result_tables.effect_table,
    "budget": result_tables.budget_table,
}
"""Tables by their labels."""


def render_paper(found: HandIn) -> str:
    """Returns the LaTeX source; a table that the run has no figures for is left out."""
    return latex.document(f"Results of the run {found.run}", _body(found))


def _body(found: HandIn) -> Iterator[str]:
    contents = found.contents
    yield from latex.section("Methods")
    yield from latex.paragraph([*_sizes(found), *told(contents)])
    yield from _tables(found, _SETUP)
    yield from latex.section("Results")
    yield from latex.paragraph([answer(found, Language.EN), *_notes(found)])
    yield from _tables(found, _RESULTS)
    made = contents.reproduce
    if made is not None:
        yield from latex.section("Reproduction")
        yield from latex.commands(made.commands)
        versions = run_tables.version_table(found, Language.EN)
        yield from () if versions is None else latex.table_lines(versions, "versions")


def _tables(found: HandIn, tables: dict[str, Make]) -> Iterator[str]:
    for label, make in tables.items():
        made = make(found, Language.EN)
        yield from () if made is None else latex.table_lines(made, label)


def _sizes(found: HandIn) -> Iterator[str]:
    """Yields how much of everything there was, in sentences."""
    contents = found.contents
    data, searches = contents.data, contents.searches
    if data is not None:
        people = wording.plural(data.num_people, "person", "people")
        photos = wording.plural(data.num_photos, "photo")
        yield f"Data: {photos} of {people} ({data.name})."
    if searches:
        trials = wording.plural(sum(row.trials for row in searches), "trial")
        seconds = sum(row.device_seconds or 0.0 for row in searches)
        spent = f" in {wording.duration(seconds)} of device time" if seconds else ""
        yield f"{trials} in {wording.plural(len(searches), 'search space')}{spent}."
    if found.folds:
        seeds = wording.plural(found.seeds, "seed")
        yield f"Refit on {found.folds} folds with up to {seeds}."
    if found.margin is not None:
        yield f"Differences of macro-F1 within {found.margin:g} count as equivalent."


def _notes(found: HandIn) -> Iterator[str]:
    if found.contents.verdict is not None and found.holds:
        yield f"The verdict holds {found.holds}."
    yield from map(wording.sentence, found.contents.notes)

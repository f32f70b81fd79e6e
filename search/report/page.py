"""Puts the page together: the answer on top, then the sections in the order they are read."""

from search.analysis import wording
from search.analysis.verdict.rules import Caveat
from search.report.contents import ReportContents
from search.report.document import Page, Section
from search.report.sections.about import about_section
from search.report.sections.configs import config_section
from search.report.sections.data import data_section
from search.report.sections.ensemble import ensemble_section
from search.report.sections.facts import (
    confusion_section,
    cost_section,
    reproduce_section,
)
from search.report.sections.headline import claims, difference_section, score_section
from search.report.sections.methods import methods_section
from search.report.sections.photos import photo_section
from search.report.sections.reasons import reason_section
from search.report.sections.searches import importance_section, search_section


def page_of(contents: ReportContents) -> Page:
    """Returns the page of any contents; a section without contents is left out."""
    slots = {name: place for place, name in enumerate(contents.approaches)}
    sections = (
        about_section(contents, slots),
        score_section(contents, slots),
        difference_section(contents),
        ensemble_section(contents, slots),
        search_section(contents, slots),
        reason_section(contents, slots),
        confusion_section(contents),
        photo_section(contents),
        cost_section(contents, slots),
        importance_section(contents),
        config_section(contents),
        data_section(contents),
        reproduce_section(contents),
        methods_section(contents),
    )
    found: tuple[Section, ...] = tuple(section for section in sections if section is not None)
    noted = [pair.caveat.value for pair in contents.pairs if pair.caveat]
    return Page(
        title=contents.title,
        answer=contents.answer or contents.title,
        advice=contents.advised,
        warning=_warning(contents),
        facts=_facts(contents),
        claims=claims(contents),
        notes=tuple(dict.fromkeys(wording.sentence(note) for note in (*noted, *contents.notes))),
        sections=found,
    )


def _warning(contents: ReportContents) -> str:
    """Returns why nothing on the page means anything, where that is so."""
    if contents.verdict is None or not contents.verdict.means_nothing:
        return ""
    guesses = [f"{each.name} {wording.score(each.value)}" for each in contents.verdict.baselines]
    return (
        f"No approach is shown to be better than guessing ({', '.join(guesses)}): the training is "
        "too short or the data too small to mean anything, and no reason below is supported."
    )


def _facts(contents: ReportContents) -> tuple[str, ...]:
    """Returns what the verdict rests on, in a few words each."""
    counted = contents.verdict or contents.data
    pairs = contents.verdict.pairs if contents.verdict else ()
    are_fixed = any(pair.caveat is Caveat.FIXED_MODELS for pair in pairs)
    seeds = ({len(row.per_seed) for row in contents.scores} if not are_fixed else set()) or {0}
    trained = "training seed" if len(seeds) == 1 else "training seeds at most"
    counts = (
        (counted.num_people if counted else 0, "person", "people"),
        (counted.num_photos if counted else 0, "photo", "photos"),
        (max(seeds), trained, "" if len(seeds) == 1 else trained),
    )
    return tuple(wording.plural(count, one, many) for count, one, many in counts if count)

"""Pages for people: links lead somewhere, figures are those of the demo, languages agree."""

import json
import re

import pytest
from PIL import Image

from tests.docs.pages import KOREAN, PAGES, README, ROOT, code_of, text_of

VERDICT = json.loads((ROOT / "results" / "demo" / "verdict.json").read_text(encoding="utf-8"))
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
IMAGES = sorted((ROOT / "docs" / "images").glob("*.png"))


def anchors(page):
    """Returns the anchors that a hub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page):
    for path, anchor in LINK.findall(text_of(page)):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


def test_the_readme_leads_to_every_guide():
    linked = {path for path, _ in LINK.findall(text_of(README))}
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= linked


def test_both_languages_have_the_same_commands():
    assert code_of(KOREAN) == code_of(README)
    assert len(text_of(KOREAN).splitlines()) <= len(text_of(README).splitlines())
    assert "](README.ko.md)" in text_of(README)
    assert "](README.md)" in text_of(KOREAN)


@pytest.mark.parametrize("page", [README, KOREAN], ids=lambda page: page.name)
def test_the_answer_of_the_demo_is_the_one_it_gave(page):
    assert f"> {VERDICT['answer']}\n" in text_of(page)


def figures(found):
    """Yields every number of a verdict, as a page writes it."""
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list):
        for each in found:
            yield from figures(each)
    elif isinstance(found, float):
        yield f"{abs(found):.3f}"


def test_the_figures_that_explain_the_verdict_are_those_of_the_demo():
    text = text_of(ROOT / "docs" / "verdict.md")
    told = set(re.findall(r"(?<![\d.])\d\.\d{3}(?!\d)", text))
    assert len(told) > 20
    assert told <= set(figures(VERDICT))
    (quoted,) = re.findall(r"^> (.+)$", text, re.MULTILINE)
    assert VERDICT["answer"].startswith(quoted)
    step = VERDICT["recommendation"].get("next_step", {})
    wanted = {"seeds": "{} seeds", "people": "{:,} people"}
    assert all(words.format(step[name]) in text for name, words in wanted.items() if name in step)


def test_pictures_are_small_and_shown():
    assert len(IMAGES) >= 2
    for path in IMAGES:
        assert path.stat().st_size < 250_000
        with Image.open(path) as image:
            assert image.mode == "P"
        assert all(f"docs/images/{path.name}" in text_of(page) for page in (README, KOREAN))

"""Photos on the page."""

from search.analysis.examples import Example, Examples, Group
from search.report.render import render_html, render_markdown
from search.report.sections import photos
from search.report.sections.photos import photo_section
from tests.search.builders.example import contents


def group(title, *samples):
    examples = tuple(Example(sample=s, text=f"<said of {s}>") for s in samples)
    return Group(title=title, examples=examples)


EXAMPLES = Examples(
    classes=(group("on", 1, 2),),
    errors=(group("age: <30 taken for 30-59", 3),),
    parted=(group("Approaches part on 8 % of the photos", 4, 5),),
)
JPEGS = {sample: f"/9j/{sample}" for sample in range(1, 6)}


def test_disagreement_is_open_and_the_rest_is_folded():
    found = photo_section(contents(examples=EXAMPLES, photos=JPEGS))
    assert found.heading == "Approaches part on 8 % of the photos"
    parted, errors, classes = found.blocks
    assert [photo.source.partition(",")[2] for photo in parted.photos] == ["/9j/4", "/9j/5"]
    assert errors.summary.startswith("The most confident errors of joint")
    assert classes.blocks[0].title == "On"


def test_a_page_without_photos_has_no_section():
    assert photo_section(contents(examples=EXAMPLES, photos={})) is None
    assert photo_section(contents(photos=JPEGS)) is None


def test_the_page_bears_the_photos_itself_and_markdown_has_none():
    values = contents(examples=EXAMPLES, photos=JPEGS)
    html = render_html(values)
    assert html.count('src="data:image/jpeg;base64,/9j/') == 5
    assert "&lt;said of 3&gt;" in html
    assert "<said" not in html
    text = render_markdown(values)
    assert "/9j/" not in text
    assert "Photos:" not in text


def test_photos_take_no_more_room_than_the_page_has(monkeypatch):
    monkeypatch.setattr(photos, "MOST_BYTES", 11)
    found = photo_section(contents(examples=EXAMPLES, photos=JPEGS))
    (parted,) = found.blocks
    assert len(parted.photos) == 2

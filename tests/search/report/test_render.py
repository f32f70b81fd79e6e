import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from search.report import render
from search.report.contents import Confusion, ReportContents, Reproduce
from search.report.figures import svg
from search.report.render import render_html, render_markdown
from tests.search.builders.example import ONE_SEED, contents, judged, pair, parts, reason, verdict

TEMPLATES = Path(render.__file__).parent / "templates"
VOID = {"meta", "br", "img", "hr", "input", "link"}


class Page(HTMLParser):
    """Reads a page: its tags, attributes and text; `unclosed` and `stray` hold broken nesting."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attrs, self.texts, self.unclosed, self.stray = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attrs += [(tag, key, value or "") for key, value in attrs]
        self.unclosed += [tag] * (tag not in VOID)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attrs += [(tag, key, value or "") for key, value in attrs]

    def handle_endtag(self, tag):
        last = self.unclosed.pop() if self.unclosed else None
        self.stray += [tag] * (tag != last)

    def handle_data(self, data):
        self.texts.append(data)

    def values(self, *keys):
        return [value for _, key, value in self.attrs if key in keys]


@pytest.fixture(scope="module")
def html():
    return render_html(contents())


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_every_tag_is_closed_in_its_place(page):
    assert page.unclosed == []
    assert page.stray == []


def test_no_request_leaves_the_page(html, page):
    assert not {"link", "img", "iframe", "object", "embed"} & set(page.tags)
    assert page.values("src", "srcset", "data", "action", "xlink:href") == []
    (script,) = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    assert not re.search(r"fetch|XMLHttp|import|WebSocket|eval|innerHTML|sendBeacon", script)
    assert len(script.splitlines()) < 60
    policy = next(v for v in page.values("content") if v.startswith("default-src 'none'"))
    assert "connect-src" not in policy
    assert all(link.startswith("#") for link in page.values("href"))
    assert not re.search(r"url\(|@import|@font-face|https?://|//[a-z]+\.", html)


def test_links_lead_to_sections_and_names_are_given_once(page):
    ids = page.values("id")
    assert len(set(ids)) == len(ids)
    assert {link[1:] for link in page.values("href")} <= set(ids)
    assert set(page.values("aria-labelledby")) <= set(ids)


def test_every_figure_is_well_formed_and_says_what_it_is(html):
    figures = re.findall(r'<svg class="chart".*?</svg>', html, flags=re.DOTALL)
    assert len(figures) > 15
    for figure in figures:
        image = ElementTree.fromstring(figure)
        assert image.findtext("title")
        assert image.findtext("desc")
        assert image.attrib["role"] == "img"


def test_what_may_scroll_sideways_is_followed_by_a_hint(html):
    """The script shows the hint where it does scroll, and makes pale what the edge would cut."""
    boxes = re.findall(r'<div class="(?:box[^"]*|grid small)"', html)
    after = re.findall(r'</(?:table|svg|article)>\s*</div>\s*<p class="hint"', html)
    assert len(boxes) == len(after) > 8
    assert re.search(r"\.more \+ \.hint {\s*display: block", html)
    assert 'querySelectorAll(".box, .grid.small, nav")' in html


def test_a_table_wider_than_the_column_takes_the_room_beside_it(html):
    wide = html[html.index("@media (min-width: 1140px)") :]
    assert ".rows { width: min-content; min-width: 100%;" in wide
    assert '<div class="box rows" tabindex="0" role="region" aria-label="Pairs">' in html
    assert not re.search(r'class="box rows"[^>]*>\s*<table class="wraps"', html)


def test_figures_in_sentences_of_files_have_the_type_of_the_page():
    rows = [reason("error_budget", {}, sentence="Of 5% it takes -0.02 [-0.03, 0.01].")]
    origin = replace(parts()["data"], origin="drawn, 12% aged 60 (7.1 %)")
    found = contents({"reasons": rows}, data=origin)
    for text in (render_html(found), render_markdown(found).replace("\\", "")):
        plain = text.replace("\N{NO-BREAK SPACE}", "~")
        assert "Of 5~% it takes −0.02 [−0.03, 0.01]." in plain  # noqa: RUF001
        assert "drawn, 12~% aged 60 (7.1~%)" in plain
    assert "--budget -5" in render_html(contents(reproduce=Reproduce(commands=("x --budget -5",))))


def test_markdown_names_the_mechanism_of_a_finding():
    rows = [{**reason("error_overlap", {}, ("joint", "separate")), "mechanism": "M7"}]
    assert "A sentence. Mechanism: ensembling." in render_markdown(contents({"reasons": rows}))


def test_the_answer_stands_on_top(page):
    h1 = page.tags.index("h1")
    assert {"h2", "table", "section"}.isdisjoint(page.tags[:h1])
    assert "joint beats separate by 0.02 macro\N{NON-BREAKING HYPHEN}F1." in page.texts


def test_sections_come_in_the_order_they_are_read(page):
    sections = [value for tag, key, value in page.attrs if (tag, key) == ("section", "id")]
    assert sections == [
        "about",
        "scores",
        "differences",
        "search",
        "reasons",
        "confusions",
        "costs",
        "parameters",
        "configs",
        "data",
        "reproduce",
        "methods",
    ]


def test_korean_and_special_names_are_shown_as_they_are(html, page):
    text = " ".join(page.texts)
    for name in ("잘못 착용", "남성", "<30", ">=60", "headrace: demo <1>", "--data 'a<b'"):
        assert name in text
    assert "<30" not in html
    assert "&lt;30" in html


def test_markup_in_data_stays_text():
    attack = "<script>alert(1)</script>"
    named = verdict(
        scores={attack: {"value": 0.5, "interval": [0.4, 0.6]}},
        pairs=[pair(a=attack, verdict="undecided")],
        notes=[attack],
        reasons=[
            {
                "key": attack,
                "sentence": attack,
                "about": [attack],
                "figures": {},
                "mechanism": attack,
            }
        ],
    )
    page = Page(render_html(contents(named, title=attack)))
    assert page.tags.count("script") == 1
    assert page.stray == []
    assert attack in " ".join(page.texts)


@pytest.mark.parametrize("missing", sorted(parts()))
def test_any_part_may_be_missing(missing):
    less = {name: part for name, part in parts().items() if name != missing}
    found = ReportContents(title="t", answer="An answer.", **less)
    assert Page(render_html(found)).stray == []
    assert "An answer." in render_markdown(found)


@pytest.mark.parametrize("name", sorted(parts()))
def test_any_part_may_be_alone(name):
    found = ReportContents(title="t", **{name: parts()[name]})
    page = Page(render_html(found))
    assert page.stray == []
    assert page.tags.count("section") >= 1
    assert render_markdown(found).startswith("# ")


def test_a_title_alone_makes_a_page():
    page = Page(render_html(ReportContents(title="nothing yet")))
    assert "nothing yet" in page.texts
    assert "section" not in page.tags
    assert render_markdown(ReportContents(title="nothing yet")) == "# nothing yet\n"


def test_a_verdict_of_compared_files_makes_a_page():
    compared = {
        "answer": "A and B are equivalent.",
        "scores": {name: {"value": 0.8, "interval": [0.7, 0.9]} for name in "AB"},
        "pairs": [pair(a="A", b="B", difference=0.0, half=0.001, verdict="equivalent")],
        "reasons": [],
        "costs": {},
        "notes": ["judged as fixed models"],
    }
    text = " ".join(Page(render_html(ReportContents(title="compare", **judged(compared)))).texts)
    assert "A and B are equivalent within ±0.005: 0.0000\N{NO-BREAK SPACE}[" in text
    assert "Judged as fixed models." in text


def test_notes_are_said_once():
    pairs = [pair(**ONE_SEED), pair(a="multihead", **ONE_SEED)]
    html = render_html(contents(verdict(pairs=pairs)))
    assert html.count("One training seed: what another training would give is unknown") == 1


def test_the_page_says_how_large_it_is(html):
    (said,) = re.findall(r"one file of ([\d,]+) kB", html)
    assert abs(int(said.replace(",", "")) - len(html.encode()) / 1000) < 1


def test_tables_that_can_be_sorted_have_rows_to_sort(html):
    tables = re.findall(r"<table([^>]*)>.*?<tbody>(.*?)</tbody>", html, re.DOTALL)
    assert {css for css, _ in tables} == {"", ' class="sortable"', ' class="wraps"'}
    for css, body in tables:
        assert (css == "") == (body.count("<tr>") <= 2)


def test_the_same_contents_make_the_same_page(html):
    assert render_html(contents()) == html


def test_markdown_has_the_answer_and_the_tables():
    text = render_markdown(contents())
    lines = text.splitlines()
    assert lines[0] == "# joint beats separate by 0.02 macro-F1."
    assert "| approach | macro-F1 | 95 % interval |" in text
    assert "| --- | ---: | ---: |" in text
    assert "| joint | **0.760** | \\[0.720, 0.800\\] |" in text
    assert "## Differences: joint beats separate" in lines
    claim = "- joint beats separate: +0.020 \\[+0.010, +0.030\\]."
    assert claim in text.replace("\N{NO-BREAK SPACE}", " ").splitlines()
    assert "headrace run --space all --data 'a<b'" in lines


def test_markdown_shows_names_as_they_are():
    text = render_markdown(contents())
    assert "headrace: demo \\<1\\>" in text
    assert "| 남성 | 100 |" in text
    assert "\\<30" in text
    assert "<svg" not in text


def test_no_section_of_markdown_is_empty():
    parts = re.split(r"^## (.*)$", render_markdown(contents()), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert len(sections) > 7
    assert [heading for heading, text in sections.items() if not text.strip()] == []
    (confused,) = (text for heading, text in sections.items() if heading.startswith("Confusions"))
    assert "| age, true | given by joint | photos | of the class |" in confused
    assert "| \\>=60 | 30-59 | 34 | 34\N{NO-BREAK SPACE}% |" in confused


def test_every_row_of_a_markdown_table_has_as_many_cells():
    tables = re.findall(r"(?:^\|.*\n)+", render_markdown(contents()), flags=re.MULTILINE)
    assert len(tables) >= 4
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def test_markdown_of_a_confusion_without_an_error_says_so():
    right = Confusion(name="mask", classes=("on", "off"), counts={"joint": np.diag([3, 4])})
    text = render_markdown(ReportContents(title="t", confusions=(right,)))
    assert "joint takes no mask for another." in text
    assert "|  |" not in text


SORTED = """
const made = (text) => ({ textContent: text });
let listeners = {};
const header = (css) => ({
  attributes: {}, classList: { contains: (name) => name === css }, childNodes: [],
  getAttribute(name) { return this.attributes[name] ?? null; },
  setAttribute(name, value) { this.attributes[name] = value; },
  removeAttribute(name) { delete this.attributes[name]; },
  append() {},
});
const headers = [header(""), header("num")];
const texts = [["b", "2"], ["a", "10"], ["c", "1.5 k"]];
const rows = texts.map((cells) => ({ cells: cells.map(made) }));
const body = { rows, append(...sorted) { this.rows = sorted; } };
const table = { tHead: { rows: [{ cells: headers }] }, tBodies: [body] };
let clicks = [];
globalThis.document = {
  querySelectorAll: (css) => (css === "table.sortable" ? [table] : css === "nav a" ? [] : boxes),
  createElement: () => ({ append() {}, addEventListener: (_, click) => clicks.push(click) }),
  getElementById: () => null,
};
globalThis.IntersectionObserver = class { observe() {} };
globalThis.ResizeObserver = class {
  constructor(see) { this.see = see; }
  observe(target) { this.see([{ target }]); }
};
const at = (left, right) => ({ getBoundingClientRect: () => ({ left, right }) });
const box = (...ends) => {
  const classes = new Set(), style = {};
  const toggle = (name, on) => (on ? classes.add(name) : classes.delete(name));
  return {
    ...at(16, 374), scrollLeft: 0, clientWidth: 358, scrollWidth: ends.at(-1) - 16,
    classes, values: style,
    classList: { toggle }, style: { setProperty: (name, value) => (style[name] = value) },
    querySelector: () => ({ children: ends.map((end) => at(0, end)) }), addEventListener() {},
  };
};
const boxes = [box(180, 320, 500), box(180, 374), box(500, 700)];
SCRIPT
for (const { classes, values } of boxes) console.log([...classes, values["--whole"]].join(" "));
for (const column of [0, 0, 1, 1]) {
  clicks[column]();
  const shown = body.rows.map((row) => row.cells[column].textContent).join(" ");
  console.log(headers[column].attributes["aria-sort"], shown);
}
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_a_table_says_truly_which_way_it_is_sorted_and_that_it_scrolls():
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    done = subprocess.run(
        ["node", "-e", SORTED.replace("SCRIPT", script)],
        capture_output=True,
        text=True,
        check=True,
    )
    # Pale from the end of the last whole column on, 13 px of padding before the next one.
    assert done.stdout.splitlines() == [
        "more 291px",
        "345px",
        "more 89.5px",
        "ascending a b c",
        "descending c b a",
        "descending 1.5 k 10 2",
        "ascending 2 10 1.5 k",
    ]


def test_bare_lines_of_every_approach_but_the_first_are_dashed():
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    dashes = dict(re.findall(r"\.bare\.(\w+) \{ stroke-dasharray: ([\d. ]+);", style))
    assert {f"c{n}" for n in range(1, svg.NUM_COLOURS)} <= set(dashes)
    assert len(set(dashes.values())) == len(dashes)

"""Turns contents into a page: one self-contained HTML file, or Markdown."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from search.analysis import wording
from search.report.contents import ReportContents
from search.report.document import Page
from search.report.figures import svg
from search.report.markdown import page_lines
from search.report.page import page_of

_SIZE = "SIZE OF THIS PAGE"
_TEMPLATES = Path(__file__).parent / "templates"


def render_html(contents: ReportContents) -> str:
    """Returns the report as one HTML file; see `html_of`."""
    return html_of(page_of(contents))


def html_of(page: Page) -> str:
    """Returns one HTML file that needs nothing but itself, no font and no request.

    Its script sorts tables and marks the section that is read; without it all is there.
    """
    style, script = (
        Markup((_TEMPLATES / name).read_text(encoding="utf-8"))
        for name in ("style.css", "page.js")
    )
    html = _template().render(page=page, style=style, script=script, size=_SIZE)
    kilobytes = f"{len(html.encode()) / 1000:,.0f} kB"
    before, _, after = html.rpartition(_SIZE)
    return f"{before}{kilobytes}{after}"


def render_markdown(contents: ReportContents) -> str:
    """Returns the page without its plots, as Markdown."""
    return "\n".join(page_lines(page_of(contents))) + "\n"


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # Figures escape what they show themselves (search.report.figures.svg).
    environment.filters["markup"] = Markup
    environment.filters["mark"] = _mark
    environment.filters["typeset"] = wording.typeset
    return environment.get_template("report.html.j2")


def _mark(slot: int) -> Markup:
    """Returns an approach's mark for a line of text."""
    drawn = svg.mark(6, 6, slot, 4.5)
    image = svg.element("svg", drawn, class_="key", viewBox="0 0 12 12", aria_hidden="true")
    return Markup(image)

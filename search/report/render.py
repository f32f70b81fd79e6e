"""Turns contents into a page: one self-contained HTML file, or Markdown."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from search.report.contents import ReportContents

_TEMPLATES = Path(__file__).parent / "templates"


def render_html(contents: ReportContents) -> str:
    """Returns one HTML file that needs nothing but itself: no script, no request."""
    return _template("report.html.j2").render(contents=contents)


def render_markdown(contents: ReportContents) -> str:
    """Returns the page without its plots, as Markdown."""
    return f"# {contents.title}\n\n{contents.answer}\n"


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template(name: str):
    return _environment().get_template(name)

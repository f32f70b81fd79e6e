from dataclasses import replace

import pytest

from search.report.contents import ReportContents
from search.report.document import Folded
from search.report.sections.methods import methods_section
from tests.search.builders.example import contents, judged, verdict


def told(found):
    (folded,) = methods_section(found).blocks
    assert isinstance(folded, Folded)
    return " ".join(folded.blocks[0].items)


@pytest.mark.parametrize(
    "reference",
    ["Bergstra", "Stone 1984", "Li et al. 2020", "Shaffer 1986", "Holm 1979", "Saerens", "Hutter"],
)
def test_methods_name_their_sources(reference):
    assert reference in told(contents())


def test_what_the_page_lacks_has_no_method():
    compared = ReportContents(title="compare", **judged(verdict(reasons=[])))
    text = told(compared)
    assert "Shaffer 1986" in text
    for absent in ("Bergstra", "Stone 1984", "Refit", "Caruana", "Saerens", "Hutter", "Holm"):
        assert absent not in text
    assert methods_section(ReportContents(title="nothing")) is None


@pytest.mark.parametrize(
    ("effort", "said"),
    [
        ("", "Search: the first trial of a space is its default config"),
        ("every space gets 8 trials", "Search: every space gets 8 trials; the first trial of"),
    ],
)
def test_the_search_says_what_was_the_same_for_all(effort, said):
    assert said in told(replace(contents(), effort=effort))

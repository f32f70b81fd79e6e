"""The tables of a paper: whole LaTeX of every part a run may have or lack."""

import re
from dataclasses import fields, replace

import pytest

from search.analysis.ensemble.summary import EnsembleSummary
from search.analysis.plain import from_plain
from search.report.contents import DataFacts, ReportContents, SpaceConfig
from search.report.handin.contents import HandIn
from search.report.handin.paper import render_paper
from search.report.shift import Shift
from tests.search.builders.example import contents, ensemble, parts, verdict
from tests.search.report.handin import tex
from tests.search.report.handin.test_wrapup import ODD

SUMMARY = from_plain(EnsembleSummary, ensemble())


def made(found, **changes):
    given = {"folds": 3, "seeds": 2, "margin": 0.005, "holds": "between these configs"}
    return HandIn(run="mine_1", contents=found, **{**given, **changes})


def labels(source):
    return re.findall(r"\\label\{tab:(\w+)\}", source)


def test_every_table_has_a_label_of_its_own_and_the_figures_of_the_run():
    source = render_paper(made(contents(verdict(), ensemble=SUMMARY)))
    tex.check(source)
    found = labels(source)
    assert len(set(found)) == len(found)
    assert {"data", "scores", "pairs", "ensemble", "searches", "costs", "effects"} <= set(found)
    assert r"joint & \textbf{0.760} & [0.720, 0.800]" in source
    assert r"joint $-$ separate & \textbf{joint wins} & +0.0200 & [+0.0100, +0.0300]" in source
    assert r"\usepackage{booktabs}" in source


def test_the_methods_say_how_much_of_everything_there_was():
    source = render_paper(made(contents()))
    methods = source.partition(r"\section{Methods}")[2].partition(r"\begin{table}")[0]
    assert "4,200 photos of 600 people" in methods
    assert "24 trials in 1 search space in 3~min of device time." in methods
    assert "Refit on 3 folds with up to 2 seeds." in methods
    assert "Shaffer 1986" in methods
    assert "The verdict holds between these configs." in source


def test_a_run_that_only_searched_has_no_methods_of_a_refit():
    searched = replace(contents(), verdict=None, reasons=(), costs=(), answer="")
    source = render_paper(made(searched, folds=0, seeds=0, margin=None))
    tex.check(source)
    assert "This run has no verdict" in source
    assert not {"scores", "pairs", "effects", "ensemble"} & set(labels(source))
    assert not re.search("Refit|Shaffer|verdict holds", source)


@pytest.mark.parametrize("name", [each.name for each in fields(ReportContents)][2:])
def test_a_part_that_is_missing_leaves_the_rest_whole(name):
    lacking = {key: value for key, value in parts().items() if key != name}
    tex.check(render_paper(made(ReportContents(title="mine", **lacking))))


def test_names_of_the_data_are_shown():
    data = DataFacts(
        name=ODD, num_people=2, num_photos=4, attributes={ODD: 2}, class_photos={ODD: 3, "x": 1}
    )
    source = render_paper(made(contents(data=data)))
    tex.check(source)
    shown = (
        r"a\textbar{}b\_c\%d\&e\#f\$g\textbackslash{}h i\textasciigrave{}j*k\textless{}l"
        r"\textgreater{}\textasciitilde{}여자"
    )
    assert rf"{shown} & 3 \\" in source
    assert r"\usepackage{kotex}" in source


def test_classes_that_would_fill_pages_are_left_out():
    many = {f"class {number}": 1 for number in range(41)}
    data = DataFacts(name="x", num_people=2, num_photos=4, class_photos=many)
    assert "classes" not in labels(render_paper(made(contents(data=data))))


def test_many_configs_stand_below_each_other():
    config = {"optim.lr": 0.01, "loss.name": "ce"}
    many = tuple(SpaceConfig(space=f"a{n}", best=config, default=config) for n in range(40))
    source = render_paper(made(contents(configs=many)))
    tex.check(source)
    assert "a39 & optim.lr 0.01, loss.name ce" in source.replace("\\_", "_")


def test_classes_of_another_folder_that_would_fill_pages_are_left_out():
    shares = (1 / 60,) * 60
    shift = Shift(
        name="tone",
        classes=tuple(f"tone {n}" for n in range(60)),
        training=shares,
        predicted=shares,
        averaged=shares,
        estimated=shares,
        low=shares,
        high=shares,
    )
    data = DataFacts(name="x", num_people=2, num_photos=4, shifts=(shift,))
    assert "tone 59" not in render_paper(made(contents(data=data)))

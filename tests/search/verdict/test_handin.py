"""`headrace report NAME --template`: forms from the files of a run, whatever it has or lacks."""

import csv
import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
import yaml

from search.cli.commands import main
from search.errors import ResultsError
from search.report.handin.template import TEMPLATES, Template
from search.store.run_store import RunStore
from search.verdict.handin import stored_handin, write_handin
from tests.search.report.handin import tex

BEGUN = Path(__file__).parents[2] / "assets" / "begun"
DEMO = Path(__file__).parents[3] / "results" / "demo"


@pytest.fixture
def begun(tmp_path):
    """A run that was ended in its refit: searched, nothing judged."""
    return RunStore(Path(shutil.copytree(BEGUN, tmp_path / "begun")))


@pytest.fixture
def demo(tmp_path):
    """A judged run without its journal and predictions."""
    return RunStore(Path(shutil.copytree(DEMO, tmp_path / "demo")))


def trials_of(store, space):
    with (store.root / "trials.csv").open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["space"] == space]


def is_full(row):
    return row["state"] == "COMPLETE"


def texts(store):
    return {each: write_handin(store, each).read_text(encoding="utf-8") for each in Template}


def test_a_judged_run_fills_every_form_in_from_what_it_stored(demo):
    before = {path.name: path.read_bytes() for path in demo.root.iterdir() if path.is_file()}
    found = texts(demo)
    verdict = json.loads((demo.root / "verdict.json").read_text(encoding="utf-8"))
    for name, score in verdict["scores"].items():
        assert all(f"{score['value']:.3f}" in text for text in found.values()), name
    ensemble = verdict["ensemble"]["score"]["value"]
    assert all(f"{ensemble:.3f}" in text for text in found.values())
    assert verdict["answer"] in found[Template.WRAPUP_EN]
    states = Counter(row["state"] for row in trials_of(demo, "joint"))  # nothing broke in it
    joint = yaml.safe_load(demo.best_path("joint").read_text(encoding="utf-8"))
    counts = [states.total(), states["COMPLETE"], states["PRUNED"], 0, states["FAIL"]]
    row = " | ".join(["joint", *map(str, counts), f"{joint['score']['value']:.3f}"])
    assert f"| {row} |" in found[Template.WRAPUP_KO]
    assert joint["config"]["backbone"]["name"].replace("_", "\\_") in found[Template.WRAPUP_KO]
    tex.check(found[Template.PAPER])
    assert {name: (demo.root / name).read_bytes() for name in before} == before
    forms = {path.name for path in demo.root.iterdir()} - set(before)
    assert {"wrapup-ko.md", "wrapup-en.md", "paper.tex"} <= forms


def test_a_run_that_only_searched_has_no_comparison(begun):
    found = texts(begun)
    assert "This run has no verdict" in found[Template.WRAPUP_EN]
    assert "판정이 없는 실행이다." in found[Template.WRAPUP_KO]
    assert "| wear male \\<30 | 40 |" in found[Template.WRAPUP_EN]
    tex.check(found[Template.PAPER])
    handin = stored_handin(begun)
    assert (handin.folds, handin.seeds, handin.margin) == (0, 0, None)
    assert [row.trials for row in handin.contents.searches] == [2] * 5
    assert handin.contents.configs[0].default


def test_a_run_of_which_next_to_nothing_is_left_is_told_all_the_same(begun):
    for path in (begun.root / "best", begun.predictions):
        shutil.rmtree(path)
    begun.journal.unlink()
    found = texts(begun)
    assert "No finished trial is stored." in found[Template.WRAPUP_EN]
    tex.check(found[Template.PAPER])


def test_an_ensemble_without_a_verdict_asks_for_one(demo):
    (demo.root / "verdict.json").unlink()
    handin, found = stored_handin(demo), texts(demo)
    assert handin.judge == "headrace verdict demo"
    assert "This run is not judged yet (to do it: headrace verdict demo)." in found[Template.PAPER]
    score = f"{handin.contents.ensemble.score.value:.3f}"
    for template in (Template.WRAPUP_EN, Template.WRAPUP_KO):
        assert "headrace verdict demo" in found[template]
        comparison = found[template].partition("## 5.")[2].partition("## 6.")[0]
        assert score in comparison


def test_a_refit_without_a_verdict_asks_for_one(begun):
    assert stored_handin(begun).judge == ""
    (begun.predictions / "refit.json").write_text("{}", encoding="utf-8")
    begun.journal.unlink()
    assert stored_handin(begun).judge == "headrace verdict begun"


def test_a_search_that_chose_its_default_names_the_highest_score(demo):
    before = {row.space: row for row in stored_handin(demo).contents.searches}
    for space, row in before.items():
        scores = [float(each["objective"]) for each in trials_of(demo, space) if is_full(each)]
        assert row.leader == (max(scores) if max(scores) > row.best else None)
    texts = {space: demo.best_path(space).read_text(encoding="utf-8") for space in before}
    space = next(  # whose search chose the highest score, and the refit the same
        name
        for name, row in before.items()
        if row.leader is None and not row.chose_default and "search_choice" not in texts[name]
    )
    changed = re.sub(r"(?m)^trial: \d+$", "trial: 0", texts[space])
    assert changed != texts[space]
    demo.best_path(space).write_text(changed, encoding="utf-8")
    (row,) = [each for each in stored_handin(demo).contents.searches if each.space == space]
    assert row.chose_default
    assert (row.best, row.leader) == (row.default, before[space].best)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_an_objective_that_is_no_number_is_none(value, demo):
    path = demo.root / "trials.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["objective"] = value
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert all(row.best is None for row in stored_handin(demo).contents.searches)
    for text in texts(demo).values():
        assert not re.search(r"\b(nan|inf)\b", text)


def test_corrections_and_an_audit_are_counted(begun):
    study = begun.read_study()
    rows = [{"key": "a", "num_changed": 7}, {"key": "b", "num_changed": 2}]
    data = {**study["data"], "corrections": rows, "readings": ["x"], "licence": "CC0"}
    begun.write_study({**study, "data": data})
    (begun.root / "audit").mkdir()
    levels = [{"level": level, "kind": "k"} for level in ("look", "note", "look")]
    path = begun.root / "audit" / "audit.json"
    path.write_text(json.dumps({"findings": levels}), encoding="utf-8")
    handin = stored_handin(begun)
    assert (handin.corrections, handin.corrected_photos) == (2, 9)
    assert (handin.readings, handin.licence) == (("x",), "CC0")
    assert handin.audit == {"look": 2, "note": 1}
    path.write_text('{"findings": 3}', encoding="utf-8")
    with pytest.raises(ResultsError, match=r"audit\.json cannot be read: .*; delete it, or audit"):
        stored_handin(begun)


def test_a_verdict_that_is_torn_is_refused_and_nothing_is_written(demo):
    (demo.root / "verdict.json").write_text('{"schema": 2, "scores": {', encoding="utf-8")
    for template in Template:
        with pytest.raises(ResultsError, match=r"verdict\.json cannot be read: .*judge the run"):
            write_handin(demo, template)
    assert not any((demo.root / each.file).exists() for each in Template)


def test_a_verdict_that_lacks_a_pair_is_refused_in_its_name(demo):
    path = demo.root / "verdict.json"
    judged = json.loads(path.read_text(encoding="utf-8"))
    leader = judged["recommendation"]["leader"]
    others = [pair for pair in judged["pairs"] if leader not in (pair["a"], pair["b"])]
    path.write_text(json.dumps({**judged, "pairs": others}), encoding="utf-8")
    with pytest.raises(ResultsError, match=r"verdict\.json cannot be read: .*unknown pair"):
        stored_handin(demo)


@pytest.mark.parametrize("template", TEMPLATES)
def test_the_command_says_where_the_form_is(template, demo, capsys):
    command = ["report", "demo", "--results", str(demo.root.parent), "--template", template]
    assert main(command) == 0
    shown = capsys.readouterr()
    assert shown.err == "filling in the form from the run's files ...\n"
    written = Path(shown.out.strip())
    assert written == demo.root / Template(template).file
    assert written.is_file()


@pytest.mark.parametrize("flag", ["--margin=0.01", "--accept-loss=0", "--no-photos"])
def test_an_option_that_a_form_cannot_heed_is_refused(flag, demo, capsys):
    command = ["report", "demo", "--results", str(demo.root.parent), "--template", "paper", flag]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert f"leave out {flag.partition('=')[0]}, or judge the run first" in said
    assert not (demo.root / "paper.tex").exists()


def test_a_form_that_is_none_is_refused_with_the_nearest(capsys):
    assert main(["report", "demo", "--template", "wrapup"]) == 2
    assert "did you mean wrapup-" in capsys.readouterr().err

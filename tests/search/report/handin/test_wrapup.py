"""The wrap-up in both languages: the sections of the form, the figures of the run, no others."""

import re
from dataclasses import replace

import pytest

from search.analysis.ensemble.summary import EnsembleSummary
from search.analysis.plain import from_plain
from search.analysis.verdict.recommendation import Recommendation
from search.analysis.verdict.sentence import OF_FILES, SCOPE
from search.report.contents import DataFacts, ReportContents, Reproduce, SpaceConfig
from search.report.handin.contents import HandIn
from search.report.handin.language import Language
from search.report.handin.run_tables import duration
from search.report.handin.wrapup import render_wrapup
from tests.search.builders.example import contents, ensemble, pair, verdict

EN, KO = Language.EN, Language.KO
HEADINGS = {
    EN: (
        "Overview",
        "Team and roles",
        "Data",
        "Models and search",
        "Comparison",
        "What worked and what did not",
        "How to reproduce it",
        "Review by the team",
    ),
    KO: (
        "프로젝트 개요",
        "팀 구성 및 역할",
        "데이터",
        "모델과 수행 절차",
        "수행 결과: 방식 비교",
        "잘된 점과 잘되지 않은 점",
        "재현 방법",
        "자체 평가 의견",
    ),
}


def made(**changes):
    given = {"folds": 3, "seeds": 2, "margin": 0.005, "holds": "here", "contents": contents()}
    return HandIn(run="mine", **{**given, **changes})


def parts(text):
    """Returns the text of every section by its heading."""
    found = re.split(r"^## \d+\. (.*)$", text, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


@pytest.mark.parametrize("language", Language)
def test_the_form_has_its_sections_in_order(language):
    found = parts(render_wrapup(made(), language))
    assert tuple(found) == HEADINGS[language]
    assert all(text.strip() for text in found.values())


@pytest.mark.parametrize("language", Language)
def test_every_table_has_as_many_cells_in_every_row(language):
    rows = [line for line in render_wrapup(made(), language).splitlines() if line[:1] == "|"]
    assert rows
    width = 0
    for row in rows:
        cells = len(re.split(r"(?<!\\)\|", row))
        width = cells if not width or re.fullmatch(r"[|\s:-]+", row) else width
    tables = re.findall(r"(?:^\|.*\n)+", render_wrapup(made(), language), re.MULTILINE)
    for table in tables:
        assert len({len(re.split(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, table


@pytest.mark.parametrize("language", Language)
def test_figures_are_those_of_the_run(language):
    found = parts(render_wrapup(made(), language))
    comparison = found[HEADINGS[language][4]]
    assert "| joint | **0.760** | \\[0.720, 0.800\\] |" in comparison
    assert "+0.0200 | \\[+0.0100, +0.0300\\] | +0.0210 | 0.030 |" in comparison
    assert "| age | 24 | 7 | 15 | 1 | 1 | 0.830 |" in found[HEADINGS[language][3]]
    assert "600" in found[HEADINGS[language][2]]
    assert "headrace run --space all --data 'a<b'" in found[HEADINGS[language][6]]


def test_what_worked_and_what_did_not_stand_apart():
    lessons = parts(render_wrapup(made(), EN))["What worked and what did not"]
    good, _, bad = lessons.partition("What did not work")
    assert "joint beats separate: +0.020" in good
    assert (
        "The search of age chose a config that scored 0.830; the default config scored 0.800"
        in good
    )
    assert "1 trial of age failed." in bad
    assert "beats" not in bad
    told = parts(render_wrapup(made(), KO))["잘된 점과 잘되지 않은 점"]
    assert "joint \\> separate: macro-F1 차이 +0.020" in told.partition("잘되지 않았거나")[0]


def searched(**changes):
    (row,) = contents().searches
    found = made(contents=contents(searches=(replace(row, **changes),)))
    return {language: render_wrapup(found, language) for language in Language}


def test_a_search_that_stays_with_its_default_says_whose_score_was_higher():
    texts = searched(best=0.8, leader=0.85, chose_default=True)
    good, _, bad = texts[EN].partition("What did not work")
    said = "The search of age chose the default config (0.800): the highest score was 0.850"
    assert said in bad
    assert "search of age" not in good
    assert "chosen (validation) | 95 % interval | highest (validation) |" in good
    assert "| 0.800 | \\[0.800, 0.860\\] | 0.850 | 0.800 |" in good
    good, _, bad = texts[KO].partition("잘되지 않았거나")
    assert "age 탐색: 기본 설정(0.800)이 선택되었다. 최고 점수는 0.850이지만" in bad
    assert "선택된 설정(검증) | 95 % 구간 | 최고 점수(검증) |" in good
    alone = searched(best=0.8, chose_default=True)
    assert "chose the default config (0.800): no trial scored higher." in alone[EN]
    assert "highest (validation)" not in alone[EN]


def test_a_chosen_trial_that_another_outscores_is_told_with_it():
    texts = searched(leader=0.84)
    assert "a config that scored 0.830; the default config scored 0.800" in texts[EN]
    assert "The highest score was 0.840." in texts[EN]
    assert "선택된 설정 0.830, 기본 설정 0.800" in texts[KO]
    assert "최고 점수 0.840." in texts[KO]


def test_a_trial_that_was_alone_is_compared_with_nothing():
    texts = searched(complete=1, best=0.8, chose_default=True)
    assert "The search of age" not in texts[EN]
    assert "age 탐색:" not in texts[KO].replace("age 탐색: trial 1개가 실패했다.", "")


def test_a_default_config_that_stopped_early_is_compared_with_nothing():
    texts = searched(default_stop=2)
    assert "| 0.800 (stopped at epoch 2) |" in texts[EN]
    assert "The search of age" not in texts[EN]
    assert "| 0.800 (epoch 2에서 중단) |" in texts[KO]


def test_a_refit_that_was_not_judged_is_told_with_the_command_and_its_ensemble():
    summary = from_plain(EnsembleSummary, ensemble())
    found = replace(contents(), verdict=None, reasons=(), costs=(), answer="", ensemble=summary)
    for language, said, never in (
        (EN, "This run is not judged yet (to do it: headrace verdict mine).", "nothing was"),
        (KO, "아직 판정하지 않은 실행이다(판정 명령: headrace verdict mine).", "비교하지 않았다"),
    ):
        text = render_wrapup(made(contents=found, judge="headrace verdict mine"), language)
        comparison = parts(text)[HEADINGS[language][4]]
        assert said in parts(text)[HEADINGS[language][0]]
        assert said in comparison
        assert "0.795" in comparison
        assert never not in text


def test_device_time_is_that_of_the_search_whatever_approaches_share():
    twice = tuple(replace(cost, refit_device_seconds=9000.0) for cost in contents().costs)
    (row,) = contents().searches
    found = contents(costs=twice, searches=(replace(row, device_seconds=7680.0),))
    overview = parts(render_wrapup(made(contents=found), EN))["Overview"]
    assert (
        "| device time of the search | 2\N{NO-BREAK SPACE}h 08\N{NO-BREAK SPACE}min |" in overview
    )
    told = parts(render_wrapup(made(contents=found), KO))["프로젝트 개요"]
    assert "| 탐색의 장치 사용 시간 | 2시간 8분 |" in told


@pytest.mark.parametrize(
    ("seconds", "said"), [(45, "45초"), (600, "10분"), (7200, "2시간"), (9000, "2시간 30분")]
)
def test_korean_times_are_written_as_they_are_said(seconds, said):
    assert duration(seconds, KO) == said


def test_every_table_is_named():
    comparison = parts(render_wrapup(made(), EN))["Comparison"]
    assert "**Differences of macro-F1**\n\n| pair |" in comparison
    assert "**macro-F1 차이**\n\n| 비교 |" in render_wrapup(made(), KO)


def test_korean_says_what_the_verdict_holds_for():
    assert "판정의 유효 범위: 이 탐색이 찾은 설정을" in render_wrapup(made(holds=SCOPE), KO)
    assert "판정의 유효 범위: 이 예측 파일." in render_wrapup(made(holds=OF_FILES), KO)
    assert "판정의 유효 범위: for these five." in render_wrapup(made(holds="for these five"), KO)


def test_korean_leaves_our_name_as_it_is():
    assert "\n\nheadrace가 그린 데모 인물이다.\n" in render_wrapup(made(drawn=True), KO)


def test_a_cheaper_approach_costs_at_most_so_much():
    advice = Recommendation(
        accept_loss=0.01,
        use="separate",
        score=0.74,
        leader="joint",
        loss=0.01,
        most_accurate="joint",
    )
    assert "손실은 최대 0.010" in render_wrapup(made(contents=contents(advice=advice)), KO)


def test_what_is_open_is_no_success():
    open_pair = pair(verdict="undecided", would_decide={"people": 900, "seeds": None})
    found = made(contents=contents(verdict(pairs=[open_pair])))
    lessons = parts(render_wrapup(found, EN))["What worked and what did not"]
    good, _, bad = lessons.partition("What did not work")
    assert "beats separate" not in good
    assert "joint against separate is not decided: +0.020" in bad
    good, _, bad = render_wrapup(found, KO).partition("잘되지 않았거나")
    assert "우세" not in good
    assert "joint / separate: 우열이 결정되지 않았다." in bad
    assert "확정된 승자는 없다." in good


def test_scores_that_mean_nothing_are_no_success():
    guessed = verdict(baselines={"majority": 0.9, "prior": 0.1})
    good, _, bad = render_wrapup(made(contents=contents(guessed)), KO).partition("잘되지 않았거나")
    assert "아직 점수에 의미를 둘 수 없다" in good
    assert "joint \\> separate" not in good
    assert "추측보다 낫다고 확인된 방식이 없어" in bad
    assert "아직 의미 없음" in good


def test_a_run_that_only_searched_says_that_it_compared_nothing():
    searched = replace(contents(), verdict=None, reasons=(), costs=(), answer="")
    for language, said in (
        (EN, "This run has no verdict: nothing was compared. Searched: age."),
        (KO, "판정이 없는 실행이다. 방식을 비교하지 않았다. 탐색한 공간: age."),
    ):
        text = render_wrapup(made(contents=searched, folds=0, seeds=0), language)
        assert said in text
        assert "0.760" not in text
        assert "trained again" not in text
        assert tuple(parts(text)) == HEADINGS[language]


def test_a_run_without_anything_fills_in_nothing():
    for language in Language:
        text = render_wrapup(HandIn(run="mine", contents=ReportContents(title="mine")), language)
        assert tuple(parts(text)) == HEADINGS[language]
        assert not re.search(r"0\.\d", text)


@pytest.mark.parametrize(("low", "says"), [(0.01, "gains over joint"), (-0.01, "may be luck")])
def test_the_ensemble_worked_where_its_gain_is_above_luck(low, says):
    values = ensemble()
    values["gains"][0]["interval"] = [low, 0.05]
    summary = from_plain(EnsembleSummary, values)
    text = render_wrapup(made(contents=contents(verdict(), ensemble=summary)), EN)
    assert says in text
    assert ("There is no ensemble to report." in text) is False
    good = text.partition("What did not work")[0]
    assert ("gains over joint" in good) == (low > 0)


def test_an_ensemble_that_fell_back_is_no_success():
    summary = from_plain(EnsembleSummary, ensemble(fell_back=True))
    text = render_wrapup(made(contents=contents(verdict(), ensemble=summary)), EN)
    assert "No ensemble gained over joint." in text.partition("What did not work")[2]


def test_corrections_readings_and_audit_are_told_where_they_are():
    plain = render_wrapup(made(), EN)
    assert "No audit of the data is stored with the run." in plain
    assert "labels put right" not in plain
    told = made(
        corrections=2, corrected_photos=14, readings=("semicolons",), audit={"look": 3, "note": 1}
    )
    text = render_wrapup(told, EN)
    assert "| labels put right | 2 (photos: 14) |" in text
    assert "Read otherwise than it stands: semicolons" in text
    assert "Audit of the data: need a look 3, notes 1." in text
    assert "데이터 점검(audit): 확인 필요 3, 참고 1." in render_wrapup(told, KO)
    assert "it found nothing" in render_wrapup(made(audit={}), EN)


def test_configs_that_the_refit_chose_are_told_apart():
    def of(space, **told):
        return SpaceConfig(space=space, best={"optim.lr": 0.5}, **told)

    found = made(contents=contents(configs=(of("mask", is_of_refit=True), of("age"))))
    assert "The chosen configs (by the refit: mask)" in render_wrapup(found, EN)
    assert "선택된 설정 (재학습에서 선택: mask)" in render_wrapup(found, KO)
    searched = made(contents=contents(configs=(of("mask"), of("age"))))
    assert "by the refit" not in render_wrapup(searched, EN)


ODD = "a|b_c%d&e#f$g\\h\ni`j*k<l>~여자"


def test_names_of_the_data_are_shown_and_mean_nothing():
    data = DataFacts(
        name=ODD, num_people=2, num_photos=4, attributes={ODD: 2}, class_photos={ODD: 3, "x": 1}
    )
    config = SpaceConfig(space=ODD, best={f"task_weight.{ODD}": 0.5})
    command = Reproduce(commands=("headrace run --data '```\n# x'",))
    found = contents(data=data, configs=(config,), reproduce=command)
    for language in Language:
        text = render_wrapup(made(contents=found), language)
        shown = r"a\|b\_c%d\&e\#f\$g\\h i\`j\*k\<l\>\~여자"
        assert f"| {shown} | 3 |" in text
        assert ODD not in text
        assert tuple(parts(text)) == HEADINGS[language]
        assert "````\nheadrace run" in text

"""The wrap-up of a team as Markdown, with the headings of the fixed form."""

from collections.abc import Iterator

from search.analysis import wording
from search.analysis.verdict.sentence import OF_FILES, SCOPE
from search.report.document import Block, Code, Items, Text
from search.report.handin import result_tables, run_tables
from search.report.handin.contents import HandIn
from search.report.handin.language import Language
from search.report.handin.sentences import answer, failed, unjudged, worked
from search.report.markdown import block_lines, escaped

_BY_THE_TEAM = (
    "To be written by the team: a run does not know it.",
    "팀이 직접 작성한다. 실행 기록에는 없는 내용이다.",
)
_HOLDS = {
    SCOPE: "이 탐색이 찾은 설정을 이 사람들로 학습한 경우",
    OF_FILES: "이 예측 파일. 설정을 찾은 과정은 반영하지 않았다",
}
Part = tuple[str, tuple[Block | None, ...]]


def render_wrapup(found: HandIn, say: Language) -> str:
    """Returns the wrap-up; what the run lacks is left out, or said to be missing."""
    lines = [f"# {escaped(say(f'Wrap-up: {found.run}', f'랩업 리포트: {found.run}'))}"]
    for number, (heading, blocks) in enumerate(_parts(found, say), start=1):
        lines += ["", f"## {number}. {heading}"]
        for block in blocks:
            if block is not None:
                lines += block_lines(block)
    return "\n".join(lines) + "\n"


def _parts(found: HandIn, say: Language) -> Iterator[Part]:
    team = Text(text=say(*_BY_THE_TEAM))
    overview = (Text(text=answer(found, say)), run_tables.overview_table(found, say))
    yield say("Overview", "프로젝트 개요"), overview
    yield say("Team and roles", "팀 구성 및 역할"), (team,)
    yield say("Data", "데이터"), _data(found, say)
    yield say("Models and search", "모델과 수행 절차"), _models(found, say)
    yield say("Comparison", "수행 결과: 방식 비교"), _comparison(found, say)
    yield say("What worked and what did not", "잘된 점과 잘되지 않은 점"), _lessons(found, say)
    yield say("How to reproduce it", "재현 방법"), _again(found, say)
    yield say("Review by the team", "자체 평가 의견"), (team,)


def _data(found: HandIn, say: Language) -> tuple[Block | None, ...]:
    data = found.contents.data
    if data is None:
        return (Text(text=say("Nothing is stored of the data.", "저장된 데이터 정보가 없다.")),)
    whose = "headrace가 그린 데모 인물이다." if found.drawn else "사용자의 데이터 폴더다."
    told = say(wording.sentence(data.origin), whose)
    return (
        Text(text=told) if data.origin else None,
        run_tables.data_table(found, say),
        run_tables.people_table(found, say),
        run_tables.class_table(found, say),
        run_tables.shift_table(found, say),
        _audit(found, say),
        _quoted(found.readings, say("Read otherwise than it stands", "다르게 읽은 것"), say),
    )


def _audit(found: HandIn, say: Language) -> Block:
    if found.audit is None:
        return Text(
            text=say(
                "No audit of the data is stored with the run.",
                "실행 폴더에 저장된 데이터 점검(audit) 결과가 없다.",
            )
        )
    names = {
        "unusable": say("unusable", "사용 불가"),
        "look": say("need a look", "확인 필요"),
        "note": say("notes", "참고"),
    }
    counts = ", ".join(f"{names.get(name, name)} {n}" for name, n in found.audit.items())
    none = say("it found nothing", "발견된 것 없음")
    return Text(text=f"{say('Audit of the data', '데이터 점검(audit)')}: {counts or none}.")


def _quoted(texts: tuple[str, ...], heading: str, say: Language) -> Block | None:
    """Returns what the run wrote down in English, as it stands."""
    if not texts:
        return None
    original = say("", " (영어 원문)")
    return Items(items=tuple(f"{heading}{original}: {text}" for text in texts))


def _models(found: HandIn, say: Language) -> tuple[Block | None, ...]:
    approaches = run_tables.approach_table(found, say)
    searches = result_tables.search_table(found, say)
    configs = result_tables.config_table(found, say)
    none = say("No finished trial is stored.", "저장된 완료 trial이 없다.")
    return (
        approaches,
        Text(text=_procedure(found, say)),
        searches or Text(text=none),
        configs,
    )


def _procedure(found: HandIn, say: Language) -> str:
    text = say(
        "The first trial of a space is its default config; the others are suggested by a "
        "tree-structured Parzen estimator, and weak ones are stopped by asynchronous successive "
        "halving.",
        "각 탐색 공간의 첫 trial은 기본 설정이다. 나머지는 TPE(tree-structured Parzen "
        "estimator)가 제안하고, 약한 trial은 비동기 successive halving(ASHA)으로 일찍 멈춘다.",
    )
    if not found.folds:
        return text
    return text + say(
        f" The chosen configs were trained again on {found.folds} folds that share no person, "
        f"with up to {found.seeds} seeds.",
        f" 선택된 설정은 사람이 겹치지 않는 fold {found.folds}개에서 최대 seed {found.seeds}개로 "
        "다시 학습했다.",
    )


def _comparison(found: HandIn, say: Language) -> tuple[Block | None, ...]:
    ensemble = result_tables.ensemble_table(found, say)
    if found.contents.verdict is None:
        return (Text(text=unjudged(found, say)), ensemble)
    how = say(
        f"Macro-F1 is the mean F1 over the joint classes. Every person is scored by models that "
        f"never saw that person; intervals are 95 %, over people and, where there are several, "
        f"training seeds. The verdict holds {found.holds}.",
        "macro-F1은 결합 클래스 F1의 평균이다. 모든 사람은 그 사람을 학습하지 않은 모델로 "
        "평가했다. 구간은 사람에 대한 95 % 구간이고, seed가 여럿이면 seed의 변동도 포함한다. "
        f"판정의 유효 범위: {_HOLDS.get(found.holds, found.holds)}.",
    )
    no_ensemble = say("There is no ensemble to report.", "보고할 앙상블이 없다.")
    return (
        result_tables.score_table(found, say),
        result_tables.pair_table(found, say),
        Text(text=how),
        ensemble or Text(text=no_ensemble),
        result_tables.cost_table(found, say),
    )


def _lessons(found: HandIn, say: Language) -> tuple[Block | None, ...]:
    good, bad = worked(found, say), failed(found, say)
    nothing = say("Nothing is shown by the stored results.", "저장된 결과로 확인된 것이 없다.")
    notes = say("Note of the run", "실행 기록의 참고 사항")
    return (
        Text(text=say("What worked:", "잘된 점:")),
        Items(items=good) if good else Text(text=nothing),
        Text(
            text=say("What did not work, or is not decided:", "잘되지 않았거나 결정되지 않은 점:")
        ),
        Items(items=bad) if bad else Text(text=nothing),
        result_tables.effect_table(found, say),
        result_tables.budget_table(found, say),
        _quoted(found.contents.notes, notes, say),
    )


def _again(found: HandIn, say: Language) -> tuple[Block | None, ...]:
    made = found.contents.reproduce
    if made is None:
        return (
            Text(text=say("How it was run is not stored.", "실행 방법이 저장되어 있지 않다.")),
        )
    return (Code(lines=made.commands), run_tables.version_table(found, say))

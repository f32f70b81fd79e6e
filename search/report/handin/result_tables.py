"""The tables of a form about the results, in either language; what a run lacks is None."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from search.analysis import wording
from search.analysis.reasons.attribution import COUPLING
from search.analysis.reasons.of_attributes import ErrorBudget
from search.analysis.reasons.reason import Reason
from search.analysis.verdict.outcomes import PairVerdict
from search.analysis.verdict.rules import Outcome
from search.report.contents import Cost, SearchSummary
from search.report.document import Cell, Table, table
from search.report.handin.contents import HandIn
from search.report.handin.language import Language
from search.report.handin.run_tables import duration, wrapped
from search.report.sections import configs

_MOST_BESIDE = 8
"""Configs side by side on a page."""
_KINDS = {
    "class_size": ("rare classes", "드문 클래스"),
    "decision_rule": ("decision rule (class biases)", "결정 규칙(클래스 편향)"),
    "error_overlap": ("overlap of errors", "오류의 겹침"),
    "shared_config": ("one config for all", "하나의 설정을 함께 씀"),
    "equal_parameters": ("equal parameters", "매개변수 수를 같게 함"),
    "learning_curve": ("number of people", "학습한 사람 수"),
    "label_noise": ("wrong labels", "라벨 오류"),
    "sampler": ("sampler", "샘플러"),
}


def search_table(found: HandIn, say: Language) -> Table | None:
    """Returns how the search of every space went."""
    columns = (
        say("space", "탐색 공간"),
        say("trials", "trial 수"),
        say("complete", "완료"),
        say("stopped early", "조기 중단"),
        say("failed", "실패"),
        say("cut off", "시간 초과"),
        say("chosen (validation)", "선택된 설정(검증)"),
        say("95 % interval", "95 % 구간"),
        say("highest (validation)", "최고 점수(검증)"),
        say("default config", "기본 설정"),
        say("device time", "장치 사용 시간"),
    )
    searches = found.contents.searches
    rows = [_search_row(row, say) for row in searches]
    return table(say("The searches", "하이퍼파라미터 탐색"), columns, rows) if rows else None


def _search_row(row: SearchSummary, say: Language) -> tuple[Cell | str, ...]:
    counts = (row.trials, row.complete, row.stopped, row.failed, row.cut_off)
    return (
        row.space,
        *(f"{count:,}" for count in counts),
        "" if row.best is None else wording.score(row.best),
        wording.interval(row.interval),
        "" if row.leader is None else wording.score(row.leader),
        _default_score(row, say),
        "" if row.device_seconds is None else duration(row.device_seconds, say),
    )


def _default_score(row: SearchSummary, say: Language) -> str:
    score = "" if row.default is None else wording.score(row.default)
    stop = row.default_stop
    if stop is None:
        return score
    return say(f"{score} (stopped at epoch {stop})", f"{score} (epoch {stop}에서 중단)")


def config_table(found: HandIn, say: Language) -> Table | None:
    """Returns every parameter of the chosen configs."""
    known = found.contents.configs
    names = dict.fromkeys(
        name
        for each in known
        for name, value in each.best.items()
        if value is not None and not name.startswith("target.")
    )
    if not names:
        return None
    title = say("The chosen configs", "선택된 설정")
    if by_refit := ", ".join(each.space for each in known if each.is_of_refit):
        title += say(f" (by the refit: {by_refit})", f" (재학습에서 선택: {by_refit})")
    what = say("parameter", "하이퍼파라미터")
    if len(known) > _MOST_BESIDE:
        said = [(each.space, ", ".join(_said(each.best, names))) for each in known]
        return wrapped(table(title, (say("space", "탐색 공간"), what), said, names=2))
    rows = [(name, *(_value(each.best.get(name)) for each in known)) for name in names]
    return table(title, (what, *(each.space for each in known)), rows)


def _said(config: Mapping[str, object], names: Iterable[str]) -> Iterator[str]:
    """Yields the parameters of a config that has them, in words."""
    for name in names:
        if config.get(name) is not None:
            yield f"{name} {_value(config[name])}"


def _value(value: object) -> str:
    return "" if value is None else configs.said(value)


def score_table(found: HandIn, say: Language) -> Table | None:
    """Returns the macro-F1 of every approach and of guessing."""
    contents = found.contents
    columns = (
        say("approach", "방식"),
        "macro-F1",
        say("95 % interval", "95 % 구간"),
        say("with class biases", "클래스 편향 적용"),
        say("seeds averaged", "seed 평균 예측"),
        say("each seed", "seed별"),
    )
    rows: list[tuple[Cell | str, ...]] = [
        (
            each.name,
            Cell(text=wording.score(each.interval.value), strong=True),
            wording.interval(each.interval),
            "" if each.with_rule is None else wording.score(each.with_rule.value),
            "" if each.ensemble is None else wording.score(each.ensemble.value),
            " ".join(wording.score(value) for value in each.per_seed),
        )
        for each in contents.scores
    ]
    names = {"majority": say("majority", "최빈 클래스"), "prior": say("prior", "클래스 비율")}
    guesses = () if contents.verdict is None else contents.verdict.baselines
    for guess in guesses:
        name = f"{say('guessing', '추측')}: {names.get(guess.name, guess.name)}"
        rows.append((name, wording.score(guess.value), "", "", "", ""))
    return table(say("Scores", "점수"), columns, rows) if contents.scores else None


def pair_table(found: HandIn, say: Language) -> Table | None:
    """Returns the verdict on every pair of approaches."""
    columns = (
        say("pair", "비교"),
        say("verdict", "판정"),
        say("difference", "차이"),
        say("95 % interval", "95 % 구간"),
        say("people who chose nothing", "선택에 쓰이지 않은 사람"),
        say("p (adjusted)", "p (보정)"),
    )
    rows = [_pair_row(found, pair, say) for pair in found.contents.pairs]
    title = say("Differences of macro-F1", "macro-F1 차이")
    return table(title, columns, rows, names=2) if rows else None


def _pair_row(found: HandIn, pair: PairVerdict, say: Language) -> tuple[Cell | str, ...]:
    figures, others, verdict = pair.headline, pair.chose_nothing, found.contents.verdict
    means_nothing = verdict is not None and verdict.means_nothing
    decided = figures.outcome is not Outcome.UNDECIDED and not means_nothing
    return (
        wording.minus(pair.a, pair.b),
        Cell(text=outcome_said(pair, say, means_nothing=means_nothing), strong=decided),
        wording.signed(figures.difference.value, 4),
        wording.interval(figures.difference, sign=True, digits=4),
        "" if others is None else wording.signed(others.difference.value, 4),
        pair.p_said,
    )


def outcome_said(pair: PairVerdict, say: Language, *, means_nothing: bool) -> str:
    """Returns what is known of a pair, in a few words."""
    if means_nothing:
        return say("means nothing yet", "아직 의미 없음")
    if pair.winner is not None:
        return say(f"{pair.winner} wins", f"{pair.winner} 우세")
    if pair.outcome is Outcome.EQUIVALENT:
        return say("equivalent", "동등")
    return say("not decided", "결정되지 않음")


def cost_table(found: HandIn, say: Language) -> Table | None:
    """Returns what every approach takes to find, to train and to serve."""
    columns = (
        say("approach", "방식"),
        say("search", "탐색"),
        say("refit", "재학습"),
        say("parameters", "매개변수"),
        say("FLOPs a photo", "사진당 FLOPs"),
        say("ms a photo", "사진당 ms"),
    )
    rows = [_cost_row(cost, say) for cost in found.contents.costs]
    title = say("Costs: device time, size and serving", "비용: 장치 사용 시간, 크기, 추론")
    return table(title, columns, rows) if rows else None


def _cost_row(cost: Cost, say: Language) -> tuple[str, ...]:
    times = (cost.search_device_seconds, cost.refit_device_seconds)
    sizes = (cost.parameters, cost.flops)
    return (
        cost.approach,
        *("" if seconds is None else duration(seconds, say) for seconds in times),
        *("" if size is None else wording.large(size) for size in sizes),
        "" if cost.serve_ms is None else wording.milliseconds(cost.serve_ms),
    )


def ensemble_table(found: HandIn, say: Language) -> Table | None:
    """Returns the score of the ensemble and its gain over every approach."""
    made = found.contents.ensemble
    if made is None:
        return None
    columns = (
        say("prediction", "예측"),
        "macro-F1",
        say("95 % interval", "95 % 구간"),
        say("gain of the ensemble", "앙상블의 이득"),
        say("95 % interval of it", "이득의 95 % 구간"),
    )
    own = (
        (say("ensemble", "앙상블"), made.score),
        (
            say("ensemble without class biases", "앙상블(클래스 편향 없이)"),
            made.score_without_biases,
        ),
    )
    rows: list[tuple[Cell | str, ...]] = [
        (name, wording.score(score.value), wording.interval(score), "", "") for name, score in own
    ]
    rows += [
        (
            gain.approach,
            wording.score(gain.score.value),
            wording.interval(gain.score),
            wording.signed(gain.difference.value),
            wording.interval(gain.difference, sign=True),
        )
        for gain in made.gains
    ]
    return table(say("The ensemble", "앙상블"), columns, rows)


def effect_table(found: HandIn, say: Language) -> Table | None:
    """Returns every mechanism that was looked at, with its effect on macro-F1."""
    columns = (
        say("mechanism", "요인"),
        say("pair", "비교"),
        say("effect", "효과"),
        say("95 % interval", "95 % 구간"),
        say("p (adjusted)", "p (보정)"),
        say("by this data", "이 데이터에서"),
    )
    rows = [
        (
            mechanism(row, say),
            wording.minus(*row.about),
            wording.signed(row.effect.value, 4),
            wording.interval(row.effect, sign=True, digits=4),
            "" if row.p_adjusted is None else wording.probability(row.p_adjusted),
            say("supported", "지지됨") if row.supported else say("not supported", "지지되지 않음"),
        )
        for row in found.contents.reasons
        if row.effect is not None and len(row.about) == 2
    ]
    title = say("Possible reasons of the differences", "차이의 가능한 이유")
    return table(title, columns, rows, names=2) if rows else None


def mechanism(reason: Reason, say: Language) -> str:
    """Returns what a reason is about, in a few words."""
    if reason.kind == "attribution":
        if reason.part == COUPLING and reason.mechanism == "M9":
            return say("attributes right or wrong together", "속성들이 함께 맞거나 틀림")
        return say(f"attribute {reason.part}", f"속성 {reason.part}")
    known = _KINDS.get(reason.kind)
    name = reason.kind.replace("_", " ") if known is None else say(*known)
    return f"{name}: {reason.part}" if reason.part else name


def budget_table(found: HandIn, say: Language) -> Table | None:
    """Returns the score of every approach were one of its attributes perfect."""
    budgets = {
        row.about[0]: row.figures
        for row in found.contents.reasons
        if isinstance(row.figures, ErrorBudget)
    }
    names = dict.fromkeys(name for each in budgets.values() for name in each.perfect)
    if not names:
        return None
    columns = (
        say("approach", "방식"),
        say("as it is", "현재"),
        *(say(f"{name} perfect", f"{name} 완벽") for name in names),
    )
    rows = [
        (
            approach,
            wording.score(each.score),
            *(_of(each.perfect, name, wording.score) for name in names),
        )
        for approach, each in budgets.items()
    ]
    title = say("macro-F1 if one attribute were perfect", "한 속성이 완벽할 때의 macro-F1")
    return table(title, columns, rows)


def _of(values: Mapping[str, float], name: str, write: Callable[[float], str]) -> str:
    return write(values[name]) if name in values else ""

"""What a form says in sentences: the answer, what every pair came to, what worked and what not."""

from collections.abc import Iterator

from search.analysis import wording
from search.analysis.ensemble.gain import Gain
from search.analysis.reasons.reason import Reason
from search.analysis.verdict.outcomes import PairVerdict
from search.analysis.verdict.recommendation import Recommendation
from search.analysis.verdict.rules import Caveat, Outcome
from search.report.contents import SearchSummary
from search.report.handin.contents import HandIn
from search.report.handin.language import Language
from search.report.handin.result_tables import mechanism

_CAVEATS = {
    Caveat.ONE_SEED: "학습 seed가 1개뿐이라 판정할 수 없다",
    Caveat.FIXED_MODELS: "고정된 모델의 예측만 비교했다",
    Caveat.RARE_KINDS: "가장 드문 클래스에서는 이 데이터에 없는 사람이 차이를 만들 수 있다",
    Caveat.CHOSEN_BY: "탐색이 선택에 쓰지 않은 사람들에서는 앞서지 않는다",
}


def answer(found: HandIn, say: Language) -> str:
    """Returns who wins and what to use; of a run without a verdict, that there is none."""
    contents, verdict = found.contents, found.contents.verdict
    if verdict is None:
        spaces = ", ".join(row.space for row in contents.searches)
        searched = say(f"Searched: {spaces or 'nothing'}.", f"탐색한 공간: {spaces or '없음'}.")
        return f"{unjudged(found, say)} {searched}"
    if say is Language.EN:
        return " ".join(part for part in (contents.answer, contents.advised) if part)
    if verdict.means_nothing:
        return (
            "추측보다 낫다고 확인된 방식이 없어 아직 점수에 의미를 둘 수 없다. 더 오래 학습하거나 "
            "더 많은 사람의 사진이 필요하다."
        )
    leader = verdict.ranked[0]
    rivals = [verdict.pair(leader.name, other.name) for other in verdict.ranked[1:]]
    score = f"macro-F1 {wording.score(leader.interval.value)}"
    if rivals and all(pair.winner == leader.name for pair in rivals):
        said = f"승자는 {leader.name} 방식이다({score})."
    elif rivals and all(pair.outcome is Outcome.EQUIVALENT for pair in verdict.pairs):
        said = f"모든 방식이 {verdict.margin:g} 이내에서 동등하다."
    else:
        said = f"확정된 승자는 없다. 점수가 가장 높은 것은 {leader.name} 방식이다({score})."
    return said if contents.advice is None else f"{said} {_advice(contents.advice)}"


def unjudged(found: HandIn, say: Language) -> str:
    """Returns why a run has no verdict: nothing was trained again, or nobody asked for it yet."""
    if found.judge:
        return say(
            f"This run is not judged yet (to do it: {found.judge}).",
            f"아직 판정하지 않은 실행이다(판정 명령: {found.judge}).",
        )
    return say(
        "This run has no verdict: nothing was compared.",
        "판정이 없는 실행이다. 방식을 비교하지 않았다.",
    )


def _advice(advice: Recommendation) -> str:
    """Returns in Korean what to use, and what would decide what is open."""
    said = f"권장하는 것은 {advice.use} 방식이다"
    if advice.use != advice.leader:
        said += f"(비용이 가장 적고, 손실은 최대 {advice.loss:.3f})"
    if advice.most_accurate == "ensemble":
        said += f". 앙상블은 {advice.score:.3f}이다"
    step = advice.next_step
    ways = []
    if step is not None and step.seeds is not None:
        ways.append(f"학습 seed {step.seeds}개")
    if step is not None and step.people is not None:
        ways.append(f"사람 {step.people:,}명")
    if step is not None and ways:
        joined = ("와 함께 " if step.together else " 또는 ").join(ways)
        said += f". {' / '.join(step.pair)} 비교를 결정하려면 {joined} 정도가 필요해 보인다"
    return f"{said}."


def pair_said(pair: PairVerdict, found: HandIn, say: Language) -> str:
    """Returns what a pair came to, with its difference; the leader comes first."""
    size = wording.estimate(pair.headline.difference)
    if pair.winner is not None:
        return say(
            f"{pair.a} beats {pair.b}: {size}.", f"{pair.a} > {pair.b}: macro-F1 차이 {size}."
        )
    names, caveat = f"{pair.a} / {pair.b}", ""
    if pair.caveat is not Caveat.NONE:
        caveat = say(f" {wording.sentence(pair.caveat.value)}", f" {_CAVEATS[pair.caveat]}.")
    if pair.outcome is Outcome.EQUIVALENT:
        return say(
            f"{pair.a} and {pair.b} are equivalent within {found.margin:g}: {size}.{caveat}",
            f"{names}: {found.margin:g} 이내에서 동등하다. 차이 {size}.{caveat}",
        )
    return say(
        f"{pair.a} against {pair.b} is not decided: {size}.{caveat}",
        f"{names}: 우열이 결정되지 않았다. 차이 {size}.{caveat}",
    )


def worked(found: HandIn, say: Language) -> tuple[str, ...]:
    """Returns what is shown to have helped."""
    return tuple(_worked(found, say))


def _worked(found: HandIn, say: Language) -> Iterator[str]:
    contents, verdict = found.contents, found.contents.verdict
    for row in contents.searches:
        if _compares(row) and not _stays(row):
            yield _search_said(row, say)
    if verdict is None or not verdict.means_nothing:
        won = [pair for pair in contents.pairs if pair.winner is not None]
        yield from (pair_said(pair, found, say) for pair in won)
    for reason in contents.reasons:
        if reason.supported:
            yield reason.told if say is Language.EN else _reason_said(reason)
    gain = _gain(found)
    if gain is not None and gain.difference.low > 0:
        size = wording.estimate(gain.difference)
        yield say(
            f"The ensemble gains over {gain.approach}, the best approach: {size}.",
            f"앙상블이 가장 좋은 단일 방식({gain.approach})보다 높다: {size}.",
        )


def _gain(found: HandIn) -> Gain | None:
    """Returns the gain of the ensemble over the best approach; None where there is no ensemble."""
    made = found.contents.ensemble
    if made is None or made.fell_back:
        return None
    return next((gain for gain in made.gains if gain.approach == made.best_approach), None)


def _compares(row: SearchSummary) -> bool:
    """Returns whether a search had anything to choose between, and a default config to beat.

    One that stopped early is none: its score is that of an earlier epoch.
    """
    is_known = row.best is not None and row.default is not None
    return row.complete > 1 and is_known and row.default_stop is None


def _stays(row: SearchSummary) -> bool:
    """Returns whether what a search chose is no gain over the default config by its score."""
    return row.chose_default or (row.best or 0.0) <= (row.default or 0.0)


def _search_said(row: SearchSummary, say: Language) -> str:
    best, default = wording.score(row.best), wording.score(row.default)
    leader = "" if row.leader is None else wording.score(row.leader)
    if row.chose_default:
        if not leader:
            return say(
                f"The search of {row.space} chose the default config ({best}): no trial scored "
                "higher.",
                f"{row.space} 탐색: 기본 설정({best})이 선택되었다. 더 높은 trial이 없다.",
            )
        return say(
            f"The search of {row.space} chose the default config ({best}): the highest score was "
            f"{leader}, a lead that may be the luck of the people who validate.",
            f"{row.space} 탐색: 기본 설정({best})이 선택되었다. 최고 점수는 {leader}이지만, 그 "
            "차이는 검증 사람에 따른 우연일 수 있다.",
        )
    more = "" if not leader else say(f" The highest score was {leader}.", f" 최고 점수 {leader}.")
    return say(
        f"The search of {row.space} chose a config that scored {best}; the default config scored "
        f"{default}, both on the people that the search chose by.{more}",
        f"{row.space} 탐색: 선택된 설정 {best}, 기본 설정 {default} (둘 다 선택에 쓰인 검증 사람 "
        f"기준).{more}",
    )


def _reason_said(reason: Reason) -> str:
    (ahead, behind), effect = reason.winners, reason.effect
    if effect is not None and effect.value < 0:
        effect = effect.negated()
    size = "" if effect is None else wording.estimate(effect)
    return f"{mechanism(reason, Language.KO)}: {behind} 대비 {ahead} 쪽에 유리하다. 효과 {size}."


def failed(found: HandIn, say: Language) -> tuple[str, ...]:
    """Returns what did not help, was not decided, or broke."""
    return tuple(_failed(found, say))


def _failed(found: HandIn, say: Language) -> Iterator[str]:
    contents, verdict = found.contents, found.contents.verdict
    if verdict is not None and verdict.means_nothing:
        yield say(
            "No approach is shown to beat guessing: no difference means anything yet.",
            "추측보다 낫다고 확인된 방식이 없어 어떤 차이에도 의미를 둘 수 없다.",
        )
    else:
        for pair in contents.pairs:
            if pair.winner is None:
                yield pair_said(pair, found, say)
    for row in contents.searches:
        if _compares(row) and _stays(row):
            yield _search_said(row, say)
        if row.failed:
            yield say(
                f"{wording.plural(row.failed, 'trial')} of {row.space} failed.",
                f"{row.space} 탐색: trial {row.failed:,}개가 실패했다.",
            )
    rest = sum(row.effect is not None and not row.supported for row in contents.reasons)
    if rest:
        yield say(
            f"Of the possible reasons, {rest} are not supported by this data (see the table).",
            f"가능한 이유 가운데 {rest}개는 이 데이터에서 지지되지 않았다(표 참고).",
        )
    yield from _ensemble_failed(found, say)


def _ensemble_failed(found: HandIn, say: Language) -> Iterator[str]:
    made, gain = found.contents.ensemble, _gain(found)
    if made is not None and made.fell_back:
        yield say(
            f"No ensemble gained over {made.best_approach}.",
            f"{made.best_approach} 방식보다 나은 앙상블이 없었다.",
        )
    if gain is not None and gain.difference.high < 0:
        size = wording.estimate(gain.difference)
        yield say(
            f"The ensemble is worse than {gain.approach}, the best approach: {size}.",
            f"앙상블은 가장 좋은 단일 방식({gain.approach})보다 낮다: {size}.",
        )
    elif gain is not None and gain.difference.low <= 0:
        size = wording.estimate(gain.difference)
        yield say(
            f"The gain of the ensemble over {gain.approach}, the best approach, may be luck: "
            f"{size}.",
            f"가장 좋은 단일 방식({gain.approach}) 대비 앙상블의 이득은 우연일 수 있다: {size}.",
        )

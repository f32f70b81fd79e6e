"""The verdict in the terminal."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from search.analysis.verdict.outcomes import (
    PairVerdict,
    Verdict,
)
from search.analysis.verdict.sentence import NO_BETTER, answer
from search.console import say
from search.verdict.findings import Findings

_WHOLE_NAME, _WHOLE_PAIR = 20, 24  # characters, beside which the figures have room in 80 columns


def print_verdict(console: Console, findings: Findings, folder: Path) -> None:
    """Says the scores, the pairs, what else is known of them, and last the answer."""
    verdict = findings.verdict
    console.print()
    # Of anybody's files nobody knows whether another model had seen the people.
    title = "Macro-F1" if findings.training is None else "Out-of-fold macro-F1"
    console.print(_scores(verdict, title))
    if findings.training is not None:
        say(console, "New trainings, every person scored by models that never saw that person.")
    console.print(_pairs(verdict))
    for pair in verdict.pairs:
        for text in pair.leader_first().said:
            say(console, f"  {text}")
    say(console, f"All of it holds {findings.holds}.")
    caveats = [pair.caveat.value for pair in verdict.pairs if pair.caveat]
    for note in dict.fromkeys((*caveats, *findings.notes)):
        say(console, f"note: {note}")
    say(console, answer(verdict, findings.advice), style="bold")
    page = folder / "report.html"
    size = f" ({page.stat().st_size / 1000:,.0f} kB, opens offline)" if page.is_file() else ""
    say(console, f"Report: {page}{size}")


def _scores(verdict: Verdict, title: str) -> Table:
    table = Table(title=title, title_justify="left")
    longest = max(len(score.name) for score in verdict.ranked)
    for name in ("approach", "macro-F1", "95 % interval", "with class biases"):
        is_whole = name != "approach" or longest <= _WHOLE_NAME
        table.add_column(name, overflow="fold", no_wrap=is_whole)
    for score in verdict.ranked:
        found = score.interval
        table.add_row(
            escape(score.name),
            f"{found.value:.4f}",
            f"{found.low:.3f} to {found.high:.3f}",
            f"{score.with_rule.value:.4f}" if score.with_rule else "-",
        )
    for baseline in verdict.baselines:
        table.add_row(f"guessing, {baseline.name}", f"{baseline.value:.4f}", "", "")
    return table


def _pairs(verdict: Verdict) -> Table:
    table = Table(title="Pairs", title_justify="left")
    pairs = [pair.leader_first() for pair in verdict.pairs]
    longest = max((len(f"{pair.a} - {pair.b}") for pair in pairs), default=0)
    # The interval in two lines of 80 columns rather than cut off.
    for name in ("pair", "difference", "95 % interval", "p", "verdict"):
        is_whole = name == "verdict" or (name == "pair" and longest <= _WHOLE_PAIR)
        table.add_column(name, overflow="fold", no_wrap=is_whole)
    for pair in pairs:
        found = pair.headline.difference
        table.add_row(
            escape(f"{pair.a} - {pair.b}"),
            f"{found.value:+.4f}",
            f"{found.low:+.3f} to {found.high:+.3f}",
            pair.p_said,
            escape(_outcome(pair, verdict)),
        )
    return table


def _outcome(pair: PairVerdict, verdict: Verdict) -> str:
    if verdict.means_nothing:
        return NO_BETTER
    return f"{pair.winner} wins" if pair.winner else pair.outcome.said

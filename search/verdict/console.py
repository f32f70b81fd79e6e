"""The verdict in the terminal."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from search.analysis.verdict.sentence import answer
from search.console import say
from search.verdict.findings import Findings


def print_verdict(console: Console, findings: Findings, folder: Path) -> None:
    """Says the answer, the scores and the pairs."""
    verdict = findings.verdict
    scores = Table(title="Out-of-fold macro-F1", title_justify="left")
    for name in ("approach", "macro-F1", "95 % interval", "with class biases"):
        scores.add_column(name, no_wrap=True)
    for score in verdict.ranked:
        found = score.interval
        scores.add_row(
            score.name,
            f"{found.value:.4f}",
            f"{found.low:.3f} to {found.high:.3f}",
            f"{score.with_rule.value:.4f}" if score.with_rule else "-",
        )
    pairs = Table(title="Pairs", title_justify="left")
    for name in ("pair", "difference", "95 % interval", "Shaffer's p", "verdict"):
        pairs.add_column(name, no_wrap=True)
    for pair in verdict.pairs:
        found = pair.headline.difference
        pairs.add_row(
            f"{pair.a} - {pair.b}",
            f"{found.value:+.4f}",
            f"{found.low:+.3f} to {found.high:+.3f}",
            f"{pair.headline.p_adjusted:.3f}",
            f"{pair.winner} wins" if pair.winner else pair.outcome.value,
        )
    console.print()
    console.print(scores)
    console.print(pairs)
    for note in findings.notes:
        say(console, f"note: {note}")
    say(console, answer(verdict), style="bold")
    say(console, f"Report: {folder / 'report.html'}")

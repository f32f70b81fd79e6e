"""The verdict in the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def print_verdict(console: Console, verdict: Mapping[str, Any], folder: Path) -> None:
    """Says the answer, the scores and the pairs."""
    scores = Table(title="Out-of-fold macro-F1", title_justify="left")
    for name in ("approach", "macro-F1", "95 % interval", "with class biases"):
        scores.add_column(name, no_wrap=True)
    for name, score in sorted(verdict["scores"].items(), key=lambda item: -item[1]["value"]):
        low, high = score["interval"]
        ruled = score["with_decision_rule"]
        scores.add_row(
            name,
            f"{score['value']:.4f}",
            f"{low:.3f} to {high:.3f}",
            f"{ruled['value']:.4f}" if ruled else "-",
        )
    pairs = Table(title="Pairs", title_justify="left")
    for name in ("pair", "difference", "95 % interval", "Holm's p", "verdict"):
        pairs.add_column(name, no_wrap=True)
    for pair in verdict["pairs"]:
        low, high = pair["interval"]
        pairs.add_row(
            f"{pair['a']} - {pair['b']}",
            f"{pair['difference']:+.4f}",
            f"{low:+.3f} to {high:+.3f}",
            f"{pair['p_holm']:.3f}",
            _verdict_text(pair),
        )
    console.print()
    console.print(scores)
    console.print(pairs)
    for note in verdict.get("notes", ()):
        console.print(f"note: {note}", highlight=False, soft_wrap=True)
    console.print(f"[bold]{verdict['answer']}[/bold]", highlight=False, soft_wrap=True)
    console.print(f"Report: {folder / 'report.html'}", highlight=False, soft_wrap=True)


def _verdict_text(pair: Mapping[str, Any]) -> str:
    winner = {"a_wins": pair["a"], "b_wins": pair["b"]}.get(pair["verdict"])
    return f"{winner} wins" if winner else str(pair["verdict"])

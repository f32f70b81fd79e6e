"""The first sections: what is known of every pair, the scores, and the differences."""

from collections.abc import Mapping, Sequence

from search.analysis import wording
from search.analysis.uncertainty.interval import UNSEEN_PEOPLE
from search.analysis.verdict.outcomes import (
    PairFigures,
    PairVerdict,
    Score,
    Verdict,
)
from search.analysis.verdict.rules import (
    Caveat,
    Outcome,
)
from search.analysis.verdict.sentence import NO_BETTER, OF_FILES, SCOPE
from search.analysis.verdict.statements import PairStatements
from search.report.contents import ReportContents
from search.report.document import (
    Block,
    Cell,
    Claim,
    Folded,
    Items,
    Section,
    Table,
    Text,
    table,
)
from search.report.figures.forest import ForestRow, forest, forest_figure

_HOW_TO_READ = (
    "Bold: what the verdict compares. Macro-F1 is the mean F1 over the joint classes, so a rare "
    "class counts as much as a common one. Intervals are 95 %, over people (and training seeds "
    "where all have several), never over the photos of one person."
)

BRIDGE = (
    "The search's own scores flatter: its configs were chosen among many trials, by the people "
    "who score them there. These are new trainings, and every person is scored by models that "
    "never saw that person."
)

_STATEMENTS = (
    "Confidence: that the first of a pair is better. "
    "Probabilities: log score of the true joint class, every approach calibrated on other people; "
    "decided, and bold, within 5 % of its own. Bounds are one-sided, each at 5 % over the "
    "pairs, and over the ends of a run that went on. As deployed: as many seeds of both "
    "averaged. At equal networks served: the "
    "side with fewer networks averages as many seeds as the other has networks. Both are "
    "estimates with 95 % intervals and no verdicts. Attributes are named behind a decided pair "
    "only."
)

_EQUIVALENT = (
    "A pair is equivalent where its interval, taken to reach "
    f"{2 * UNSEEN_PEOPLE} / people to each side at least, lies inside it."
)
_BOLD = "Bold, in the tables of pairs: what is decided."
_ONE_SEED = "One training seed cannot tell the luck of training"


def claims(contents: ReportContents) -> tuple[Claim, ...]:
    """Returns a line per pair, wins first, then equivalence, then what is undecided."""
    if contents.verdict is None:
        return ()
    if contents.verdict.means_nothing:
        return ()  # who is ahead among guesses is nothing to act on
    order = (Outcome.A_WINS, Outcome.EQUIVALENT, Outcome.UNDECIDED)
    ranked = sorted(contents.pairs, key=lambda pair: order.index(_kind(pair)))
    return tuple(_claim(pair, contents.verdict.margin) for pair in ranked)


def _kind(pair: PairVerdict) -> Outcome:
    # With the leader first only a verdict at odds with its own difference can be "b wins".
    return Outcome.A_WINS if pair.outcome is Outcome.B_WINS else pair.outcome


def _claim(pair: PairVerdict, margin: float) -> Claim:
    kind = _kind(pair)
    # An equivalence is judged against a small margin: a digit more shows where it stands.
    digits = 4 if kind is Outcome.EQUIVALENT else 3
    size = wording.unbroken(wording.estimate(pair.headline.difference, digits))
    if kind is Outcome.A_WINS:
        return Claim(outcome="win", text=f"{pair.a} beats {pair.b}: {size}", note=_doubts(pair))
    if kind is Outcome.EQUIVALENT:
        text = f"{pair.a} and {pair.b} are equivalent within ±{margin:g}: {size}"
        return Claim(outcome="equivalent", text=text, note=_doubts(pair))
    text = f"{pair.a} against {pair.b} is not decided: {size}"
    note = " ".join(part for part in (_bounds(pair), _would_decide(pair), _doubts(pair)) if part)
    return Claim(outcome="open", text=text, note=note)


def _bounds(pair: PairVerdict) -> str:
    """Returns what is known all the same."""
    said = pair.said
    return " ".join(f"{text}." for text in said)


def _would_decide(pair: PairVerdict) -> str:
    """Returns what would settle an undecided pair, if the difference found is the true one."""
    if pair.is_of_one_seed:
        ahead = f"{pair.a} is ahead over people. " if pair.headline.difference.low > 0 else ""
        return f"{ahead}{_ONE_SEED}: there is no verdict before two."
    found = pair.would_decide
    if found is None or (found.people is None and found.seeds is None):
        return "No number of seeds would decide it at these people." if pair.hopeless else ""
    ways = [] if found.people is None else [wording.plural(found.people, "person", "people")]
    ways += [] if found.seeds is None else [wording.plural(found.seeds, "training seed")]
    joined = wording.listing(ways, "and" if found.together else "or")
    hopeless = " No number of seeds would, at these people." if pair.hopeless else ""
    return f"Likely decided by {joined}, were this the true difference.{hopeless}"


def _doubts(pair: PairVerdict) -> str:
    """Returns what speaks against the headline: another rule, or the people who chose nothing."""
    said = []
    if pair.flips_with_rule and pair.with_rule is not None:
        now = _says(pair, pair.with_rule)
        said.append(f"With post-hoc class biases the verdict is another one: {now}.")
    if pair.caveat is Caveat.CHOSEN_BY:
        said.append(wording.sentence(pair.caveat.value))
    return " ".join(said)


def _says(pair: PairVerdict, figures: PairFigures) -> str:
    winner = {Outcome.A_WINS: pair.a, Outcome.B_WINS: pair.b}.get(figures.outcome)
    return f"{winner} wins" if winner else figures.outcome.said


def score_section(contents: ReportContents, slots: Mapping[str, int]) -> Section | None:
    """Returns the table of scores."""
    rows = contents.scores
    if not rows:
        return None
    columns = (
        "approach",
        "macro-F1",
        "95 % interval",
        "with class biases",
        "seeds averaged",
        "each seed",
    )
    guesses = () if contents.verdict is None else contents.verdict.baselines
    cells = [_score_row(row, slots) for row in rows]
    cells += [_guess_row(each.name, each.value, len(columns)) for each in guesses]
    found = table("Scores", columns, cells)
    return Section(
        kicker="Scores",
        heading=_score_heading(rows),
        blocks=(found, Text(text=_score_note(contents), quiet=True)),
    )


def _score_row(row: Score, slots: Mapping[str, int]) -> tuple[Cell | str, ...]:
    others = (row.with_rule, row.ensemble)
    seeds = row.per_seed if len(row.per_seed) > 1 else ()
    return (
        Cell(text=row.name, slot=slots[row.name]),
        Cell(text=wording.score(row.interval.value), strong=True),
        wording.interval(row.interval),
        *("" if other is None else wording.score(other.value) for other in others),
        " ".join(wording.score(value) for value in seeds),
    )


def _guess_row(name: str, value: float, num_columns: int) -> tuple[Cell | str, ...]:
    """Returns the row of a way to guess."""
    filler = [""] * (num_columns - 2)
    return (f"guessing, {name}", wording.score(value), *filler)


def _score_heading(rows: Sequence[Score]) -> str:
    if len(rows) == 1:
        return f"{rows[0].name} scores {wording.score(rows[0].interval.value)}"
    best, last = rows[0].interval.value, rows[-1].interval.value
    gap = wording.score(best - last)
    if gap == wording.score(0.0):
        return f"All score {wording.score(best)}"
    return f"{rows[0].name} scores highest, {wording.score(best)}; all lie within {gap}"


def _spread(space: str, finalists: Mapping[str, float]) -> str:
    """Returns the range of a space's refitted configs but the default; empty of a single one."""
    found = [value for name, value in finalists.items() if name != "default"]
    if len(found) < 2:
        return ""
    return f"{space} {wording.score(min(found))} to {wording.score(max(found))}"


def _score_note(contents: ReportContents) -> str:
    rows, pairs = contents.scores, contents.pairs
    note = f"{_HOW_TO_READ} They hold {SCOPE if contents.searches else OF_FILES}."
    if contents.searches:
        note += f" {BRIDGE}"
    spread = [_spread(space, found) for space, found in contents.finalists.items()]
    if any(spread):
        note += (
            " Another search would find other configs; those that were refitted here score, each "
            f"on its own label: {'; '.join(text for text in spread if text)}."
        )
    if any(pair.is_of_one_seed for pair in pairs):
        note += f" {_ONE_SEED}: these are over people alone."
    if any(row.with_rule for row in rows):
        note += (
            " The headline is without class biases; beside it every approach has them, chosen "
            "for macro-F1 on other people than those it is scored on."
        )
    if any(row.ensemble for row in rows):
        note += " Seeds averaged: one prediction from the mean probabilities of all seeds."
    if contents.verdict is not None and contents.verdict.baselines:
        note += (
            " Guessing: the most frequent class for everyone (majority), or classes drawn by "
            "their shares (prior)."
        )
    return note


def difference_section(contents: ReportContents) -> Section | None:
    """Returns the forest plot of all pairs and their table."""
    pairs = contents.pairs
    if not pairs or contents.verdict is None:
        return None
    margin = contents.verdict.margin
    rows = [row for pair in pairs for row in _forest_rows(pair)]
    plot = forest(rows, margin=margin, left="second is better", right="first is better")
    title = "Differences between approaches with 95 % intervals"
    columns = (
        "pair",
        "verdict",
        "difference",
        "95 % interval",
        "people who chose nothing",
        "confidence",
        "p (Shaffer)",
    )
    found = [_pair_row(pair, contents.verdict) for pair in pairs]
    beside = _statement_blocks(pairs)
    tables = [table("Pairs", columns, found, names=2), *beside[:1]]
    has_bold = any(c.strong for t in tables if isinstance(t, Table) for row in t.rows for c in row)
    blocks: tuple[Block, ...] = (
        forest_figure(plot, title, _band_note(margin, pairs)),
        *tables,
        *((Text(text=_BOLD, quiet=True),) if has_bold else ()),
        *beside[1:],
    )
    heading = _difference_heading(pairs, contents.verdict)
    return Section(kicker="Differences", heading=heading, blocks=blocks)


def _statement_blocks(pairs: Sequence[PairVerdict]) -> tuple[Block, ...]:
    """Returns what else is said about the pairs: a table, sentences, and how to read them."""
    stated = [pair for pair in pairs if pair.statements is not None]
    if not stated:
        return ()
    columns = ("pair", "probabilities (nats)", "p", "as deployed", "at equal networks served")
    rows = [_statement_row(pair, pair.statements) for pair in stated if pair.statements]
    said = [
        f"{text}."
        for pair in stated
        if pair.statements is not None
        for text in (
            *pair.said,
            *_attributes_said(pair, pair.statements),
        )
    ]
    return (
        table("Beside the verdict", columns, rows),
        Folded(
            summary="The same in words, and how to read it",
            blocks=(Items(items=tuple(said)), Text(text=_STATEMENTS, quiet=True)),
        ),
    )


def _statement_row(pair: PairVerdict, stated: PairStatements) -> tuple[Cell | str, ...]:
    log, equal = stated.log_score, stated.equal_networks
    return (
        wording.minus(pair.a, pair.b),
        Cell(
            text="" if log is None else wording.estimate(log.difference),
            strong=log is not None and log.decided,
        ),
        "" if log is None else wording.probability(log.p_adjusted),
        "" if stated.deployed is None else wording.estimate(stated.deployed),
        "" if equal is None else wording.estimate(equal.difference),
    )


def _attributes_said(pair: PairVerdict, stated: PairStatements) -> tuple[str, ...]:
    """Returns in which attributes the two of a decided pair differ."""
    found = [
        f"{each.name} {wording.estimate(each.difference)}"
        for each in stated.attributes
        if each.supported
    ]
    if not found:
        return ()
    return (f"{wording.minus(pair.a, pair.b)} by attribute: macro-F1 of {wording.listing(found)}",)


def _forest_rows(pair: PairVerdict) -> list[ForestRow]:
    parts = (
        (wording.minus(pair.a, pair.b), pair.headline),
        ("with class biases", pair.with_rule),
        ("people who chose nothing", pair.chose_nothing),
    )
    return [
        ForestRow(name, figures.difference, main=index == 0)
        for index, (name, figures) in enumerate(parts)
        if figures is not None
    ]


def _band_note(margin: float, pairs: Sequence[PairVerdict]) -> str:
    note = "Both sides of a pair are judged on the same people."
    if any(pair.is_of_one_seed for pair in pairs):
        note += " Intervals are over people alone: another training might give another difference."
    equal = "" if any(pair.is_of_one_seed for pair in pairs) else f" {_EQUIVALENT}"
    return f"Grey band: differences within ±{margin:g} are too small to matter.{equal} {note}"


def _pair_row(pair: PairVerdict, verdict: Verdict) -> tuple[Cell | str, ...]:
    figures = pair.headline
    said = NO_BETTER if verdict.means_nothing else _says(pair, figures)
    strong = figures.outcome is not Outcome.UNDECIDED and not verdict.means_nothing
    return (
        wording.minus(pair.a, pair.b),
        Cell(text=said, strong=strong),
        wording.signed(figures.difference.value, 4),
        wording.interval(figures.difference, sign=True, digits=4),
        _chose_nothing(pair),
        wording.probability(figures.confidence_a_greater),
        pair.p_said,
    )


def _chose_nothing(pair: PairVerdict) -> str:
    found = pair.chose_nothing
    return "" if found is None else wording.signed(found.difference.value, 4)


def _difference_heading(pairs: Sequence[PairVerdict], verdict: Verdict) -> str:
    if verdict.means_nothing:
        return "No approach is shown to beat guessing: no difference means anything yet"
    wins = [f"{pair.a} beats {pair.b}" for pair in pairs if _kind(pair) is Outcome.A_WINS]
    ties = [
        f"{pair.a} and {pair.b} are equivalent"
        for pair in pairs
        if pair.outcome is Outcome.EQUIVALENT
    ]
    num = sum(pair.outcome is Outcome.UNDECIDED for pair in pairs)
    if num == len(pairs):
        if all(pair.is_of_one_seed for pair in pairs):
            return _ONE_SEED
        return "No pair is decided by this data" if num > 1 else "This data does not decide"
    parts = [*wins, *ties]
    if num:
        parts.append(f"{wording.plural(num, 'pair')} {'is' if num == 1 else 'are'} not decided")
    return "; ".join(parts)

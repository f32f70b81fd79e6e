"""The section on the ensemble: what it gains over every approach, and who is in it."""

from collections.abc import Mapping, Sequence

from search.analysis import wording
from search.analysis.ensemble.gain import Gain
from search.analysis.ensemble.summary import EnsembleSummary, MemberSummary
from search.report.contents import ReportContents
from search.report.document import Block, Cell, Figure, Folded, Section, Text, table
from search.report.figures.forest import ForestRow, forest, forest_figure

_NOTE = (
    "Members, weights, calibration and class biases are chosen on other people than those they "
    "are scored on. An approach stands here with its probabilities averaged over seeds, as the "
    "ensemble averages its members, and gains are without class biases on either side. "
    "Milliseconds are those of all networks of a member, one a fold."
)


def ensemble_section(contents: ReportContents, slots: Mapping[str, int]) -> Section | None:
    """Returns what the ensemble is worth; None where the run has none."""
    found = contents.ensemble
    if found is None:
        return None
    blocks: list[Block] = [Text(text=found.sentence)]
    gains = sorted(found.gains, key=lambda gain: gain.difference.value)
    if gains:
        blocks.append(_gain_figure(gains))
    blocks.append(_score_table(found, gains, slots))
    if found.members:
        summary = wording.plural(len(found.members), "member")
        blocks.append(Folded(summary=summary, blocks=(_member_table(found.members, slots),)))
    blocks.append(Text(text=f"Bold: the ensemble's own score. {_NOTE}", quiet=True))
    return Section(kicker="Ensemble", heading=_heading(found), blocks=tuple(blocks))


def _heading(found: EnsembleSummary) -> str:
    best = found.best_approach
    if found.fell_back:
        return f"No ensemble gains over {best}"
    gain = next(gain.difference for gain in found.gains if gain.approach == best)
    many = wording.plural(len(found.members), "member")
    size = f"{many} together: {wording.signed(gain.value)} over {best}"
    return size if gain.excludes_zero else f"{size}, which may be luck"


def _gain_figure(gains: Sequence[Gain]) -> Figure:
    rows = [ForestRow(f"over {gain.approach}", gain.difference) for gain in gains]
    plot = forest(rows, axis="macro-F1 gained by the ensemble")
    return forest_figure(plot, "Gain of the ensemble over every approach with 95 % intervals")


def _score_table(found: EnsembleSummary, gains: Sequence[Gain], slots: Mapping[str, int]) -> Block:
    columns = ("prediction", "macro-F1", "95 % interval", "gain over it", "95 % interval of it")
    own = (("ensemble", found.score), ("without class biases", found.score_without_biases))
    rows: list[tuple[Cell | str, ...]] = [
        (name, Cell(text=wording.score(score.value), strong=True), wording.interval(score), "", "")
        for name, score in own
    ]
    rows += [
        (
            Cell(text=gain.approach, slot=slots.get(gain.approach)),
            wording.score(gain.score.value),
            wording.interval(gain.score),
            wording.signed(gain.difference.value),
            wording.interval(gain.difference, sign=True),
        )
        for gain in gains
    ]
    return table("Scores of the ensemble", columns, rows)


def _member_table(members: Sequence[MemberSummary], slots: Mapping[str, int]) -> Block:
    columns = ("member", "networks", "weight", "ms a photo")
    rows = [
        (
            Cell(text=member.name, slot=slots.get(member.approach)),
            ", ".join(member.parts),
            f"{member.weight:.3f}",
            wording.milliseconds(member.serving_ms),
        )
        for member in sorted(members, key=lambda member: -member.weight)
    ]
    return table("Members of the ensemble", columns, rows, names=2)

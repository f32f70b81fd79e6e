"""The section on the ensemble: what it gains over every approach, and who is in it."""

from collections.abc import Mapping, Sequence

from search.report import wording
from search.report.contents import ReportContents
from search.report.document import Block, Cell, Figure, Section, Text, table
from search.report.figures import svg
from search.report.figures.forest import ForestRow, draw_forest, forest
from search.report.verdict_rows import Estimate, Json

_NOTE = (
    "Members, weights, calibration and class biases are chosen on other people than those they "
    "are scored on. An approach stands here with its probabilities averaged over seeds, as the "
    "ensemble averages its members, and gains are without class biases on either side. "
    "Milliseconds are those of all networks of a member, one a fold."
)


def ensemble_section(contents: ReportContents, slots: Mapping[str, int]) -> Section | None:
    """Returns what the ensemble is worth; None where the run has none.

    Read of `verdict["ensemble"]`: `sentence`, `score`, `score_without_biases`, `best_approach`,
    `fell_back`, `gains` and `members`.
    """
    found = contents.verdict.get("ensemble")
    if not found or "sentence" not in found:
        return None
    blocks: list[Block] = [Text(text=str(found["sentence"]))]
    gains = sorted(found["gains"], key=lambda gain: float(gain["value"]))
    if gains:
        blocks.append(_gain_figure(gains))
    blocks += [_score_table(found, gains, slots), _member_table(found["members"], slots)]
    blocks.append(Text(text=_NOTE, quiet=True))
    return Section(kicker="Ensemble", heading=_heading(found, gains), blocks=tuple(blocks))


def _heading(found: Json, gains: Sequence[Json]) -> str:
    best = str(found["best_approach"])
    if found["fell_back"]:
        return f"No ensemble gains over {best}"
    gain = next(Estimate.of(gain) for gain in gains if gain["approach"] == best)
    many = wording.plural(len(found["members"]), "member")
    size = f"{many} together: {wording.signed(gain.value)} over {best}"
    return size if (gain.low or 0.0) > 0 else f"{size}, which may be luck"


def _gain_figure(gains: Sequence[Json]) -> Figure:
    rows = [
        ForestRow(f"over {gain['approach']}", found, wording.estimate(found))
        for gain, found in ((gain, Estimate.of(gain)) for gain in gains)
    ]
    plot = forest(rows, axis="macro-F1 gained by the ensemble")
    title = "Gain of the ensemble over every approach with 95 % intervals"
    return Figure(
        svg=draw_forest(plot, svg.WIDE, title), narrow=draw_forest(plot, svg.NARROW, title)
    )


def _score_table(found: Json, gains: Sequence[Json], slots: Mapping[str, int]) -> Block:
    columns = ("prediction", "macro-F1", "95 % interval", "gain over it", "95 % interval of it")
    own = (
        ("ensemble", Estimate.of(found["score"])),
        ("without class biases", Estimate.of(found["score_without_biases"])),
    )
    rows: list[tuple[Cell | str, ...]] = [
        (name, Cell(text=wording.score(score.value), strong=True), wording.interval(score), "", "")
        for name, score in own
    ]
    for gain in gains:
        name, score, size = str(gain["approach"]), Estimate.of(gain["score"]), Estimate.of(gain)
        rows.append(
            (
                Cell(text=name, slot=slots.get(name)),
                wording.score(score.value),
                wording.interval(score),
                wording.signed(size.value),
                wording.interval(size, sign=True),
            )
        )
    return table("Scores of the ensemble", columns, rows)


def _member_table(members: Sequence[Json], slots: Mapping[str, int]) -> Block:
    columns = ("member", "networks", "weight", "ms a photo")
    rows = [
        (
            Cell(text=str(member["name"]), slot=slots.get(str(member["approach"]))),
            ", ".join(str(part) for part in member["parts"]),
            f"{float(member['weight']):.3f}",
            wording.milliseconds(float(member["serving_ms"])),
        )
        for member in sorted(members, key=lambda member: -float(member["weight"]))
    ]
    return table("Members of the ensemble", columns, rows, names=2)

"""The first section: what was compared, on which data, and what guessing would score."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

from search.analysis import wording
from search.report.contents import Network, ReportContents
from search.report.document import Block, Card, Figure, Grid, Section, table
from search.report.figures.approach import draw_approach

_GUESSES = {
    "majority": "guessing the most frequent class for everyone",
    "prior": "guessing by the shares of the classes (prior)",
}


def about_section(contents: ReportContents, slots: Mapping[str, int]) -> Section | None:
    """Returns what the approaches are and what they were compared on."""
    cards = [_card(name, networks, slots) for name, networks in contents.networks.items()]
    rows = _rows(contents)
    blocks: list[Block] = [Grid(cards=tuple(cards), small=True, stacked=True)] if cards else []
    if rows:
        found = table("What was compared on what", ("what", "value"), rows, names=2)
        blocks.append(replace(found, wraps=True))
    heading = "What is compared, and on what" if cards else "What it rests on"
    return Section(kicker="About", heading=heading, blocks=tuple(blocks)) if blocks else None


def told(networks: Sequence[Network]) -> str:
    """Returns what an approach is, in one sentence."""
    if len(networks) == 1:
        (network,) = networks
        names = wording.listing(tuple(network.classes))
        if network.heads:
            return f"One network: {names} share its features, and each has an output of its own."
        count = prod(network.classes.values())
        return (
            f"One network with one output: every combination of {names} is a class, {count:,} in "
            "all."
        )
    if all(len(network.classes) == 1 for network in networks):
        names = wording.listing([name for network in networks for name in network.classes])
        return f"A network of its own for each of {names}, each tuned and trained by itself."
    parts = [_part(network) for network in networks]
    return f"{len(networks)} networks: {wording.listing(parts)}."


def _part(network: Network) -> str:
    names = wording.listing(tuple(network.classes))
    if len(network.classes) == 1:
        return f"{names} alone"
    if network.heads:
        return f"{names} with an output each"
    return f"{names} together ({prod(network.classes.values()):,} combinations)"


def _card(name: str, networks: Sequence[Network], slots: Mapping[str, int]) -> Card:
    figure = Figure(svg=draw_approach(name, networks, slots[name]))
    return Card(heading=name, sentences=(told(networks),), figure=figure)


def _rows(contents: ReportContents) -> list[tuple[str, str]]:
    data, verdict = contents.data, contents.verdict
    rows = [("date", contents.when)]
    if data is not None:
        rows += [("data", data.name), ("origin", wording.typeset(data.origin))]
        sizes = " \N{MULTIPLICATION SIGN} ".join(f"{n} ({c})" for n, c in data.attributes.items())
        count = prod(data.attributes.values())
        rows.append(("labels", f"{sizes} = {count:,} joint classes" if sizes else ""))
        held_out = data.held_out_people
        rest = f", {held_out:,} of them held out of the search" if held_out else ""
        counted = wording.plural(data.num_people, "person", "people")
        rows.append(("people", f"{counted}{rest}"))
        rows.append(("photos", f"{data.num_photos:,}"))
    for guess in () if verdict is None else verdict.baselines:
        rows.append(
            (_GUESSES.get(guess.name, guess.name), f"macro-F1 {wording.score(guess.value)}")
        )
    return [row for row in rows if row[1]]

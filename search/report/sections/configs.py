"""The chosen configs as one table against the default config."""

from collections.abc import Sequence

from search.analysis import wording
from search.report.contents import ReportContents, SpaceConfig
from search.report.document import Block, Cell, Section, Text, table

_NONE = "\N{EN DASH}"
_NOT_SHOWN = ("target.", "schedule.")  # what a space predicts, and the epochs of all


def config_section(contents: ReportContents) -> Section | None:
    """Returns what the chosen configs changed of the default."""
    known = [each for each in contents.configs if each.default]
    if not known:
        return None
    same = [each.space for each in known if not changed(each)]
    names = dict.fromkeys(name for each in known for name in changed(each))
    blocks: list[Block] = []
    if unknown := [each.space for each in contents.configs if not each.default]:
        spaces = wording.listing(unknown)
        blocks.append(Text(text=f"The default config was no trial of: {spaces}."))
    if same:
        spaces = wording.listing(same)
        blocks.append(Text(text=f"The default config was kept in: {spaces}."))
    if others := [each.space for each in known if each.is_of_refit]:
        listed = wording.listing(others)
        blocks.append(Text(text=f"The refit chose another config than the search in: {listed}."))
    if names:
        columns = ("parameter", "default", *(each.space for each in known))
        rows = [_row(name, known) for name in names]
        blocks.append(table("Chosen configs", columns, rows))
        note = "Blank: as in the default. What no chosen config changed is left out."
        blocks.append(Text(text=note, quiet=True))
    return Section(kicker="Configs", heading=_heading(same, known), blocks=tuple(blocks))


def changed(config: SpaceConfig) -> dict[str, object]:
    """Returns the parameters that are not those of the default config."""
    return {
        name: value
        for name, value in config.best.items()
        if not name.startswith(_NOT_SHOWN) and config.default.get(name) != value
    }


def said(value: object, digits: int = 3) -> str:
    """Returns a value of a parameter as people write it, a number with so many digits."""
    if value is None:
        return _NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _row(name: str, configs: Sequence[SpaceConfig]) -> tuple[Cell | str, ...]:
    # A space without age has no parameter of it; one of its loss alone, no default.
    known = [each.default[name] for each in configs if name in each.default]
    new_values = [changed(each)[name] for each in configs if name in changed(each)]
    digits = _digits([*known, *new_values])
    defaults = list(dict.fromkeys(said(value, digits) for value in known)) or [_NONE]
    cells: list[Cell | str] = []
    for each in configs:
        new = changed(each)
        text = said(new[name], digits) if name in new else ""
        if text and len(defaults) > 1:
            text += f" (default {said(each.default.get(name), digits)})"
        cells.append(Cell(text=text, strong=bool(text)))
    return (name, defaults[0] if len(defaults) == 1 else "of each space", *cells)


def _digits(values: Sequence[object]) -> int:
    """Returns the digits with which numbers that differ read differently: three where they do."""
    numbers = {value for value in values if isinstance(value, float)}
    return next(
        (n for n in range(3, 17) if len({said(value, n) for value in numbers}) == len(numbers)), 17
    )


def _heading(same: Sequence[str], configs: Sequence[SpaceConfig]) -> str:
    if not same:
        return "What the chosen configs changed of the default"
    return f"The default config was kept in {len(same)} of {wording.plural(len(configs), 'space')}"

"""`headrace screen`: ranks backbones by their frozen features; trains no network."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from search.analysis import wording
from search.console import say
from search.errors import UsageError
from search.prepare.config import DEFAULT_PEOPLE, RunConfig
from search.screen.frozen import NUM_FOLDS, FrozenData
from search.screen.ranking import Panel, Ranking, Screened, score
from search.store.commands import headrace
from search.store.provenance import package_versions
from search.store.screen_file import write_screen
from trainables.backbone import names_like, weights_in
from trainables.data.schema import JOINT
from trainables.errors import (
    ConfigError,
    NonFiniteLossError,
    OutOfMemoryError,
    WeightsError,
    in_short,
)

_REFUSED = (ConfigError, WeightsError, NonFiniteLossError, OutOfMemoryError)
_WHOLE_NAME = 34  # characters
_NAMED = 8  # backbones without weights in their line; screen.json has all
_ATTRIBUTES_SHOWN = 5


def screen(
    config: RunConfig, patterns: Sequence[str], out: Path, cache: Path, console: Console
) -> Ranking:
    """Ranks the backbones that patterns match and writes `screen.json`.

    Args:
        config: data and weights.
        patterns: of timm names.
        out: the file to write.
        cache: folder of demo data, decoded photos and features.
        console: where to show progress and the table.

    Raises:
        ConfigError: a pattern matches no model of timm.
        DataError: the data breaks a rule, or a photo cannot be read.
        UsageError: the data has too few people or too many classes, or no backbone is left.
    """
    there = weights_in(config.weights_path) if config.weights_path else ()
    names = tuple(dict.fromkeys(n for each in patterns for n in names_like(each, there)))
    data = FrozenData.open(config, cache, console)
    panel = Panel.of(data.dataset.table, data.dataset.split)
    num_people = panel.people[panel.target].num_people
    say(
        console,
        f"Screening {wording.plural(len(names), 'backbone')} on {data.dataset.name}: frozen at "
        f"{data.scale.input_sizes[0]} px, {data.weights}; {num_people} people in {NUM_FOLDS} "
        "folds, those held out of a search left out.",
    )
    found, refused = _every(data, panel, names)
    if not found:
        raise UsageError(_nothing_left(refused, data))
    ranking = Ranking.of(panel, found)
    _write(out, data, panel, ranking, refused)
    _show(console, data, ranking, refused)
    say(console, f"Ranking: {out}. Search among its best: {_command(config, out, data)}")
    return ranking


def _every(
    data: FrozenData, panel: Panel, names: Sequence[str]
) -> tuple[list[Screened], dict[str, Exception]]:
    """Returns the backbones that could be screened, and why the others could not."""
    found: list[Screened] = []
    refused: dict[str, Exception] = {}
    for number, name in enumerate(names, start=1):
        try:
            found.append(_screened(data, panel, name, f"{number} of {len(names)}"))
        except _REFUSED as error:
            error.__cause__ = error.__context__ = None
            refused[name] = error.with_traceback(None)  # its frames hold the network
    return found, refused


def _screened(data: FrozenData, panel: Panel, name: str, turn: str) -> Screened:
    """Returns the scores of a backbone, which the memory is free of then."""
    backbone = data.load(name)
    store = data.features(backbone, f"features of {name} ({turn})")
    predicted, scores, seconds = score(panel, np.asarray(store.array[panel.rows]))
    return Screened(
        name=name,
        num_features=backbone.num_features,
        num_parameters=backbone.num_parameters,
        weights=backbone.weights,
        predicted=predicted,
        scores=scores,
        feature_seconds=store.seconds,
        probe_seconds=seconds,
        was_cached=store.was_cached,
    )


def _write(
    out: Path, data: FrozenData, panel: Panel, ranking: Ranking, refused: Mapping[str, Exception]
) -> None:
    table = data.dataset.table
    content = {
        "data": {
            "name": data.dataset.name,
            "fingerprint": table.fingerprint,
            "split": data.dataset.split.fingerprint,
            "people": panel.people[panel.target].num_people,
            "photos": len(panel.rows),
        },
        "pretrained": data.scale.pretrained,
        "input_size": data.scale.input_sizes[0],
        "folds": NUM_FOLDS,
        **ranking.to_dict(),
        "left_out": {name: in_short(error) for name, error in refused.items()},
        "versions": package_versions(),
    }
    write_screen(out, content)


def _show(
    console: Console, data: FrozenData, ranking: Ranking, refused: Mapping[str, Exception]
) -> None:
    console.print()
    console.print(_scores(ranking))
    if ranking.target == JOINT:
        console.print(_attributes(ranking, data.schema.names))
    if any(each.was_cached for each in ranking.ranked):
        say(console, "Seconds are those of features and probes; * features from the cache.")
    if not data.scale.pretrained:
        say(
            console,
            "note: the weights are random, as a run without pretrained weights begins, and what "
            "such features tell says little of what training makes of them; give --weights-dir "
            "DIR or --pretrained to rank pretrained ones.",
        )
    for line in _left_out(refused, data):
        say(console, f"note: {line}")


def _is_short(ranking: Ranking) -> bool:
    """Returns whether the names fit whole into 80 columns beside the figures."""
    return max(len(each.name) for each in ranking.ranked) <= _WHOLE_NAME


def _scores(ranking: Ranking) -> Table:
    table = Table(
        title=f"Linear probe, macro-F1 of {escape(ranking.target)}", title_justify="left"
    )
    table.add_column("backbone", overflow="fold", no_wrap=_is_short(ranking))
    for name in ("macro-F1", "95 % interval", "behind the first", "s"):
        table.add_column(name, justify="right", overflow="fold")
    for rank, (each, behind) in enumerate(zip(ranking.ranked, ranking.behind, strict=True)):
        found = each.scores[ranking.target]
        table.add_row(
            each.name,
            f"{found.value:.3f}",
            f"{found.low:.3f} to {found.high:.3f}",
            f"{behind.low:+.3f} to {behind.high:+.3f}" if rank else "",
            f"{each.seconds:.1f}{'*' if each.was_cached else ''}",
        )
    return table


def _attributes(ranking: Ranking, names: Sequence[str]) -> Table:
    shown = names[:_ATTRIBUTES_SHOWN]
    more = "" if len(shown) == len(names) else f", {len(shown)} of {len(names)}"
    table = Table(title=f"Linear probe, macro-F1 by attribute{more}", title_justify="left")
    table.add_column("backbone", overflow="fold", no_wrap=_is_short(ranking))
    for name in shown:
        table.add_column(escape(name), justify="right", overflow="fold")
    for each in ranking.ranked:
        table.add_row(each.name, *(f"{each.scores[name].value:.3f}" for name in shown))
    return table


def _left_out(refused: Mapping[str, Exception], data: FrozenData) -> list[str]:
    """Returns a line for all backbones without weights, and one for each of the others."""
    absent = [name for name, error in refused.items() if isinstance(error, WeightsError)]
    lines = []
    if absent:
        lines.append(f"{_without_weights(absent, data)}; the others are ranked")
    others = (error for error in refused.values() if not isinstance(error, WeightsError))
    return [*lines, *(f"left out: {in_short(error)}" for error in others)]


def _without_weights(absent: Sequence[str], data: FrozenData) -> str:
    named = [*absent[:_NAMED]]
    if len(absent) > _NAMED:
        named.append(f"{len(absent) - _NAMED} more")
    folder = data.config.weights_dir
    way_out = (
        f"add NAME.safetensors to {folder} (--weights-dir)"
        if folder
        else "give a folder with NAME.safetensors as --weights-dir"
    )
    return (
        f"no weights of {wording.listing(named)}: {way_out}, or rank random weights with "
        "--no-pretrained"
    )


def _nothing_left(refused: Mapping[str, Exception], data: FrozenData) -> str:
    return f"a ranking needs one backbone or more: {'; '.join(_left_out(refused, data))}".replace(
        "; the others are ranked", ""
    )


def _command(config: RunConfig, out: Path, data: FrozenData) -> str:
    names = data.schema.names
    space = "all" if len(names) > 1 else names[0]
    words = ["run", "--space", space, "--backbones", str(out)]
    if config.data:
        words += ["--data", config.data, "--budget", "2h"]
        words += ["--layout", config.layout] if config.layout else []
    elif config.people != DEFAULT_PEOPLE:
        words += ["--people", str(config.people)]
    words += ["--corrections", *config.corrections] if config.corrections else []
    if config.weights_dir:
        words += ["--weights-dir", config.weights_dir]
    else:
        words.append("--pretrained" if data.scale.pretrained else "--no-pretrained")
    return f"{headrace()} {shlex.join(words)}"

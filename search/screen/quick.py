"""`headrace quick`: a first answer from frozen features; trains no network, proves nothing."""

import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from search.analysis import wording
from search.analysis.approaches.approach import Approach
from search.analysis.people import People
from search.analysis.probing.basis import Features
from search.analysis.verdict.judging import judge
from search.analysis.verdict.outcomes import Verdict
from search.analysis.verdict.rules import Rules
from search.analysis.verdict.sentence import finding
from search.console import StepBar, say
from search.errors import UsageError
from search.prepare.config import RunConfig
from search.screen.frozen import NUM_FOLDS, FrozenData
from search.screen.preview import KINDS, LINEAR, NUM_SEEDS, SECONDS, SMALL, preview
from search.store.files import write_json
from search.store.provenance import package_versions
from trainables.data.schema import LabelSchema
from trainables.frozen import FrozenBackbone

QUICK_SCHEMA = 1
_RESAMPLES = 2_000
_HEADS = {LINEAR: "linear heads", SMALL: "heads with a hidden layer"}


def quick(
    config: RunConfig,
    backbone: str | None,
    out: Path,
    cache: Path,
    console: Console,
    *,
    num_seeds: int = NUM_SEEDS,
    seconds: float = SECONDS,
) -> dict[str, Verdict]:
    """Judges the approaches as heads on frozen features and writes `quick.json`.

    Args:
        config: data and weights.
        backbone: timm name; None is the first that a run would offer.
        out: the file to write.
        cache: folder of demo data, decoded photos and features.
        console: where to show progress and the preview.
        num_seeds: deals of the people into folds, at most.
        seconds: in which deals are begun.

    Returns:
        The verdict by kind of head.

    Raises:
        ConfigError, WeightsError: the backbone cannot be had.
        DataError: the data breaks a rule, or a photo cannot be read.
        UsageError: one attribute alone, too few people or too many classes.
    """
    data = FrozenData.open(config, cache, console, _check_attributes)
    table = data.dataset.table
    frozen = data.load(backbone or data.scale.backbones[0])
    store = data.features(frozen, f"features of {frozen.name}")
    say(
        console,
        f"PREVIEW on {data.dataset.name}: heads on {frozen.name}, frozen at "
        f"{data.scale.input_sizes[0]} px, {data.weights}; {table.num_groups} people.",
    )
    began, bar = time.perf_counter(), StepBar(console, "fitting heads")
    try:
        probs = preview(
            np.asarray(store.array), table, num_seeds=num_seeds, seconds=seconds, progress=bar
        )
    finally:
        bar.close()
    people = People(
        label=table.joint, person=table.group_index, num_classes=table.schema.num_joint
    )
    verdicts = {kind: _judged(probs[kind], people) for kind in KINDS}
    spent = time.perf_counter() - began
    done = len(next(iter(probs[LINEAR].values())))
    notes = cannot_know(pretrained=data.scale.pretrained)
    write_json(out, _content(data, frozen, verdicts, done, spent, notes))
    _show(console, verdicts, notes)
    folds = f"{NUM_FOLDS} folds x {wording.plural(done, 'seed')}"
    ended = "" if done == num_seeds else f" of {num_seeds}, as time ended"
    say(console, f"{folds}{ended}, {spent:.0f} s after the features: {out}")
    return verdicts


def _check_attributes(schema: LabelSchema) -> None:
    if len(schema.names) < 2:
        raise UsageError(
            "quick compares approaches to two attributes or more; this data has: "
            f"{', '.join(schema.names)}; run --space {shlex.quote(schema.names[0])}"
        )


def cannot_know(*, pretrained: bool) -> tuple[str, ...]:
    """Returns what a preview cannot know, a sentence each."""
    weights = "" if pretrained else " Here its weights are random: it has learnt nothing at all."
    return (
        "The backbone is frozen, so what approaches gain or lose by training it is not in this; "
        f"that is most of how they differ.{weights}",
        "No config was searched and no photo augmented; the heads are one linear recipe, whose "
        "ridge is chosen inside the training folds, and one small network.",
        "With linear heads, separate models and a model with heads are the same but for the "
        "strength of their ridge: nothing is shared that could help or harm.",
        "Its seeds deal the same people anew, so what is decided here is decided for heads on "
        "these features; only `headrace run --space all` judges the approaches.",
    )


def _judged(probs: Mapping[str, Features], people: People) -> Verdict:
    approaches = [Approach.from_probs(name, each) for name, each in probs.items()]
    return judge(approaches, people, rules=Rules(num_resamples=_RESAMPLES))


def _content(
    data: FrozenData,
    frozen: FrozenBackbone,
    verdicts: Mapping[str, Verdict],
    num_seeds: int,
    seconds: float,
    notes: Sequence[str],
) -> dict[str, Any]:
    table = data.dataset.table
    return {
        "schema": QUICK_SCHEMA,
        "preview": True,
        "cannot_know": list(notes),
        "data": {
            "name": data.dataset.name,
            "fingerprint": table.fingerprint,
            "people": table.num_groups,
            "photos": table.num_samples,
        },
        "backbone": {
            "name": frozen.name,
            "pretrained": data.scale.pretrained,
            "weights_sha256": frozen.weights,
            "input_size": data.scale.input_sizes[0],
        },
        "folds": NUM_FOLDS,
        "seeds": num_seeds,
        "seconds": seconds,
        "heads": {
            kind: {"answer": f"PREVIEW: {finding(verdict)}", **verdict.to_dict()}
            for kind, verdict in verdicts.items()
        },
        "versions": package_versions(),
    }


def _show(console: Console, verdicts: Mapping[str, Verdict], notes: Sequence[str]) -> None:
    for kind, verdict in verdicts.items():
        console.print()
        console.print(_scores(kind, verdict))
        console.print(_pairs(verdict))
    console.print()
    for kind, verdict in verdicts.items():
        say(console, f"PREVIEW, {_HEADS[kind]}: {finding(verdict)}", style="bold")
    say(console, "What a preview cannot know:")
    for note in notes:
        say(console, f"- {note}")


def _scores(kind: str, verdict: Verdict) -> Table:
    table = Table(title=f"PREVIEW, {_HEADS[kind]}: macro-F1", title_justify="left")
    for name in ("approach", "macro-F1", "95 % interval"):
        table.add_column(name, no_wrap=True)
    for each in verdict.ranked:
        found = each.interval
        table.add_row(each.name, f"{found.value:.4f}", f"{found.low:.3f} to {found.high:.3f}")
    for baseline in verdict.baselines:
        table.add_row(f"guessing, {baseline.name}", f"{baseline.value:.4f}", "")
    return table


def _pairs(verdict: Verdict) -> Table:
    table = Table()
    for name in ("pair", "difference", "95 % interval", "p", "preview"):
        table.add_column(name, overflow="fold", no_wrap=name in ("pair", "preview"))
    for pair in verdict.pairs:
        found = pair.headline.difference
        table.add_row(
            f"{pair.a} - {pair.b}",
            f"{found.value:+.4f}",
            f"{found.low:+.3f} to {found.high:+.3f}",
            wording.probability(pair.headline.p_adjusted),
            f"{pair.winner} ahead" if pair.winner else pair.outcome.said,
        )
    return table

"""What options make of a run before it begins, and what the plan notes of them."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from rich.console import Console

from search.console import say
from search.prepare.prepared import Prepared
from search.prepare.resources import MEASURED, Node
from search.refit.approaches import Lineup
from search.refit.packing import packed
from search.store.portfolio_file import SIZE, Candidate
from search.tuning.known_configs import few_of, warm_start_line
from search.tuning.race import LEAST_TRIALS
from trainables.machine import MPS_CONTROL, mps_runs
from trainables.precision import computes_bf16


def notes_of(run: Prepared) -> tuple[str, ...]:
    """Returns a sentence for every option that a reader of the plan would wonder about."""
    return (*_warm_start_notes(run), *_race_notes(run), *_bf16_notes(run))


def nobody_notes(run: Prepared) -> Iterator[str]:
    """Yields what classes without people do to every score that counts them."""
    table = run.dataset.table
    every = np.arange(table.num_samples)
    lineup = Lineup.of(run.schema, run.spaces)
    for attributes in dict.fromkeys(block.attributes for block in lineup.blocks.values()):
        rows = table.with_labels(every, attributes)
        there = len(np.unique(table.schema.codes(table.labels[rows], attributes)))
        classes = table.schema.only(attributes).num_joint
        if there < classes:
            yield (
                f"{classes - there:,} of the {classes:,} classes of {' x '.join(attributes)} have "
                f"nobody and count 0: no model can score above {there / classes:.3f}"
            )


def begin_with(
    run: Prepared, portfolio: Sequence[Candidate], *, is_new: bool
) -> tuple[Prepared, tuple[str, ...]]:
    """Returns the run with configs of other runs to begin with, and what to note of them."""
    kept = few_of(portfolio, run.spaces, run.schema, run.scale) if is_new else tuple(portfolio)
    note = (
        f"{len(kept)} of {len(portfolio)} configs of other runs are kept, {SIZE} a space at most: "
        "those that cover the others best"
    )
    return replace(run, portfolio=kept), (note,) if len(kept) < len(portfolio) else ()


def sharing_gpus(
    run: Prepared, nodes: Sequence[Node], console: Console
) -> tuple[Prepared, tuple[str, ...]]:
    """Returns the run with as many trials on a GPU as was asked for, and what to note of it."""
    is_measured = run.config.gpus_per_trial == MEASURED
    is_shared = 0 < run.resources.gpus_per_trial < 1
    notes = _mps_notes() if is_measured or is_shared else ()
    if not is_measured:
        return run, notes
    say(console, "measuring how many trials on a GPU pay ...")
    resources, note = packed(run, nodes)
    return replace(run, resources=resources), (note, *notes)


def _mps_notes() -> tuple[str, ...]:
    """Returns how trainings come to share a GPU of this machine, where they take turns on it."""
    if mps_runs() or shutil.which(MPS_CONTROL) is None:
        return ()
    return (
        f"trials that share a GPU take turns on it unless NVIDIA's MPS runs: start it before "
        f"headrace, with {MPS_CONTROL} -d",
    )


def _warm_start_notes(run: Prepared) -> tuple[str, ...]:
    if not run.portfolio:
        return ()
    return (warm_start_line(run.portfolio, run.spaces, run.schema, run.scale),)


def _race_notes(run: Prepared) -> tuple[str, ...]:
    if not run.config.race or (trials := run.config.trials) is None or trials >= LEAST_TRIALS:
        return ()
    return (
        f"--race looks from {LEAST_TRIALS} trials a space on (fewer where one is solved): with "
        f"--trials {trials} it hardly ends a search",
    )


def _bf16_notes(run: Prepared) -> tuple[str, ...]:
    if not run.config.bf16:
        return ()
    if run.resources.device != "cpu":
        return ("--bf16 is for CPUs: a GPU trains in bf16 wherever it can",)
    if not run.config.address and not computes_bf16():
        return (
            "--bf16 does nothing here: this CPU has no instructions for it, and trains in float32",
        )
    return ("--bf16: a model trains in bf16 where a few steps take a tenth less time so",)

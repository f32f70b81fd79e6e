"""The order of events of a run, and nothing else."""

import shlex
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

import spaces
from search.cli.ahead import by_space
from search.cli.every_stage import run_every_stage, share_of_search
from search.cli.forecast import Past, print_forecast
from search.cli.plan_notes import begin_with, nobody_notes, notes_of, sharing_gpus
from search.cli.preflight import check_gpu, check_spaces
from search.cli.short_budget import fit_schedule, may_be_shortened
from search.cli.study import ALL, as_begun, note_start, search_budget
from search.cli.summary import print_plan, print_summary
from search.console import StepBar, say
from search.ending.signals import under_way
from search.errors import BrokenDefaultError, StalledError, UsageError
from search.prepare.config import RunConfig, format_duration
from search.prepare.dataset import Dataset, decode_images, open_dataset, stored_size_for
from search.prepare.label_sizes import LabelSizes, Room
from search.prepare.prepared import Prepared
from search.prepare.resources import Node, Resources, plan_resources
from search.pseudo.stage import with_unlabelled
from search.refit.approaches import Lineup, blocks_of_all
from search.refit.plan import FULL, VERDICT_SECONDS
from search.refit.probe import is_timed_here, probe_costs
from search.store.commands import resume_command
from search.store.portfolio_file import warm_start
from search.store.reading import is_there
from search.store.records import TrialRecord
from search.store.run_store import RunStore
from search.tuning.cluster import ray_runtime
from search.tuning.reach import images_note, reached
from search.tuning.second_fold import (
    expected_seconds,
    seconds_aside,
    seconds_taken,
)
from search.tuning.stage import SearchEnd, run_search
from spaces.scale import Scale, choose_scale
from spaces.space import Space
from trainables.backbone import weights_in
from trainables.blocks import Block
from trainables.errors import DataError
from trainables.machine import Machine


def execute(
    config: RunConfig,
    results: Path,
    cache: Path,
    console: Console,
    *,
    resume: bool,
    forecast_only: bool = False,
    dataset: Dataset | None = None,
) -> SearchEnd:
    """Runs a study: the search, and with `--space all` refit, verdict and report.

    Args:
        config: what to run.
        results: folder of all runs.
        cache: folder of demo data and decoded images.
        console: where to show plan, progress and summary.
        resume: whether the run exists and goes on.
        forecast_only: say what would run and how long it would take, and run nothing.
        dataset: its data, where it is open already.

    Raises:
        SearchError, TrainablesError, SpaceError: bad input; the message says which and the way
            out.
    """
    place = RunStore.open if resume else RunStore.check_new
    store = place(results, config.name)
    if resume and not forecast_only:
        under_way().resume_by(resume_command(store))
    portfolio = warm_start(store, config.warm_start, is_new=not resume)
    dataset = dataset or open_dataset(config, cache, partial(StepBar, console))
    loaded = _load_spaces(config, dataset)
    _check_race(config, Lineup.of(dataset.table.schema, loaded))
    _check_known(config, dataset, Lineup.of(dataset.table.schema, loaded).blocks)
    sizes = _label_sizes(config, dataset, loaded)
    if not config.address:
        here = Node(cpus=Machine().cpus(), memory=Machine().memory_bytes())
        sizes.check(_room([here], store))
    say(console, f"{'joining' if config.address else 'starting'} Ray ...")
    with ray_runtime(config.address) as nodes:
        sizes.check(_room(nodes, store))
        device = "cuda" if any(node.gpus for node in nodes) else "cpu"
        is_cluster = bool(config.address) or len(nodes) > 1
        if device == "cuda" and not is_cluster:
            check_gpu()
        resources = plan_resources(nodes, config.gpus_per_trial, sizes.worker_bytes(device))
        run = _prepare(config, dataset, loaded, resources, store, cache, console)
        run, fewer = begin_with(run, portfolio, is_new=not resume)
        run = with_unlabelled(run, partial(StepBar, console))
        run, sharing = sharing_gpus(run, nodes, console)
        notes = (*sizes.notes(), *nobody_notes(run), *notes_of(run), *fewer, *sharing)
        if not resume:
            run, shorter = _with_schedule(run, console, is_cluster=is_cluster)
            notes = (*notes, *shorter)
        if is_cluster and (note := images_note(run, nodes)):
            notes = (*notes, note)
        if forecast_only:
            print_plan(console, run, notes)
            past = Past.of(run) if resume else Past()
            _print_forecast(console, run, past, is_cluster=is_cluster)
            return SearchEnd(results=(), interrupted=False)
        with store.lock(new=not resume):
            print_plan(console, run, notes)
            note_start(run, resume=resume)
            under_way().resume_by(resume_command(store))
            with reached(run, is_cluster=is_cluster) as run:
                return _run_stages(run, console)


def _print_forecast(console: Console, run: Prepared, past: Past, *, is_cluster: bool) -> None:
    """Says how long it would take."""
    with _aside(run) as aside, reached(aside, is_cluster=is_cluster) as seen:
        print_forecast(console, seen, past)


@contextmanager
def _aside(run: Prepared) -> Iterator[Prepared]:
    """Yields a run of which nothing stays, such as what a worker notes while it times steps."""
    with TemporaryDirectory() as folder:
        yield replace(run, store=RunStore(Path(folder) / run.store.root.name))


def _with_schedule(
    run: Prepared, console: Console, *, is_cluster: bool
) -> tuple[Prepared, tuple[str, ...]]:
    """Returns a new run with the schedule that its budget affords, and what to note of it.

    Raises:
        UsageError: the budget is too short for `--space all`; names the least one.
        BrokenDefaultError: `--space all` cannot be planned, for every default config breaks.
    """
    budget, is_all = run.config.budget, ALL in run.config.spaces
    # Elsewhere they are timed once workers reach the driver.
    if budget.seconds is None or (is_cluster and not is_timed_here(run)):
        return run, ()
    say(console, "timing training steps of every space ...")
    try:
        with _aside(run) as aside:
            run, note = replace(run, photo_seconds=probe_costs(aside)), ""
    except BrokenDefaultError:
        if is_all:  # nothing says what share the refit needs
            raise
        # The search begins with it and says what became of it.
        return run, ("the schedule is as long as ever: the default config breaks in training",)
    if may_be_shortened(run):
        run, note = fit_schedule(run, _seconds_of_search)
    if is_all:
        share_of_search(run)
    return run, (note,) if note else ()


def _seconds_of_search(run: Prepared) -> float:
    """Returns the wall-clock time that the search of a new run with a budget of time gets."""
    if ALL not in run.config.spaces:
        return search_budget(run).seconds or 0.0
    try:
        return share_of_search(run) * (run.config.budget.minus(VERDICT_SECONDS).seconds or 0.0)
    except UsageError:  # a shorter schedule may have a refit that fits
        return 0.0


def _check_race(config: RunConfig, lineup: Lineup) -> None:
    """Raises UsageError where approaches shall race and there are not two."""
    if config.race and len(lineup.approaches) < 2:
        raise UsageError(
            "--race needs two approaches to all attributes or more, got "
            f"{', '.join(lineup.approaches) or 'none'}; drop it, or run --space all"
        )


def _label_sizes(config: RunConfig, dataset: Dataset, loaded: tuple[Space, ...]) -> LabelSizes:
    table = dataset.table
    return LabelSizes(
        schema=table.schema,
        blocks=Lineup.of(table.schema, loaded).blocks,
        num_photos=table.num_samples,
        num_people=table.num_groups,
        num_seeds=(config.refit_seeds or FULL.seeds) if ALL in config.spaces else 0,
    )


def _room(nodes: Sequence[Node], store: RunStore) -> Room:
    known = [node.memory for node in nodes if node.memory is not None]
    there = next(folder for folder in store.root.resolve().parents if folder.is_dir())
    return Room(
        worker=max(known, default=None),
        driver=Machine().memory_bytes(),
        disk=shutil.disk_usage(there).free + store.predictions_bytes(),
    )


def _load_spaces(config: RunConfig, dataset: Dataset) -> tuple[Space, ...]:
    schema = dataset.table.schema
    named = [spaces.load(name, schema) for name in config.spaces if name != ALL]
    names = [space.name for space in named]
    if len(set(names)) < len(names):
        raise UsageError(f"--space must name every space once, got {', '.join(names)}")
    if ALL not in config.spaces:
        return tuple(named)
    # `--space all gender=mine.py` replaces one of them.
    replaced = {space.name: space for space in named}
    if len(schema.names) < 2:
        raise UsageError(
            f"--space all compares approaches to two attributes or more; this data has: "
            f"{', '.join(schema.names)}; run --space {shlex.quote(schema.names[0])}"
        )
    blocks = [(block.attributes, block.form.value) for block in blocks_of_all(schema)]
    every = [spaces.load_block(attributes, form, schema) for attributes, form in blocks]
    for space in every:
        _check_replaced(space, replaced.get(space.name, space))
    if len({space.name for space in every}) < len(every):
        raise UsageError(
            f"--space all needs blocks of attributes with different names, got "
            f"{', '.join(space.name for space in every)}; rename an attribute of the data"
        )
    return (*(replaced.pop(space.name, space) for space in every), *replaced.values())


def _check_replaced(space: Space, by: Space) -> None:
    """Raises UsageError where a space of `--space all` is replaced by one of another block."""
    if (space.attributes, space.form) != (by.attributes, by.form):
        raise UsageError(
            f"a space that replaces {space.name!r} of --space all must predict "
            f"{', '.join(space.attributes)} by {space.form}, got {', '.join(by.attributes)} by "
            f"{by.form}; give it another name: --space NAME=path/to/space.py"
        )


def _prepare(
    config: RunConfig,
    dataset: Dataset,
    loaded: tuple[Space, ...],
    resources: Resources,
    store: RunStore,
    cache: Path,
    console: Console,
) -> Prepared:
    scale = _scale(config, resources, store)
    if scale.pretrained and config.weights_path is None:
        say(console, "looking for the pretrained weights, here and on the model hub ...")
    offer = check_spaces(loaded, dataset.table.schema, scale, config.weights_path)
    size = stored_size_for(dataset.table, offer.largest_input)
    done = decode_images(dataset.table, size, cache, Machine().cpus(), partial(StepBar, console))
    return Prepared(
        config=config,
        dataset=dataset,
        spaces=loaded,
        scale=scale,
        backbones=offer.backbones,
        resources=resources,
        store=store,
        stored_size=size,
        cache_dir=cache,
        readings=(*dataset.readings, *done),
    )


def _scale(config: RunConfig, resources: Resources, store: RunStore) -> Scale:
    weights = weights_in(config.weights_path) if config.weights_path else ()
    scale = choose_scale(
        device=resources.device,
        pretrained=config.pretrained,
        weights=weights,
        max_epochs=config.max_epochs,
        backbones=config.backbones,
    )
    is_new = not is_there(store.root / "study.json")
    return scale if is_new else as_begun(scale, store.read_study())


def _run_stages(run: Prepared, console: Console) -> SearchEnd:
    try:
        return _every_stage(run, console)
    except StalledError as error:
        resume = resume_command(run.store)
        say(console, f"Stopped: {error}. Nothing is lost; go on with: {resume}")
        return SearchEnd(results=(), interrupted=True)


def _every_stage(run: Prepared, console: Console) -> SearchEnd:
    if ALL in run.config.spaces:
        return run_every_stage(run, console)
    budget, study = search_budget(run), run.store.read_study()
    aside = seconds_aside(budget) if study.get("second_fold", False) else 0.0
    again_s = max(0.0, aside - seconds_taken(run)) if aside else 0.0

    def later(ended: Sequence[TrialRecord]) -> float:
        """Returns about how many seconds follow the search, given the trials that have ended."""
        found = [result.records for result in by_space(run, ended)]
        return min(aside, expected_seconds(found, run.resources.slots))

    began = time.monotonic()
    end = run_search(run, console, budget.minus(aside), later, again_s=again_s)
    if not end.interrupted:
        say(console, f"The run took {format_duration(time.monotonic() - began)}.")
    print_summary(console, run, end.results, interrupted=end.interrupted)
    return end


def _check_known(config: RunConfig, dataset: Dataset, blocks: Mapping[str, Block]) -> None:
    """Raises UsageError where a space has nobody to train on, or to be scored on."""
    table, split = dataset.table, dataset.split
    for name, block in blocks.items():
        for side, what in ((split.search_train, "train on"), (split.search_val, "validate by")):
            found = len(table.with_labels(side, block.attributes))
            if found < 2:
                raise UsageError(
                    f"space {name} needs two photos or more with {', '.join(block.attributes)} to "
                    f"{what}, got {found}; label more people, or search other spaces"
                )
    if ALL in config.spaces:
        alone = shlex.quote(table.schema.names[0])
        way_out = f"label more people, or search attributes alone (--space {alone})"
        try:
            people = dataset.whole.table.num_groups
        except DataError as error:
            raise UsageError(
                f"--space all judges on photos that have every label, got {table.num_whole}: "
                f"{error}; {way_out}"
            ) from error
        if people < FULL.folds:
            raise UsageError(
                f"--space all deals the people with every label into {FULL.folds} folds, got "
                f"{people}; {way_out}"
            )

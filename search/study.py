"""The order of events of a run, and nothing else."""

import platform
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

import spaces
from search.best import package_versions, write_best
from search.cluster import ray_runtime
from search.config import StudyConfig
from search.dataset import Dataset, decode_images, open_dataset, stored_size_for
from search.errors import ResultsError, UsageError
from search.journal import StudyJournal, open_storage
from search.packing import Resources, plan_resources
from search.preflight import check_spaces, max_epochs
from search.progress import SearchProgress, StepBar
from search.records import Cause, State, TrialRecord, best_record
from search.scheduler import MultiSpaceScheduler
from search.searcher import StudySearcher
from search.store import RunStore, git_commit, running
from search.summary import SpaceResult, print_plan, print_summary
from search.trial_run import TrialSetting
from search.tune_run import run_trials
from spaces.scale import Scale, choose_scale
from spaces.space import Space
from trainables.backbone import weights_in

# Between the end of the search and the end of the command: settling workers, bootstrap, files.
_WRAP_UP_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """How a run ended."""

    store: RunStore
    interrupted: bool
    num_failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """Everything the search stage needs."""

    config: StudyConfig
    dataset: Dataset
    spaces: tuple[Space, ...]
    scale: Scale
    resources: Resources
    setting: TrialSetting


def run_study(
    config: StudyConfig, results: Path, cache: Path, console: Console, *, resume: bool
) -> RunEnd:
    """Runs the search of a study, from its data to its best configs.

    Args:
        config: what to run.
        results: folder of all runs.
        cache: folder of demo data and decoded images.
        console: where to show plan, progress and summary.
        resume: whether the run exists and goes on.

    Raises:
        SearchError, TrainablesError, SpaceError: bad input; the message says which and the way
            out.
    """
    store = (
        RunStore.open(results, config.name) if resume else RunStore.check_new(results, config.name)
    )
    bar = partial(StepBar, console)
    dataset = open_dataset(config, cache, bar)
    loaded = _load_spaces(config, dataset)
    with ray_runtime(config.address) as (num_cpus, num_gpus):
        resources = plan_resources(num_cpus, num_gpus, config.gpus_per_trial)
        scale = _scale(config, resources)
        largest = check_spaces(loaded, dataset.table.schema, scale, config.weights_path)
        size = stored_size_for(dataset.table, largest)
        decode_images(dataset.table, size, cache, num_cpus, bar)
        setting = TrialSetting(
            table=dataset.table,
            split=dataset.split,
            stored_size=size,
            cache_dir=cache.resolve(),
            results_dir=store.root.resolve(),
            weights_dir=config.weights_path,
            device=resources.device,
            num_threads=resources.cpus_per_trial,
            device_share=resources.device_share,
        )
        search = _Search(
            config=config,
            dataset=dataset,
            spaces=loaded,
            scale=scale,
            resources=resources,
            setting=setting,
        )
        with store.lock():
            return _search(search, store, console, resume=resume)


def _load_spaces(config: StudyConfig, dataset: Dataset) -> tuple[Space, ...]:
    schema = dataset.table.schema
    loaded = tuple(spaces.load(name, schema) for name in config.spaces)
    names = [space.name for space in loaded]
    if len(set(names)) < len(names):
        raise UsageError(f"--space must name every space once, got {', '.join(names)}")
    return loaded


def _check_unchanged(search: _Search, store: RunStore) -> None:
    stored, now = store.read_study(), _description(search)
    for what, where in (("data", search.dataset.name), ("spaces", ", ".join(now["spaces"]))):
        then = stored[what]["fingerprint"] if what == "data" else stored[what]
        here = now[what]["fingerprint"] if what == "data" else now[what]
        if then != here:
            raise ResultsError(
                f"a resumed run needs the {what} it began with ({where}), fingerprint {then}, got "
                f"{here}; put them back, or start a new run"
            )


def _scale(config: StudyConfig, resources: Resources) -> Scale:
    weights = weights_in(config.weights_path) if config.weights_path else ()
    return choose_scale(
        device=resources.device,
        pretrained=config.pretrained,
        weights=weights,
        max_epochs=config.max_epochs,
    )


def _search(search: _Search, store: RunStore, console: Console, *, resume: bool) -> RunEnd:
    began = time.monotonic()
    config, resources = search.config, search.resources
    epochs = {
        s.name: max_epochs(s, search.dataset.table.schema, search.scale) for s in search.spaces
    }
    print_plan(console, config, search.dataset, search.spaces, search.scale, resources, store)
    if resume:
        _check_unchanged(search, store)
    else:
        store.write_study(_description(search))
    journals = _open_journals(search, store)
    past = _records(journals)
    scheduler = MultiSpaceScheduler(epochs)
    scheduler.refill(past)
    budget = config.budget.minus(_WRAP_UP_SECONDS)
    progress = SearchProgress(console, epochs, budget, resources.slots, past)
    searcher = StudySearcher(
        journals,
        scheduler,
        budget,
        slots=resources.slots,
        device_share=resources.device_share,
        listeners=(progress,),
        started=began,
    )
    progress.seconds_left = searcher.seconds_left
    with progress:
        shared = store.root if config.address else None
        run_trials(searcher, scheduler, search.setting, resources, shared)
        searcher.close()
    end = _finish(search, store, journals, console, searcher.interrupted)
    if searcher.broken:
        raise UsageError(
            f"every trial fails in the same way, so the search was stopped: {searcher.broken}"
        )
    return end


def _open_journals(search: _Search, store: RunStore) -> dict[str, StudyJournal]:
    storage = open_storage(store.journal)
    return {
        space.name: StudyJournal(
            storage,
            space,
            search.dataset.table.schema,
            search.scale,
            search.dataset.fingerprint,
            search.config.seed,
        )
        for space in search.spaces
    }


def _records(journals: dict[str, StudyJournal]) -> tuple[TrialRecord, ...]:
    return tuple(record for journal in journals.values() for record in journal.records())


def _finish(
    search: _Search,
    store: RunStore,
    journals: dict[str, StudyJournal],
    console: Console,
    interrupted: bool,
) -> RunEnd:
    records = _records(journals)
    store.write_trials(records)
    best = {name: best_record(journal.records()) for name, journal in journals.items()}
    store.keep_predictions([record for record in best.values() if record is not None])
    found = []
    for name, journal in journals.items():
        record = best[name]
        interval = None
        if record is not None:
            interval = write_best(
                store, journal, record, search.config, search.dataset, search.setting
            )
        found.append(SpaceResult(journal.space, journal.records(), record, interval))
    store.drop_checkpoints(running(records))
    print_summary(console, found, store, interrupted=interrupted)
    broken = [r for r in records if r.state is State.FAIL and r.cause is not Cause.BUDGET]
    return RunEnd(store=store, interrupted=interrupted, num_failed=len(broken))


def _description(search: _Search) -> dict[str, Any]:
    resources = search.resources
    return {
        "config": search.config.to_dict(),
        "data": {
            "name": search.dataset.name,
            "note": search.dataset.note,
            "schema": search.dataset.table.schema.to_dict(),
            "photos": search.dataset.table.num_samples,
            "people": search.dataset.table.num_groups,
            "fingerprint": search.dataset.table.fingerprint,
            "split": search.dataset.split.fingerprint,
            "stored_size": list(search.setting.stored_size),
        },
        "spaces": {
            s.name: s.fingerprint(search.dataset.table.schema, search.scale) for s in search.spaces
        },
        "scale": search.scale.reason,
        "hardware": {
            "machine": platform.machine(),
            "cpus": resources.num_cpus,
            "gpus": resources.num_gpus,
            "slots": resources.slots,
        },
        "versions": package_versions(),
        "git_commit": git_commit(),
    }

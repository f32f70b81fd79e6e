"""Training the winning config again: the same score, on the same machine bit for bit."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from search.ending.faults import Fault, FaultError
from search.errors import ResultsError, UsageError
from search.prepare.config import RunConfig
from search.prepare.dataset import ProgressBar, decode_images, open_dataset
from search.prepare.setting import SharedImages, TrialSetting
from search.store.best_file import BestFile, digest
from search.store.reading import reading
from search.trial.trial_run import TrialRun
from trainables.config import TrialConfig
from trainables.data.corrections import no_corrections
from trainables.given_paths import no_folder
from trainables.machine import Machine
from trainables.memory import freed_kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """The score of the best config then and now."""

    recorded: float
    value: float
    same_bits: bool


def replay(
    path: Path,
    cache: Path,
    progress: ProgressBar,
    *,
    data: str = "",
    weights_dir: str = "",
    corrections: Sequence[str] = (),
) -> Replayed:
    """Trains the config of `best/<space>.yaml` again with its seed, data, split and threads.

    Args:
        path: the YAML file.
        cache: folder of demo data and decoded images.
        progress: makes a progress callback for a described step.
        data: where the data is now; empty is where it was.
        weights_dir: where the weights are now; empty is where they were.
        corrections: where the files of corrections are now; empty is where they were.

    Raises:
        ResultsError: the file is not a best config, or the data is not what it was.
        UsageError: the device it was trained on is not here.
    """
    best = BestFile.read(path)
    with reading(path, "resume its run"):
        study = _study_config(best, data or best.data, weights_dir)
    if corrections:
        study = replace(study, corrections=tuple(corrections))
    _check_corrections(study, path)
    _check_added(best)
    dataset = open_dataset(study, cache, progress)
    with reading(path, "resume its run"):
        config = best.trial_config(dataset.table.schema.names)
    found = (dataset.table.fingerprint, dataset.split.fingerprint)
    recorded = (best.fingerprint, best.split)
    if found != recorded:
        raise ResultsError(
            f"the data must be what {path.name} was found on (fingerprint "
            f"{'/'.join(recorded)}), got {'/'.join(found)}; give its place with --data, and "
            "that of corrections with --corrections"
        )
    if best.content and best.content != dataset.content:
        raise ResultsError(
            f"the photos must be those that {path.name} was found on (fingerprint of their bytes "
            f"{best.content}), got {dataset.content}: some were written over; put them back"
        )
    if best.device == "cuda" and not torch.cuda.is_available():
        raise UsageError(f"{path.name} was trained on a GPU, and there is none here")
    decode_images(dataset.table, best.stored_size, cache, Machine().cpus(), progress)
    setting = TrialSetting(
        table=dataset.table,
        split=dataset.split,
        stored_size=best.stored_size,
        cache_dir=cache,
        results_dir=path.parent,
        weights_dir=study.weights_path,
        device=best.device,
        num_threads=best.num_threads,
        device_share=1.0,
    )
    with freed_kept(torch.device(best.device)):
        return _train(best, config, setting, progress)


def _check_corrections(study: RunConfig, path: Path) -> None:
    for source in study.corrections:
        if why := no_corrections(source):
            raise UsageError(
                f"{path.name} was found with the corrections {source}, which are no file now: "
                f"{why}; say where they are (--corrections FILE ...)"
            )


def _train(
    best: BestFile, config: TrialConfig, setting: TrialSetting, progress: ProgressBar
) -> Replayed:
    run = TrialRun(
        SharedImages(setting),
        space=best.space,
        number=best.trial,
        config=config.to_flat(),
        seed=best.seed,
        write=False,
    )
    epochs = config.schedule.epochs
    bar = progress(f"training {best.space} trial {best.trial} again")
    for done in range(1, epochs + 1):
        result = run.epoch()
        if "fault" in result:
            raise FaultError(Fault(str(result["fault"])), str(result["error"]))
        if "error" in result:
            raise ResultsError(f"the config breaks now: {result['error']}")
        bar(done, epochs)
    if run.last is None:
        raise ResultsError(f"the config trains no epoch: schedule.epochs={epochs}")
    return Replayed(
        recorded=best.score[0],
        value=run.last.value,
        same_bits=digest(run.last.probabilities) == best.probabilities,
    )


def _check_added(best: BestFile) -> None:
    """Raises UsageError where a folder that was added is no longer where it was."""
    for folder in best.added:
        if why := no_folder(folder):
            raise UsageError(
                f"the run added the photos of {folder}, and {why}; put the folder back, or a link "
                "there to where it is now"
            )


def _study_config(best: BestFile, data: str, weights_dir: str) -> RunConfig:
    return RunConfig(
        name="replay",
        spaces=(best.space,),
        data=str(Path(data).resolve()) if data else "",
        layout=best.layout,
        corrections=best.corrections,
        add_data=best.added,
        score_added=best.score_added,
        people=best.demo_people,
        trials=1,
        seed=0,
        weights_dir=weights_dir or best.weights_dir,
    )

"""`headrace predict`: a folder of photos to the CSV of answers, and what score to expect of them.

Notation: n photos to predict, C joint classes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from search.analysis.metrics import macro_f1
from search.analysis.people import People
from search.analysis.shift.correction import corrected
from search.analysis.shift.score_forecast import forecast_score, within_photos
from search.analysis.uncertainty.interval import LEVEL, Interval
from search.analysis.verdict.baselines import baselines_of
from search.console import StepBar, say
from search.predict.answers import (
    check_answers,
    check_names,
    check_no_input,
    label_columns,
    write_answers,
)
from search.predict.ensemble import Ensemble, Progress
from search.predict.label_shift import label_shift as estimate_shift
from search.predict.label_shift_files import print_shift, write_shift
from search.predict.oof import OutOfFold
from search.predict.spec import EnsembleSpec
from search.prepare.option import check_folder
from search.store.files import check_writable
from search.store.links import check_links
from trainables.data.image_files import IMAGE_SUFFIXES, is_hidden
from trainables.data.layouts import flat
from trainables.data.sample_table import UnlabelledTable
from trainables.machine import Machine

REPORT, CORRECT = "report", "correct"
_MIN_PEOPLE = 2
_NAMED = 5
_NOTABLE = 0.01  # a difference of macro-F1 that a reader of the forecast would ask about


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predicted:
    """What an ensemble says of a folder.

    Attributes:
        names: ImageID of every photo, in the order of info.csv or sorted.
        probs: of the joint classes, float64 [n, C].
        classes: chosen joint class, int64 [n].
    """

    names: tuple[str, ...]
    probs: NDArray[np.float64]
    classes: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The macro-F1 to expect of a folder, and how many people it is assumed to show.

    `known` is the macro-F1 of the labelled people, out of fold.
    """

    score: Interval
    known: float
    people: int
    photos_per_person: float


def predict_command(
    ensemble_folder: Path,
    images: Path,
    out: Path,
    console: Console,
    *,
    probabilities: bool,
    device: str | None,
    label_shift: str | None = None,
    labels: bool = False,
) -> Predicted:
    """Predicts a folder, writes the answers and says what score to expect.

    Args:
        ensemble_folder: `results/NAME/ensemble`.
        images: folder of photos, with or without info.csv.
        out: the CSV file; where anything fails, it is not written.
        console: where to show progress and the forecast.
        probabilities: whether the CSV gets a column per class.
        device: where to predict; None is the GPU where there is one.
        label_shift: "report" compares the folder's classes with those of training, "correct" also
            answers with probabilities corrected for them; None does neither.
        labels: whether the CSV gets the class of every attribute in words, and the confidence.

    Raises:
        UsageError: an option cannot be used.
        ResultsError: the ensemble is missing, torn or not whole.
        DataError: there are no images, or some cannot be read.
    """
    check_answers(out)
    if label_shift is not None:
        check_writable("--results, where --label-shift writes,", ensemble_folder.parent)
        check_links(ensemble_folder.parent)
    table = read_folder(images)
    check_names(table.names)
    check_no_input(out, table)
    for note in table.notes:
        say(console, f"Read: {note}")
    ensemble = Ensemble.load(ensemble_folder, device)
    oof = OutOfFold.read(ensemble_folder)
    oof.check_classes(ensemble.spec.labels.num_joint)
    predicted = _predict(ensemble, table, console)
    shift = None
    if label_shift is not None:
        is_corrected = label_shift == CORRECT
        shift = estimate_shift(ensemble.spec, oof, predicted.probs, correct=is_corrected)
        write_shift(ensemble_folder.parent, shift, ensemble.spec)
    if shift is not None and label_shift == CORRECT:
        probs = corrected(predicted.probs, np.array(shift.odds))
        predicted = replace(predicted, probs=probs, classes=ensemble.classes(probs))
    classes, probs = predicted.classes, predicted.probs
    words = label_columns(ensemble.spec.labels, classes, probs) if labels else None
    write_answers(out, predicted.names, classes, probs if probabilities else None, words)
    say(console, f"{_count(len(predicted.names), 'answer')} in {out}")
    if any(ensemble.spec.biases):
        say(console, describe_choice(predicted))
    if shift is not None:
        print_shift(console, shift)
    else:
        forecast = forecast_folder(ensemble.spec, oof, table.num_samples)
        say(console, describe(forecast, table.num_samples))
    if warning := no_better_than_guessing(ensemble.spec, oof):
        say(console, warning, "yellow")
    return predicted


def read_folder(images: Path) -> UnlabelledTable:
    """Returns the photos of a folder, in the order of info.csv where there is one, else sorted.

    Raises:
        UsageError: it is no folder.
        DataError: there are no images, or info.csv lists some that are not there.
    """
    check_folder("--images", images, "a folder of photos")
    return flat.read(images)


def left_out(table: UnlabelledTable) -> str:
    """Returns a sentence about what else the folder holds; an empty one where there is nothing."""
    shown = {path.partition("/")[0] for path in table.paths}
    others = sorted(
        path.name
        for path in table.root.iterdir()
        if path.name not in shown and not is_hidden(path.name) and path.suffix != ".csv"
    )
    if not others:
        return ""
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return (
        f"Not predicted: {', '.join(map(repr, others[:_NAMED]))}{more}. Photos are those that "
        f"info.csv lists, or else the {', '.join(sorted(IMAGE_SUFFIXES))} files of the folder "
        "itself."
    )


def predict_folder(
    ensemble: Ensemble, table: UnlabelledTable, progress: Progress | None = None
) -> Predicted:
    """Returns probabilities and classes of a folder's photos; errors as `Ensemble.__call__`."""
    probs = ensemble([table.root / path for path in table.paths], progress)
    return Predicted(names=table.names, probs=probs, classes=ensemble.classes(probs))


def forecast_folder(spec: EnsembleSpec, oof: OutOfFold, num_photos: int) -> Forecast:
    """Returns the score to expect of a new folder, with the photos per person of training."""
    labelled = People(label=oof.label, person=oof.person, num_classes=spec.labels.num_joint)
    # Not those of the spec: they count photos of added folders and those that lack labels.
    photos_per_person = len(labelled) / labelled.num_people
    people = max(_MIN_PEOPLE, round(num_photos / photos_per_person))
    score = forecast_score(labelled, oof.predicted, people)
    score = within_photos(score, num_photos, labelled.num_classes)
    known = macro_f1(oof.label, oof.predicted, spec.labels.num_joint)
    return Forecast(score=score, known=known, people=people, photos_per_person=photos_per_person)


def describe(forecast: Forecast, num_photos: int) -> str:
    """Returns the forecast and what it assumes, as a sentence or two."""
    score = forecast.score
    each = f"{forecast.photos_per_person:.3g}"
    why = (
        f" It is below the {forecast.known:.3f} of the labelled people because so few people "
        "lack some classes, and macro-F1 counts a class that is lacking as 0."
        if score.value < forecast.known - _NOTABLE
        else ""
    )
    return (
        f"Expected macro-F1 on {_count(num_photos, 'photo')}: {score.value:.3f} "
        f"({LEVEL:.0%} prediction interval {score.low:.3f} to {score.high:.3f}). Assumed: "
        f"{forecast.people} people with {each} photo{'' if each == '1' else 's'} each, as in "
        f"training, drawn from the same population.{why}"
    )


def no_better_than_guessing(spec: EnsembleSpec, oof: OutOfFold) -> str:
    """Returns a sentence where an ensemble is not shown to beat guessing, else an empty one."""
    labelled = People(label=oof.label, person=oof.person, num_classes=spec.labels.num_joint)
    guessing = max(baseline.value for baseline in baselines_of(labelled))
    match spec.score:
        case {"value": float(value), "interval": [float(low), float(high)]} if low <= guessing:
            return (
                "These answers mean nothing yet: on the labelled people the ensemble scored "
                f"{value:.3f} ({low:.3f} to {high:.3f}), and guessing scores {guessing:.3f}."
            )
    return ""


def describe_choice(predicted: Predicted) -> str:
    """Returns how the answers of an ensemble with class biases were chosen, as a sentence."""
    others = int((predicted.probs.argmax(axis=1) != predicted.classes).sum())
    return (
        "Answers are chosen after class biases, for macro-F1, and need not be the class of the "
        f"largest probability: {others} of {len(predicted.classes)} "
        f"{'is' if others == 1 else 'are'} not."
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _predict(ensemble: Ensemble, table: UnlabelledTable, console: Console) -> Predicted:
    if others := left_out(table):
        say(console, others)
    bar = StepBar(console, f"predicting {_count(table.num_samples, 'photo')}")
    try:
        with _every_cpu():
            return predict_folder(ensemble, table, bar)
    finally:
        bar.close()


@contextmanager
def _every_cpu() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(Machine().cpus())
    try:
        yield
    finally:
        torch.set_num_threads(threads)

"""`headrace predict --label-shift`: how an unlabelled folder differs, and what it will score.

The statistics are in search/analysis/shift; here they meet the ensemble. label_shift_files.py
prints and writes what comes out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.analysis.fitting.class_biases import predict_with_biases
from search.analysis.people import People
from search.analysis.recombine import marginals
from search.analysis.shift.correction import CorrectionGain, corrected, correction_gain
from search.analysis.shift.estimate import ShiftEstimate, estimate_shift, total_variation
from search.analysis.shift.labelled import Labelled
from search.analysis.shift.score_forecast import (
    expected_change_unlabelled,
    expected_score_unlabelled,
    forecast_score,
    within_photos,
)
from search.analysis.uncertainty.interval import LEVEL, Interval
from search.predict.oof import OutOfFold
from search.predict.spec import EnsembleSpec
from search.report.shift import Shift
from trainables.data.schema import JOINT, LabelSchema

_SCHEMA = 1
_MIN_PEOPLE = 2

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelShift:
    """What is known of an unlabelled folder without its labels.

    Attributes:
        run: the run whose ensemble predicted.
        photos: in the folder.
        people: in the folder: counted where the people are known, else as many photos per person
            as in training.
        people_known: which of the two.
        shifts: shares of the classes: the attributes first, the joint label last.
        distance: total variation between training and estimated joint shares, 0 to 1.
        promised: macro-F1 forecast without looking at the folder, as if it were like training.
        expected: macro-F1 expected of the answers given, with the shift that was estimated.
        gain: change in macro-F1 to expect where the correction chooses the classes.
        changed: share of the photos that get another class by it.
        is_corrected: whether the correction chose the answers.
        odds: [C] factors of the correction: p'(c) is proportional to p(c) odds(c).
    """

    run: str
    photos: int
    people: int
    people_known: bool
    shifts: tuple[Shift, ...]
    distance: float
    promised: Interval
    expected: Interval
    gain: Interval
    changed: float
    odds: tuple[float, ...]
    is_corrected: bool = False

    @property
    def answer(self) -> str:
        """What is found, in one sentence."""
        low, high = self.expected.low, self.expected.high
        return (
            f"On these {self.photos:,} photos expect a macro-F1 of {self.expected.value:.3f} "
            f"(95 % between {low:.3f} and {high:.3f}); the shares of their classes are estimated "
            f"to differ from those in training by {100 * self.distance:.0f} %, of which the "
            "intervals of each class say how much may be luck"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What is assumed."""
        people = (
            f"{self.people:,} people, as given"
            if self.people_known
            else f"{self.people:,} people, as many photos each as in training, for who is on a "
            "photo is not known; the intervals take all photos of a person for copies"
        )
        return (
            people,
            "the photos of a class look as they do in training; only how many there are differs",
            "the ensemble errs as its fold models do on people they have not seen",
            f"promised before looking at the photos: {_said(self.promised)}",
            self._correction,
        )

    @property
    def _correction(self) -> str:
        share, gain = f"{100 * self.changed:.1f} %", _said(self.gain, "+")
        if self.is_corrected:
            return (
                f"the answers are those of probabilities corrected for the shift: {share} of the "
                f"photos got another class, which is expected to change macro-F1 by {gain}"
            )
        return (
            f"with probabilities corrected for the shift {share} of the photos would get another "
            f"class, and macro-F1 would change by {gain}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the mapping of `label_shift.json`."""
        return {
            "schema": _SCHEMA,
            "run": self.run,
            "photos": self.photos,
            "people": self.people,
            "people_known": self.people_known,
            "answer": self.answer,
            "assumed": list(self.notes[:3]),
            "total_variation": self.distance,
            "promised_score": self.promised.to_dict(),
            "expected_score": self.expected.to_dict(),
            "correction": {
                "applied": self.is_corrected,
                "gain": self.gain.to_dict(),
                "changed": self.changed,
                "factors": list(self.odds),
            },
            "targets": [shift.to_dict() for shift in self.shifts],
        }


def label_shift(
    spec: EnsembleSpec,
    oof: OutOfFold,
    target_probs: Floats,
    *,
    target_people: NDArray[Any] | None = None,
    correct: bool = False,
    seed: int = 0,
) -> LabelShift:
    """Returns what the ensemble's probabilities tell of an unlabelled folder.

    Args:
        spec: the ensemble.
        oof: its nested out-of-fold predictions.
        target_probs: float [n, C] of the ensemble on the folder.
        target_people: int or str [n] where it is known who is on a photo.
        correct: whether probabilities corrected for the shift choose the answers.
        seed: of the draws.

    Raises:
        AnalysisError: arrays that do not fit together.
    """
    labelled = People(label=oof.label, person=oof.person, num_classes=spec.labels.num_joint)
    known = Labelled(people=labelled, probs=oof.probs.astype(float))
    estimate = estimate_shift(known, target_probs, target_people=target_people, seed=seed)
    before = predict_with_biases(target_probs, spec.biases)
    after = predict_with_biases(corrected(target_probs, estimate.odds), spec.biases)
    change = correction_gain(estimate, target_probs, before, after)
    people = _num_people(known, len(before), target_people)
    *scores, gain = _scores(spec, oof, labelled, estimate, change, people, seed, correct=correct)
    promised, expected = (
        within_photos(score, len(before), labelled.num_classes) for score in scores
    )
    return LabelShift(
        run=spec.run,
        photos=len(before),
        people=people,
        people_known=target_people is not None,
        shifts=tuple(_shifts(spec.labels, estimate, oof.predicted, before)),
        distance=total_variation(estimate.training, estimate.shares),
        promised=promised,
        expected=expected,
        gain=gain,
        changed=change.changed,
        odds=tuple(estimate.odds.tolist()),
        is_corrected=correct,
    )


def _scores(
    spec: EnsembleSpec,
    oof: OutOfFold,
    labelled: People,
    estimate: ShiftEstimate,
    change: CorrectionGain,
    people: int,
    seed: int,
    *,
    correct: bool,
) -> tuple[Interval, Interval, Interval]:
    """Returns the score promised, the score expected and the gain of the correction."""
    calibrated = Labelled(people=labelled, probs=estimate.fit.calibration.apply(oof.probs))
    promised = forecast_score(labelled, oof.predicted, people, seed=seed)
    before = predict_with_biases(oof.probs, spec.biases)
    after = predict_with_biases(corrected(oof.probs, estimate.odds), spec.biases)
    expected = expected_score_unlabelled(
        calibrated,
        oof.predicted,
        change.after_draws if correct else change.before_draws,
        people,
        rules=(before, after) if correct else None,
        seed=seed,
    )
    gain = expected_change_unlabelled(
        calibrated, before, after, change.gain_draws, people, seed=seed
    )
    return promised, expected, gain


def _num_people(known: Labelled, num_photos: int, people: NDArray[Any] | None) -> int:
    if people is not None:
        return len(np.unique(people))
    return max(_MIN_PEOPLE, round(num_photos * known.people.num_people / len(known.people)))


def _shifts(
    schema: LabelSchema, estimate: ShiftEstimate, validated: Ints, predicted: Ints
) -> Iterator[Shift]:
    """Yields the shares of every attribute and of the joint label."""
    counted, known = (
        np.bincount(codes, minlength=schema.num_joint) / len(codes)
        for codes in (predicted, validated)
    )
    rows = np.stack([estimate.training, counted, estimate.averaged, estimate.shares, known])
    sizes = [len(attribute.classes) for attribute in schema.attributes]
    shares, draws = marginals(rows, sizes), marginals(estimate.draws, sizes)
    for attribute, own, drawn in zip(schema.attributes, shares, draws, strict=True):
        yield _shift(attribute.name, attribute.classes, own, drawn)
    yield _shift(JOINT, schema.joint_names, rows, estimate.draws)


def _shift(name: str, classes: tuple[str, ...], rows: Floats, draws: Floats) -> Shift:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    training, predicted, averaged, estimated, validated = map(tuple, rows.tolist())
    return Shift(
        name=name,
        classes=classes,
        training=training,
        predicted=predicted,
        averaged=averaged,
        estimated=estimated,
        low=tuple(np.minimum(low, rows[3]).tolist()),
        high=tuple(np.maximum(high, rows[3]).tolist()),
        validated=validated,
    )


def _said(found: Interval, sign: str = "") -> str:
    value, low, high = (f"{number:{sign}.3f}" for number in (found.value, found.low, found.high))
    return f"{value} (95 % between {low} and {high})"

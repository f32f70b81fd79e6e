"""Reasons from trainings in which one thing was changed on purpose.

Notation:
    N samples, S seeds, A attributes, P people, C joint classes. Predictions are joint classes, int
    [S, N], out of fold.

A run has two or three seeds, and an effect is a sum of up to four scores: taken from the effect's
own values, one per seed, the luck of training would have one or two degrees of freedom. So it is
pooled over all trainings of an approach in a control, which differ in one thing alone. With a
single seed it is unknown, and nothing is supported.

Every effect here is about a pair and is tested with the other reasons of that pair
(`search.verdict.gatekeeping`). What is told beside it (scores, the rest of a difference) is not
tested: it describes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from search.analysis import wording
from search.analysis.exact import net_weights, variance
from search.analysis.fitting.calibration import cross_fit_calibration
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import Floats, Ints, macro_f1_of_counts
from search.analysis.reasons.evidence import Evidence, interactions_of
from search.analysis.reasons.plots import Bars, Plot
from search.analysis.reasons.reason import Figures, Reason
from search.analysis.recombine import HeadLayout
from search.analysis.uncertainty.bootstrap import influence, people_degrees, side_by_side
from search.analysis.uncertainty.difference import PairEstimate
from search.analysis.uncertainty.interval import Interval
from search.analysis.uncertainty.training_luck import TrainingLuck

SCORE = "macro-F1, out of fold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Luck:
    """Variance by the luck of training, and its degrees of freedom; 0 where it is unknown.

    `interaction` is the part of it that the spread over people holds already.
    """

    variance: float = 0.0
    degrees: int = 1
    interaction: float = 0.0

    def times(self, factor: float) -> "Luck":
        """Returns the luck of a sum whose squared weights add up to `factor`."""
        return Luck(
            variance=factor * self.variance,
            degrees=self.degrees,
            interaction=factor * self.interaction,
        )


def training_luck(evidence: Evidence, trainings: Sequence[Ints]) -> Luck:
    """Returns the luck of the score of one training, pooled over several that differ a little.

    Args:
        evidence: labels and people.
        trainings: int [S, N] each, the same number of seeds.
    """
    scores = np.array([[evidence.score(row) for row in rows] for rows in trainings])
    num_seeds = scores.shape[1]
    if num_seeds < 2:
        return Luck()
    pooled = float(variance(scores, axis=1).mean())
    interaction = float(np.mean([_interaction(evidence, rows) for rows in trainings]))
    return Luck(
        variance=pooled,
        degrees=len(scores) * (num_seeds - 1),
        interaction=min(pooled, interaction),  # a part of it, and 0 where nothing differs
    )


def _interaction(evidence: Evidence, rows: Ints) -> float:
    """Returns what one of some trainings [S, N] does to single people, I of one seed."""
    counts = evidence.people.counts(rows)
    shape = (-1, len(rows), *counts.shape[-2:])
    draws = evidence.resample(
        side_by_side(counts), lambda sums: macro_f1_of_counts(sums.reshape(shape))
    )
    return len(rows) * float(interactions_of(draws))


def contrast_with_luck(
    evidence: Evidence, terms: Sequence[tuple[float, Ints]], luck: Sequence[Luck]
) -> Interval:
    """Returns a weighted sum of macro-F1 scores with its interval over people and training luck.

    Terms that cancel add nothing of people; `luck` is taken as given.

    Args:
        evidence: labels and people.
        terms: weight, and predictions [N] or [S, N] whose mean score it weighs.
        luck: of the sum, in one or two independent parts.
    """
    parts = [(Fraction(weight), np.atleast_2d(rows)) for weight, rows in terms]
    counts = evidence.people.counts(np.concatenate([rows for _, rows in parts]))
    shares = [weight / len(rows) for weight, rows in parts for _ in rows]
    weights = net_weights(shares, counts)
    shape = (-1, *weights.shape, *counts.shape[-2:])

    def statistic(sums: Floats) -> Floats:
        """Returns the weighted score of people whose counts are summed, [resamples]."""
        found: Floats = macro_f1_of_counts(sums.reshape(shape)) @ weights
        return found

    columns = side_by_side(counts)
    first, second = (*luck, Luck())[:2]
    return PairEstimate(
        difference=float(statistic(columns.sum(axis=0)[None])[0]),
        people_variance=float(evidence.resample(columns, statistic).var(ddof=1)),
        people_degrees=people_degrees(weights @ influence(counts), evidence.people.strata),
        # As if one training had been repeated that often.
        training=(
            _repeated(first),
            _repeated(second),
        ),
        num_differing=evidence.people.num_people,
    ).tested


def _repeated(luck: Luck) -> TrainingLuck:
    return TrainingLuck(
        variance=luck.variance, interaction=luck.interaction, num_seeds=luck.degrees + 1
    )


def joint_predictions(
    heads: Sequence[Floats], layout: HeadLayout, y: Ints, cross_fit: CrossFit
) -> Ints:
    """Returns the joint classes, int [S, N], of the models of an approach.

    Args:
        heads: probabilities [S, N, K] of all its models.
        layout: which attributes the heads decide.
        y: joint classes int [N].
        cross_fit: who calibrates whom, where there are several heads.
    """
    if len(heads) == 1:
        return np.asarray(np.argmax(heads[0], axis=-1), dtype=np.int64)
    calibrated = [
        cross_fit_calibration(head, true, cross_fit)
        for head, true in zip(heads, layout.head_labels(y), strict=True)
    ]
    return np.asarray(np.argmax(layout.joint(calibrated), axis=-1), dtype=np.int64)


def worded_effect(
    found: Interval, num_seeds: int, yes: str, no: str
) -> tuple[Interval | None, str]:
    """Returns the effect, None where one seed cannot tell it, and what it says in words."""
    unsupported = f"that {no} is not supported by this data"
    if num_seeds < 2:
        luck = "over people, and one seed cannot tell the luck of training"
        return None, f"{unsupported} ({found:+.3f} {luck})"
    return found, yes if found.excludes_zero else f"{unsupported} ({found:+.3f})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreBars(Figures):
    """Scores as `bars`: what was trained -> approach -> score."""

    axis: str
    bars: Mapping[str, Mapping[str, float]]

    def plot(self, reason: Reason) -> Plot:
        """Returns the scores."""
        return Bars(title=reason.sentence, rows=self.bars, axis=self.axis)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedConfig(ScoreBars):
    """Own configs less the shared one, and separate less joint with that one."""

    tuning: Interval
    decomposition: Interval

    def heading(self, reasons: Sequence[Reason]) -> str:
        """Returns what tuning per attribute is worth."""
        effect = reasons[0].effect
        if effect is None or not reasons[0].supported:
            return "One shared config: tuning per attribute makes no clear difference"
        return f"Tuning per attribute is worth {wording.signed(effect.value)} to separate models"


def shared_config(evidence: Evidence, own: Ints, shared: Ints, joint: Ints) -> Reason:
    """Returns what configs of their own give separate models, apart from decomposition (M1).

    Args:
        evidence: labels and people.
        own: int [S, N] of separate models, each with its chosen config.
        shared: of separate models that all have the chosen config of `joint`.
        joint: of the joint model with that config.
    """
    one = training_luck(evidence, [own, shared]).times(1 / len(own))
    other = training_luck(evidence, [joint]).times(1 / len(joint))
    tuning = contrast_with_luck(evidence, [(1.0, own), (-1.0, shared)], [one.times(2)])
    decomposition = contrast_with_luck(evidence, [(1.0, shared), (-1.0, joint)], [one, other])
    scores = {name: evidence.score(rows) for name, rows in (("own", own), ("shared", shared))}
    effect, said = worded_effect(
        tuning,
        len(own),
        f"tuning per attribute is worth {tuning:+.3f}",
        "tuning per attribute changes the score",
    )
    bars = {
        "separate, own configs": {"separate": scores["own"]},
        "separate, one shared config": {"separate": scores["shared"]},
        "joint, the same config": {"joint": evidence.score(joint)},
    }
    return Reason(
        key="shared_config",
        mechanism="M1",
        about=("separate", "joint"),
        sentence=(
            f"Separate models that all take joint's chosen config score {scores['shared']:.3f} "
            f"instead of {scores['own']:.3f}: {said}. With that one config, separate less "
            f"joint is {decomposition:+.3f}."
        ),
        figures=SharedConfig(axis=SCORE, bars=bars, tuning=tuning, decomposition=decomposition),
        effect=effect,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualParameters(ScoreBars):
    """Averaged joint models less one, and separate models less the averaged ones."""

    gain: Interval
    lead: Interval

    def heading(self, reasons: Sequence[Reason]) -> str:
        """Returns what averaging is worth."""
        effect = reasons[0].effect
        if effect is None or not reasons[0].supported:
            return "Equal parameters: averaging joint models makes no clear difference"
        return f"Averaging joint models is worth {wording.signed(effect.value)}"


def equal_parameters(
    evidence: Evidence, separate: Ints, joint: Floats, num_members: int
) -> Reason:
    """Returns what averaging as many joint models as there are attributes gives (M7).

    That much of a lead of the separate models is their number of parameters.

    Args:
        evidence: labels and people.
        separate: int [S, N].
        joint: probabilities [T, N, C] of one training each, T >= A.
        num_members: A, of an average.
    """
    single, averaged = joint.argmax(axis=-1), _averages(joint, num_members)
    luck = _luck_of_averages(evidence, single, averaged, num_members)
    own = training_luck(evidence, [separate]).times(1 / len(separate))
    gain = contrast_with_luck(evidence, [(1.0, averaged), (-1.0, single)], [luck["gain"]])
    lead = contrast_with_luck(evidence, [(1.0, separate), (-1.0, averaged)], [own, luck["score"]])
    effect, said = worded_effect(
        gain,
        1 if len(joint) == num_members else len(joint),
        f"averaging gives {gain:+.3f}",
        "averaging changes the score",
    )
    bars = {
        "joint, one model": {"joint": evidence.score(single)},
        f"joint, {num_members} averaged": {"joint": evidence.score(averaged)},
        "separate": {"separate": evidence.score(separate)},
    }
    return Reason(
        key="equal_parameters",
        mechanism="M7",
        about=("separate", "joint"),
        sentence=(
            f"{num_members} joint models averaged have the parameters of the separate ones: "
            f"{said}. At equal parameters, separate less joint is {lead:+.3f}."
        ),
        figures=EqualParameters(axis=SCORE, bars=bars, gain=gain, lead=lead),
        effect=effect,
    )


def _averages(joint: Floats, num_members: int) -> Ints:
    """Returns the classes, int [T, N], of the mean of each model and those after it, in a ring."""
    around = np.arange(len(joint))[:, None] + np.arange(num_members)
    means = [joint[members].mean(axis=0) for members in around % len(joint)]
    return np.asarray(np.argmax(means, axis=-1), dtype=np.int64)


def _luck_of_averages(
    evidence: Evidence, single: Ints, averaged: Ints, num_members: int
) -> dict[str, Luck]:
    """Returns the luck of the mean score of the averages, and of their gain over single models.

    Averages share members, so it is the jackknife over models (Efron and Stein 1981, The jackknife
    estimate of variance): every figure anew without each of them. It errs on the wide side, here
    by about two in standard deviations.
    """
    num = len(single)
    if num == num_members:
        return {"score": Luck(), "gain": Luck()}
    of_one = np.array([evidence.score(row) for row in single])
    of_mean = np.array([evidence.score(row) for row in averaged])
    # The average that begins at model k holds it and the `num_members - 1` after it.
    place = np.arange(num)
    without = (place[:, None] - place) % num >= num_members
    score = without @ of_mean / without.sum(axis=1)
    gain = score - (of_one.sum() - of_one) / (num - 1)
    return {
        name: Luck(variance=float((num - 1) * variance(values, ddof=0)), degrees=num - 1)
        for name, values in (("score", score), ("gain", gain))
    }

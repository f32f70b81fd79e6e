"""The luck of choosing a config: what another draw of people would have made of the choice.

Notation:
    N samples, P people, S seeds, T targets (attributes, or the joint class) with K classes each, M
    configs of a target, R rounds of the cross_fit, B resamples.

Cross-fitting takes the winner's curse out of a score, not the luck: people who favour a config in
one fold favour it as the choice for the other folds too, so the score of chosen configs varies
more than that of given ones. With four equally good configs on each side that made 9 % false
winners where 5 % were promised. So people are resampled once with the choices as they are and once
with choices made anew.

The difference of the two variances is halved. Choices waver because configs differ by noise; in a
resample their differences are the noise of the data plus that of the resample, twice the variance
that they have in truth. Configs that predict alike are exactly tied in every resample, and the
first of them is chosen as in the data: their choice adds exactly nothing.
`benchmarks/verdict_simulation.py` holds the result against the truth.

The log score of the joint class moves with the same choices, so its luck is had in the same way:
configs are chosen by macro-F1 and scored by the logarithms of their probabilities, which add up
over the targets of a product.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from search.analysis.errors import AnalysisError
from search.analysis.exact import mean_in_any_order, weighted_sums
from search.analysis.fitting.cross_fit import CrossFit, Mask
from search.analysis.metrics import Floats, Ints, macro_f1_of_counts
from search.analysis.people import People, resample_weights
from search.analysis.uncertainty.bootstrap import side_by_side


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """What configs compete for: `predicted` int [M, S, N], and the true classes of the people.

    `log_probs` float [M, S, N] are those of the true class; None where they are not known.
    """

    predicted: Ints
    people: People
    log_probs: Floats | None = None

    @property
    def num_configs(self) -> int:
        """M."""
        return len(self.predicted)


def choice_variance(
    targets: Sequence[Target],
    cross_fit: CrossFit,
    *,
    num_resamples: int,
    rng: np.random.Generator,
) -> float:
    """Returns the variance that the choice of configs adds to the joint macro-F1.

    Args:
        targets: those whose classes make up the joint class, first one most significant.
        cross_fit: who decides about whom.
        num_resamples: B.
        rng: source of the resamples.

    Returns:
        0 where every target has a single config, configs that predict alike, or nothing to
        resample.
    """
    return _luck(targets, cross_fit, num_resamples, rng, _Contest.scores)


def log_choice_variance(
    targets: Sequence[Target],
    cross_fit: CrossFit,
    *,
    num_resamples: int,
    rng: np.random.Generator,
) -> float:
    """Returns the variance that the choice of configs adds to the log score of the joint class.

    Args:
        targets: as in `choice_variance`; all with `log_probs`.
        cross_fit: who decides about whom.
        num_resamples: B.
        rng: source of the resamples.

    Returns:
        0 where `choice_variance` is.
    """
    return _luck(targets, cross_fit, num_resamples, rng, _Contest.log_scores)


def _luck(
    targets: Sequence[Target],
    cross_fit: CrossFit,
    num_resamples: int,
    rng: np.random.Generator,
    scores: "Callable[[_Contest, Ints, Floats], Floats]",
) -> float:
    num_people = targets[0].people.num_people
    if max(target.num_configs for target in targets) == 1 or num_people < 2:
        return 0.0
    contest = _Contest(targets=tuple(targets), rounds=tuple(cross_fit.rounds()))
    weights = np.concatenate(list(resample_weights(contest.people.strata, num_resamples, rng)))
    now = contest.choices(np.ones((1, num_people)))
    chosen = contest.choices(weights)
    if np.all(chosen == now):
        return 0.0
    fixed = scores(contest, np.repeat(now, num_resamples, axis=0), weights)
    anew = scores(contest, chosen, weights)
    return max(0.0, float(anew.var(ddof=1) - fixed.var(ddof=1))) / 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Contest:
    """Configs competing for every target in every round; choices are int [B, T, R]."""

    targets: tuple[Target, ...]
    rounds: tuple[tuple[Mask, Mask], ...]

    @property
    def people(self) -> People:
        """The people with their joint classes."""
        sizes = [target.people.num_classes for target in self.targets]
        return People(
            label=self.joint([target.people.label for target in self.targets]),
            person=self.targets[0].people.person,
            num_classes=int(np.prod(sizes)),
        )

    def joint(self, classes: Sequence[Ints]) -> Ints:
        """Returns the joint class of the classes of all targets."""
        sizes = tuple(target.people.num_classes for target in self.targets)
        return np.asarray(np.ravel_multi_index(tuple(classes), sizes), dtype=np.int64)

    def choices(self, weights: Floats) -> Ints:
        """Returns the best config of every target on the fit people of every round."""
        return np.stack([self._of_target(target, weights) for target in self.targets], axis=1)

    def _of_target(self, target: Target, weights: Floats) -> Ints:
        people, shape = target.people, target.predicted.shape[:2]
        columns = side_by_side(people.counts(target.predicted))
        chosen = []
        for fit, _ in self.rounds:
            deciding = np.unique(people.person[fit])
            (sums,) = weighted_sums([weights[:, deciding]], columns[deciding])
            scores = macro_f1_of_counts(sums.reshape(-1, *shape, 3, people.num_classes))
            chosen.append(mean_in_any_order(scores, axis=2).argmax(axis=1))
        return np.stack(chosen, axis=1)

    def scores(self, choices: Ints, weights: Floats) -> Floats:
        """Returns the joint macro-F1, the mean over seeds, in every resample, float [B]."""
        joint = self.people
        num_seeds, num_classes = self.targets[0].predicted.shape[1], joint.num_classes
        sums = np.zeros((len(weights), num_seeds * 3 * num_classes))
        for number, (_, apply) in enumerate(self.rounds):
            judged, part = np.unique(joint.person[apply]), joint.part(apply)
            taken, which = np.unique(choices[:, :, number], axis=0, return_inverse=True)
            for index, choice in enumerate(taken):
                rows = np.flatnonzero(which.reshape(-1) == index)
                predicted = self.joint(
                    [t.predicted[c][:, apply] for t, c in zip(self.targets, choice, strict=True)]
                )
                columns = side_by_side(part.counts(predicted))
                (found,) = weighted_sums([weights[np.ix_(rows, judged)]], columns)
                sums[rows] += found
        by_seed = macro_f1_of_counts(sums.reshape(len(weights), num_seeds, 3, num_classes))
        scores: Floats = by_seed.mean(axis=1)
        return scores

    def log_scores(self, choices: Ints, weights: Floats) -> Floats:
        """Returns the joint log score, the mean over people and seeds, in every resample, [B]."""
        person, num_people = self.targets[0].people.person, weights.shape[1]
        photos, scores = np.bincount(person), np.zeros(len(weights))
        for number, (_, apply) in enumerate(self.rounds):
            judged = np.unique(person[apply])
            for place, target in enumerate(self.targets):
                taken = choices[:, place, number]
                for config in np.unique(taken):
                    rows = np.flatnonzero(taken == config)
                    logs = _logs_of(target, config)[:, apply].mean(axis=0)
                    of_person = np.bincount(person[apply], logs, num_people) / photos
                    scores[rows] += weights[np.ix_(rows, judged)] @ of_person[judged]
        mean: Floats = scores / num_people
        return mean


def _logs_of(target: Target, config: int) -> Floats:
    if target.log_probs is None:
        raise AnalysisError("the luck of a log score needs the probabilities of every config")
    logs: Floats = target.log_probs[config]
    return logs

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
that they have in truth. `benchmarks/verdict_simulation.py` holds the result against the truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from search.analysis.fitting.cross_fit import CrossFit, Mask
from search.analysis.metrics import Floats, Ints, macro_f1_of_counts, person_counts
from search.analysis.uncertainty.bootstrap import person_strata, resample_weights


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """What configs compete for: `predicted` int [M, S, N], the truth `y` int [N], K classes."""

    predicted: Ints
    y: Ints
    num_classes: int

    @property
    def num_configs(self) -> int:
        """M."""
        return len(self.predicted)


def choice_variance(
    targets: Sequence[Target],
    person: Ints,
    cross_fit: CrossFit,
    *,
    num_resamples: int,
    rng: np.random.Generator,
) -> float:
    """Returns the variance that the choice of configs adds to the joint macro-F1.

    Args:
        targets: those whose classes make up the joint class, first one most significant.
        person: int [N] in [0, P).
        cross_fit: who decides about whom.
        num_resamples: B.
        rng: source of the resamples.

    Returns:
        0 where every target has a single config or nothing to resample.
    """
    num_people = int(person.max()) + 1
    if max(target.num_configs for target in targets) == 1 or num_people < 2:
        return 0.0
    contest = _Contest(targets=tuple(targets), person=person, rounds=tuple(cross_fit.rounds()))
    strata = person_strata(contest.joint([target.y for target in targets]), person, num_people)
    weights = np.concatenate(list(resample_weights(strata, num_resamples, rng)))
    now = contest.choices(np.ones((1, num_people)))
    fixed = contest.scores(np.repeat(now, num_resamples, axis=0), weights)
    anew = contest.scores(contest.choices(weights), weights)
    return max(0.0, float(anew.var(ddof=1) - fixed.var(ddof=1))) / 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Contest:
    """Configs competing for every target in every round; choices are int [B, T, R]."""

    targets: tuple[Target, ...]
    person: Ints
    rounds: tuple[tuple[Mask, Mask], ...]

    def joint(self, classes: Sequence[Ints]) -> Ints:
        """Returns the joint class of the classes of all targets."""
        sizes = tuple(target.num_classes for target in self.targets)
        return np.asarray(np.ravel_multi_index(tuple(classes), sizes), dtype=np.int64)

    def choices(self, weights: Floats) -> Ints:
        """Returns the best config of every target on the fit people of every round."""
        return np.stack([self._of_target(target, weights) for target in self.targets], axis=1)

    def _of_target(self, target: Target, weights: Floats) -> Ints:
        shape = (len(weights), *target.predicted.shape[:2], 3, target.num_classes)
        rows = target.predicted.reshape(-1, len(target.y))
        columns = _columns(target.y, rows, self.person, target.num_classes)
        chosen = []
        for fit, _ in self.rounds:
            people = np.unique(self.person[fit])
            sums = (weights[:, people] @ columns[people]).reshape(shape)
            chosen.append(macro_f1_of_counts(sums).mean(axis=2).argmax(axis=1))
        return np.stack(chosen, axis=1)

    def scores(self, choices: Ints, weights: Floats) -> Floats:
        """Returns the joint macro-F1, the mean over seeds, in every resample, float [B]."""
        num_classes = int(np.prod([target.num_classes for target in self.targets]))
        num_seeds = self.targets[0].predicted.shape[1]
        y = self.joint([target.y for target in self.targets])
        sums = np.zeros((len(weights), num_seeds * 3 * num_classes))
        for number, (_, apply) in enumerate(self.rounds):
            people, person = np.unique(self.person[apply], return_inverse=True)
            taken, which = np.unique(choices[:, :, number], axis=0, return_inverse=True)
            for index, choice in enumerate(taken):
                rows = np.flatnonzero(which.reshape(-1) == index)
                predicted = self.joint(
                    [t.predicted[c][:, apply] for t, c in zip(self.targets, choice, strict=True)]
                )
                columns = _columns(y[apply], predicted, person.reshape(-1), num_classes)
                sums[rows] += weights[np.ix_(rows, people)] @ columns
        by_seed = macro_f1_of_counts(sums.reshape(len(weights), num_seeds, 3, num_classes))
        scores: Floats = by_seed.mean(axis=1)
        return scores


def _columns(y: Ints, predicted: Ints, person: Ints, num_classes: int) -> Floats:
    """Returns the counts of every person side by side, float [P, rows * 3 * K]."""
    num_people = int(person.max()) + 1
    counts = [person_counts(y, row, person, num_people, num_classes) for row in predicted]
    return np.stack(counts, axis=1).reshape(num_people, -1)

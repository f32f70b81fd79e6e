"""The scores of a repeat as those who test have measured them, and as the verdict would see them.

Notation:
    K refitted configs, S refit seeds, F folds, M photos of P people who test, C joint classes.
"""

from dataclasses import dataclass

import numpy as np

from search.analysis.metrics import Floats, Ints, macro_f1_gradient, macro_f1_of_counts
from search.analysis.people import People
from search.refit.units import DEFAULT_CONFIG
from tests.search.builders.luck_variance import Measured, measured, people_variance
from tests.search.builders.repeated_searches import Repeat


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scores:
    """The macro-F1 of an approach and of its configs.

    Attributes:
        approach: of the cross-fitted choice.
        finalists: of the best configs of the search, the best first.
        default: of the default config.
        strata: of the people who measured it, int [P].
        choice_variance: that a verdict adds for the choice.
    """

    approach: Measured
    finalists: tuple[Measured, ...]
    default: Measured
    strata: Ints
    choice_variance: float

    @property
    def configs(self) -> tuple[Measured, ...]:
        """The finalists and the default."""
        return (*self.finalists, self.default)


def expected_scores(repeat: Repeat, people: People) -> Scores:
    """Returns what every trained model scores on many other people, float in [0, 1].

    The score of a config is the mean over its fold models; that of the approach takes in every
    fold the configs that the choice took for its people, by their number of photos.

    Args:
        repeat: with the classes predicted for those who test.
        people: those who test.
    """
    scores, influence = _influence(people.counts(repeat.tested))
    num_configs, _, num_folds = scores.shape
    scores, influence = scores.swapaxes(1, 2), influence.swapaxes(1, 2)
    shares = np.zeros((num_configs, num_folds))
    np.add.at(shares, (repeat.chosen, repeat.fold), 1 / len(repeat.fold))
    even = np.full(num_folds, 1 / num_folds)
    configs = [
        measured(own, x, even, people.strata) for own, x in zip(scores, influence, strict=True)
    ]
    trainings = num_configs * num_folds
    approach = measured(
        scores.reshape(trainings, -1),
        influence.reshape(trainings, scores.shape[2], -1),
        shares.ravel(),
        people.strata,
    )
    return _scores(repeat, approach, configs, people.strata)


def out_of_fold_scores(repeat: Repeat, num_classes: int) -> Scores:
    """Returns what the out-of-fold predictions score on the people of the repeat."""
    people = repeat.people(num_classes)
    fold = np.empty(people.num_people, dtype=np.int64)
    fold[people.person] = repeat.fold
    photos = np.arange(len(people))
    chosen = repeat.out_of_fold[repeat.chosen, :, photos].T
    configs = [_out_of_fold(each, people, fold) for each in repeat.out_of_fold]
    return _scores(repeat, _out_of_fold(chosen, people, fold), configs, people.strata)


def _out_of_fold(predicted: Ints, people: People, fold: Ints) -> Measured:
    """Returns a score of predictions [S, N] with the luck of every fold's trainings."""
    scores, influence = _influence(people.counts(predicted))
    seeds = len(scores)
    own = influence - influence.mean(axis=0)
    sums = np.stack([np.bincount(fold, x) for x in influence], axis=1)
    return Measured(
        value=float(scores.mean()),
        influence=influence.mean(axis=0),
        trainings=sums.var(axis=1, ddof=1) / seeds,
        interaction=sum(people_variance(x, people.strata) for x in own) / (seeds * (seeds - 1)),
        seeds=seeds,
    )


def _influence(counts: Floats) -> tuple[Floats, Floats]:
    """Returns macro-F1 [...] and the influence of every person [..., P] of counts [..., P, 3, C].

    A person's counts times the gradient are that person's influence, to first order.
    """
    total = counts.sum(axis=-3)
    gradient = macro_f1_gradient(total)
    return macro_f1_of_counts(total), np.einsum("...pkc,...kc->...p", counts, gradient)


def _scores(repeat: Repeat, approach: Measured, configs: list[Measured], strata: Ints) -> Scores:
    by_id = dict(zip(repeat.config_ids.tolist(), configs, strict=True))
    return Scores(
        approach=approach,
        default=by_id.pop(DEFAULT_CONFIG),
        finalists=tuple(by_id.values()),
        strata=strata,
        choice_variance=float(repeat.choice_variance),
    )


def verdict_variance(a: Scores, b: Scores) -> float:
    """Returns the variance of a difference as a verdict has it that counts training luck once.

    People, what trainings add beyond their luck on these people, and the choice of configs.
    """
    people = people_variance(a.approach.influence - b.approach.influence, a.strata)
    beyond = sum(s.approach.trainings.sum() - s.approach.interaction for s in (a, b))
    return people + max(0.0, float(beyond)) + a.choice_variance + b.choice_variance

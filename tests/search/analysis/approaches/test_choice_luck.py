import itertools
from dataclasses import replace

import numpy as np
import pytest

from search.analysis.approaches.choice_luck import (
    Target,
    _Contest,
    choice_variance,
    log_choice_variance,
)
from search.analysis.errors import AnalysisError
from search.analysis.fitting.cross_fit import CrossFit
from search.analysis.metrics import macro_f1
from search.analysis.people import person_strata, resample_weights
from search.analysis.recombine import joint_classes
from tests.search.builders.labelled_people import people_of

SIZES = (2, 3)


def _targets(rng, num_people, accuracies, num_seeds=1):
    """Two attributes of people with one photo each; configs err by themselves."""
    labels = np.stack([rng.integers(0, size, num_people) for size in SIZES], axis=1)
    targets = []
    for axis, size in enumerate(SIZES):
        y = labels[:, axis]
        rows = [
            np.where(rng.random((num_seeds, num_people)) < accuracy, y, (y + 1) % size)
            for accuracy in accuracies
        ]
        people = people_of(y, np.arange(num_people), size)
        targets.append(Target(predicted=np.stack(rows), people=people))
    return tuple(targets)


def _plan(num_people):
    return CrossFit.of_people(np.arange(num_people) % 5, np.arange(num_people))


def _luck(targets, seed=0, num_resamples=400):
    rng = np.random.default_rng(seed)
    cross_fit = _plan(targets[0].people.num_people)
    return choice_variance(targets, cross_fit, num_resamples=num_resamples, rng=rng)


def test_configs_that_clearly_differ_leave_no_luck_to_the_choice():
    rng = np.random.default_rng(0)
    clear, equal = _targets(rng, 150, (0.95, 0.5)), _targets(rng, 150, (0.7, 0.7))
    assert _luck(clear) == pytest.approx(0, abs=1e-6)
    assert _luck(equal) > 1e-4


def test_a_single_config_has_no_luck_of_choice():
    assert _luck(_targets(np.random.default_rng(0), 60, (0.7,))) == 0


def test_the_luck_is_reproducible():
    targets = _targets(np.random.default_rng(0), 60, (0.7, 0.7))
    assert _luck(targets) == _luck(targets) != _luck(targets, seed=1)


def _weighted_macro_f1(y, predicted, weight, num_classes):
    hits = np.bincount(y, weight * (y == predicted), num_classes)
    both = np.bincount(y, weight, num_classes) + np.bincount(predicted, weight, num_classes)
    return np.mean(np.divide(2 * hits, both, out=np.zeros(num_classes), where=both > 0))


def test_the_luck_is_that_of_a_slow_loop_over_the_same_resamples():
    """The slow twin chooses by the metric of each attribute and scores the joint, one by one."""
    targets = _targets(np.random.default_rng(3), 60, (0.7, 0.7, 0.7))
    folds = np.arange(60) % 5
    joint = joint_classes(np.stack([target.people.label for target in targets], axis=1), SIZES)

    def score(weight, choosing_weight):
        classes = np.zeros((60, 2), dtype=int)
        for fold, (axis, target) in itertools.product(range(5), enumerate(targets)):
            fit = folds != fold
            scores = [
                _weighted_macro_f1(
                    target.people.label[fit],
                    row[0][fit],
                    choosing_weight[fit],
                    target.people.num_classes,
                )
                for row in target.predicted
            ]
            classes[~fit, axis] = target.predicted[np.argmax(scores), 0][~fit]
        return _weighted_macro_f1(joint, joint_classes(classes, SIZES), weight, 6)

    strata = person_strata(joint, np.arange(60), 60)
    weights = np.concatenate(list(resample_weights(strata, 40, np.random.default_rng(0))))
    fixed = [score(row, np.ones(60)) for row in weights]
    anew = [score(row, row) for row in weights]
    slow = (np.var(anew, ddof=1) - np.var(fixed, ddof=1)) / 2
    assert slow > 1e-5
    assert _luck(targets, num_resamples=40) == pytest.approx(slow, rel=1e-9)


def test_the_score_of_chosen_configs_varies_as_much_as_the_luck_says():
    """The truth: data drawn anew, configs chosen anew, against resamples of one draw."""
    scores, fixed, luck = [], [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        targets = _targets(rng, 100, (0.75,) * 4)
        cross_fit = _plan(100)
        labels = np.stack([target.people.label for target in targets], axis=1)
        joint = joint_classes(labels, SIZES)
        classes = np.zeros_like(labels)
        for fit, apply in cross_fit.rounds():
            for k, t in enumerate(targets):
                best = max(
                    range(4),
                    key=lambda c, t=t, fit=fit: macro_f1(
                        t.people.label[fit], t.predicted[c, 0][fit], t.people.num_classes
                    ),
                )
                classes[apply, k] = t.predicted[best, 0][apply]
        given = np.stack([t.predicted[0, 0] for t in targets], axis=1)
        scores.append(macro_f1(joint, joint_classes(classes, SIZES), 6))
        fixed.append(macro_f1(joint, joint_classes(given, SIZES), 6))
    for seed in range(30):
        luck.append(
            _luck(_targets(np.random.default_rng(seed), 100, (0.75,) * 4), num_resamples=100)
        )
    added = np.var(scores) - np.var(fixed)
    assert added > 0.2 * np.var(fixed)
    assert np.mean(luck) == pytest.approx(added, rel=0.5)


def _with_logs(targets, right=0.0, wrong=-1.0):
    """The log probability of the true class follows from whether a config is right."""
    return tuple(
        replace(t, log_probs=np.where(t.predicted == t.people.label, right, wrong))
        for t in targets
    )


def _log_luck(targets, seed=0, num_resamples=400):
    rng = np.random.default_rng(seed)
    cross_fit = _plan(targets[0].people.num_people)
    return log_choice_variance(targets, cross_fit, num_resamples=num_resamples, rng=rng)


def test_the_luck_of_a_log_score_is_there_where_that_of_the_choice_is():
    rng = np.random.default_rng(0)
    clear, equal = _targets(rng, 150, (0.95, 0.5)), _targets(rng, 150, (0.7, 0.7))
    assert _log_luck(_with_logs(clear)) == pytest.approx(0, abs=1e-6)
    found = _log_luck(_with_logs(equal))
    assert found > 1e-4
    assert _log_luck(_with_logs(equal, wrong=-2.0)) == pytest.approx(4 * found)
    assert _log_luck(_with_logs(equal, right=-1.0)) == pytest.approx(0, abs=1e-12)
    assert _log_luck(_with_logs(_targets(rng, 60, (0.7,)))) == 0


def test_the_luck_of_a_log_score_needs_the_probabilities():
    with pytest.raises(AnalysisError, match="needs the probabilities of every config"):
        _log_luck(_targets(np.random.default_rng(0), 60, (0.7, 0.7)))


def test_the_log_score_of_a_choice_is_that_of_its_configs_on_weighted_people():
    """Slow twin of one resample: every round and target by hand."""
    rng = np.random.default_rng(2)
    targets = _with_logs(_targets(rng, 40, (0.7, 0.7)))
    plan = _plan(40)
    contest = _Contest(targets=targets, rounds=tuple(plan.rounds()))
    weights = np.concatenate(list(resample_weights(contest.people.strata, 3, rng)))
    choices = contest.choices(weights)
    for row, weight in enumerate(weights):
        logs = np.zeros(40)
        for number, (_, apply) in enumerate(plan.rounds()):
            for place, target in enumerate(targets):
                config = choices[row, place, number]
                logs[apply] += target.log_probs[config].mean(axis=0)[apply]
        assert contest.log_scores(choices, weights)[row] == pytest.approx(weight @ logs / 40)

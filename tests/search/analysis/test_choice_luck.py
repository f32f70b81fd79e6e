import numpy as np
import pytest

from search.analysis.approaches import attribute_classes, joint_classes
from search.analysis.choice_luck import Target, choice_variance
from search.analysis.cross_fit import CrossFit
from search.analysis.metrics import macro_f1

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
        targets.append(Target(predicted=np.stack(rows), y=y, num_classes=size))
    return tuple(targets)


def _plan(num_people):
    return CrossFit.of_people(np.arange(num_people) % 5, np.arange(num_people))


def _luck(targets, seed=0, num_resamples=400):
    num_people = len(targets[0].y)
    rng = np.random.default_rng(seed)
    return choice_variance(
        targets, np.arange(num_people), _plan(num_people), num_resamples=num_resamples, rng=rng
    )


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


def test_the_luck_is_what_a_slow_loop_over_resampled_people_finds():
    """The slow twin copies people, chooses by the metric of each attribute and scores the joint."""
    rng = np.random.default_rng(3)
    targets = _targets(rng, 60, (0.7, 0.7, 0.7))
    plan, folds = _plan(60), np.arange(60) % 5
    labels = np.stack([target.y for target in targets], axis=1)
    joint = joint_classes(labels, SIZES)

    def choices(people):
        return [
            [
                max(
                    range(3),
                    key=lambda config, part=people[folds[people] != fold], t=target: macro_f1(
                        t.y[part], t.predicted[config, 0][part], t.num_classes
                    ),
                )
                for target in targets
            ]
            for fold in range(5)
        ]

    def score(chosen, people):
        classes = np.stack(
            [
                [targets[k].predicted[chosen[folds[who]][k], 0, who] for who in people]
                for k in range(2)
            ],
            axis=1,
        )
        return macro_f1(joint[people], joint_classes(classes, SIZES), 6)

    now, fixed, anew = choices(np.arange(60)), [], []
    for _ in range(250):
        drawn = np.concatenate(
            [rng.choice(np.flatnonzero(joint == c), (joint == c).sum()) for c in range(6)]
        )
        fixed.append(score(now, drawn))
        anew.append(score(choices(drawn), drawn))
    slow = (np.var(anew) - np.var(fixed)) / 2
    assert _luck(targets, num_resamples=1_000) == pytest.approx(slow, rel=0.4)
    assert np.array_equal(attribute_classes(joint, SIZES), labels)
    assert plan.folds.tolist() == folds.tolist()


def test_the_score_of_chosen_configs_varies_as_much_as_the_luck_says():
    """The truth: data drawn anew, configs chosen anew, against resamples of one draw."""
    scores, fixed, luck = [], [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        targets = _targets(rng, 100, (0.75,) * 4)
        plan = _plan(100)
        labels = np.stack([target.y for target in targets], axis=1)
        joint = joint_classes(labels, SIZES)
        classes = np.zeros_like(labels)
        for fit, apply in plan.rounds():
            for k, t in enumerate(targets):
                best = max(
                    range(4),
                    key=lambda c, t=t, fit=fit: macro_f1(
                        t.y[fit], t.predicted[c, 0][fit], t.num_classes
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

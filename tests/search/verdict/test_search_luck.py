"""Variance components of repeated searches: made numbers with a known truth, and small repeats."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from search.analysis.metrics import macro_f1
from search.analysis.people import People
from tests.search.builders import repeated_searches
from tests.search.builders.luck_report import Found, describe_configs, report
from tests.search.builders.luck_scores import expected_scores, out_of_fold_scores
from tests.search.builders.luck_variance import (
    Term,
    component,
    false_wins,
    luck,
    mean_of,
    measured,
    people_variance,
    scaled,
)
from tests.search.builders.repeated_searches import (
    FRESH,
    QUICK,
    SAME,
    Repeat,
    people_who_test,
    repeat_of,
)

SEARCH, FINALIST, TRAINING = 0.02, 0.015, 0.03
"""Standard deviations of a search, of a finalist of one search and of a training."""
OF_PEOPLE, OF_MODEL = 0.0006, 0.0004
"""Those of one person's influence on the finalists of a search, and on one model."""
NUM_PEOPLE, FOLDS, SEEDS = 150, 3, 2
STRATA = np.arange(NUM_PEOPLE) % 3


def test_the_variance_over_people_is_that_of_many_resamples():
    rng = np.random.default_rng(0)
    people = People(label=STRATA, person=np.arange(NUM_PEOPLE), num_classes=3)
    influence = rng.normal(STRATA, 1.0)
    sums = people.resample(influence[:, None], lambda found: found, 20_000, rng)
    assert people_variance(influence, people.strata) == pytest.approx(sums.var(), rel=0.04)


def test_components_of_made_searches_are_the_true_ones_on_average_and_intervals_hold_them():
    rng = np.random.default_rng(7)
    truth = {
        "search": SEARCH**2 + FINALIST**2,
        "finalists": FINALIST**2,
        "between": SEARCH**2,
        "training": TRAINING**2 / (FOLDS * SEEDS),
    }
    found = [_components(_made(rng)) for _ in range(300)]
    for name, true in truth.items():
        values = np.array([each[name].value for each in found])
        error = values.std() / len(values) ** 0.5
        assert abs(values.mean() - true) < 3.5 * error, name
        held = sum(each[name].low <= true <= each[name].high for each in found)
        assert 0.92 <= held / len(found) <= 0.99, (name, held)


def test_searches_without_luck_of_their_own_are_found_to_have_none():
    rng = np.random.default_rng(8)
    found = [_components(_made(rng, search=0.0, finalist=0.0))["search"] for _ in range(200)]
    assert np.mean([each.value for each in found]) == pytest.approx(0.0, abs=3e-5)
    assert np.mean([each.low <= 0 <= each.high for each in found]) > 0.92


def test_the_interval_of_one_mean_square_is_that_of_chi_square():
    found = component([Term(coefficient=2.0, value=3.0, degrees=11)])
    low, high = 6.0 * 11 / stats.chi2.ppf([0.975, 0.025], 11)
    assert (found.value, found.low, found.high) == pytest.approx((6.0, low, high))
    assert component([Term(coefficient=-1.0, value=1.0)]).sd == (0.0, 0.0, 0.0)


def test_groups_of_one_score_and_the_luck_of_a_mean():
    rng = np.random.default_rng(3)
    (first, second), *_ = _made(rng)
    both = luck([[first, second], [first]], [STRATA, STRATA])
    assert both.total.degrees == 1
    assert both.total.value == pytest.approx((first.value - second.value) ** 2 / 2)
    assert both.training.value == pytest.approx(
        (first.trainings.sum() + second.trainings.sum()) / 2
    )
    mean = mean_of([first, second])
    assert mean.trainings.sum() == pytest.approx(both.training.value / 2)
    assert mean.value == pytest.approx((first.value + second.value) / 2)


def test_luck_that_the_verdict_does_not_know_of_makes_false_wins():
    assert false_wins(0.01, 0.0) == pytest.approx(0.05)
    assert false_wins(0.0072, 0.005) == pytest.approx(0.162, abs=0.002)
    assert false_wins(0.0072, 0.005, term_sd=0.005) == pytest.approx(0.05)


def _components(searches):
    """The components as the report has them: the chosen finalist of a search is its first."""
    strata = [STRATA] * len(searches)
    chosen = luck([[finalists[0] for finalists in searches]], [STRATA])
    within = luck(searches, strata)
    means = luck([[mean_of(finalists) for finalists in searches]], [STRATA])
    num = len(searches[0])
    return {
        "search": component(chosen.terms),
        "finalists": component(within.terms),
        "between": component((*means.terms, *scaled(within.terms, -1 / num))),
        "training": component(within.of_training),
    }


def _made(rng, *, search=SEARCH, finalist=FINALIST, num=12, finalists=2):
    """Returns the scores of finalists of searches: their luck, that of models, that of people."""
    found = []
    for _ in range(num):
        own, people = rng.normal(0.5, search), rng.normal(0, OF_PEOPLE, NUM_PEOPLE)
        group = []
        for _ in range(finalists):
            true = own + rng.normal(0, finalist) + rng.normal(0, TRAINING, (FOLDS, SEEDS))
            luck_of_model = rng.normal(0, OF_MODEL, (FOLDS, SEEDS, NUM_PEOPLE))
            influence = STRATA + people + luck_of_model  # what is a stratum's own is no luck
            scores = true + (people + luck_of_model).sum(axis=-1)
            group.append(measured(scores, influence, np.full(FOLDS, 1 / FOLDS), STRATA))
        found.append(group)
    return found


def test_scores_of_a_repeat_are_those_of_its_models_and_of_its_choice(tmp_path):
    rng = np.random.default_rng(5)
    test = People(label=np.tile([0, 1, 2], 20), person=np.repeat(np.arange(20), 3), num_classes=3)
    repeat = _repeat(rng, test)
    expected, judged = expected_scores(repeat, test), out_of_fold_scores(repeat, 3)

    def score(label, rows):
        return macro_f1(label, rows, 3)

    models = np.apply_along_axis(lambda rows: score(test.label, rows), -1, repeat.tested)
    assert expected.default.value == pytest.approx(models[2].mean())
    assert [each.value for each in expected.finalists] == pytest.approx(
        models[:2].mean(axis=(1, 2)).tolist()
    )
    taken = np.mean([models[k, :, f] for k, f in zip(repeat.chosen, repeat.fold, strict=True)])
    assert expected.approach.value == pytest.approx(taken)
    rows = [[repeat.out_of_fold[k, s, i] for i, k in enumerate(repeat.chosen)] for s in range(2)]
    assert judged.approach.value == pytest.approx(np.mean([score(repeat.label, r) for r in rows]))
    assert judged.approach.influence.sum() == pytest.approx(0.0, abs=1e-12)
    repeat.write(tmp_path / "repeat.npz")
    again = Repeat.read(tmp_path / "repeat.npz")
    assert expected_scores(again, test).approach.value == expected.approach.value
    assert (again.configs, again.config_ids.tolist()) == (repeat.configs, ["1", "2", "default"])


def test_the_report_of_made_repeats_names_every_luck():
    rng = np.random.default_rng(6)
    test = People(label=np.tile([0, 1, 2], 20), person=np.repeat(np.arange(20), 3), num_classes=3)
    repeats = {kind: [_repeat(rng, test) for _ in range(4)] for kind in (SAME, FRESH)}
    last = repeats[SAME][2]  # early stopping has left this one the default alone
    repeats[SAME][2] = replace(
        last,
        config_ids=last.config_ids[2:],
        tested=last.tested[2:],
        out_of_fold=last.out_of_fold[2:],
        chosen=last.chosen * 0,
        configs='{"default": {}}',
    )
    text = report(Found.of(repeats, test))
    assert describe_configs(repeats) == "0 finalists in 1 repeats, 2 finalists in 7 repeats"
    for wanted in ("| same 3 |", "| **search** (same people) |", "| 2,700 |", "All 6 pairs"):
        assert wanted in text


def _repeat(rng, test):
    """A repeat of random answers, right more often than not, of two finalists and the default."""
    label, person = np.tile([0, 1, 2], 12), np.repeat(np.arange(12), 3)

    def answers(true, *shape):
        wrong = rng.random((*shape, len(true))) < 0.4
        return np.where(wrong, rng.integers(0, 3, wrong.shape), true)

    return Repeat(
        config_ids=np.array(["1", "2", "default"]),
        tested=answers(test.label, 3, 2, 3),
        out_of_fold=answers(label, 3, 2),
        chosen=np.where(person < 6, 1, 0),
        fold=person % 3,
        label=label,
        person=person,
        choice_variance=1e-4,
        configs='{"1": {}, "2": {}, "default": {}}',
        seconds=np.array([1.0, 2.0, 3.0]),
    )


@pytest.mark.ray
@pytest.mark.usefixtures("ray_runtime")
def test_a_small_repeat_is_searched_refitted_tested_and_read_back(tmp_path, monkeypatch):
    size = replace(QUICK, trials=1, configs=1)
    test = people_who_test(size, tmp_path)
    made = repeat_of(size, tmp_path, FRESH, 0, test)
    assert made.config_ids.tolist() == ["default"]
    assert made.tested.shape == (1, size.seeds, size.folds, len(test.people))
    assert sorted(set(made.fold)) == [0, 1]
    files = {path.name for path in (tmp_path / "results" / "fresh0").iterdir()}
    assert "parts" in files
    assert "models" not in files
    monkeypatch.setattr(repeated_searches, "search_and_refit", None)
    again = repeat_of(size, tmp_path, FRESH, 0, test)
    for name in ("tested", "out_of_fold", "chosen"):
        assert getattr(again, name).tolist() == getattr(made, name).tolist()

import json

import numpy as np
import pytest

from search.analysis.approaches.approach import Approach
from search.analysis.errors import AnalysisError
from search.analysis.metrics import macro_f1
from search.analysis.reasons.evidence import Evidence
from search.analysis.reasons.of_search import gradient_conflict, overtuning
from search.analysis.reasons.plots import Point
from tests.search.builders.labelled_people import people_of

CLASSES = {"gender": ("male", "female"), "age": ("young", "old")}


def guesses(y, accuracy, rng, num_seeds):
    right = rng.random((num_seeds, len(y))) < accuracy
    return np.where(right, y, (y + 1) % 4)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_search_that_flattered_its_best_config_is_found_out(rng):
    y = np.arange(400) % 4
    (searched,), fresh = guesses(y, 0.9, rng, 1), guesses(y, 0.6, rng, 2)
    reason = overtuning("joint", searched, fresh, people_of(y, np.arange(400) // 2, 4), CLASSES)
    scores = [macro_f1(y, searched, 4), np.mean([macro_f1(y, row, 4) for row in fresh])]
    assert reason.figures.search == pytest.approx(scores[0])
    assert reason.figures.fresh == pytest.approx(scores[1])
    assert reason.figures.gap == pytest.approx(scores[0] - scores[1])
    assert 0.1 < reason.figures.interval[0] < reason.figures.gap
    assert f"scored {scores[0]:.3f} in the search and {scores[1]:.3f}" in reason.sentence
    assert "not supported" not in reason.sentence
    assert (reason.mechanism, reason.about, reason.effect) == ("M10", ("joint",), None)
    json.dumps(reason.to_dict())


def test_the_same_predictions_have_no_gap(rng):
    y = np.arange(80) % 4
    (row,) = guesses(y, 0.7, rng, 1)
    reason = overtuning("joint", row, row[None], people_of(y, np.arange(80), 4), CLASSES)
    assert reason.figures.gap == 0
    assert reason.sentence.endswith("is not supported by this data.")


def test_a_difference_is_told_with_the_sign_of_its_plot_and_a_shorter_refit_as_shorter(rng):
    y = np.arange(400) % 4
    (searched,), fresh = guesses(y, 0.6, rng, 1), guesses(y, 0.9, rng, 4)
    people = people_of(y, np.arange(400), 4)
    reason = overtuning("age", searched, fresh, people, CLASSES, epochs_share=0.5)
    low, high = reason.figures.interval
    assert high < 0
    said = f"{reason.figures.gap:+.3f} [{low:+.3f}, {high:+.3f}]"
    assert f"a difference of {said}." in reason.sentence
    assert reason.plot.rows == {"age": reason.figures.flattery}
    assert "on fresh folds with 50% of the epochs:" in reason.sentence


def test_one_training_against_one_shows_no_flattery(rng):
    """How far two trainings of a config differ by luck is not known of one seed."""
    y = np.arange(400) % 4
    (searched,), fresh = guesses(y, 0.9, rng, 1), guesses(y, 0.6, rng, 1)
    reason = overtuning("joint", searched, fresh, people_of(y, np.arange(400) // 2, 4), CLASSES)
    assert reason.figures.interval == (-1.0, 1.0)
    assert reason.sentence.endswith("is not supported by this data.")
    assert reason.figures.heading([reason]).startswith("No sign that the search flattered")


def test_the_training_of_the_search_has_luck_of_its_own(rng):
    """It is one training, as each of the seeds that it stands against."""
    y = np.arange(400) % 4
    rows = guesses(y, 0.7, rng, 3)
    people = people_of(y, np.arange(400) // 2, 4)
    parts = [Approach(name="fresh", predicted=rows[:2])]
    evidence = Evidence.of(parts, people, CLASSES)
    terms = [[(1.0, rows[2]), (-1.0, row)] for row in rows[:2]]
    alone, with_own = (evidence.contrast_by_seed(terms, against_one=one) for one in (False, True))
    assert with_own.value == alone.value
    assert with_own.high - with_own.low > alone.high - alone.low


def epochs(*cosines):
    return [{"gender|age": cosine, "mask|age": 0.5} for cosine in cosines]


@pytest.mark.parametrize(
    ("trainings", "said"),
    [
        ([epochs(-0.1, -0.3), epochs(-0.1)], "apart (cosine -0.15 [-0.20, -0.10])"),
        ([epochs(0.1), epochs(0.3)], "together (cosine +0.20 [+0.10, +0.30])"),
        ([epochs(-0.1), epochs(0.3)], "neither together nor apart (cosine +0.10 [-0.10, +0.30])"),
    ],
)
def test_heads_pull_apart_or_together_where_all_trainings_agree(trainings, said):
    reason = gradient_conflict("multihead", trainings)
    assert said in reason.sentence
    assert reason.sentence.startswith("In multihead, gender and age pull")
    assert "mask and age pull the shared weights together (cosine +0.50" in reason.sentence
    assert "means over epochs, with the range over 2 trainings." in reason.sentence
    assert (reason.mechanism, reason.about, reason.effect) == ("M3", ("multihead",), None)
    json.dumps(reason.to_dict())


def test_cosines_are_told_by_epoch_with_their_range():
    trainings = [epochs(0.1, 0.2), epochs(0.3, 0.4)]
    lines = gradient_conflict("multihead", trainings).figures.lines
    assert lines["gender and age"] == (
        Point(x=1, value=pytest.approx(0.2), interval=(0.1, 0.3)),
        Point(x=2, value=pytest.approx(0.3), interval=(0.2, 0.4)),
    )


@pytest.mark.parametrize("trainings", [[], [[]], [epochs(0.1), [{}]]])
def test_a_conflict_needs_the_cosine_of_every_training(trainings):
    with pytest.raises(AnalysisError, match="needs a cosine of two heads in every training"):
        gradient_conflict("multihead", trainings)

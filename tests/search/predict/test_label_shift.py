"""From an ensemble and the probabilities of a folder to a table, a file and a page."""

import io
import json

import numpy as np
import pytest
from rich.console import Console

from search.analysis.errors import AnalysisError
from search.analysis.fitting.class_biases import predict_with_biases
from search.analysis.metrics import macro_f1
from search.analysis.shift.correction import corrected
from search.analysis.shift.estimate import total_variation
from search.analysis.shift.score_forecast import forecast_score
from search.errors import ResultsError
from search.predict.command import forecast_folder
from search.predict.label_shift import label_shift
from search.predict.label_shift_files import (
    SHIFT_FILE,
    SHIFT_PAGE,
    print_shift,
    read_shifts,
    write_shift,
)
from search.predict.oof import OutOfFold
from tests.search.builders.ensembles import SCHEMA, made_spec
from tests.search.builders.label_shift_cells import PRIORS
from tests.search.builders.labelled_people import people_of
from tests.search.builders.simulated_evidence import NUM_CLASSES, photograph, resampled


@pytest.fixture(scope="module")
def made():
    """The spec, out-of-fold predictions, a folder with four times the old people, its shift."""
    rng = np.random.default_rng(0)
    known = photograph(200, rng)
    folder = resampled(photograph(400, rng), PRIORS["old people x 4"], 150, rng)
    spec = made_spec(people=200, photos=1_400, biases=(0.0,) * NUM_CLASSES)
    oof = OutOfFold(
        label=known.label,
        person=known.person,
        probs=known.probs.astype(np.float32),
        predicted=known.probs.argmax(axis=1),
    )
    return spec, oof, folder, label_shift(spec, oof, folder.probs)


def test_attributes_come_first_and_their_shares_are_sums_of_the_joint_ones(made):
    *_, found = made
    assert [shift.name for shift in found.shifts] == [*SCHEMA.names, "joint"]
    joint = found.shifts[-1]
    old = [place for place in range(NUM_CLASSES) if place % 3 == 2]
    age = found.shifts[-2]
    for shares in ("training", "predicted", "averaged", "estimated"):
        summed = sum(getattr(joint, shares)[place] for place in old)
        assert getattr(age, shares)[2] == pytest.approx(summed)
    assert age.low[2] <= age.estimated[2] <= age.high[2]


def test_the_shift_that_was_made_is_found(made):
    _, oof, folder, found = made
    age = found.shifts[-2]
    ratio, low, _ = age.ratio(2)
    assert ratio > 1.8
    assert low > 1
    truth = np.mean(folder.label % 3 == 2)
    assert age.low[2] <= truth <= age.high[2]
    assert age.training[2] < age.predicted[2] < age.estimated[2]
    assert age.validated[2] == pytest.approx(np.mean(oof.predicted % 3 == 2))
    shares = [np.bincount(x, minlength=NUM_CLASSES) / len(x) for x in (oof.label, folder.label)]
    assert found.distance == pytest.approx(total_variation(*shares), abs=0.1)


def test_scores_are_promised_before_and_expected_after_looking(made):
    spec, oof, folder, found = made
    promise = forecast_score(people_of(oof.label, oof.person, NUM_CLASSES), oof.predicted, 150)
    assert found.promised == promise
    truth = macro_f1(folder.label, predict_with_biases(folder.probs, spec.biases), NUM_CLASSES)
    assert found.expected.low <= truth <= found.expected.high


def test_the_correction_is_what_its_factors_say(made):
    spec, _, folder, found = made
    before = predict_with_biases(folder.probs, spec.biases)
    after = predict_with_biases(corrected(folder.probs, np.array(found.odds)), spec.biases)
    assert found.changed == np.mean(before != after) > 0
    assert found.shifts[-1].predicted[0] == np.mean(before == 0)  # it is off


def test_people_are_counted_where_they_are_known_and_assumed_elsewhere(made):
    spec, oof, folder, found = made
    assert (found.people, found.people_known) == (150, False)
    assert "150 people, as many photos each as in training" in found.notes[0]
    few = slice(0, 70)
    known = label_shift(
        spec, oof, folder.probs[few], target_people=np.array(["a", "b"] * 35), seed=1
    )
    assert (known.people, known.people_known) == (2, True)
    assert known.notes[0] == "2 people, as given"
    alone = label_shift(spec, oof, folder.probs[:3])
    assert alone.people == 2  # never fewer: one person is no sample


def test_file_and_page_hold_what_was_found(made, tmp_path):
    spec, *_, found = made
    write_shift(tmp_path, found, spec)
    values = json.loads((tmp_path / SHIFT_FILE).read_text(encoding="utf-8"))
    assert values["expected_score"] == found.expected.to_dict()
    assert values["correction"]["factors"] == list(found.odds)
    assert values["targets"][-1]["classes"][0]["class"] == SCHEMA.joint_names[0]
    assert read_shifts(tmp_path) == found.shifts
    page = (tmp_path / SHIFT_PAGE).read_text(encoding="utf-8")
    assert "On these 1,050 photos expect a macro" in page
    assert page.count("<svg") >= 4


def test_the_table_has_a_row_a_class_and_fits_a_narrow_terminal(made):
    *_, found = made
    text = io.StringIO()
    print_shift(Console(file=text, width=80), found)
    lines = text.getvalue().splitlines()
    (old,) = (line for line in lines if line.strip().startswith("age >=60"))
    ratio, low, high = found.shifts[-2].ratio(2)
    assert old.split()[-4:] == [f"{ratio:.2f}", f"{low:.2f}", "to", f"{high:.2f}"]
    assert sum(" to " in line for line in lines) >= 26  # 3 + 2 + 3 + 18
    assert lines[-1] == f"{found.answer}."


def test_without_a_file_there_are_no_shifts(tmp_path):
    assert read_shifts(tmp_path) == ()


@pytest.mark.parametrize("text", ["{", "[]", '{"targets": [{"name": "age"}]}'])
def test_a_torn_file_is_named(tmp_path, text):
    (tmp_path / SHIFT_FILE).write_text(text)
    with pytest.raises(ResultsError, match=f"{SHIFT_FILE} is not a label shift: .* again"):
        read_shifts(tmp_path)


def test_probabilities_of_other_classes_are_refused(made):
    spec, oof, *_ = made
    with pytest.raises(AnalysisError, match="of the 18 labelled classes"):
        label_shift(spec, oof, np.full((5, 4), 0.25))


def test_of_corrected_answers_the_score_of_corrected_answers_is_told(made):
    spec, oof, folder, found = made
    answered = label_shift(spec, oof, folder.probs, correct=True)
    after = predict_with_biases(corrected(folder.probs, np.array(found.odds)), spec.biases)
    truth = macro_f1(folder.label, after, NUM_CLASSES)
    assert answered.expected.low <= truth <= answered.expected.high
    gained = answered.expected.value - found.expected.value
    assert gained == pytest.approx(found.gain.value, abs=0.01)
    assert "would" not in answered.notes[-1]
    assert "photos got another class" in answered.notes[-1]
    assert (answered.to_dict()["correction"]["applied"], answered.odds) == (True, found.odds)
    assert found.to_dict()["correction"]["applied"] is False


def test_few_photos_are_promised_what_they_can_score(made):
    """As `headrace predict` says without a look at them."""
    spec, oof, folder, _ = made
    few = label_shift(spec, oof, folder.probs[:3])
    assert few.promised == forecast_folder(spec, oof, 3).score
    assert max(few.promised.high, few.expected.high) <= 3 / NUM_CLASSES

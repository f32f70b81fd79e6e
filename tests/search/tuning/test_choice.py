"""The trial that a search chooses: the default's, unless another leads it by more than luck."""

import numpy as np
import pytest

from search.errors import ResultsError
from search.refit.unit_file import TrainedUnit
from search.store.best_file import Rule
from search.store.files import write_arrays
from search.store.records import State
from search.store.run_store import RunStore
from search.tuning.choice import chosen_record, rule_of
from search.tuning.second_fold import SecondFold
from tests.search.builders.made import made_record
from tests.search.builders.people import write_people
from trainables.data import layouts

NUM_PEOPLE = 60
GOOD = {
    "space": "gender",
    "trial": 0,
    "seed": 0,
    "config": {},
    "score": {"value": 0.5, "interval": [0.4, 0.6], "probabilities": "0"},
    "data": {
        "path": "photos",
        "layout": None,
        "demo_people": 0,
        "fingerprint": "0",
        "split": "0",
        "stored_size": [32, 32],
    },
    "training": {"device": "cpu", "num_threads": 1, "weights_dir": ""},
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return layouts.load(write_people(tmp_path_factory.mktemp("chosen"), num_people=NUM_PEOPLE))


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path)


def tried(store, table, number, wrong, values=None, **changes):
    """Returns a trial that was right about the gender of all people but `wrong`."""
    label = table.labels[:, 0].copy()
    is_wrong = np.isin(table.group_index, list(wrong))
    label[is_wrong] = 1 - label[is_wrong]
    rows = np.arange(len(label))
    path = store.validation_path("gender", number)
    path.parent.mkdir(exist_ok=True, parents=True)
    write_arrays(path, {"indices": rows, "probabilities": np.eye(2, dtype=np.float32)[label]})
    return made_record(number, values or {1: 1 - len(wrong) / NUM_PEOPLE}, **changes)


def chosen(store, table, *records, second=None, rule=Rule.ONE_ERROR):
    found = chosen_record(store, table, ["gender"], records, second, rule)
    return None if found is None else found.number


TARGET = {"target.attributes": ("gender",), "target.form": "softmax"}


def again(second, record, wrong):
    """Lets the second training of a trial be right about all who validate it but some."""
    rows = second.folds.out(0)
    label = second.table.labels[rows, 0].copy()
    person = np.unique(second.table.group_index[rows], return_inverse=True)[1]
    is_wrong = np.isin(person, list(wrong))
    label[is_wrong] = 1 - label[is_wrong]
    unit, heads = second.unit(record), {"gender": np.eye(2, dtype=np.float32)[label]}
    key = second.folds.key(unit)
    trained = TrainedUnit(indices=rows, seconds=1.0, key=key, note={}, heads=heads)
    second.files.write_unit(unit, trained)


@pytest.fixture
def second(store, table):
    return SecondFold.of(store, table)


def of_two_folds(store, table):
    """Returns the default and a config that clearly leads it on the first fold."""
    return (
        tried(store, table, 0, range(20), config=TARGET),
        tried(store, table, 1, range(4), config={**TARGET, "optim.lr": 0.5}),
        tried(store, table, 2, range(10), config={**TARGET, "optim.lr": 0.2}),
    )


def test_a_lead_that_the_second_fold_does_not_show_is_luck(store, table, second):
    default, lucky, sure = of_two_folds(store, table)
    assert chosen(store, table, default, lucky, sure) == 1
    again(second, default, range(4))
    again(second, lucky, range(10))
    assert chosen(store, table, default, lucky, sure, second=second) == 0
    again(second, sure, ())
    assert chosen(store, table, default, lucky, sure, second=second) == 2


def test_both_folds_together_show_a_lead_that_neither_shows_alone(store, table, second):
    default = tried(store, table, 0, range(8), config=TARGET)
    other = tried(store, table, 1, range(6, 12), config={**TARGET, "optim.lr": 0.5})
    again(second, default, range(3))
    assert chosen(store, table, default, other, second=second) == 0
    again(second, other, ())
    assert chosen(store, table, default, other, second=second) == 1


def test_a_better_trial_of_a_later_start_is_not_held_for_worse_than_those_trained_again(
    store, table, second
):
    default, before, other = of_two_folds(store, table)
    again(second, default, range(6))
    again(second, other, ())
    assert chosen(store, table, default, other, second=second) == 2
    assert chosen(store, table, default, other, before, second=second) == 1


def test_who_was_trained_again_has_to_lead_by_more_than_one_error(store, table, second):
    default = tried(store, table, 0, range(12), config=TARGET)
    other = tried(store, table, 1, range(2, 12), config={**TARGET, "optim.lr": 0.5})
    assert chosen(store, table, default, other, second=second) == 1
    again(second, default, range(4))
    again(second, other, range(3, 5))  # 1.2 errors of both
    assert chosen(store, table, default, other, second=second) == 0


def test_who_was_not_trained_again_has_it_no_easier(store, table, second):
    default = tried(store, table, 0, range(12), config=TARGET)
    lucky = tried(store, table, 1, range(2, 12), config={**TARGET, "optim.lr": 0.5})
    other = tried(store, table, 2, range(3, 13), config={**TARGET, "optim.lr": 0.2})
    again(second, default, range(4))
    again(second, other, ())
    assert chosen(store, table, default, lucky) == 1
    assert chosen(store, table, default, lucky, other, second=second) == 2


@pytest.mark.parametrize("trained", [(), (0,), (1, 2)])
def test_without_the_default_or_anybody_beside_it_the_first_fold_decides(
    trained, store, table, second
):
    records = of_two_folds(store, table)
    for number in trained:
        again(second, records[number], range(4))
    assert chosen(store, table, *records, second=second) == 1


def test_a_lead_of_less_than_a_standard_error_is_luck(store, table):
    default = tried(store, table, 0, range(12))
    other = tried(store, table, 1, range(2, 13))  # right about two, wrong about one
    assert chosen(store, table, default, other) == 0
    sure = tried(store, table, 2, range(2, 12))
    assert chosen(store, table, default, other, sure) == 2


def test_a_clear_lead_is_taken_and_the_surer_of_two(store, table):
    default = tried(store, table, 0, range(20))
    # Right about the twenty, and wrong about nine others whom the default knew.
    wild = tried(store, table, 1, range(20, 29))
    sure = tried(store, table, 2, range(10))
    assert chosen(store, table, default, sure) == 2
    assert wild.objective > sure.objective
    assert chosen(store, table, default, wild, sure) == 2


def test_a_lead_in_the_last_epoch_alone_is_luck(store, table):
    default = tried(store, table, 0, range(20), dict.fromkeys(range(1, 5), 0.6))
    other = tried(store, table, 1, range(5), {1: 0.1, 2: 0.6, 3: 0.6, 4: 0.75})
    steady = tried(store, table, 2, range(5), {1: 0.1, 2: 0.74, 3: 0.75, 4: 0.74})
    assert chosen(store, table, default, other) == 0
    assert chosen(store, table, default, other, steady) == 2


def test_the_more_configs_lead_the_surer_one_of_them_has_to_be(store, table):
    default = tried(store, table, 0, range(12))
    sure = tried(store, table, 1, range(2, 12))  # 1.45 errors ahead
    others = [tried(store, table, number, range(1, 12)) for number in range(2, 8)]
    by = {"rule": Rule.DUNNETT}
    assert chosen(store, table, default, sure, **by) == 1
    assert chosen(store, table, default, sure, *others[:1], **by) == 1
    assert chosen(store, table, default, sure, *others, **by) == 0
    assert chosen(store, table, default, sure, *others) == 1


def test_the_second_fold_asks_for_as_much_whatever_the_number_of_leads(store, table, second):
    default = tried(store, table, 0, range(12), config=TARGET)
    other = tried(store, table, 1, range(2, 12), config={**TARGET, "optim.lr": 0.5})
    again(second, default, range(4))
    again(second, other, range(3, 5))  # 1.2 errors of both
    by = {"second": second, "rule": Rule.DUNNETT}
    assert chosen(store, table, default, other, **by) == 0
    again(second, other, range(2))
    assert chosen(store, table, default, other, **by) == 1
    more = [tried(store, table, n, range(1, 12), config=TARGET) for n in range(2, 16)]
    assert chosen(store, table, default, other, *more, **by) == 1
    assert chosen(store, table, default, other, *more, rule=Rule.DUNNETT) == 0


def test_who_ranks_behind_those_trained_again_is_not_taken_by_one_fold(store, table, second):
    default = tried(store, table, 0, range(20), config=TARGET)
    # Right about the twenty, and wrong about fourteen whom the default knew.
    wild = tried(store, table, 1, range(20, 34), config={**TARGET, "optim.lr": 0.5})
    behind = tried(store, table, 2, range(5, 20), config={**TARGET, "optim.lr": 0.2})
    again(second, default, range(5))
    again(second, wild, range(5))
    by = {"second": second, "rule": Rule.DUNNETT}
    assert chosen(store, table, default, wild, behind, rule=Rule.DUNNETT) == 2
    assert chosen(store, table, default, wild, behind, **by) == 0
    later = tried(store, table, 3, range(12, 20), config={**TARGET, "optim.lr": 0.1})
    assert chosen(store, table, default, wild, behind, later, **by) == 3


def test_the_default_that_leads_is_taken(store, table):
    default, other = tried(store, table, 0, range(2)), tried(store, table, 1, range(30))
    assert chosen(store, table, default, other) == 0


def test_where_the_default_did_not_end_the_best_score_is_taken(store, table):
    default = tried(store, table, 0, range(12), state=State.FAIL)
    others = [tried(store, table, number, range(12 - number)) for number in (1, 2)]
    assert chosen(store, table, default, *others) == 2
    assert chosen(store, table, *others) == 2
    assert chosen(store, table, default) is None


def test_who_scores_lower_in_the_end_is_not_taken_however_early_it_was_good(store, table):
    default = tried(store, table, 0, range(1), {1: 0.2, 2: 0.3, 3: 1 - 1 / NUM_PEOPLE})
    early = tried(store, table, 1, range(3), {1: 0.9, 2: 0.9, 3: 1 - 3 / NUM_PEOPLE})
    alike = tried(store, table, 2, range(1), {1: 0.9, 2: 0.9, 3: 1 - 1 / NUM_PEOPLE})
    assert chosen(store, table, default, early, alike) == 0


def test_a_challenger_whose_predictions_are_lost_is_passed_over(store, table):
    default = tried(store, table, 0, range(20))
    lucky, sure = tried(store, table, 1, range(2, 21)), tried(store, table, 2, range(6))
    lost = tried(store, table, 3, range(2))
    store.validation_path("gender", 3).unlink()
    assert chosen(store, table, default, lucky, sure, lost) == 2
    assert chosen(store, table, default, lucky, lost) == 0


def test_where_those_of_the_default_are_lost_the_best_score_is_taken(store, table):
    default, other = tried(store, table, 0, range(12)), tried(store, table, 1, range(1, 12))
    store.validation_path("gender", 0).unlink()
    assert chosen(store, table, default, other) == 1


def test_predictions_of_other_photos_say_nothing(store, table):
    default, other = tried(store, table, 0, range(20)), tried(store, table, 1, ())
    rows = np.arange(5)
    probabilities = np.eye(2, dtype=np.float32)[rows % 2]
    path = store.validation_path("gender", 1)
    write_arrays(path, {"indices": rows, "probabilities": probabilities})
    assert chosen(store, table, default, other) == 0


def wrote(store, trial, chosen_by=None):
    told = {} if chosen_by is None else {"chosen_by": chosen_by}
    store.write_best("gender", {**GOOD, "trial": trial, "score": {**GOOD["score"], **told}})


def test_a_run_goes_on_by_the_rule_that_it_began_with(store, table):
    records = tried(store, table, 0, range(12)), tried(store, table, 1, range(2, 12))
    store.write_study({"chosen_by": "lead_of_one_error"})
    wrote(store, 1)
    assert rule_of(store, records) is Rule.ONE_ERROR
    store.write_study({"chosen_by": "lead"})
    assert rule_of(store, records) is Rule.LEAD
    assert chosen(store, table, *records, rule=Rule.ONE_ERROR) == 1
    assert chosen(store, table, *records, rule=Rule.LEAD) == 0


@pytest.mark.parametrize(
    ("trial", "chosen_by", "expected"),
    [
        (1, None, Rule.SCORE),
        (0, None, Rule.LEAD),
        (1, "lead", Rule.LEAD),
        (1, "dice", Rule.LEAD),
        (None, None, Rule.LEAD),
    ],
)
def test_an_older_run_goes_on_as_its_file_says(store, table, trial, chosen_by, expected):
    records = tried(store, table, 0, range(12)), tried(store, table, 1, range(2, 13))
    store.write_study({})
    if trial is not None:
        wrote(store, trial, chosen_by)
    assert rule_of(store, records) is expected
    if trial == 1:
        better = tried(store, table, 2, range(5, 15))
        assert rule_of(store, (*records, better)) is Rule.LEAD
    assert chosen(store, table, *records, rule=expected) == (expected is Rule.SCORE)


def test_an_older_run_goes_on_as_what_its_search_chose_says(store, table):
    records = tried(store, table, 0, range(12)), tried(store, table, 1, range(2, 13))
    store.write_study({})
    score = {**GOOD["score"], "chosen_by": "refit"}
    choice = {"trial": 1, "score": GOOD["score"]}
    judged = {**GOOD, "trial": 0, "score": score, "search_choice": choice}
    store.write_best("gender", judged)
    assert rule_of(store, records) is Rule.SCORE
    store.write_best("gender", {**judged, "search_choice": {**choice, "trial": 0}})
    assert rule_of(store, records) is Rule.LEAD


def test_the_file_of_an_older_run_that_cannot_be_read_says_nothing(store, table):
    store.write_study({})
    wrote(store, 1)
    store.best_path("gender").write_text("score: 3")
    assert rule_of(store, [tried(store, table, 1, ())]) is Rule.LEAD


def test_a_rule_that_nobody_knows_is_refused(store):
    store.write_study({"chosen_by": "dice"})
    known = "lead, lead_of_one_error, lead_dunnett"
    with pytest.raises(ResultsError, match=f"must be one of {known}, got 'dice'; resume"):
        rule_of(store, [])

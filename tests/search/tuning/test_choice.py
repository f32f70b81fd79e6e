"""The trial that a search chooses: the default's, unless another leads it by more than luck."""

import numpy as np
import pytest

from search.store.files import write_arrays
from search.store.records import State
from search.store.run_store import RunStore
from search.tuning.choice import chosen_record
from tests.search.builders.made import made_record
from tests.search.builders.people import write_people
from trainables.data import layouts

NUM_PEOPLE = 60


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


def chosen(store, table, *records):
    found = chosen_record(store, table, ["gender"], records)
    return None if found is None else found.number


def test_a_lead_of_one_person_is_luck(store, table):
    default = tried(store, table, 0, range(12))
    other = tried(store, table, 1, range(1, 12))
    assert chosen(store, table, default, other) == 0


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


def test_the_default_that_leads_is_taken(store, table):
    default, other = tried(store, table, 0, range(2)), tried(store, table, 1, range(30))
    assert chosen(store, table, default, other) == 0


def test_where_the_default_did_not_end_the_best_score_is_taken(store, table):
    default = tried(store, table, 0, range(12), state=State.FAIL)
    others = [tried(store, table, number, range(12 - number)) for number in (1, 2)]
    assert chosen(store, table, default, *others) == 2
    assert chosen(store, table, *others) == 2
    assert chosen(store, table, default) is None


def test_where_predictions_are_lost_or_of_other_photos_the_best_score_is_taken(store, table):
    default, other = tried(store, table, 0, range(12)), tried(store, table, 1, range(1, 12))
    path = store.validation_path("gender", 1)
    rows = np.arange(5)
    write_arrays(path, {"indices": rows, "probabilities": np.eye(2, dtype=np.float32)[rows % 2]})
    assert chosen(store, table, default, other) == 1
    path.unlink()
    assert chosen(store, table, default, other) == 1

"""The note of a study, as optuna-dashboard reads it."""

import optuna
import pytest

from search.tuning.journal import open_storage
from search.tuning.study_note import note_attributes, study_note
from tests.search.builders.made import made_record
from tests.search.builders.scripted import EPOCHS, open_journal, tiny_space


@pytest.fixture
def path(tmp_path):
    return tmp_path / "optuna.journal"


def opened(path, name):
    return optuna.load_study(study_name=name, storage=open_storage(path))


def test_the_dashboard_shows_what_the_study_is(path):
    dashboard = pytest.importorskip("optuna_dashboard")
    journal = open_journal(open_storage(path), "age", data_name="photos_2026")
    note = dashboard.get_note(opened(path, journal.name))
    assert note == study_note(journal.space, EPOCHS, "photos_2026")
    assert note.startswith("## headrace: space age\n")
    assert r"**age** by one softmax on photos\_2026." in note
    assert f"**Epochs**: {EPOCHS} for" in note


def test_a_note_that_a_person_changed_stays(path):
    dashboard = pytest.importorskip("optuna_dashboard")
    journal = open_journal(open_storage(path), "age")
    dashboard.save_note(opened(path, journal.name), "mine")
    open_journal(open_storage(path), "age")
    assert dashboard.get_note(opened(path, journal.name)) == "mine"


def test_a_note_longer_than_a_piece_is_read_whole(path):
    dashboard = pytest.importorskip("optuna_dashboard")
    storage = open_storage(path)
    study = optuna.create_study(storage=storage, study_name="long")
    text = "word " * 1000
    for key, part in note_attributes(text):
        storage.set_study_system_attr(study._study_id, key, part)
    assert dashboard.get_note(study) == text


def test_names_of_the_user_are_no_markup():
    space = tiny_space("<b>*a*</b>\n# $x$", attributes=("[a](b)",))
    note = study_note(space, EPOCHS, "`rm`")
    assert r"space \<b\>\*a\*\<\/b\> \# \$x\$" in note
    assert r"**\[a\]\(b\)**" in note
    assert r"\`rm\`" in note
    assert len(note.splitlines()) == len(study_note(tiny_space("a"), EPOCHS, "").splitlines())


def test_data_and_epochs_are_attributes(path):
    journal = open_journal(open_storage(path), "multihead", data_name="photos")
    attributes = opened(path, journal.name).user_attrs
    assert attributes["data"] == "photos"
    assert attributes["epochs"] == EPOCHS
    assert "by heads" in attributes["headrace"]


def test_the_trial_that_was_chosen_is_noted_once(path):
    journal = open_journal(open_storage(path), "age")
    journal.note_choice(made_record(0, {3: 0.5}), "trial 7 scored 0.6000, but by luck")
    lines = path.read_text().count("\n")
    journal.note_choice(made_record(0, {3: 0.5}), "trial 7 scored 0.6000, but by luck")
    assert path.read_text().count("\n") == lines
    chosen = opened(path, journal.name).user_attrs["chosen"]
    assert chosen == "trial 0; trial 7 scored 0.6000, but by luck"
    journal.note_choice(made_record(7, {3: 0.6}), "")
    assert opened(path, journal.name).user_attrs["chosen"] == "trial 7"

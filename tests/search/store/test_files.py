"""Files and folders are there whole or not at all."""

import json
from pathlib import Path

import pytest

from search.errors import ResultsError
from search.store.files import check_writable, replaced, write_json, write_text


def test_a_text_is_written_with_its_folder(tmp_path):
    write_text(tmp_path / "deep" / "er" / "note.txt", "äöü\n")
    assert (tmp_path / "deep" / "er" / "note.txt").read_text(encoding="utf-8") == "äöü\n"


@pytest.mark.parametrize("step", ["write_text", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch, step):
    path = tmp_path / "study.json"
    write_text(path, "old")
    write = Path.write_text

    def fail(self, *given, **options):
        write(self, "ha", encoding="utf-8")
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, step, fail)
    with pytest.raises(OSError, match="No space left"):
        write_text(path, "new and longer")
    monkeypatch.undo()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_first_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def fail(self, target):
        raise OSError("No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        write_text(tmp_path / "study.json", "new")
    assert list(tmp_path.iterdir()) == []


def test_json_is_written_for_people_and_programs(tmp_path):
    write_json(tmp_path / "deep" / "a.json", {"name": "\u00e4", "values": [1, None]})
    text = (tmp_path / "deep" / "a.json").read_text(encoding="utf-8")
    assert text == '{\n  "name": "\u00e4",\n  "values": [\n    1,\n    null\n  ]\n}\n'


def test_a_number_that_is_not_finite_is_no_json_and_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", {"value": 1.0})
    with pytest.raises(ValueError, match="Out of range float values"):
        write_json(tmp_path / "a.json", {"value": float("nan")})
    assert json.loads((tmp_path / "a.json").read_text()) == {"value": 1.0}


def test_a_folder_that_was_being_replaced_is_put_back(tmp_path):
    folder, older = tmp_path / "ensemble", tmp_path / ".ensemble.old"
    older.mkdir()
    (older / "kept").touch()
    with pytest.raises(KeyboardInterrupt), replaced(folder):
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["ensemble"]
    assert (folder / "kept").exists()
    with replaced(folder) as new:
        (new / "better").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["ensemble", "better"]


def test_a_folder_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResultsError, match=r"--cache must be a folder .*file is a file; give"):
        check_writable("--cache", tmp_path / "file" / "deep")


def test_a_read_only_folder_cannot_be_written(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(ResultsError, match=r"--results must be .* is read-only; give another"):
        check_writable("--results", tmp_path / "new")


def test_asking_whether_a_folder_can_be_written_makes_nothing(tmp_path):
    check_writable("--results", tmp_path / "new" / "deep")
    assert not list(tmp_path.iterdir())

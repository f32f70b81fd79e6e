"""What the audit says of a clean folder, and of one that is damaged in some fifty ways."""

import io
import json
import shutil

import pytest
from rich.console import Console

from search.audit.finding import Level
from search.audit.stage import audit, print_audit, write_audit
from search.cli.commands import main
from tests.search.audit import damaged_files, damaged_labels
from tests.search.audit.damages import DAMAGES, photo


def test_both_lists_of_damage_are_tried():
    modules = {each.do.__module__ for each in DAMAGES.values()}
    assert modules == {damaged_files.__name__, damaged_labels.__name__}


def audited(root, cache):
    text = io.StringIO()
    console = Console(file=text, width=200)
    found = audit(root, None, (), cache, console)
    print_audit(console, found, root)
    return found, text.getvalue()


def test_a_clean_folder_raises_no_alarm(folder, sketches_kept, tmp_path):
    found, said = audited(folder, sketches_kept)
    assert [each.kind for each in found.findings] == []
    assert "Nothing needs a person's eye" in said
    write_audit(found, tmp_path)
    assert json.loads((tmp_path / "audit.json").read_text())["result"] == "clean"


def test_what_systems_leave_in_folders_raises_no_alarm(folder, sketches_kept):
    person = photo(folder, 0).parent
    (person / "Thumbs.db").write_bytes(b"\0")
    (person / "@eaDir").mkdir()
    shutil.copy(photo(folder, 0), person / "@eaDir" / "SYNOPHOTO_THUMB_M.jpg")
    found, _ = audited(folder, sketches_kept)
    assert [each.kind for each in found.findings] == []


@pytest.mark.parametrize("name", DAMAGES)
def test_every_damage_is_found_and_named(name, folder, sketches_kept):
    damage = DAMAGES[name]
    what = damage.do(folder)
    found, said = audited(folder, sketches_kept)
    grave = [each for each in found.findings if each.level is not Level.NOTE]
    assert {each.kind for each in found.findings} == set(damage.kinds)
    assert any(what in thing for each in grave for thing in each.named)
    assert what in said


def test_all_damages_together_end_in_no_traceback(folder, sketches_kept, tmp_path):
    kinds = set()
    for damage in DAMAGES.values():
        try:
            damage.do(folder)
        except (OSError, ValueError, KeyError, IndexError, StopIteration):
            continue  # an earlier one has removed what it works on
        kinds |= damage.kinds
    assert len(kinds) > 5
    found, _ = audited(folder, sketches_kept)
    write_audit(found, tmp_path)
    assert found.gravest is Level.UNUSABLE


@pytest.mark.parametrize(
    ("name", "code"), [("", 0), ("one_photo_of_two_people", 1), ("a_photo_missing", 2)]
)
def test_the_exit_code_says_how_grave_it_is(name, code, folder, sketches_kept, tmp_path, capsys):
    what = DAMAGES[name].do(folder) if name else ""
    folders = ["--out", str(tmp_path / "out"), "--cache", str(sketches_kept)]
    assert main(["audit", "--data", str(folder), *folders]) == code
    assert "audit.html" in capsys.readouterr().out
    assert what in (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")

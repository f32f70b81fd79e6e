"""What changed between two versions of a data folder."""

import json
import shutil
import unicodedata

import pytest
from PIL import Image

from search.cli.commands import main
from tests.search.audit.damages import linked_copy
from tests.search.builders.people import write_people


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("kept") / "old")


@pytest.fixture
def folders(kept, tmp_path):
    return linked_copy(kept, tmp_path / "old"), linked_copy(kept, tmp_path / "new")


def edit(folder, *changes):
    path = folder / "manifest.csv"
    text = path.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path.unlink()  # the copies share their files
    path.write_text(text, encoding="utf-8")


def compared(folders, tmp_path, code):
    out = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert main(["audit", "--diff", *map(str, folders), *out]) == code
    found = json.loads((tmp_path / "out" / "diff.json").read_text(encoding="utf-8"))
    return {each["kind"]: each["named"] for each in found["findings"]}


def test_two_equal_folders_differ_in_nothing(folders, tmp_path, capsys):
    assert compared(folders, tmp_path, 0) == {}
    assert "Nothing changed" in capsys.readouterr().out


def gone(new):
    (new / "photos" / "03_0.png").unlink()
    edit(new, ("photos/03_0.png,p03,male,normal\n", ""))


def lost(new):
    (new / "photos" / "03_0.png").unlink()


def empty(new):
    (new / "photos" / "03_0.png").unlink()
    (new / "photos" / "03_0.png").touch()


def other_terms(new):
    (new / "dataset.yaml").write_text("licence: CC BY-NC 4.0\n", encoding="utf-8")


def added(new):
    shutil.copy(new / "photos" / "03_0.png", new / "photos" / "new.png")
    edit(
        new, ("path,group,gender,mask\n", "path,group,gender,mask\nphotos/new.png,p99,male,wear\n")
    )


def moved(new):
    (new / "photos" / "03_0.png").rename(new / "photos" / "three.png")
    edit(new, ("photos/03_0.png", "photos/three.png"))


def changed(new):
    path = new / "photos" / "03_0.png"
    path.unlink()
    Image.new("RGB", (32, 32), (9, 200, 30)).save(path)


def saved_again(new):
    path = new / "photos" / "03_0.png"
    Image.open(path).save(path.with_suffix(".bmp"))
    path.unlink()
    edit(new, ("photos/03_0.png", "photos/03_0.bmp"))


def another_person(new):
    edit(new, (",p03,", ",p77,"))


def another_gender(new):
    edit(new, (",p03,male,", ",p03,female,"))


def another_mask(new):
    edit(new, ("photos/03_0.png,p03,male,normal", "photos/03_0.png,p03,male,wear"))


def corrected(new):
    text = "group_or_path,attribute,label,reason\nphotos/03_0.png,mask,wear,seen\n"
    (new / "corrections.csv").write_text(text, encoding="utf-8")


def unlisted(new):
    edit(new, ("photos/03_0.png,p03,male,normal\n", ""))


def another_class(new):
    edit(new, (",normal", ",without"))


@pytest.mark.parametrize(
    ("change", "kind", "named"),
    [
        (gone, "photo-gone", ["photos/03_0.png"]),
        (lost, "photo-gone", ["photos/03_0.png"]),
        (empty, "photo-changed", ["photos/03_0.png"]),
        (other_terms, "licence-changed", ["none named, now CC BY-NC 4.0"]),
        (added, "photo-added", ["photos/new.png"]),
        (moved, "photo-moved", ["photos/03_0.png is now photos/three.png"]),
        (changed, "photo-changed", ["photos/03_0.png"]),
        (saved_again, "photo-changed", ["photos/03_0.png is now photos/03_0.bmp"]),
        (another_person, "person-changed", ["p03, now p77 (2 photos such as photos/03_0.png)"]),
        (another_gender, "label-changed", ["p03, all 2 photos: gender male, now female"]),
        (another_mask, "label-changed", ["photos/03_0.png (p03): mask normal, now wear"]),
        (corrected, "label-changed", ["photos/03_0.png (p03): mask normal, now wear"]),
        (unlisted, "listed-otherwise", ["photos/03_0.png"]),
    ],
)
def test_every_change_is_named_and_nothing_else(change, kind, named, folders, tmp_path):
    change(folders[1])
    assert compared(folders, tmp_path, 1) == {kind: named}
    assert kind in (tmp_path / "out" / "diff.html").read_text(encoding="utf-8")


def test_the_labels_of_a_lost_photo_are_compared_and_it_is_not_counted(folders, tmp_path, capsys):
    lost(folders[1])
    another_mask(folders[1])
    assert compared(folders, tmp_path, 1).keys() == {"photo-gone", "label-changed"}
    said = capsys.readouterr().out
    assert "old: 48 photos" in said
    assert "new: 47 photos" in said


def test_other_classes_are_said_once_and_their_labels_with_them(folders, tmp_path):
    another_class(folders[1])
    found = compared(folders, tmp_path, 1)
    assert found["attribute-changed"] == ["mask: normal, wear; now wear, without"]
    assert len(found["label-changed"]) == 24


def test_one_spelling_of_a_class_is_no_change(folders, tmp_path):
    for folder, one in zip(folders, ("1", "1.0"), strict=True):
        edit(folder, (",female,", f",{one},"), (",male,", ",2,"))
    assert compared(folders, tmp_path, 0) == {}


def test_names_of_a_mac_are_the_same_files(folders, tmp_path):
    old, new = folders
    for folder, form in ((old, "NFC"), (new, "NFD")):
        name = unicodedata.normalize(form, "é")
        (folder / "photos" / "03_0.png").rename(folder / "photos" / f"{name}.png")
        edit(folder, ("photos/03_0.png", f"photos/{name}.png"))
    assert compared(folders, tmp_path, 1).keys() == {"photo-moved"}


def test_labels_that_cannot_be_read_are_told_beside_the_photos(folders, tmp_path):
    edit(folders[1], ("path,group", "path;group"))
    found = compared(folders, tmp_path, 2)
    assert "refused" in found
    assert "label-changed" not in found


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--data", "x"], "leave out --data"),
        (["--corrections", "competition"], "leave out --corrections"),
        (["--layout", "manifst"], "did you mean manifest"),
    ],
)
def test_what_the_comparison_cannot_take_is_refused(more, said, folders, capsys):
    assert main(["audit", "--diff", *map(str, folders), *more]) == 2
    assert said in capsys.readouterr().err


def test_a_number_that_differs_in_its_last_digit_is_another_one(tmp_path):
    folders = []
    for name, born in (("old", 19800101), ("new", 19800102)):
        folder = tmp_path / name
        (folder / "photos").mkdir(parents=True)
        rows = ["path,group,born"]
        for number in range(8):
            Image.new("RGB", (32, 32), (20 * number, 9, 9)).save(folder / f"{number}.png")
            own = born if number == 0 else (19800101 if number % 2 else 19950101)
            rows.append(f"{number}.png,p{number},{own}")
        (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        (folder / "dataset.yaml").write_text(
            "attributes: {born: {bins: [19900101]}}\n", encoding="utf-8"
        )
        folders.append(folder)
    (named,) = compared(folders, tmp_path, 1)["label-changed"]
    assert named == "0.png (p0): born <19900101 (19800101), now <19900101 (19800102)"

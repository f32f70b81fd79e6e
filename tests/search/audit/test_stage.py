"""Audits of folders that are not the demo: other layouts, many attributes, no labels."""

import io
import json
import os

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from search.audit import files
from search.audit.finding import Level
from search.audit.listing import list_folder
from search.audit.stage import _check_photos, audit, write_audit
from search.errors import ResultsError
from search.prepare.config import RunConfig
from search.prepare.dataset import open_dataset
from tests.search.builders.people import write_people
from trainables.data.sketches import Sketches
from trainables.errors import DataError


def audited(root, tmp_path):
    found = audit(root, None, (), tmp_path / "cache", Console(file=io.StringIO()))
    write_audit(found, tmp_path / "out")
    return found


def kinds(found, *levels):
    return {each.kind for each in found.findings if each.level in (levels or tuple(Level))}


def write_photos(root, names, seed=0):
    rng = np.random.default_rng(seed)
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        pixels = rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / name)


def test_forty_attributes_are_counted_without_their_joint_classes(tmp_path):
    root, rng = tmp_path / "data", np.random.default_rng(0)
    names = [f"{n}.png" for n in range(40)]
    write_photos(root, names)
    attributes = [f"a{n}" for n in range(40)]
    lines = [",".join(["path", *attributes])]
    for name in names:
        lines.append(",".join([name, *("no" if x else "yes" for x in rng.integers(0, 2, 40))]))
    (root / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / "dataset.yaml").write_text("group: path\n", encoding="utf-8")
    found = audited(root, tmp_path)
    assert kinds(found, Level.LOOK, Level.UNUSABLE) == set()
    assert "1,099,511,627,776 joint classes" in (tmp_path / "out" / "audit.html").read_text()


class Ran:
    """Stands for a run on a folder."""

    def __init__(self, root, content, **config):
        self.root = root
        self.study = {"config": config, "data": {"content": content}}

    def read_study(self):
        return self.study


def looked(root, tmp_path):
    listing = list_folder(root, None)
    paths = listing.paths
    return listing, Sketches.open(root, paths, tmp_path / "cache", num_threads=1)


def test_suspects_of_a_run_on_other_photos_are_refused_whatever_their_labels_are(tmp_path):
    """Two photos whose names were exchanged have the labels that they had."""
    root = write_people(tmp_path / "data", num_people=6)
    config = RunConfig(spaces=("gender",), name="x", data=str(root), people=None, trials=1, seed=0)
    content = open_dataset(
        config, tmp_path / "cache", lambda text: lambda done, total: None
    ).content
    _check_photos(Ran(root, content), *looked(root, tmp_path))
    first, second = sorted((root / "photos").iterdir())[:2]
    aside = first.with_suffix(".x")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)
    with pytest.raises(ResultsError, match="photos that it was run with, and some are others now"):
        _check_photos(Ran(root, content), *looked(root, tmp_path))
    _check_photos(Ran(root, content, add_data=["more"]), *looked(root, tmp_path))


def test_a_run_that_scores_several_folders_has_no_suspects(tmp_path):
    root = write_people(tmp_path / "data", num_people=6)
    with pytest.raises(ResultsError, match=r"--score-added.*audit the folders without --run"):
        _check_photos(Ran(root, "", score_added=True), *looked(root, tmp_path))


def test_a_folder_without_labels_is_looked_at_all_the_same(tmp_path):
    write_photos(tmp_path / "data", ["a.png", "b.png"])
    (tmp_path / "data" / "c.png").touch()
    found = audited(tmp_path / "data", tmp_path)
    assert kinds(found) == {"refused", "empty-file"}
    assert found.gravest is Level.UNUSABLE


def test_a_name_that_is_not_unicode_is_refused_with_the_way_out(tmp_path):
    write_photos(tmp_path / "data", ["a.png"])
    (tmp_path / "data" / os.fsdecode(b"\xb3.png")).touch()
    with pytest.raises(DataError, match=r"names of photos must be Unicode, got '.udcb3\.png'"):
        audited(tmp_path / "data", tmp_path)


def test_an_empty_folder_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "data").mkdir()
    found = audited(tmp_path / "data", tmp_path)
    assert kinds(found) == {"refused"}


def test_labels_of_a_manifest_that_contradict_a_person_are_named(tmp_path):
    root = write_people(tmp_path / "data")
    path = root / "manifest.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("photos/04_1.png,p04,female", "photos/04_1.png,p04,male"))
    found = audited(root, tmp_path)
    (finding,) = [each for each in found.findings if each.kind == "contradiction"]
    assert finding.named == ("p04: female (1), male (1)",)


def test_corrections_that_fit_nothing_are_refused_and_the_rest_is_looked_at(tmp_path):
    root = write_people(tmp_path / "data")
    text = "group_or_path,attribute,label,reason\nnobody,gender,male,\n"
    (root / "corrections.csv").write_text(text, encoding="utf-8")
    found = audited(root, tmp_path)
    (refused,) = [each for each in found.findings if each.kind == "refused"]
    assert "nobody" in refused.named[0]
    assert found.listing.table is not None


def test_what_a_run_would_refuse_is_said_in_its_own_words(tmp_path):
    root = write_people(tmp_path / "data")
    (root / "manifest.csv").write_text("path,gender\nphotos/00_0.png,male\n", encoding="utf-8")
    found = audited(root, tmp_path)
    entry = json.loads((tmp_path / "out" / "audit.json").read_text())["findings"][0]
    assert entry["kind"] == "refused"
    assert entry["level"] == "unusable"
    assert entry["named"] == list(found.listing.problems)


def test_labels_that_are_unknown_are_no_class(tmp_path):
    root = tmp_path / "data"
    people, lines = 12, ["path,person,mask,age"]
    for person in range(people):
        mask = ("", "yes", "no")[person % 3]
        age = "" if person % 4 == 1 else 20 + 2 * person
        lines += [f"{person}-{photo}.png,p{person},{mask},{age}" for photo in range(2)]
    write_photos(root, [line.partition(",")[0] for line in lines[1:]])
    (root / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    yaml = "group: person\nmissing: ignore\nattributes: {mask: {}, age: {bins: [30]}}\n"
    (root / "dataset.yaml").write_text(yaml, encoding="utf-8")
    found = audited(root, tmp_path)
    rare = [each for each in found.findings if each.kind == "too-few-people"]
    assert [each.named for each in rare] == [("mask no: 4", "mask yes: 4", "age <30: 4")]
    assert not kinds(found) & {"contradiction", "odd-number", "other-set-of-photos"}


@pytest.mark.parametrize(
    ("num_people", "num_shared", "is_refused"),
    [(1, 0, True), (2, 0, True), (4, 0, True), (5, 0, False), (5, 2, True), (6, 2, False)],
)
def test_so_few_people_are_refused_as_a_run_does(num_people, num_shared, is_refused, tmp_path):
    root = tmp_path / "data"
    lines = [f"{n}.png,p{n % num_people},{'yn'[n // num_people]}" for n in range(2 * num_people)]
    write_labels(root, "path,person,mask", lines, "group: person\n")
    for person in range(1, num_shared):
        (root / f"{person}.png").write_bytes((root / "0.png").read_bytes())
    found = audited(root, tmp_path)
    named = [each.named[0] for each in found.findings if each.kind == "refused"]
    config = RunConfig(spaces=("mask",), name="x", seed=0, trials=1, people=9, data=str(root))
    if is_refused:
        with pytest.raises(DataError) as refused:
            open_dataset(config, tmp_path / "cache", lambda text: lambda done, total: None)
        assert named == [str(refused.value)]
        assert named[0].startswith("a run needs at least 5 people, got ")
    else:
        open_dataset(config, tmp_path / "cache", lambda text: lambda done, total: None)
        assert named == []


def write_labels(root, header, lines, yaml):
    write_photos(root, [line.partition(",")[0] for line in lines])
    (root / "manifest.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    (root / "dataset.yaml").write_text(yaml, encoding="utf-8")


def test_data_in_which_no_photo_has_every_label_has_a_page(tmp_path):
    lines = [
        f"{n}.png,p{n}," + (f",{'mf'[n // 2 % 2]}" if n % 2 else f"{'yn'[n // 2 % 2]},")
        for n in range(24)
    ]
    write_labels(
        tmp_path / "data", "path,person,mask,gender", lines, "group: person\nmissing: ignore\n"
    )
    found = audited(tmp_path / "data", tmp_path)
    assert kinds(found) == {"no-people-jointly"}
    page = (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")
    assert "24 people; no photo has every label" in page
    assert "mask: all classes have as many people" in page


def test_a_page_without_photos_says_the_same_and_shows_none(tmp_path):
    lines = [f"{n}.png,p{n},{'yn'[n % 2]}" for n in range(24)]
    write_labels(tmp_path / "data", "path,person,mask", lines, "group: person\n")
    Image.new("RGB", (32, 32)).save(tmp_path / "data" / "3.png")
    found = audited(tmp_path / "data", tmp_path)
    path = tmp_path / "out" / "audit.html"
    shown = path.read_text(encoding="utf-8")
    write_audit(found, tmp_path / "out", no_photos=True)
    page = path.read_text(encoding="utf-8")
    assert ("<img" in shown, "<img" in page) == (True, False)
    assert kinds(found) == {"blank"}
    for text in ("blank", "3.png", "Brightness", "24 people"):
        assert text in page


def test_an_attribute_that_no_photo_has_is_refused_and_has_a_page(tmp_path):
    lines = [f"{n}.png,p{n},{'yn'[n % 2]}," for n in range(12)]
    yaml = "group: person\nmissing: ignore\nattributes: {mask: {}, age: {bins: [30]}}\n"
    write_labels(tmp_path / "data", "path,person,mask,age", lines, yaml)
    assert "refused" in kinds(audited(tmp_path / "data", tmp_path))


def test_a_class_that_nobody_has_stands_among_the_people(tmp_path):
    lines = [f"{n}.png,p{n},{'yn'[n % 2]},{20 + n}" for n in range(24)]
    yaml = "group: person\nattributes: {mask: {}, age: {bins: [30, 60]}}\n"
    write_labels(tmp_path / "data", "path,person,mask,age", lines, yaml)
    audited(tmp_path / "data", tmp_path)
    page = (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")
    assert "age: the largest class has 14 people, another none" in page
    assert "joint label, without 2 that nobody has" in page


@pytest.mark.parametrize(
    ("names", "num_sets"),
    [
        (("1", "-1"), 0),
        (("A", "A-", "A+"), 0),
        (("12", "1-2", "1_2 3"), 0),
        (("s1_12", "s11_2"), 0),
        (("img_1_11.jpg", "img_11_1.jpg"), 0),
        (("1.05", "1.5"), 0),
        (("Male", "male"), 1),
        (("no mask", "no_mask", "no-mask", "NoMask"), 1),
        (("p1", "p01", "P-1", "p2"), 1),
        (("000012", "12"), 1),
        (("20-29", "20_29", "30 - 39", "30-39"), 2),
    ],
)
def test_names_of_one_spelling_are_one_set(names, num_sets, tmp_path):
    lines = [f'{n}.png,"{name}",{"yn"[n % 2]}' for n, name in enumerate(names * 6)]
    write_labels(tmp_path / "data", "path,person,mask", lines, "group: person\n")
    findings = audited(tmp_path / "data", tmp_path).findings
    found = [each for each in findings if each.kind == "alike-names"]
    assert sum(len(each.named) for each in found) == num_sets
    if num_sets == 1:
        assert found[0].text.startswith("1 set of names of people")


def test_a_copy_whose_label_is_unknown_contradicts_none(tmp_path):
    root = tmp_path / "data"
    lines = ["path,person,mask"]
    lines += [f"{n}.png,p{n},{('yes', 'no', '')[n % 3]}" for n in range(12)]
    write_photos(root, [line.partition(",")[0] for line in lines[1:]])
    for known, unknown in ((0, 2), (1, 5)):
        (root / f"{unknown}.png").write_bytes((root / f"{known}.png").read_bytes())
    (root / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / "dataset.yaml").write_text("group: person\nmissing: ignore\n", encoding="utf-8")
    found = kinds(audited(root, tmp_path))
    assert "copy-between-people" in found
    assert "copy-other-label" not in found


@pytest.mark.parametrize("place", ["", "photos/"])
def test_a_photo_that_no_row_lists_is_named_wherever_it_lies(tmp_path, place):
    (tmp_path / "photos").mkdir()
    for name in (*range(20), "stray"):
        Image.new("RGB", (32, 32)).save(tmp_path / f"{place}{name}.png")
    rows = (f"{place}{n}.png,p{n},{'uv'[n % 2]}\n" for n in range(20))
    (tmp_path / "manifest.csv").write_text(f"path,group,x\n{''.join(rows)}", encoding="utf-8")
    (found,) = files._not_listed(list_folder(tmp_path))
    assert found.named == (f"{place}stray.png",)


def test_a_listed_photo_is_of_a_format_that_is_read_whatever_its_name_says(tmp_path):
    for number in range(6):
        Image.new("RGB", (32, 32)).save(tmp_path / f"{number}.jfif", format="JPEG")
    Image.new("RGB", (32, 32)).save(tmp_path / "stray.tif")
    rows = (f"{n}.jfif,p{n},{'uv'[n % 2]}\n" for n in range(6))
    (tmp_path / "manifest.csv").write_text(f"path,group,x\n{''.join(rows)}", encoding="utf-8")
    assert list_folder(tmp_path).others == ("stray.tif",)


def test_joint_classes_whose_words_meet_are_counted_apart(tmp_path):
    hair = [("dark", "brown green"), ("dark brown", "green")]
    lines = [f"{n}.png,p{n},{hair[n % 2][0]},{hair[n % 2][1]}" for n in range(24)]
    write_labels(tmp_path / "data", "path,person,hair,eyes", lines, "group: person\n")
    audited(tmp_path / "data", tmp_path)
    page = (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")
    assert "&#39;dark&#39; &#39;brown green&#39;" in page

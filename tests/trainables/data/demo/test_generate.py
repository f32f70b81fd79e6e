import csv
import json
import os
import shutil
import string
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.search.builders.runs import ROOT, descendants, is_alive, wait_for
from trainables.data.demo.generate import OLD_SHARE, demo_dir, generate, plan_people
from trainables.data.demo.people import AGE_HISTOGRAM
from trainables.data.demo.photo import STEMS
from trainables.errors import DataError

SIZE = (48, 64)
NUM_PEOPLE = 20
NUM_EVAL_PEOPLE = 18


def _generate(root, **changes):
    request = {"num_people": NUM_PEOPLE, "seed": 3, "size": SIZE, "num_workers": 1}
    return generate(root, **(request | changes))


def _files(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def _rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _never(done, total):
    pytest.fail("nothing may be drawn")


def _baseline(finished, root):
    """Progress that puts a finished folder in place when our last photo is drawn."""
    return lambda done, total: done == total and shutil.copytree(finished, root)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    return _generate(tmp_path_factory.mktemp("demo") / "people")


@pytest.fixture
def demo_copy(demo, tmp_path):
    return Path(shutil.copytree(demo, tmp_path / "copy"))


def test_same_request_gives_the_same_bytes(demo, tmp_path):
    assert _files(_generate(tmp_path / "again")) == _files(demo)


def test_bytes_do_not_depend_on_the_number_of_workers(demo, tmp_path):
    assert _files(_generate(tmp_path / "two", num_workers=2)) == _files(demo)


def test_another_seed_gives_other_people_and_photos(demo, tmp_path):
    other = _files(_generate(tmp_path / "other", seed=4))
    assert other["train/train.csv"] != (demo / "train" / "train.csv").read_bytes()
    photos = {data for name, data in _files(demo).items() if "/images/" in name}
    assert photos.isdisjoint(other.values())


def test_script_that_cannot_start_processes_still_gets_the_same_data(demo, tmp_path):
    root = tmp_path / "people"
    script = (
        "from pathlib import Path\n"
        "from trainables.data.demo.generate import generate\n"
        f"generate(Path({str(root)!r}), num_people={NUM_PEOPLE}, seed=3, size={SIZE},"
        " num_workers=2)\n"
    )
    result = subprocess.run(
        [sys.executable, "-"],
        input=script,
        capture_output=True,
        check=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "drawing processes broke down; going on in this process" in result.stderr
    assert _files(root) == _files(demo)
    assert list(tmp_path.iterdir()) == [root]


@settings(max_examples=25)
@given(
    num_people=st.integers(18, 600),
    seed=st.integers(0, 2**32),
    old_share=st.floats(0.01, 0.5),
)
def test_every_gender_and_age_band_is_present_in_proportion(num_people, seed, old_share):
    people = plan_people(num_people, seed, old_share)
    cells = Counter((person.gender, person.age_class) for person in people)
    assert len(cells) == 6
    assert len(people) == num_people
    young = np.array([549, 410, 732, 817]) / 2508 * (1 - old_share)
    ideal = num_people * np.array([*young[:2], old_share * 83 / 192, *young[2:]])
    ideal = np.append(ideal, num_people * old_share * 109 / 192)
    keys = [(gender, band) for gender in ("male", "female") for band in range(3)]
    sizes = np.array([cells[key] for key in keys])
    # A cell never falls below one person; the two tiny ones may take theirs from the large.
    assert (np.abs(sizes - ideal) < 3.0).all()
    assert (sizes >= np.minimum(np.floor(ideal), 1)).all()


def test_competition_size_and_share_give_the_competitions_own_counts():
    people = plan_people(2700, 0, 192 / 2700)
    cells = Counter((person.gender, person.age_class) for person in people)
    expected = [("male", 0, 549), ("male", 1, 410), ("male", 2, 83)]
    expected += [("female", 0, 732), ("female", 1, 817), ("female", 2, 109)]
    assert cells == {(gender, band): count for gender, band, count in expected}
    ages = Counter(person.age for person in people)
    assert max(abs(ages[age] - count) for age, count in AGE_HISTOGRAM.items()) <= 2
    assert ages[60] == 192


def test_histogram_holds_all_2700_people():
    assert sum(AGE_HISTOGRAM.values()) == 2700
    assert (min(AGE_HISTOGRAM), max(AGE_HISTOGRAM)) == (18, 60)


def test_old_people_are_exactly_60_and_12_percent():
    people = plan_people(300, 1)
    old = [person.age for person in people if person.age_class == 2]
    assert OLD_SHARE == 0.12
    assert len(old) == 36
    assert set(old) == {60}


def test_order_of_the_people_tells_nothing_about_them():
    people = plan_people(600, 0)
    ages = np.array([person.age for person in people], dtype=float)
    male = np.array([person.gender == "male" for person in people], dtype=float)
    position = np.arange(600)
    assert abs(np.corrcoef(position, ages)[0, 1]) < 0.12
    assert abs(np.corrcoef(position, male)[0, 1]) < 0.12


def test_train_part_has_the_competitions_layout(demo):
    rows = _rows(demo / "train" / "train.csv")
    assert list(rows[0]) == ["id", "gender", "race", "age", "path"]
    assert [row["id"] for row in rows] == [f"{n:06d}" for n in range(1, NUM_PEOPLE + 1)]
    for row in rows:
        assert row["path"] == f"{row['id']}_{row['gender']}_Asian_{int(row['age'])}"
        stems = [path.stem for path in (demo / "train" / "images" / row["path"]).iterdir()]
        assert sorted(stems) == sorted(STEMS)
    folders = {path.name for path in (demo / "train" / "images").iterdir()}
    assert folders == {row["path"] for row in rows}


def test_train_people_are_the_planned_ones(demo):
    planned = [person.folder for person in plan_people(NUM_PEOPLE, 3)]
    assert [row["path"] for row in _rows(demo / "train" / "train.csv")] == planned


def test_photos_decode_in_the_asked_size_and_bear_no_metadata(demo):
    endings = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
    photos = [path for path in demo.rglob("images/**/*") if path.is_file()]
    assert len(photos) == 7 * (NUM_PEOPLE + NUM_EVAL_PEOPLE)
    for path in photos:
        with Image.open(path) as image:
            image.load()
            assert (image.size, image.mode) == (SIZE, "RGB")
            assert image.format == endings[path.suffix]
            assert not image.getexif()


def test_extensions_are_mixed_over_folders_but_not_within(tmp_path):
    root = _generate(tmp_path / "mixed", num_people=60, size=(16, 16), num_eval_people=18)
    kinds = [
        {path.suffix for path in folder.iterdir()} for folder in (root / "train/images").iterdir()
    ]
    assert all(len(kind) == 1 for kind in kinds)
    counts = Counter(kind.pop() for kind in kinds)
    assert set(counts) == {".jpg", ".jpeg", ".png"}
    assert counts[".jpg"] > 50


def test_photos_of_a_person_differ_from_each_other(demo):
    photos = [data for name, data in _files(demo).items() if "/images/" in name]
    assert len(set(photos)) == len(photos)


def test_eval_names_and_order_carry_no_identity(demo):
    rows = _rows(demo / "eval" / "info.csv")
    names = [row["ImageID"] for row in rows]
    assert list(rows[0]) == ["ImageID", "ans"]
    assert {row["ans"] for row in rows} == {"0"}
    assert {path.name for path in (demo / "eval" / "images").iterdir()} == set(names)
    for name in names:
        stem, ending = name.split(".")
        assert ending == "jpg"
        assert len(stem) == 40
        assert set(stem) <= set(string.hexdigits.lower())
    assert len({name[:6] for name in names}) == len(names)
    groups = [row["group"] for row in _rows(demo / "eval_truth.csv")]
    neighbours = sum(a == b for a, b in pairwise(groups))
    assert neighbours < 0.2 * len(groups)
    by_name = [group for _, group in sorted(zip(names, groups, strict=True))]
    assert sum(a == b for a, b in pairwise(by_name)) < 0.2 * len(groups)


def test_truth_covers_info_with_seven_photos_of_each_person(demo):
    truth = _rows(demo / "eval_truth.csv")
    info = _rows(demo / "eval" / "info.csv")
    assert [row["ImageID"] for row in truth] == [row["ImageID"] for row in info]
    codes = {}
    for row in truth:
        codes.setdefault(row["group"], []).append(int(row["ans"]))
    assert len(codes) == NUM_EVAL_PEOPLE
    for person_codes in codes.values():
        rest = person_codes[0] % 6
        assert sorted(person_codes) == [rest] * 5 + [6 + rest, 12 + rest]
    assert {code % 6 for person_codes in codes.values() for code in person_codes} == set(range(6))


def test_eval_people_are_not_the_train_people(demo):
    photos = Counter(data for name, data in _files(demo).items() if "/images/" in name)
    assert max(photos.values()) == 1


def test_mark_states_the_request_and_the_counts(demo):
    mark = json.loads((demo / "demo.json").read_text(encoding="utf-8"))
    assert mark["num_people"] == NUM_PEOPLE
    assert mark["num_eval_people"] == NUM_EVAL_PEOPLE
    assert (mark["seed"], mark["size"], mark["old_share"]) == (3, list(SIZE), OLD_SHARE)
    assert sum(mark["counts"].values()) == NUM_PEOPLE
    assert len(mark["counts"]) == 6


@pytest.mark.parametrize("num_workers", [1, 2])
def test_interrupted_generation_leaves_nothing_behind(tmp_path, num_workers):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _generate(tmp_path / "cut", num_workers=num_workers, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_existing_folder_of_the_same_request_is_returned_at_once(demo):
    before = {path: path.stat().st_mtime_ns for path in demo.rglob("*")}
    assert _generate(demo, progress=_never) == demo
    assert {path: path.stat().st_mtime_ns for path in demo.rglob("*")} == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 4}, r"holds other demo data: seed 3 instead of 4; give another folder"),
        ({"num_people": 21}, r"num_people 20 instead of 21"),
        ({"size": (64, 48)}, r"size \[48, 64\] instead of \[64, 48\]"),
        ({"old_share": 0.2}, r"old_share 0.12 instead of 0.2"),
        ({"num_eval_people": 19}, r"num_eval_people 18 instead of 19"),
    ],
)
def test_existing_folder_of_another_request_is_refused(demo, change, message):
    with pytest.raises(DataError, match=message):
        _generate(demo, progress=_never, **change)


def test_existing_folder_without_a_mark_is_refused_and_kept(tmp_path):
    precious = tmp_path / "people" / "precious.txt"
    precious.parent.mkdir()
    precious.write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match=r"no demo\.json\); give another folder, or delete"):
        _generate(precious.parent)
    assert precious.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("content", "message"), [("{", r"cannot be read"), ("[]", r"must hold a mapping, got \[\]")]
)
def test_unreadable_mark_is_refused(demo_copy, content, message):
    (demo_copy / "demo.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        _generate(demo_copy)


def test_rival_that_finishes_the_same_folder_first_is_accepted(demo, tmp_path):
    root = tmp_path / "people"
    result = _generate(root, progress=_baseline(demo, root))
    assert result == root
    assert _files(root) == _files(demo)
    assert list(tmp_path.iterdir()) == [root]


def test_rival_that_finishes_another_request_first_is_an_error(demo, tmp_path):
    root = tmp_path / "people"
    with pytest.raises(DataError, match=r"seed 3 instead of 5"):
        _generate(root, seed=5, progress=_baseline(demo, root))
    assert list(tmp_path.iterdir()) == [root]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_people": 17}, r"at least 18 people in each part .* got 17; ask for 18 or more"),
        ({"num_eval_people": 5}, r"at least 18 people in each part .* got 5"),
        ({"old_share": 0.0}, r"`0 < old_share <= 0.5` must hold, got 0.0"),
        ({"old_share": 0.6}, r"`0 < old_share <= 0.5` must hold, got 0.6"),
        ({"size": (15, 64)}, r"at least 16 pixels a side, got \(width, height\) = \(15, 64\)"),
    ],
)
def test_impossible_request_is_refused_before_anything_is_written(tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        _generate(tmp_path / "people", **change)
    assert list(tmp_path.iterdir()) == []


def test_progress_counts_every_photo(tmp_path):
    seen = []
    _generate(tmp_path / "people", size=(16, 16), progress=lambda *call: seen.append(call))
    total = 7 * (NUM_PEOPLE + NUM_EVAL_PEOPLE)
    assert seen == [(done, total) for done in range(7, total + 1, 7)]


def test_demo_folders_of_different_requests_differ(tmp_path):
    folders = [
        demo_dir(tmp_path),
        demo_dir(tmp_path, 301),
        demo_dir(tmp_path, 300, 1),
        demo_dir(tmp_path, 300, 0, (48, 64)),
        demo_dir(tmp_path, num_eval_people=30),
        demo_dir(tmp_path, old_share=0.2),
    ]
    assert len(set(folders)) == len(folders)
    assert {folder.parent for folder in folders} == {tmp_path}
    assert folders[0].name == "demo-v1-300p-seed0-192x256"
    assert list(tmp_path.iterdir()) == []


KILLED = """
import sys
from pathlib import Path
from trainables.data.demo import generate

def hold(done, total):
    print("drawing", flush=True)
    sys.stdin.read()

if __name__ == "__main__":
    generate.generate(Path(sys.argv[1]), num_people=20, num_workers=2, progress=hold)
"""


def test_what_a_killed_process_was_drawing_goes_and_so_do_its_processes(tmp_path):
    script = tmp_path / "draw.py"
    script.write_text(KILLED, encoding="utf-8")
    cache = tmp_path / "cache"
    cache.mkdir()
    with subprocess.Popen(
        [sys.executable, str(script), str(cache / "people")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "drawing\n"
        drawing = descendants(process.pid)
        assert len(drawing) >= 2
        process.kill()
    assert [path.suffix for path in cache.iterdir()] == [".draft"]
    wait_for(lambda: not any(map(is_alive, drawing)))
    _generate(cache / "others")
    assert [path.name for path in cache.iterdir()] == ["others"]

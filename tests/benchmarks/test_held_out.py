"""Both sides of a folder: who is searched on, and who tests; what was trained, and with what."""

from types import SimpleNamespace

import pytest

from benchmarks.rivals.held_out import HeldOut, Sides
from search.store.provenance import package_versions
from tests.search.builders.people import write_people
from trainables.data import layouts


def test_a_third_of_the_people_test_and_nobody_is_on_both_sides(tmp_path):
    faces = write_people(tmp_path / "a" / "faces", num_people=30)
    found = [Sides.of_data(tmp_path / "out", faces) for _ in range(2)]
    assert found[0] == found[1]
    people = [
        set(map(str, layouts.load(root, None).groups)) for root in (found[0].search, found[0].test)
    ]
    assert not people[0] & people[1]
    assert [len(each) for each in people] == [20, 10]


def test_another_folder_of_the_same_name_is_refused(tmp_path):
    faces, others = (
        write_people(tmp_path / name / "faces", num_people=30, seed=seed)
        for seed, name in enumerate("ab")
    )
    Sides.of_data(tmp_path / "out", faces)
    with pytest.raises(ValueError, match=r"copies of another faces than .*/b/faces"):
        Sides.of_data(tmp_path / "out", others)


def test_a_manifest_whose_photos_stand_in_another_column_is_refused(tmp_path):
    faces = write_people(tmp_path / "faces", num_people=30)
    manifest, spec = faces / "manifest.csv", faces / "dataset.yaml"
    manifest.write_text(manifest.read_text().replace("path", "file", 1))
    text = spec.read_text() if spec.is_file() else ""
    spec.write_text(f"{text}\npath: file\n")
    with pytest.raises(ValueError, match=r"needs the column path, got .*file"):
        Sides.of_data(tmp_path / "out", faces)


@pytest.mark.parametrize("changed", ["weights", "timm"])
def test_trainings_made_otherwise_are_no_measure_of_these(changed, tmp_path, monkeypatch):
    def held_out(weights):
        ground = SimpleNamespace(setting=SimpleNamespace(weights_dir=weights))
        return HeldOut(ground=ground, test=None, folder=tmp_path / "out", seeds=1, slots=1)

    for name, size in (("a", 10), ("same", 10), ("other", 11)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "test_resnet.safetensors").write_bytes(bytes(size))
    held_out(tmp_path / "a").prepare([])
    held_out(tmp_path / "same").prepare([])
    if changed == "timm":
        versions = {**package_versions(), "timm": "0.1"}
        monkeypatch.setattr("benchmarks.rivals.held_out.package_versions", lambda: versions)
    with pytest.raises(ValueError, match=r"must have trainings made with .*; give another folder"):
        held_out(tmp_path / ("other" if changed == "weights" else "a")).prepare([])

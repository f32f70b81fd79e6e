"""Which columns of words and numbers are classes, read as a manifest."""

import unicodedata

import pytest

from tests.trainables.data.folders import write_manifest
from trainables.data.layouts import manifest
from trainables.errors import DataError


def _numbers(count: int) -> list[str]:
    """Returns a manifest in which two people share each of some numbers."""
    return ["path,group,x", *(f"{i}.jpg,p{i},{i // 2}" for i in range(2 * count))]


def test_twelve_different_numbers_are_classes(tmp_path):
    table = manifest.read(write_manifest(tmp_path, _numbers(12)))
    assert table.schema.num_classes("x") == 12


@pytest.mark.parametrize("yaml", [None, "attributes: {x: }"])
def test_thirteen_different_numbers_need_bins(tmp_path, yaml):
    root = write_manifest(tmp_path, _numbers(13), yaml)
    with pytest.raises(
        DataError,
        match=r"column 'x' holds 13 different numbers, .* give bins for attribute 'x' in dataset",
    ):
        manifest.read(root)


def test_many_words_are_classes_where_each_has_two_people(tmp_path):
    lines = ["path,group,x", *(f"{i}.jpg,p{i},word{i // 2:02}" for i in range(40))]
    assert set(manifest.read(write_manifest(tmp_path, lines)).labels[:, 0]) == set(range(20))


@pytest.mark.parametrize("value", ["photo of {i}", "IMG_{i:04}", "2021-03-{i:02}", "x{i}.png"])
def test_what_names_the_photo_is_no_class(tmp_path, value):
    lines = ["path,group,x", *(f"{i}.jpg,p{i},{value.format(i=i)}" for i in range(10, 28))]
    with pytest.raises(DataError, match=r"manifest.csv: column 'x' .*leave it out \(ignore: \[x"):
        manifest.read(write_manifest(tmp_path, lines))


@pytest.mark.parametrize(("own", "refused"), [(8, False), (9, True)])
def test_values_of_which_nine_in_ten_are_of_one_person_are_no_classes(tmp_path, own, refused):
    words = [f"word{i}" for i in range(own)] + [f"shared{i // 2}" for i in range(20 - 2 * own)]
    lines = ["path,group,x"]
    lines += [f"{i}{n}.jpg,p{i},{word}" for i, word in enumerate(words) for n in "ab"]
    root = write_manifest(tmp_path, lines)
    if not refused:
        assert manifest.read(root).schema.num_classes("x") == 10
        return
    with pytest.raises(DataError, match=r"10 different values, 9 of which one person alone has"):
        manifest.read(root)


@pytest.mark.parametrize("unit", ["세", " years", "y", "歳"])
def test_thirteen_numbers_with_a_unit_are_no_classes_either(tmp_path, unit):
    lines = [f"{line}{unit}" if line[0] != "p" else line for line in _numbers(13)]
    with pytest.raises(DataError, match=r"13 different numbers, .*write the numbers alone and "):
        manifest.read(write_manifest(tmp_path, lines))


def test_codes_are_said_to_be_listed(tmp_path):
    with pytest.raises(DataError, match=r"list the numbers under classes of attribute 'x' where"):
        manifest.read(write_manifest(tmp_path, _numbers(15)))
    listed = f"attributes: {{x: {{classes: [{', '.join(map(str, range(15)))}]}}}}"
    assert manifest.read(write_manifest(tmp_path, _numbers(15), listed)).schema.num_classes("x")


def test_bands_that_a_mac_wrote_are_in_their_order(tmp_path):
    names = [unicodedata.normalize("NFD", each) for each in ("40세 이상", "20세 미만", "20-39세")]
    rows = [f"{i}.jpg,p{i % 4},{names[i % 3]}" for i in range(12)]
    attribute = manifest.read(write_manifest(tmp_path, ["path,group,x", *rows])).schema["x"]
    assert (attribute.classes, attribute.ordered) == ((names[1], names[2], names[0]), True)

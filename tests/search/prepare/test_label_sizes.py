"""Labels with more classes than can be held, or told apart, are named with their figures."""

import pytest

from search.errors import UsageError
from search.prepare.label_sizes import LabelSizes, Room, size
from trainables.blocks import Block, Form
from trainables.data.schema import Attribute, LabelSchema

GB = 10**9
LARGE = Room(worker=24 * GB, driver=24 * GB, disk=100 * GB)


def sizes(counts, *, people=1000, photos=5000, seeds=6, spaces=("joint", "multihead")):
    attributes = tuple(
        Attribute(name=name, classes=tuple(f"c{k}" for k in range(count)))
        for name, count in counts.items()
    )
    schema = LabelSchema(name="made", attributes=attributes)
    blocks = {name: Block((name,), Form.SOFTMAX) for name in schema.names}
    forms = {"joint": Form.SOFTMAX, "multihead": Form.HEADS}
    blocks |= {name: Block(schema.names, forms[name]) for name in spaces}
    return LabelSizes(
        schema=schema, blocks=blocks, num_photos=photos, num_people=people, num_seeds=seeds
    )


FACES = {"mask": 3, "gender": 2, "age": 3}
FORTY = {f"a{number}": 2 for number in range(40)}


def test_the_founding_case_has_room_and_nothing_to_note():
    found = sizes(FACES)
    found.check(LARGE)
    assert found.notes() == ()
    assert found.worker_bytes("cpu") < 1.1 * GB
    assert 3 * GB < found.worker_bytes("cuda") < 3.1 * GB


@pytest.mark.parametrize("spaces", [("joint",), ("multihead",)])
def test_forty_attributes_together_are_refused_with_the_figures_and_the_way_out(spaces):
    with pytest.raises(UsageError) as refused:
        sizes(FORTY, spaces=spaces).check(LARGE)
    said = str(refused.value)
    assert f"space {spaces[0]!r} tells 1,099,511,627,776 classes" in said
    assert "a0 2 x a1 2 x a2 2 x a3 2 x 36 more attributes" in said
    assert "of 5,000 photos" in said
    assert "24 GB are there" in said
    assert "leave attributes out (ignore: [NAME] in dataset.yaml)" in said
    assert "--space a0 a1 a2 a3" in said
    assert "\n" not in said


def test_forty_attributes_one_by_one_have_room():
    found = sizes(FORTY, spaces=(), seeds=0)
    found.check(LARGE)
    assert found.worker_bytes("cpu") < 1.1 * GB


def test_a_verdict_over_them_is_refused_where_no_space_predicts_them_together():
    with pytest.raises(UsageError, match="over all attributes tells 1,099,511,627,776"):
        sizes(FORTY, spaces=()).check(LARGE)


def test_a_column_of_captions_is_named_as_the_cause():
    counts = {"caption": 1000, "gender": 2, "age": 3, "place": 340}
    with pytest.raises(UsageError) as refused:
        sizes(counts).check(LARGE)
    said = str(refused.value)
    assert "2,040,000 classes (caption 1,000 x place 340 x age 3 x gender 2)" in said
    assert "caption has as many classes as people (1,000): leave it out" in said
    assert "ignore: [caption]" in said
    assert "--space gender age place" in said


def test_a_full_disk_is_told_from_a_small_memory():
    with pytest.raises(UsageError, match="room on the disk, and 1 MB are there; free some, "):
        sizes(FACES).check(Room(worker=24 * GB, driver=24 * GB, disk=1_000_000))


def test_what_is_not_known_refuses_nothing():
    sizes(FORTY).check(Room(worker=None, driver=None, disk=None))


def test_labels_with_as_many_classes_as_people_are_noted():
    notes = sizes({"name": 40, "gender": 2}, people=40).notes()
    assert notes[0].startswith("name has 40 classes, as many as people (40) or more")
    assert "ignore: [name]" in notes[0]
    assert [note.split()[0] for note in notes[1:]] == ["joint", "multihead"]
    assert sizes({"name": 39, "gender": 2}, people=79, spaces=()).notes() == ()


def test_280_joint_classes_of_few_photos_are_no_matter_of_memory():
    found = sizes({"neck": 5, "top": 7, "colour": 8}, people=30, photos=90)
    found.check(LARGE)
    assert found.worker_bytes("cpu") < 1.1 * GB


@pytest.mark.parametrize(
    ("number", "words"), [(6_800_000_000, "6.8 GB"), (4.22e14, "422 TB"), (5e6, "5 MB")]
)
def test_bytes_in_words(number, words):
    assert size(number) == words


@pytest.mark.parametrize("spaces", [("joint",), ("multihead",)])
def test_counts_of_classes_by_classes_must_fit(spaces):
    """16 attributes of two classes: 65,536 joint ones are 34 GB of counts, of any photos."""
    counts = {f"a{number}": 2 for number in range(16)}
    with pytest.raises(UsageError, match=rf"a training of space '{spaces[0]}' tells 65,536"):
        sizes(counts, photos=500, spaces=spaces).check(LARGE)


def test_a_photo_a_person_takes_the_counts_of_every_person():
    """126 classes of 86,744 people: 5 GB of probabilities, 9 of counts."""
    counts = {"age": 9, "gender": 2, "race": 7}
    found = sizes(counts, people=86_744, photos=86_744)
    found.check(Room(worker=24 * GB, driver=15 * GB, disk=None))
    with pytest.raises(UsageError, match=r"takes 14\.7 GB of memory, and 14 GB are there"):
        found.check(Room(worker=24 * GB, driver=14 * GB, disk=None))

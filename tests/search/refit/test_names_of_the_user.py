"""What a refit writes and reads for attributes called like its own columns, keys and files."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search.errors import ResultsError
from search.refit.files import RefitFiles
from search.refit.truth import Truth, write_truth
from search.refit.unit_file import TrainedUnit
from search.refit.units import Folds, Unit
from trainables.blocks import Block, Form
from trainables.data.sample_table import SampleTable
from trainables.data.schema import Attribute, LabelSchema
from trainables.data.splits import Split

OURS = (
    *("label", "group", "person", "fold", "sample", "held_out", "chose", "age_raw", "raw"),
    *(
        "key",
        "note",
        "seconds",
        "indices",
        "file",
        "allow_pickle",
        "mirrored.a",
        "head:a",
        "a.npy",
    ),
    *("attribute:label", "number:age", "validation", "refit", "parts", "truth", "fit [wide]"),
    *("a/b", "a.b", "..", "a=b", 'say "x", y', "a|b", "성별", "n" * 200),
)
NAMES = st.lists(
    st.one_of(
        st.sampled_from(OURS),
        st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=200),
    ),
    min_size=2,
    max_size=4,
    unique=True,
)
FOLDS = Folds(of_sample=np.arange(6) % 2, num_folds=2)


def made_table(root, names):
    """Six photos of six people; the first attribute is a number."""
    edges = {"edges": (30.0,)}
    attributes = tuple(
        Attribute(name=name, classes=("0", "1"), **(edges if place == 0 else {}))
        for place, name in enumerate(names)
    )
    rng = np.random.default_rng(len(names))
    return SampleTable(
        schema=LabelSchema(name="made", attributes=attributes),
        root=root,
        paths=tuple(f"{n}.png" for n in range(6)),
        groups=tuple(f"p{n}" for n in range(6)),
        labels=rng.integers(0, 2, (6, len(names))),
        raw={names[0]: np.arange(6.0)},
        source_rows=tuple(f"row {n}" for n in range(6)),
    )


def made_split(table):
    search = np.arange(6)
    return Split(search_train=search[:3], search_val=search[3:5], held_out=search[5:])


@given(NAMES)
@settings(deadline=None)
def test_the_truth_is_read_back_whatever_attributes_are_called(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("truth")
    table = made_table(folder, names)
    write_truth(folder, table, FOLDS, made_split(table))
    truth = Truth.read(folder, table.schema)
    assert truth.label.tolist() == table.joint.tolist()
    assert truth.group.tolist() == list(table.groups)
    assert truth.fold.tolist() == FOLDS.of_sample.tolist()
    assert truth.held_out.tolist() == [False] * 5 + [True]
    assert truth.chose.tolist() == [False] * 3 + [True] * 2 + [False]
    assert {name: values.tolist() for name, values in truth.raw.items()} == {
        names[0]: list(range(6))
    }


@given(NAMES)
@settings(deadline=None)
def test_trainings_are_read_back_whatever_attributes_and_spaces_are_called(
    tmp_path_factory, names
):
    files = RefitFiles(tmp_path_factory.mktemp("parts") / "predictions")
    schema = made_table(files.folder, names).schema
    spaces = {name: Block((name,), Form.SOFTMAX) for name in names}
    spaces["multihead"] = Block(tuple(names), Form.HEADS)
    units = [
        Unit(
            space=space,
            config_id="1",
            seed=0,
            fold=fold,
            config={"target.attributes": block.attributes, "target.form": block.form.value},
        )
        for space, block in spaces.items()
        for fold in range(2)
    ]
    expected = {}
    for number, unit in enumerate(units):
        heads = {
            head: np.tile(np.float32([share, 1 - share]), (3, 1))
            for place, head in enumerate(spaces[unit.space].heads(schema))
            for share in [(1 + 10 * number + place) / 1000]
        }
        expected[unit.space, unit.fold] = heads
        trained = TrainedUnit(
            indices=FOLDS.out(unit.fold),
            seconds=float(number),
            key=FOLDS.key(unit),
            note={"number": number},
            heads=heads,
            mirrored={head: probs[:, ::-1] for head, probs in heads.items()},
        )
        files.write_unit(unit, trained)
    files.merge(units, FOLDS)
    for number, unit in enumerate(units):
        assert files.is_done(unit, FOLDS)
        assert files.read_unit(unit).note == {"number": number}
        assert files.seconds(unit.space, "1") == (number - number % 2, number - number % 2 + 1)
        assert files.config_ids(unit.space) == ("1",)
        assert files.seeds(unit.space, "1") == {0}
        found = files.heads(unit.space, "1", [0])
        turned = files.heads(unit.space, "1", [0], mirrored=True)
        assert list(found) == list(turned) == list(expected[unit.space, unit.fold])
        for head, probs in expected[unit.space, unit.fold].items():
            np.testing.assert_array_equal(found[head][0, FOLDS.out(unit.fold)], probs)
            np.testing.assert_array_equal(turned[head][0, FOLDS.out(unit.fold)], probs[:, ::-1])
    files.drop(names[0], "1")
    assert not files.config_ids(names[0])
    assert all(files.config_ids(space) for space in spaces if space != names[0])


def bare(folder, names):
    """The truth as older runs wrote it: their columns in one namespace with ours."""
    table = made_table(folder, names)
    write_truth(folder, table, FOLDS, made_split(table))
    path = folder / "truth.csv"
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    head = head.replace(f"number:{names[0]}", f"{names[0]}_raw").replace("attribute:", "")
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return table


def test_the_truth_of_an_older_run_stays_readable(tmp_path):
    table = bare(tmp_path, ["age", "mask"])
    truth = Truth.read(tmp_path, table.schema)
    assert truth.label.tolist() == table.joint.tolist()
    assert truth.raw["age"].tolist() == list(range(6))


def test_the_truth_of_an_older_run_that_wrote_over_its_own_column_is_refused(tmp_path):
    table = bare(tmp_path, ["age", "mask"])
    other = LabelSchema(
        name="made",
        attributes=(table.schema["age"], replace(table.schema["mask"], name="label")),
    )
    with pytest.raises(ResultsError, match=r"truth\.csv .*wrote attribute 'label' over its own"):
        Truth.read(tmp_path, other)


def test_a_training_that_is_torn_in_any_of_its_arrays_is_trained_again(tmp_path):
    files = RefitFiles(tmp_path)
    config = {"target.attributes": ("age",), "target.form": "softmax"}
    unit = Unit(space="age", config_id="1", seed=0, fold=0, config=config)
    heads = {"age": np.full((3, 2), 0.5, dtype=np.float32)}
    trained = TrainedUnit(
        indices=FOLDS.out(0), seconds=1.0, key=FOLDS.key(unit), note={}, heads=heads
    )
    files.write_unit(unit, trained)
    assert files.is_done(unit, FOLDS)
    path = tmp_path / "parts" / f"{unit.name}.npz"
    whole = path.read_bytes()
    place = whole.index(np.full(3, 0.5, dtype=np.float32).tobytes())
    path.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
    assert not files.is_done(unit, FOLDS)
